"""After an upgrade of the loader's package `reinit` puts it on each ESP: pin, kernels and the user's own
loader.conf stay, no entry of the firmware is made twice, one that was dropped comes back; an ESP that
the administrator has mounted read-only is reported, and stops no other."""

import re

MOUNTS_ITSELF = True
PIN = '6.5.13-5-pve'
PACKAGE = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'
CONF = 'loader/loader.conf'


def boot_entries(machine):
    """Number -> what it leads to, of those that lead to an ESP's systemd-boot."""
    out = machine.sh('efibootmgr -v')
    return dict(re.findall(r'(?m)^Boot([0-9A-F]{4})\* .*?(HD\(.*systemd-bootx64\.efi\))', out))


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    machine.sh('bootctl-pve reinit', 300)
    assert len(boot_entries(machine)) == 2, boot_entries(machine)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 300)
    for esp in machine.esps:
        machine.sh(f"unshare --mount sh -ec 'mount {esp.esp_path} /mnt; "
                   "sed -i \"1i # mine\\nconsole-mode max\" /mnt/loader/loader.conf; umount /mnt'")
    machine.sh('bootctl-pve refresh', 120)
    before = [esp.read(CONF) for esp in machine.esps]
    assert all(b'# mine\nconsole-mode max\n' in conf and PIN.encode() in conf for conf in before)

    numbers = boot_entries(machine)
    machine.sh(f'efibootmgr -q -b {min(numbers)} -B')
    machine.sh(f'printf upgrade >>{PACKAGE}')
    machine.sh('bootctl-pve reinit', 300)
    assert sorted(boot_entries(machine).values()) == sorted(numbers.values())
    machine.sh('bootctl-pve reinit', 300)
    assert sorted(boot_entries(machine).values()) == sorted(numbers.values())
    assert lab.status(machine)['redundancy'] == 'redundant'
    loader = lab.image.systemd_boot.read_bytes() + b'upgrade'
    for esp, conf in zip(machine.esps, before):
        assert esp.read(CONF) == conf
        assert esp.read('EFI/systemd/systemd-bootx64.efi') == loader
        assert esp.read('EFI/BOOT/BOOTX64.EFI') == loader

    busy, free = machine.esps
    machine.sh(f'printf again >>{PACKAGE}; mkdir /tmp/m; mount -o ro {busy.esp_path} /tmp/m')
    result = machine.run('bootctl-pve reinit', 300)
    assert result.status == 3 and busy.uuid in result.out + result.err, result
    assert free.read('EFI/systemd/systemd-bootx64.efi') == loader + b'again'
    assert busy.read('EFI/systemd/systemd-bootx64.efi') == loader
    machine.sh('umount /tmp/m')
