"""Debian's own memtest86+: installed, it is on the ESP with systemd-boot and on the one with GRUB, and
in the menu of each; the default, what is in sync and the redundancy are as before, and both boot what
they booted; with the package removed it is gone from both."""

import subprocess
import tempfile
from pathlib import Path

VERSION = '6.8.12-4-pve'
LOADERS = ['systemd-boot', 'grub']


def package():
    """The package, by this machine's own sources."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', 'memtest86+'],
                       cwd=directory, check=True, timeout=300)
        deb, = Path(directory).glob('*.deb')
        return deb.read_bytes()


def menu(machine, grub):
    return machine.sh(f'unshare --mount sh -ec "mount -o ro {grub.esp_path} /mnt; cat /mnt/grub/grub.cfg"')


def defaults(lab, machine):
    status = lab.status(machine)
    assert status['redundancy'] == 'redundant' and status['in_sync'], status
    return status['default'], [esp['kernels'] for esp in status['esps']]


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    lab.start(machine)
    for disk, loader in zip(machine.esps, LOADERS):
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path} {loader}', 600)
    systemd_boot, grub = machine.esps
    for disk in machine.esps:
        disk.find_esp()
    before = defaults(lab, machine)
    assert 'memtest' not in menu(machine, grub)

    machine.put('/root/memtest.deb', package())
    machine.sh('dpkg -i /root/memtest.deb', 300)
    lab.wait_until(lambda: 'loader/entries/memtest86+x64.conf' in systemd_boot.files()
                   and 'memtest86+x64.efi' in grub.files(), 300, 'memtest86+ on the ESPs', 2)
    lab.wait_in_sync(machine)
    assert defaults(lab, machine) == before
    image = machine.get('/boot/memtest86+x64.efi')
    assert systemd_boot.read('EFI/proxmox/memtest86+x64.efi') == image
    assert grub.read('memtest86+x64.efi') == image
    entry = systemd_boot.read('loader/entries/memtest86+x64.conf').decode()
    assert 'efi /EFI/proxmox/memtest86+x64.efi' in ' '.join(entry.split()), entry
    text = menu(machine, grub)
    entry = text.index('memtest86+x64.efi')
    assert text.index('vmlinuz-' + VERSION) < entry
    print('\n'.join(f'# {line}' for line in machine.sh('bootctl-pve status').splitlines()))
    assert machine.run('bootctl-pve verify', 600).status == 0

    # With both in the menus each disk boots its default.
    machine.shut_down()
    for disk, other in ((systemd_boot, grub), (grub, systemd_boot)):
        machine.detach(other)
        machine.boot_firmware()
        assert machine.uname() == VERSION, machine.uname()
        if disk is systemd_boot:
            machine.shut_down()
            machine.attach(other)
    machine.shut_down()
    machine.attach(systemd_boot)

    machine.boot_kernel()
    machine.sh('dpkg --purge memtest86+', 300)
    machine.sh('bootctl-pve refresh', 600)
    assert not [f for f in systemd_boot.files() + grub.files() if 'memtest' in f]
    assert 'memtest' not in menu(machine, grub)
    assert defaults(lab, machine) == before
