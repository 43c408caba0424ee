"""A test of the lab itself: without bootsync, kernels copied by hand onto an ESP boot through
firmware and systemd-boot, the default first, and a one-shot entry once."""

ENTRY = '''title   {version}
version {version}
options root=LABEL=vmroot rw quiet console=ttyS0 panic=5 mitigations=off
linux   /EFI/proxmox/{version}/vmlinuz-{version}
initrd  /EFI/proxmox/{version}/initrd.img-{version}
'''
OLD, NEW = '6.5.13-1-pve', '6.8.12-4-pve'


def run(lab):
    machine = lab.machine(esps=1, start='off')
    esp = machine.esps[0]
    for version in (OLD, NEW):
        for stem in ('vmlinuz', 'initrd.img'):
            esp.write(f'EFI/proxmox/{version}/{stem}-{version}',
                      lab.image.boot_file(stem, version).read_bytes())
        esp.write(f'loader/entries/proxmox-{version}.conf', ENTRY.format(version=version).encode())
    machine.boot_firmware()
    assert machine.uname() == NEW
    out = machine.sh('bootctl status --no-pager 2>&1; efibootmgr -v')
    assert 'systemd-boot' in out, out
    machine.sh(f'bootctl set-oneshot proxmox-{OLD}.conf')
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == OLD
