"""One of two ESPs is mounted at /boot/efi, as /etc/fstab may have it, when a new version of systemd-boot's
packages comes: their own maintainer script puts the new boot loader there, too. Both ESPs have it in the end, the
mounted one is as clean as the other, the status says what is so, and the host boots."""

import packages

MOUNTS_ITSELF = True
DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
COPIES = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')


def run(lab):
    machine = lab.machine(esps=2, start='plain')
    mounted = machine.esps[0]
    lab.list_esps(machine)
    packages.leave_initrds(machine)
    debs = packages.repack_systemd_boot(machine, 1)
    machine.sh(f'mkdir -p /boot/efi && echo "UUID={mounted.uuid} /boot/efi vfat umask=0077 0 0" >>/etc/fstab && '
               'systemctl daemon-reload && mount /boot/efi')
    packages.install(machine)
    lab.wait_in_sync(machine)
    conf = machine.get('/boot/efi/loader/loader.conf')
    before = packages.jobs(machine)
    out = packages.apt(machine, 'install ' + ' '.join(debs))
    print(''.join(f'# {line}\n' for line in out.splitlines() if '/boot/efi' in line), end='')
    assert '/boot/efi/EFI/systemd/systemd-bootx64.efi' in out, out  # their script has done it
    machine.sh('sleep 6')
    new = packages.jobs(machine)[len(before):]
    print(f'# {new}')
    assert len(new) == 1 and ' (reinit) done: ' in new[0], new
    status = lab.status(machine)
    assert status['in_sync'] and status['redundancy'] == 'redundant', status
    assert machine.get('/boot/efi/loader/loader.conf') == conf
    assert machine.sh('findmnt -n -o OPTIONS /boot/efi').startswith('rw')
    print(machine.sh('bootctl-pve status; efibootmgr'))
    loader = machine.get(packages.SYSTEMD_BOOT)
    machine.sh('bootctl-pve verify', 300)
    machine.shut_down()
    for esp in machine.esps:
        assert {esp.read(name) for name in COPIES} == {loader}
        lab.check_synced(esp, [DEFAULT, OTHER])
    machine.boot_firmware()
    assert machine.uname() == DEFAULT
    lab.wait_in_sync(machine)
    assert machine.sh('findmnt -n -o SOURCE /boot/efi').strip()
    machine.shut_down()
