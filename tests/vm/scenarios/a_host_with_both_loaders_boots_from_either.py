"""Two blank disks, one set up with systemd-boot and one with GRUB: each keeps its own loader, also when
that is installed anew; a refresh with nothing to do writes nothing and makes no menu; and the host boots from
either disk alone, from that of GRUB also where the firmware has forgotten its entry."""

VERSIONS = ['6.8.12-4-pve', '6.5.13-5-pve']
LOADERS = ['systemd-boot', 'grub']
FORGET = "efibootmgr | sed -n 's/^Boot\\([0-9A-F]*\\).* proxmox [0-9A-F]*-[0-9A-F]*\\t.*/\\1/p' | xargs -n1 efibootmgr -q -B -b"


def boots_alone(machine, disk, other, last_words='true'):
    machine.detach(other)
    machine.boot_firmware()
    assert machine.uname() == VERSIONS[0], machine.uname()
    print(f"# {disk.serial}: {machine.sh('efibootmgr | grep BootCurrent')}")
    machine.sh(last_words)
    machine.shut_down()
    machine.attach(other)


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    lab.start(machine)
    for disk, loader in zip(machine.esps, LOADERS):
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path} {loader}', 600)
    status = lab.status(machine)
    print('\n'.join(f'# {line}' for line in machine.sh('bootctl-pve status').splitlines()))
    assert status['in_sync'] and status['redundancy'] == 'redundant', status
    assert {esp['loader'] for esp in status['esps']} == set(LOADERS), status

    machine.sh('bootctl-pve reinit', 600)
    again = lab.status(machine)
    assert again['redundancy'] == 'redundant', again
    assert ([(esp['uuid'], esp['loader']) for esp in again['esps']]
            == [(esp['uuid'], esp['loader']) for esp in status['esps']]), again

    before = [machine.written(disk) for disk in machine.esps]
    forks = machine.sh('grep processes /proc/stat').split()[1]
    machine.sh('bootctl-pve refresh', 120)
    after = machine.sh('grep processes /proc/stat').split()[1]
    print(f'# forks of a refresh with nothing to do: {int(after) - int(forks)}')
    assert [machine.written(disk) for disk in machine.esps] == before
    machine.shut_down()

    systemd_boot, grub = machine.esps
    for disk in machine.esps:
        disk.find_esp()
    lab.check_synced(systemd_boot, VERSIONS)
    names = {name for name in grub.files() if name.startswith(('vmlinuz-', 'initrd.img-'))}
    assert names == {f'{stem}-{v}' for stem in ('vmlinuz', 'initrd.img') for v in VERSIONS}, names
    boots_alone(machine, grub, systemd_boot, FORGET)
    boots_alone(machine, grub, systemd_boot)
    boots_alone(machine, systemd_boot, grub)
