# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secure Boot in a guest: keys of one's own, what they sign, and what firmware and kernel refuse."""

import json
import re
from pathlib import Path

from machine import wait_until

SHIM = '/usr/lib/shim/shimx64.efi.signed'
SYSTEMD_BOOT = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'
SNAKEOIL = Path('/usr/share/ovmf')  # host: the key that a firmware 'snakeoil' trusts, and its owner's

# Guest: a key and its certificate as DKMS makes them, the latter in PEM, too.
MAKE_KEY = """set -e
mkdir -p {directory}
cd {directory}
openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj '/CN={title}' -sha256 \
        -keyout {name}.key -out {name}.pem 2>&1
openssl x509 -in {name}.pem -outform der -out {name}.pub
"""
# Guest: what scripts/sign-file of the kernel does (Documentation/admin-guide/module-signing.rst).
SIGN_MODULE = """set -e
openssl cms -sign -binary -noattr -nocerts -nosmimecap -md sha256 -outform der -in {source} \
        -signer {key}.pem -inkey {key}.key -out /root/signature
python3 - {source} {target} <<'END'
import struct, sys
module, signature = (open(path, 'rb').read() for path in (sys.argv[1], '/root/signature'))
with open(sys.argv[2], 'wb') as f:
    f.write(module + signature + struct.pack('>8BI', 0, 0, 2, 0, 0, 0, 0, 0, len(signature)) +
            b'~Module signature appended~\\n')
END
"""
# Guest: the first is a module as it is in the package, the second the same without its signature.
STRIP_MODULE = """set -e
xz -dc {source} >{target} 2>/dev/null || cp {source} {target}
python3 - {target} <<'END'
import struct, sys
data = open(sys.argv[1], 'rb').read()
magic = b'~Module signature appended~\\n'
assert data.endswith(magic), 'it is not signed'
size, = struct.unpack_from('>I', data, len(data) - len(magic) - 4)
open(sys.argv[1], 'wb').write(data[:-len(magic) - 12 - size])
END
"""


def make_key(machine, name, title, directory='/root/keys'):
    """A key of one's own in the guest; gives the beginning of its files' names: .key, .pem, and the
    certificate in .pub (DER)."""
    machine.sh(MAKE_KEY.format(directory=directory, name=name, title=title), 120)
    return f'{directory}/{name}'


def snakeoil_key(machine):
    """The key that a firmware 'snakeoil' trusts, in the guest, as make_key() gives one."""
    machine.sh('mkdir -p /root/keys')
    for suffix in ('key', 'pem'):
        machine.put(f'/root/keys/locked.{suffix}',
                    (SNAKEOIL / f'PkKek-1-snakeoil.{suffix}').read_bytes(), 0o600)
    machine.sh('cd /root/keys && mv locked.pem snakeoil.pem && '
               'openssl rsa -in locked.key -passin pass:snakeoil -out snakeoil.key')
    return '/root/keys/snakeoil'


def sign_program(machine, key, source, target=None):
    """Add a signature to a program of the firmware's: a boot loader, a kernel."""
    machine.sh(f'sbsign --key {key}.key --cert {key}.pem --output /root/signed {source} && '
               f'mv /root/signed {target or source}', 120)


def strip_module(machine, source, target):
    """A module without the signature of the kernel's own."""
    machine.sh(STRIP_MODULE.format(source=source, target=target), 120)


def sign_module(machine, key, source, target):
    machine.sh(SIGN_MODULE.format(key=key, source=source, target=target), 120)


def loads(machine, module):
    """The kernel that runs takes a module; it is gone again afterwards."""
    result = machine.run(f'insmod {module} && rmmod "$(modinfo -F name {module})"')
    return result.status == 0, result.out + result.err


def enabled(machine):
    return 'SecureBoot enabled' in machine.sh('mokutil --sb-state')


def refused(machine):
    """Number -> why, of the entries that the firmware did not start since the last power-on."""
    # What is written to the console by columns has escape sequences in it.
    return {int(number, 16): reason.strip() for number, reason in re.findall(
        r'BdsDxe: failed to load Boot([0-9A-F]{4}) .*?: ([A-Z][A-Za-z ]+)\r?\n', machine.serial())}


# What bootsync says

def json_of(machine, verb):
    return json.loads(machine.sh(f'bootctl-pve --json {verb}', 120))


def boot(machine):
    """As soon as the firmware was asked."""
    def known():
        data = json_of(machine, 'boot status')
        return data if data['firmware'] != 'unknown' else None
    return wait_until(known, 180, 'the firmware is known', 1)


def status(machine):
    """As soon as all that is there was judged."""
    def known():
        data = json_of(machine, 'secure-boot status')
        return data if data['known'] else None
    return wait_until(known, 180, 'signatures are known', 1)


def judged(machine, esp=''):
    """Path -> what is said of a program on the ESP with this UUID, or on the host."""
    return {file['path']: file for file in status(machine)['files'] if file['esp'] == esp}


def plan(machine):
    return json_of(machine, 'secure-boot plan')['steps']
