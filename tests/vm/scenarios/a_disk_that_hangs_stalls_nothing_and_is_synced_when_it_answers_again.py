"""One of two disks stops answering in the middle of a sync: status is answered at once, the other
ESP is brought into sync, the daemon can be restarted within seconds, as often as one likes, and
starts no second worker on the dead ESP and one at the most that looks at its disk; when the disk
answers again its ESP is brought into sync by itself."""

import time

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
# The deadlines are those of the daemon, divided by ten: stuck after 11 s.
FASTER = 'ExecStart=\nExecStart=/usr/sbin/bootsyncd --test-deadline-percent=10'


def seconds(machine, command):
    """How long the guest says that a command takes."""
    return float(machine.sh(f'a=$EPOCHREALTIME; {command} >/dev/null || true; b=$EPOCHREALTIME; '
                            'echo "$b - $a" | bc 2>/dev/null || '
                            'awk "BEGIN {print $b - $a}"', 120))


def workers(machine):
    return machine.run('pgrep -f bootsync-worker').out.split()


def run(lab):
    machine = lab.machine(esps=2)
    good, bad = machine.esps
    lab.start(machine, FASTER)
    lab.wait_in_sync(machine)

    machine.throttle(bad, 1)
    machine.sh('bootctl-pve kernel add 6.2.16-20-pve >/dev/null 2>&1 &')
    lab.wait_state(machine, bad, 'stuck', 120)
    took = [seconds(machine, 'busctl get-property org.bootsync1 /org/bootsync1 '
                             'org.bootsync1.Manager InSync') for _ in range(5)]
    print(f'# status beside a hanging disk: {min(took):.2f} s, busctl included')
    assert min(took) < 1, took
    lab.wait_state(machine, good, 'in-sync', 120)
    hanging = workers(machine)
    assert len(hanging) == 1, hanging

    for _ in range(2):
        took = seconds(machine, 'systemctl restart bootsyncd')
        print(f'# restart beside a hanging disk: {took:.1f} s')
        assert took < 15, took
        lab.wait_state(machine, bad, 'stuck', 60)
        lab.wait_state(machine, good, 'in-sync', 60)
        assert machine.sh(f'cat /run/bootsync/esp-{bad.uuid}.lock').split() == hanging
        lab.wait_until(lambda: len(workers(machine)) <= 2, 30, 'the workers of good disks to end')
        assert hanging[0] in workers(machine)

    machine.throttle(bad, 0)
    begin = time.monotonic()
    lab.wait_state(machine, bad, 'in-sync', 180)
    print(f'# in sync {time.monotonic() - begin:.0f} s after the disk answered again')
    assert lab.status(machine)['in_sync']
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [*KERNELS, '6.2.16-20-pve'])
