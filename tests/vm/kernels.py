# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernels under the names that Proxmox gives them: each is another kernel of Debian's cloud flavour,
repackaged, so that `uname -r` in the guest tells which one really runs."""

import re
import shutil
import subprocess
from pathlib import Path

# Proxmox's version -> (series of Debian, how many of it are newer).
INSTALLED = {
    '6.2.16-20-pve': ('6.1', 1),
    '6.5.13-1-pve': ('6.1', 0),
    '6.5.13-5-pve': ('6.12', 2),
    '6.8.12-4-pve': ('6.12', 1),
}
LATER = {'6.8.12-5-pve': ('6.12', 0)}  # lies in the guest as a package, to be installed there
DEFAULT = '6.8.12-4-pve'  # what boots without a boot loader

POSTINST = '''#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
export DEB_MAINT_PARAMS="'$1' '$2'"
depmod {version}
run-parts --exit-on-error --arg={version} --arg=/boot/vmlinuz-{version} /etc/kernel/postinst.d
'''
POSTRM = '''#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
export DEB_MAINT_PARAMS="'$1'"
run-parts --exit-on-error --arg={version} --arg=/boot/vmlinuz-{version} /etc/kernel/postrm.d
'''


def available():
    """Packages of signed cloud kernels that apt knows, newest first."""
    out = subprocess.run(['apt-cache', 'search', '--names-only', r'^linux-image-6\..*-cloud-amd64$'],
                         check=True, capture_output=True, text=True, timeout=60).stdout
    names = [line.split()[0] for line in out.splitlines() if re.match(r'linux-image-6\.\d+\.', line)]
    return sorted(names, key=lambda name: [int(n) for n in re.findall(r'\d+', name)], reverse=True)


def pick():
    """Proxmox's version -> the package of Debian that plays it."""
    names, picked = available(), {}
    for version, (series, age) in {**INSTALLED, **LATER}.items():
        candidates = [name for name in names if name.startswith(f'linux-image-{series}.')]
        if not candidates:
            raise RuntimeError(f'apt knows no cloud kernel of the series {series}')
        picked[version] = candidates[min(age, len(candidates) - 1)]
    return picked


def uname(package):
    return package.removeprefix('linux-image-')


def build_deb(tree, name, target, depends='', scripts=None):
    """Make a package of what is below @tree; not compressed, the guest unpacks slowly."""
    control = tree / 'DEBIAN'
    control.mkdir(parents=True)
    (control / 'control').write_text(
        f'Package: {name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: VM lab <lab@example.org>\n'
        + (f'Depends: {depends}\n' if depends else '') +
        'Description: kernel for the VM lab\n')
    for script, text in (scripts or {}).items():
        (control / script).write_text(text)
        (control / script).chmod(0o755)
    subprocess.run(['dpkg-deb', '--root-owner-group', '-Znone', '-b', tree, target], check=True,
                   stdout=subprocess.DEVNULL, timeout=300)


def repackage(version, package, work):
    """Give Debian's @package Proxmox's name and return the new package's path."""
    source, tree = work / f'{version}-source', work / version
    source.mkdir()
    subprocess.run(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', package],
                   cwd=source, check=True, timeout=600)
    subprocess.run(['dpkg-deb', '-x', *source.glob('*.deb'), source / 'x'], check=True, timeout=300)
    real = uname(package)
    (tree / 'boot').mkdir(parents=True)
    (tree / 'lib/modules').mkdir(parents=True)
    for stem in ('vmlinuz', 'config'):
        (source / 'x/boot' / f'{stem}-{real}').rename(tree / 'boot' / f'{stem}-{version}')
    modules = tree / 'lib/modules' / version
    (source / 'x/lib/modules' / real).rename(modules)
    (modules / 'uname-r').write_text(real + '\n')
    (tree / 'lib/modules' / real).symlink_to(version)
    target = work / f'proxmox-kernel-{version}-signed.deb'
    build_deb(tree, f'proxmox-kernel-{version}-signed', target, scripts={
        'postinst': POSTINST.format(version=version), 'postrm': POSTRM.format(version=version)})
    shutil.rmtree(source)
    return target


def series_packages(work):
    """The meta-packages, each of which leads to the newest kernel of its series."""
    newest = {re.match(r'\d+\.\d+', version)[0]: version for version in INSTALLED}
    for series, version in newest.items():
        name = f'proxmox-kernel-{series}'
        target = work / f'{name}.deb'
        build_deb(work / name, name, target, depends=f'proxmox-kernel-{version}-signed')
        yield target


def build_packages(picked, work: Path):
    """Give (packages to install, packages to keep for later)."""
    debs = {version: repackage(version, package, work) for version, package in picked.items()}
    return ([debs[version] for version in INSTALLED] + list(series_packages(work)),
            [debs[version] for version in LATER])
