"""With Secure Boot enabled, DKMS has three keys: one that is enrolled for shim, one that waits for
MokManager, and one of which shim knows nothing. They are told apart, as mokutil tells them; and so are
modules that they have signed and one that is not signed, as the kernel that runs takes and refuses them. A
module of a package is named with that."""

import secureboot

VERSION = '6.8.12-4-pve'
MODULES = f'/lib/modules/{VERSION}'
SOURCE = f'{MODULES}/kernel/drivers/net/dummy.ko*'
DKMS = f'{MODULES}/updates/dkms'
# The key that DKMS makes for itself, and two that its configuration names.
KEYS = {'enrolled': '/var/lib/dkms/mok', 'waiting': '/etc/keys/waiting', 'unknown': '/etc/keys/unknown'}
LISTS = {'enrolled': {'mok'}, 'waiting': {'mok-waiting'}, 'unknown': set()}
ENROLMENT = {'enrolled': 'enrolled', 'waiting': 'waiting', 'unknown': 'not-enrolled'}
PACKAGE = """set -e
mkdir -p tree/DEBIAN tree{directory}
mv {directory}/unsigned.ko tree{directory}
cat >tree/DEBIAN/control <<END
Package: lab-modules
Version: 1
Architecture: amd64
Maintainer: VM lab <lab@example.org>
Description: a module
END
dpkg-deb -Znone -b tree lab-modules.deb
dpkg -i lab-modules.deb
"""


def make_keys(machine):
    """Three keys of DKMS; gives the digest of each certificate."""
    digests = {}
    for name, path in KEYS.items():
        directory, stem = path.rsplit('/', 1)
        secureboot.make_key(machine, stem, f'lab {name}', directory)
        digests[name] = machine.sh(f'sha256sum {path}.pub').split()[0]
    machine.sh('mkdir -p /etc/dkms/framework.conf.d')
    machine.put('/etc/dkms/framework.conf', f'mok_certificate="{KEYS["waiting"]}.pub"\n'.encode())
    machine.put('/etc/dkms/framework.conf.d/more.conf', f'mok_certificate={KEYS["unknown"]}.pub\n'.encode())
    return digests


def make_modules(machine):
    machine.sh(f'mkdir -p {DKMS}')
    secureboot.strip_module(machine, SOURCE, f'{DKMS}/unsigned.ko')
    for name, key in KEYS.items():
        secureboot.sign_module(machine, key, f'{DKMS}/unsigned.ko', f'{DKMS}/{name}.ko')
    machine.sh(PACKAGE.format(directory=DKMS))


def lists(status, digest):
    """Where the key is, but for DKMS's own file."""
    return {key['list'] for key in status['keys'] if key['sha256'] == digest and key['list'] != 'dkms'}


def check_keys(machine, digests, waits):
    status = secureboot.status(machine)
    own = {key['sha256']: key for key in status['keys'] if key['list'] == 'dkms'}
    assert set(own) == set(digests.values()), own
    for name, digest in digests.items():
        assert own[digest]['subject'] == f'lab {name}' and own[digest]['path'] == f'{KEYS[name]}.pub', own
        so = 'unknown' if name == 'waiting' and not waits else name
        assert lists(status, digest) == LISTS[so], (name, status['keys'])
        assert own[digest]['enrolment'] == ENROLMENT[so], own
    assert not status['mok_enrolled'], status
    for name, option in (('enrolled', '--list-enrolled'), ('waiting', '--list-new')):
        told = f'CN=lab {name}' in machine.run(f'mokutil {option}').out
        assert told == (waits or name == 'enrolled'), name


def check_modules(machine):
    """What is said of each module is what the kernel does."""
    refused = {module['path']: module for module in secureboot.status(machine)['modules']
               if module['kernel'] == VERSION}
    for name in ('unsigned', *KEYS):
        path = f'{DKMS}/{name}.ko'
        loaded, message = secureboot.loads(machine, path)
        print(f'# {name}: {"loaded" if loaded else message.strip()}; {refused.get(path, {}).get("reason")}')
        assert loaded == (name == 'enrolled'), (name, message)
        assert (path in refused) != loaded, (name, refused)
    assert refused[f'{DKMS}/unsigned.ko']['package'] == 'lab-modules', refused


def run(lab):
    machine = lab.machine(esps=1, loader=False)
    esp, = machine.esps
    digests = make_keys(machine)
    make_modules(machine)
    lab.start(machine)
    machine.sh(f'bootctl-pve init {esp.esp_path} grub', 900)
    certificate = machine.get(f'{KEYS["enrolled"]}.pub')
    machine.shut_down()
    machine.enroll('secure-boot')
    with machine.variables() as nvram:
        nvram.set_moks(certificate)
    machine.boot_firmware()
    assert secureboot.enabled(machine) and machine.uname() == VERSION
    check_keys(machine, digests, waits=False)
    machine.sh(f"printf 'a\\na\\n' | mokutil --import {KEYS['waiting']}.pub")
    lab.wait_until(lambda: lists(secureboot.status(machine), digests['waiting']), 120, 'the key waits')
    check_keys(machine, digests, waits=True)
    check_modules(machine)
