"""A test of the lab itself: without bootsync, a BIOS boots GRUB from either of two disks alone,
the default from one, and from the other what GRUB was told to take once."""

import grub

OLD, NEW = '6.5.13-1-pve', '6.8.12-4-pve'


def run(lab):
    builder = lab.machine(esps=2, loader=False, start='plain')
    first, second = builder.esps
    for esp in (first, second):
        grub.install(builder, esp, 'i386-pc', [NEW, OLD], lab.CMDLINE)
    grub.boot_once(builder, second, OLD)
    builder.stop_quietly()
    machine = lab.machine(esps=0, firmware='bios', start='off')
    for esp, version in ((first, NEW), (second, OLD)):
        machine.attach(esp)
        machine.boot_firmware(boot_disk=esp)
        assert machine.uname() == version
        machine.sh('[ ! -e /sys/firmware/efi ]')
        machine.stop_quietly()
        assert grub.next_entry(esp) == ''
        machine.detach(esp)
