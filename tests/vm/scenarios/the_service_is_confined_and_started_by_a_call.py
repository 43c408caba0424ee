"""`systemd-analyze security` finds little that the service could do and does not need; a client's
call starts the service, as its unit does and not beside it."""

import re

QUICK = True
EXPOSURE_MAX = 2.5


def run(lab):
    machine = lab.machine(esps=2)
    out = machine.sh('systemd-analyze security --no-pager bootsyncd', 120)
    exposure = float(re.search(r'exposure level for bootsyncd.service: ([\d.]+)', out)[1])
    print(f'# exposure of bootsyncd: {exposure}')
    assert exposure <= EXPOSURE_MAX, out

    assert machine.run('systemctl is-active bootsyncd').out == 'inactive\n'
    assert [esp['uuid'] for esp in lab.status(machine)['esps']] == ['1111-AAAA', '2222-BBBB']
    assert machine.sh('systemctl is-active bootsyncd') == 'active\n'
    assert machine.sh('pgrep -cx bootsyncd') == '1\n'
    lab.wait_in_sync(machine)
    machine.sh('systemctl stop bootsyncd', 120)
    assert machine.run('bootctl-pve status --quiet').status in (0, 3)  # 3: not looked at yet
    assert machine.sh('systemctl is-active bootsyncd') == 'active\n'
