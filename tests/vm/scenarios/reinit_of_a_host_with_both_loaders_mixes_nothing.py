"""One ESP with systemd-boot, which the administrator has mounted, and one with GRUB: `reinit` goes
through that mount, gives each its own loader and nothing of the other's, and keeps the pin."""

MOUNTS_ITSELF = True
PIN = '6.5.13-5-pve'
PACKAGE = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'
LOADERS = ['systemd-boot', 'grub']


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    lab.start(machine)
    for disk, loader in zip(machine.esps, LOADERS):
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path} {loader}', 900)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 600)

    mounted, other = machine.esps
    machine.sh(f'printf upgrade >>{PACKAGE}; mkdir /tmp/m; '
               f'mount -o umask=0077 {mounted.esp_path} /tmp/m')
    print('# ' + machine.sh('bootctl-pve reinit', 900).replace('\n', '\n# '))
    machine.sh('mountpoint -q /tmp/m && umount /tmp/m')
    status = lab.status(machine)
    assert status['in_sync'] and {esp['loader'] for esp in status['esps']} == set(LOADERS), status

    machine.stop_quietly()
    for disk in machine.esps:
        disk.find_esp()
    upgraded = lab.image.systemd_boot.read_bytes() + b'upgrade'
    assert mounted.read('EFI/systemd/systemd-bootx64.efi') == upgraded
    assert lab.default_kernel(mounted) == PIN
    assert not [f for f in mounted.files() if 'grub' in f.lower()], mounted.files()
    foreign = ('EFI/systemd/', 'loader/')
    assert not [f for f in other.files() if f.startswith(foreign)], other.files()
    assert 'EFI/proxmox/grubx64.efi' in other.files()
    assert PIN.encode() in other.read('grub/grub.cfg')
