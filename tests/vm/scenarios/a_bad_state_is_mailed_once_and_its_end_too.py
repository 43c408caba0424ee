"""A disk that is pulled is mailed to root once when it has been away for long, by a service that the
daemon, which can reach nobody, has systemd start; so is its return. A disk that comes and goes is
one mail, and its rest another one; a restart mails nothing. The sendmail here counts."""

import time

AFTER = 20
SENDMAIL = b'''#!/bin/sh
{ echo "$*"; cat; } >/var/mails/$(date +%s%N)
'''


def mails(machine):
    """Each with the arguments of sendmail as its first line."""
    names = machine.sh('ls /var/mails').split()
    return [machine.sh(f'cat /var/mails/{name}') for name in names]


def run(lab):
    machine = lab.machine(esps=2)
    second = machine.esps[1]
    machine.put('/usr/sbin/sendmail', SENDMAIL, 0o755)
    machine.sh('mkdir /var/mails; mkdir -p /etc/bootsync')
    machine.put('/etc/bootsync/bootsyncd.conf', f'[Alerts]\nAfterSec={AFTER}\n'.encode())
    lab.start(machine)
    lab.wait_in_sync(machine)
    time.sleep(2 * AFTER)
    assert mails(machine) == []

    def wait_mails(n):
        lab.wait_until(lambda: len(mails(machine)) >= n, 120, f'{n} mails')

    def stays(n):
        time.sleep(2 * AFTER)
        assert len(mails(machine)) == n, mails(machine)

    machine.detach(second)
    lab.wait_state(machine, second, 'missing', 10)
    assert mails(machine) == []
    wait_mails(1)
    stays(1)
    mail, = mails(machine)
    print(''.join(f'# {line}\n' for line in mail.splitlines()), end='')
    assert mail.startswith('-i root\nFrom: bootsync <root>\nTo: root\nSubject: bootsync: '), mail
    assert ' is degraded\n' in mail and second.uuid in mail and 'This mends it:' in mail, mail
    assert machine.run('bootctl-pve check').status == 1

    machine.sh('systemctl restart bootsyncd', 120)
    stays(1)
    machine.attach(second)
    lab.wait_state(machine, second, 'in-sync', 120)
    wait_mails(2)
    assert ' is redundant again\n' in mails(machine)[1], mails(machine)
    stays(2)
    assert machine.run('bootctl-pve check').status == 0

    # The machine is slow: it goes on for longer than a state has to last.
    for _ in range(5):
        machine.detach(second)
        lab.wait_state(machine, second, 'missing', 10)
        time.sleep(AFTER / 3)
        machine.attach(second)
        lab.wait_state(machine, second, 'in-sync', 120)
        time.sleep(AFTER / 4)
    wait_mails(4)
    stays(4)
    assert ' is degraded\n' in mails(machine)[2] and ' is redundant again\n' in mails(machine)[3]

    machine.sh('systemctl restart bootsyncd', 120)
    stays(4)
    # Each unit was done with, and the daemon's sandbox has kept none from it.
    assert machine.sh('systemctl --failed --no-legend') == ''
