"""ksmtuned as Debian ships it: what bootsyncd tells of it is what systemd says, after enable, disable,
mask and unmask, after its package is removed, and after reboots; disable leaves ksmd stopped, which
stopping the unit alone does not."""

import ksm

ON, OFF = ('active', 'enabled'), ('inactive', 'disabled')


def check(machine, state, **units):
    """@units: service, tuner."""
    expected = {ksm.SERVICE: units['service'], ksm.TUNER: units['tuner']}
    assert ksm.units(machine) == expected, (ksm.units(machine), expected)
    assert ksm.told_units(machine) == expected, (ksm.told_units(machine), expected)
    assert ksm.property_of(machine, 'RunState') == state


def reboot(lab, machine):
    machine.shut_down('reboot')
    machine.boot_kernel()
    lab.wait_until(lambda: machine.run('systemctl is-active bootsyncd').out == 'active\n', 120)
    lab.wait_until(lambda: machine.run('systemctl is-system-running').out.strip()
                   in ('running', 'degraded'), 120, 'end of the boot')


def run(lab):
    machine = lab.machine(esps=1)
    lab.start(machine)
    lab.wait_in_sync(machine)
    # It would stop ksmd after a minute, as there is memory enough, and that is its business.
    machine.sh('echo KSM_MONITOR_INTERVAL=100000 >>/etc/ksmtuned.conf; systemctl restart ksm ksmtuned', 120)
    check(machine, 'running', service=ON, tuner=ON)
    # What the issue is about: the unit is off, and ksmd runs on.
    machine.sh('systemctl stop ksmtuned', 120)
    check(machine, 'running', service=ON, tuner=('inactive', 'enabled'))

    machine.sh('bootctl-pve ksm disable', 120)
    check(machine, 'stopped', service=OFF, tuner=OFF)
    reboot(lab, machine)
    check(machine, 'stopped', service=OFF, tuner=OFF)

    machine.sh('bootctl-pve ksm enable', 120)
    check(machine, 'running', service=ON, tuner=ON)
    result = machine.run('bootctl-pve ksm unmerge', 120)
    assert result.status == 1 and 'disable --unmerge' in result.err, result
    check(machine, 'running', service=ON, tuner=ON)
    reboot(lab, machine)
    check(machine, 'running', service=ON, tuner=ON)
    assert ksm.property_of(machine, 'AtBoot') == 'false'

    machine.sh('systemctl mask --now ksmtuned', 120)
    check(machine, 'running', service=ON, tuner=('inactive', 'masked'))
    machine.sh('bootctl-pve ksm disable --unmerge', 120)
    check(machine, 'unmerged', service=OFF, tuner=('inactive', 'masked'))
    machine.sh('bootctl-pve ksm enable', 120)
    check(machine, 'running', service=ON, tuner=('inactive', 'masked'))
    reboot(lab, machine)
    check(machine, 'running', service=ON, tuner=('inactive', 'masked'))
    machine.sh('systemctl unmask ksmtuned && bootctl-pve ksm enable', 120)
    check(machine, 'running', service=ON, tuner=ON)

    machine.sh('dpkg --purge ksmtuned', 120)
    gone = ('inactive', '')
    lab.wait_until(lambda: ksm.told_units(machine)[ksm.TUNER] == gone, 30, 'the package to be gone')
    assert ksm.told_units(machine) == {ksm.SERVICE: gone, ksm.TUNER: gone}
    machine.sh('bootctl-pve ksm disable', 120)
    assert ksm.property_of(machine, 'RunState') == 'stopped'
    machine.sh('bootctl-pve ksm enable', 120)
    assert ksm.property_of(machine, 'RunState') == 'running'
    assert ksm.property_of(machine, 'AtBoot') == 'true'
    reboot(lab, machine)
    lab.wait_until(lambda: ksm.property_of(machine, 'RunState') == 'running', 60, 'ksmd')
