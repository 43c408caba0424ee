"""A test of the lab itself: without bootsync, with Secure Boot the firmware starts shim, that a
signed GRUB, and that a signed kernel."""

import grub

VERSION = '6.8.12-4-pve'


def run(lab):
    builder = lab.machine(esps=1, loader=False, start='plain')
    esp = builder.esps[0]
    grub.install(builder, esp, 'x86_64-efi', [VERSION], lab.CMDLINE)
    builder.stop_quietly()
    machine = lab.machine(esps=0, firmware='secure-boot', start='off')
    machine.attach(esp)
    machine.boot_firmware()
    assert machine.uname() == VERSION
    assert 'SecureBoot enabled' in machine.sh('mokutil --sb-state')
