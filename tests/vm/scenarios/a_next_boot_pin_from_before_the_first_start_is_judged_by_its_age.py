"""The daemon is first started in mid-boot and finds a next-boot pin that another tool has set: one
that is younger than the boot is adopted, and stays however often the daemon starts; one that is
older is spent."""

QUICK = True
PIN, DEFAULT = '6.5.13-1-pve', '6.8.12-4-pve'
PIN_FILE = '/etc/kernel/next-boot-pin'
RECORD = '/var/lib/bootsync/next-boot'


def defaults(lab, machine):
    return {lab.default_kernel(esp) for esp in machine.esps}


def run(lab):
    machine = lab.machine(esps=2)
    machine.sh(f'echo {PIN} >{PIN_FILE}')
    lab.start(machine)
    for _ in range(2):
        lab.wait_in_sync(machine)
        assert machine.sh(f'cat {PIN_FILE}') == f'{PIN}\n'
        assert machine.sh('cat /proc/sys/kernel/random/boot_id').strip() in machine.sh(
            f'cat {RECORD}')
        assert defaults(lab, machine) == {PIN}
        machine.sh('systemctl restart bootsyncd', 120)
    lab.wait_in_sync(machine)

    machine.sh(f'systemctl stop bootsyncd; rm {RECORD}; touch -d "1 day ago" {PIN_FILE}', 120)
    machine.sh('systemctl start bootsyncd', 120)
    lab.wait_in_sync(machine)
    assert machine.run(f'test -e {PIN_FILE} || test -e {RECORD}').status == 1
    assert defaults(lab, machine) == {DEFAULT}
