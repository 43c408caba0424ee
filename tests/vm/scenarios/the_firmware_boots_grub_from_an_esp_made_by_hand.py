"""A test of the lab itself: without bootsync, GRUB boots by the path for removable media the kernel
that it was told to take once, and has forgotten that when it runs."""

import grub

OLD, NEW = '6.5.13-1-pve', '6.8.12-4-pve'


def run(lab):
    machine = lab.machine(esps=1, loader=False, start='plain')
    esp = machine.esps[0]
    grub.install(machine, esp, 'x86_64-efi', [NEW, OLD], lab.CMDLINE)
    grub.boot_once(machine, esp, OLD)
    machine.shut_down()
    machine.boot_firmware()
    assert machine.uname() == OLD
    machine.stop_quietly()
    assert grub.next_entry(esp) == ''
