"""Two ESPs with GRUB. New versions of the packages of GRUB and shim come in one run of apt, and the maintainer
script of shim's calls grub-install: that ends in one reinit, which puts the new programs on both ESPs and keeps
menu and pin; grub-install by hand is refused."""

import packages

PIN = '6.5.13-5-pve'
NAMES = ('grub-efi-amd64-signed', 'shim-signed', 'shim-helpers-amd64-signed')
SHIM, GRUB = '/usr/lib/shim/shimx64.efi.signed', '/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed'
ON_ESP = {'EFI/proxmox/shimx64.efi': SHIM, 'EFI/proxmox/grubx64.efi': GRUB, 'EFI/BOOT/BOOTX64.EFI': SHIM}


def run(lab):
    machine = lab.machine(esps=0, start='plain')
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    packages.leave_initrds(machine)
    # Debian's systemd-boot fails in its trigger on shim's files where no ESP is mounted. Hosts need
    # systemd-boot-efi only.
    packages.apt(machine, 'remove systemd-boot')
    # A byte of what MS-DOS would run. What is appended to GRUB is refused by its shim.
    edit = "printf '!' | dd of={} bs=1 seek=80 conv=notrunc status=none"
    debs = packages.repack(machine, NAMES, 1, edit.format(f'shim-signed{SHIM}'),
                           edit.format(f'grub-efi-amd64-signed{GRUB}'))
    packages.install(machine)
    for disk in machine.esps:
        machine.sh(f'proxmox-boot-tool format {disk.esp_path} && '
                   f'proxmox-boot-tool init {disk.esp_path} grub', 900)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 600)
    status = lab.status(machine)
    assert status['in_sync'] and status['redundancy'] == 'redundant', status
    result = machine.run('grub-install')
    assert result.status == 1 and 'grub-install.real' in result.err, result
    # By this shim's script tells that there is something to be kept up to date.
    machine.sh('mkdir -p /boot/efi/EFI/proxmox')
    before = packages.jobs(machine)
    out = packages.apt(machine, 'install ' + ' '.join(debs), 1800)
    assert 'get their boot loaders at the end of this package run' in out, out
    machine.sh('sleep 6')  # longer than what changes last needs to settle
    new = packages.jobs(machine)[len(before):]
    print(f'# {new}')
    assert len(new) == 1 and ' (reinit) done: ' in new[0], new
    status = lab.status(machine)
    assert status['in_sync'] and status['redundancy'] == 'redundant', status
    assert {esp['loader'] for esp in status['esps']} == {'grub'}, status
    assert {esp['default'] for esp in status['esps']} == {PIN}, status
    files = {path: machine.get(path) for path in (SHIM, GRUB)}
    machine.stop_quietly()
    for disk in machine.esps:
        disk.find_esp()
        for name, source in ON_ESP.items():
            assert disk.read(name) == files[source], (disk.serial, name)
    machine.boot_firmware()
    assert machine.uname() == PIN, machine.uname()
