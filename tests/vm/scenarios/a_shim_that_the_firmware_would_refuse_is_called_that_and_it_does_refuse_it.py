"""A firmware that trusts one key, which is everybody's. Of two ESPs one has shim and GRUB, and the firmware
tries it first; the other one systemd-boot, which that key has signed, and so it has the kernel. Shim as it is
in the package is called refused, by a firmware with the keys and Secure Boot still disabled, and enabled it
does refuse it. Signed with that key, too, shim is accepted, and boots. An update of dbx with its digest makes
it one to be refused, and the firmware does. Each time the other entry boots."""

import secureboot

VERSION = '6.8.12-4-pve'
SHIM_ON_ESP = '/EFI/proxmox/shimx64.efi'
SYSTEMD_BOOT_ON_ESP = '/EFI/systemd/systemd-bootx64.efi'
# A systemd-boot of the host's own takes the place of the package's.
SIGNED_SYSTEMD_BOOT = f'{secureboot.SYSTEMD_BOOT}.signed'
REVOKE = f"""set -e
cd /root/keys
hash-to-efi-sig-list {secureboot.SHIM} shim.esl
sign-efi-sig-list -a -k snakeoil.key -c snakeoil.pem dbx shim.esl shim.auth
chattr -i /sys/firmware/efi/efivars/dbx-*
efi-updatevar -a -f shim.auth dbx
"""


def entry_number(machine, path):
    """Of the firmware's only entry that starts this program."""
    path = path.replace('/', '\\')
    numbers = [entry['number'] for entry in secureboot.boot(machine)['entries']
               if entry['path'].lower() == path.lower()]
    assert len(numbers) == 1, numbers
    return numbers[0]


def judgement(machine, esp, path):
    return secureboot.judged(machine, esp.uuid)[path]


def run(lab):
    machine = lab.machine(esps=2)
    with_shim, plain = machine.esps
    key = secureboot.snakeoil_key(machine)
    secureboot.sign_program(machine, key, f'/boot/vmlinuz-{VERSION}')
    secureboot.sign_program(machine, key, secureboot.SYSTEMD_BOOT, SIGNED_SYSTEMD_BOOT)
    lab.start(machine)
    machine.sh(f'bootctl-pve init {with_shim.esp_path} grub', 900)
    machine.sh(f'bootctl-pve init {plain.esp_path}', 600)
    shim = entry_number(machine, SHIM_ON_ESP)
    systemd_boot = max(entry['number'] for entry in secureboot.boot(machine)['entries']
                       if entry['path'] == SYSTEMD_BOOT_ON_ESP.replace('/', '\\'))
    machine.sh(f'efibootmgr -q -o {shim:04X},{systemd_boot:04X}')
    machine.shut_down()

    machine.enroll('snakeoil')
    machine.secure_boot(False)
    machine.boot_firmware()
    before = judgement(machine, with_shim, SHIM_ON_ESP)
    assert not before['accepted'] and before['signed'], before
    print(f"# not in db: {before['reason']}")
    assert 'Microsoft' in before['reason'], before
    machine.shut_down()

    machine.secure_boot(True)
    boots_by_the_other(machine, shim, systemd_boot)
    assert judgement(machine, with_shim, SHIM_ON_ESP) == before
    own = judgement(machine, plain, SYSTEMD_BOOT_ON_ESP)
    assert own['accepted'] and own['checker'] == 'firmware', own

    secureboot.sign_program(machine, key, secureboot.SHIM)
    machine.sh(f'bootctl-pve init {with_shim.esp_path} grub', 900)
    accepted = lab.wait_until(lambda: (lambda file: file['accepted'] and file)(
        judgement(machine, with_shim, SHIM_ON_ESP)), 60, 'shim is accepted')
    print(f"# signed: {accepted['reason']}")
    machine.shut_down()
    machine.boot_firmware()
    assert machine.uname() == VERSION and secureboot.enabled(machine)
    assert secureboot.boot(machine)['boot_current'] == shim

    machine.sh(REVOKE)
    revoked = lab.wait_until(lambda: (lambda file: not file['accepted'] and file)(
        judgement(machine, with_shim, SHIM_ON_ESP)), 60, 'shim is refused')
    print(f"# in dbx: {revoked['reason']}")
    assert 'dbx' in revoked['reason'], revoked
    machine.shut_down()
    boots_by_the_other(machine, shim, systemd_boot)


def boots_by_the_other(machine, shim, systemd_boot):
    machine.boot_firmware()
    refused = secureboot.refused(machine)
    print(f'# the firmware refused {refused}')
    assert refused.get(shim) in ('Access Denied', 'Security Violation'), refused
    assert secureboot.enabled(machine)
    assert secureboot.boot(machine)['boot_current'] == systemd_boot
