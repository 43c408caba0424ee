"""The root is a ZFS mirror of two disks, and the ESPs on both have GRUB: the firmware boots that root from either
disk alone."""

import zfs

LOADERS = ['grub', 'grub']


def run(lab):
    machine = zfs.start(lab)
    machine.sh(f"sed -i 's|^GRUB_CMDLINE_LINUX=.*||; $ a GRUB_CMDLINE_LINUX=\"{zfs.OPTIONS}\"' /etc/default/grub")
    for disk in machine.esps:
        machine.sh(f'bootctl-pve format {disk.esp_path} && bootctl-pve init {disk.esp_path} grub', 900)
    status = lab.status(machine)
    print('\n'.join(f'# {line}' for line in machine.sh('bootctl-pve status').splitlines()))
    assert status['in_sync'] and status['redundancy'] == 'redundant', status
    assert [esp['loader'] for esp in status['esps']] == LOADERS, status
    machine.shut_down()

    first, second = machine.esps
    for disk in machine.esps:
        disk.find_esp()
        assert {f'vmlinuz-{zfs.VERSION}', f'initrd.img-{zfs.VERSION}'} <= set(disk.files()), disk.files()
    zfs.boots_from(machine, zfs.copy_of(machine, second))
    machine.power_cut()
    zfs.boots_from(machine, first)
    machine.shut_down()
