"""Microsoft's authority of 2011 has expired, and new firmware knows only the one of 2023. Debian's shim has a
signature of each: where db has nothing but the newer certificate, shim is accepted for that one, and boots."""

import secureboot

VERSION = '6.8.12-4-pve'
AUTHORITY = 'Microsoft UEFI CA 2023'
# Guest: the certificate of the authority, out of shim's second signature.
CERTIFICATE = f"""set -e
cp {secureboot.SHIM} shim.efi
sbattach --signum 2 --detach signature shim.efi
openssl pkcs7 -inform der -in signature -print_certs -out all.pem
csplit -s -f one- all.pem '/^subject/' '{{*}}'
for file in one-*; do
        if grep -q '^subject=.*{AUTHORITY}$' $file; then
                openssl x509 -in $file -outform der -out authority.der
        fi
done
"""


def run(lab):
    machine = lab.machine(esps=1)
    esp, = machine.esps
    lab.start(machine)
    machine.sh(f'bootctl-pve init {esp.esp_path} grub', 900)
    machine.sh(CERTIFICATE)
    authority = machine.get('/root/authority.der')
    machine.shut_down('poweroff', 300)
    machine.enroll('secure-boot')
    with machine.variables() as nvram:
        nvram.set_db(authority)
    machine.boot_firmware()
    assert secureboot.enabled(machine) and machine.uname() == VERSION
    assert [key['subject'] for key in secureboot.status(machine)['keys'] if key['list'] == 'db'] == [AUTHORITY]
    shim = secureboot.judged(machine, esp.uuid)['/EFI/proxmox/shimx64.efi']
    print(f"# {shim['reason']}")
    assert shim['accepted'] and AUTHORITY in shim['reason'], shim
    assert secureboot.boot(machine)['loader'] == 'grub'
