"""A new version of systemd-boot's packages comes: the daemon alone brings it to both ESPs, as one refresh; with
bootsync-proxmox-compat the package run itself does so, as one reinit. The pin, and what the administrator has
written into loader.conf, stay, and the new boot loader boots."""

import packages

PIN = '6.5.13-5-pve'
CONF = 'loader/loader.conf'
COPIES = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')
# By cat, since the tail of Debian 13 wants to seek.
LOADER_INFO = ('cat /sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | '
               "tail -c+5 | tr -d '\\0'")


def upgrade(lab, machine, debs):
    """Install them, and wait until the ESPs are in sync again. Gives the jobs that ran, and what the ESPs
    should hold now."""
    before = packages.jobs(machine)
    packages.apt(machine, 'install ' + ' '.join(debs))
    machine.sh('sleep 6')  # longer than what changes last needs to settle
    lab.wait_in_sync(machine)
    new = packages.jobs(machine)[len(before):]
    print(f'# {new}')
    return new, machine.get(packages.SYSTEMD_BOOT)


def run(lab):
    machine = lab.machine(esps=2, start='plain')
    lab.list_esps(machine)
    packages.leave_initrds(machine)
    first, second = (packages.repack_systemd_boot(machine, n) for n in (1, 2))
    packages.install(machine, ['bootsync'])
    lab.wait_in_sync(machine)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 300)
    for esp in machine.esps:
        machine.sh(f"unshare --mount sh -ec 'mount {esp.esp_path} /mnt; "
                   "sed -i \"1i # mine\\nconsole-mode max\" /mnt/loader/loader.conf; umount /mnt'")
    machine.sh('bootctl-pve refresh', 300)
    before = [esp.read(CONF) for esp in machine.esps]
    assert all(b'# mine\nconsole-mode max\n' in conf and PIN.encode() in conf for conf in before)

    new, loader = upgrade(lab, machine, first)
    assert len(new) == 1 and ' (refresh) done: ' in new[0], new
    assert {esp.read(name) for esp in machine.esps for name in COPIES} == {loader}
    assert [esp.read(CONF) for esp in machine.esps] == before

    packages.install(machine, ['bootsync-proxmox-compat'])
    new, loader = upgrade(lab, machine, second)
    assert len(new) == 1 and ' (reinit) done: ' in new[0], new
    assert {esp.read(name) for esp in machine.esps for name in COPIES} == {loader}
    assert [esp.read(CONF) for esp in machine.esps] == before
    assert lab.status(machine)['redundancy'] == 'redundant'
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == PIN, machine.uname()
    assert packages.NEWER_SYSTEMD_BOOT in machine.sh(LOADER_INFO)
