"""A blank disk, set up with GRUB: the firmware boots the newest kernel from it; a refresh with nothing to
do writes nothing and starts no grub-mkconfig; a pinned kernel is what GRUB takes at the next boot and
stays so, for the menu that was made before that boot is still the right one."""

NEWEST, PIN = '6.8.12-4-pve', '6.5.13-1-pve'
# grub-mkconfig alone starts hundreds of processes.
FORKS_MAX = 40


def boots(lab, machine, version):
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == version, machine.uname()
    # Its own start has been a refresh, too.
    lab.wait_until(lambda: lab.refreshes(machine), 120, 'a refresh')
    lab.wait_in_sync(machine)


def forks(machine):
    return int(machine.sh('grep processes /proc/stat').split()[1])


def check_refresh_does_nothing(machine, disk):
    written, before = machine.written(disk), forks(machine)
    machine.sh('bootctl-pve refresh', 120)
    started = forks(machine) - before
    print(f'# forks of a refresh with nothing to do: {started}')
    assert started < FORKS_MAX, started
    assert machine.written(disk) == written


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, 'disk1')]
    disk, = machine.esps
    lab.start(machine)
    machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
    machine.sh(f'bootctl-pve init {disk.esp_path} grub', 600)
    assert lab.status(machine)['in_sync']
    check_refresh_does_nothing(machine, disk)
    boots(lab, machine, NEWEST)
    # Nothing but the loader itself writes to the ESP in a boot.
    assert machine.written(disk) == 0, machine.written(disk)

    machine.sh(f'bootctl-pve kernel pin {PIN}', 600)
    status = lab.status(machine)
    assert status['in_sync'] and status['default'] == status['pinned'] == PIN, status
    check_refresh_does_nothing(machine, disk)
    boots(lab, machine, PIN)
    check_refresh_does_nothing(machine, disk)
