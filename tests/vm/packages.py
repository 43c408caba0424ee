# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootsync as Debian packages, made in a clean tree of the guest's Debian and installed there by apt; and the
guest's own packages made anew, with a higher version. The guest has no network: all that a package
depends on is in its image."""

import fcntl
import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import snapshot
from image import command

TOP = Path(__file__).resolve().parent.parent.parent
WORK = TOP / 'build-vm'
BOTH = ('bootsync', 'bootsync-proxmox-compat')
APT = ('DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends '
       '-o APT::Sandbox::User=root -o Dpkg::Use-Pty=0')

SYSTEMD_BOOT = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'
NEWER_SYSTEMD_BOOT = 'systemd-boot 95'  # as what was repackaged calls itself

# Guest: make a package anew of what is installed of it. The directories that it would bring are there.
REPACK = r'''
import glob, os, re, shutil, subprocess, sys

names, newer, edits = sys.argv[1].split(), '+newer' + sys.argv[2], sys.argv[3:]

def query(form, name):
    return subprocess.run(['dpkg-query', '-W', '-f', form, name], check=True, capture_output=True,
                          text=True).stdout

versions = {name: query('${Version}', name) for name in names}
for name in names:
    tree = f'/root/repack/{name}'
    os.makedirs(f'{tree}/DEBIAN')
    for path in subprocess.run(['dpkg-query', '-L', name], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        if os.path.isfile(path) or os.path.islink(path) and not os.path.isdir(path):
            os.makedirs(tree + os.path.dirname(path), exist_ok=True)
            shutil.copy2(path, tree + path, follow_symlinks=False)
    for path in glob.glob(f'/var/lib/dpkg/info/{name}.*') + glob.glob(f'/var/lib/dpkg/info/{name}:*'):
        kind = path.rsplit('.', 1)[1]
        if kind not in ('list', 'md5sums'):
            shutil.copy2(path, f'{tree}/DEBIAN/{kind}')
    control = subprocess.run(['dpkg-query', '-s', name], check=True, capture_output=True, text=True).stdout
    control = re.sub(r'(?m)^(Status|Conffiles):.*\n( .*\n)*', '', control)
    control = re.sub(r'(?m)^Version: .*', r'\g<0>' + newer, control)
    for other, version in versions.items():
        control = control.replace(f'{other} (= {version})', f'{other} (= {version}{newer})')
    with open(f'{tree}/DEBIAN/control', 'w') as f:
        f.write(control)
for edit in edits:
    subprocess.run(['sh', '-euc', edit], check=True, cwd='/root/repack')
for name in names:
    subprocess.run(['dpkg-deb', '--root-owner-group', '-Znone', '--build', f'/root/repack/{name}',
                    f'/root/{name}{newer}.deb'], check=True, stdout=subprocess.DEVNULL)
shutil.rmtree('/root/repack')
'''


def digest():
    """Of all in this clone that the packages are made of."""
    names = subprocess.run(['git', '-C', TOP, 'ls-files', '-z', ':!tests/vm'], check=True,
                           capture_output=True).stdout.split(b'\0')
    result = hashlib.sha256()
    for name in sorted(filter(None, names)):
        path = TOP / name.decode()
        if path.is_file():
            result.update(name + b'\0' + hashlib.sha256(path.read_bytes()).digest())
    return result.hexdigest()[:16]


def build(debian):
    """Name -> package, made if they are not there yet of what is in this clone now."""
    WORK.mkdir(exist_ok=True)
    target = WORK / f'packages{debian}' / digest()
    with open(WORK / 'packages.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            command(TOP / 'tools/package', '--once', debian, timeout=1800)
            shutil.rmtree(target.parent, ignore_errors=True)
            target.parent.mkdir()
            shutil.copytree(TOP / f'build-package/debian-{debian}', target)
    return {name: next(target.glob(f'{name}_*.deb')) for name in BOTH}


def install(machine, names=BOTH):
    """Into a running machine without bootsync, as an administrator does."""
    debs = build(machine.sh('. /etc/os-release; echo $VERSION_ID').strip())
    snapshot.show_kernel_name(machine)
    for name in names:
        machine.put(f'/root/{name}.deb', debs[name].read_bytes())
    return apt(machine, 'install ' + ' '.join(f'/root/{name}.deb' for name in names))


def leave_initrds(machine):
    """Let nobody make the guest's initrds anew, which takes minutes, and which bootsync-proxmox-compat asks for when
    it is installed."""
    machine.sh('echo update_initramfs=no >/etc/initramfs-tools/update-initramfs.conf')


def apt(machine, words, timeout=900):
    """Run apt-get in the guest, with nobody who answers a question; gives what it prints."""
    return machine.sh(f'{APT} {words} 2>&1', timeout)


def repack(machine, names, number, *edits):
    """In a running machine: make the installed packages @names anew, with a version that is higher than theirs, and
    higher with a higher @number; gives where they are. @edits: shell commands in the directory that holds the
    tree of each, by its name. A diverted file is left out, so do this before what diverts is installed."""
    machine.put('/root/repack.py', REPACK.encode())
    words = (' '.join(names), str(number), *edits)
    machine.sh(f'python3 /root/repack.py {shlex.join(words)}', 300)
    return [f'/root/{name}+newer{number}.deb' for name in names]


def repack_systemd_boot(machine, number):
    """Its packages with another program, which calls itself a later version, as an update of theirs would bring."""
    program = f'systemd-boot-efi{SYSTEMD_BOOT}'
    # Once for bootctl, which compares it, and once for the variable LoaderInfo, in UTF-16.
    spellings = [[''.join(f'{c}{end}' for c in name) for name in ('systemd-boot 25', NEWER_SYSTEMD_BOOT)]
                 for end in ('', r'\x00')]
    return repack(machine, ('systemd-boot', 'systemd-boot-efi'), number,
                  *(f"LC_ALL=C sed -i 's/{old}/{new}/g' {program}" for old, new in spellings),
                  f'grep -q "LoaderInfo: {NEWER_SYSTEMD_BOOT}" {program}',
                  f'printf {number} >>{program}')


def jobs(machine):
    """The journal's lines of this boot about jobs that ended, of whatever kind."""
    lines = machine.sh('journalctl -b -u bootsyncd -o cat --no-pager').splitlines()
    return [line for line in lines if re.match(r'Job \d+ \(', line)]


def units(machine):
    """What systemd says of the service: whether it starts with the host, and whether it runs."""
    return machine.run('systemctl is-enabled bootsyncd; systemctl is-active bootsyncd').out.split()
