# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest: a small Debian 12 or 13 with kernels of Proxmox's names, made once and kept in a cache."""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import aptsources
import kernels

HERE = Path(__file__).parent
CACHE = Path(os.environ.get('BOOTSYNC_VM_CACHE', '/var/cache/bootsync-vm'))
RECIPE = (HERE / 'aptsources.py', HERE / 'image.py', HERE / 'kernels.py')

HOST_PACKAGES = ('qemu-system-x86', 'qemu-utils', 'ovmf', 'mmdebstrap', 'dosfstools', 'mtools',
                 'fdisk', 'e2fsprogs', 'socat')
PACKAGES = (
    # the system
    'systemd-sysv', 'udev', 'dbus', 'polkitd', 'pkexec', 'procps', 'kmod', 'util-linux', 'fdisk',
    'dosfstools', 'e2fsprogs', 'gdisk', 'dmsetup', 'strace', 'rsync', 'python3', 'python3-gi',
    'gir1.2-glib-2.0',
    # booting
    'initramfs-tools', 'zstd', 'cpio', 'systemd-boot', 'systemd-boot-efi',
    'grub-efi-amd64-bin', 'grub-pc-bin', 'grub-efi-amd64-signed', 'grub2-common', 'shim-signed',
    'efibootmgr', 'mokutil', 'ksmtuned',
    # Secure Boot: who signed what, keys and lists of one's own
    'openssl', 'sbsigntool', 'efitools', 'xz-utils',
    # what bootsync links
    'libblkid1', 'libmount1', 'libfdisk1', 'libjson-c5', 'liblzma5', 'libsystemd0', 'libzstd1', 'zlib1g',
)
# Lie in the guest as packages, to be installed there; not every Debian has them.
UNUSED_PACKAGES = ('systemd-boot-efi-amd64-signed',)
# Guest, by mmdebstrap: fetch those of the packages that there are.
DOWNLOAD = '''mkdir -p "$1/var/lib/vm/unused" && cd "$1/var/lib/vm/unused" && export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
for name in {}; do
        if apt-cache policy "$name" | grep -q 'Candidate: [0-9]'; then
                apt-get -qq -o APT::Sandbox::User=root download "$name"
        fi
done'''
# Which Debian -> its name, and what is called otherwise in each.
RELEASES = {
    12: ('bookworm', ('libefivar1', 'libefiboot1', 'libssl3')),
    13: ('trixie', ('libefivar1t64', 'libefiboot1t64', 'libssl3t64', 'systemd-boot-tools')),
}
PADDING = 20 << 20  # bytes of a real initrd that ours has not
ROOT_SIZE = '3G'


def command(*words, timeout=600, **kwargs):
    """Run a program, show its output only if it fails."""
    done = subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors='replace', timeout=timeout, **kwargs)
    if done.returncode != 0:
        raise RuntimeError(f'{words[0]} failed with {done.returncode}:\n{done.stdout[-4000:]}')
    return done.stdout


@contextlib.contextmanager
def cache_lock():
    """One builder at a time; who comes second finds the work done."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def cache_entry(target):
    """A directory that becomes @target when the block has ended well."""
    work = Path(tempfile.mkdtemp(prefix='building.', dir=CACHE))
    try:
        yield work
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def files_digest(paths):
    """Digest of the names, modes and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        digest.update(f'{path.relative_to(HERE)} {path.lstat().st_mode} {len(content)}\n'.encode())
        digest.update(content)
    return digest.hexdigest()


def key(debian, picked):
    guest = [path for path in (HERE / 'guest').rglob('*') if path.is_symlink() or path.is_file()]
    recipe = files_digest([*RECIPE, *guest]) + json.dumps([debian, picked])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


class Image:
    """A built image: the root file system, and what the host needs of it beside."""

    def __init__(self, directory):
        self.directory = directory
        self.root = directory / 'root.img'
        self.uname = json.loads((directory / 'kernels.json').read_text())  # of each version

    def boot_file(self, stem, version=kernels.DEFAULT):
        return self.directory / 'boot' / f'{stem}-{version}'

    @property
    def systemd_boot(self):
        return self.directory / 'boot/systemd-bootx64.efi'


def get(debian, say=print):
    """The image of this recipe with Debian @debian (12, 13), built if it is not there yet."""
    with contextlib.suppress(RuntimeError):  # apt may know no kernels before its first update
        target = CACHE / f'image-{key(debian, kernels.pick())}'
        if target.exists():
            return Image(target)
    with cache_lock():
        command('apt-get', 'update', '-qq')
        picked = kernels.pick()
        target = CACHE / f'image-{key(debian, picked)}'
        if not target.exists():
            say(f'building the guest image, Debian {debian}')
            with cache_entry(target) as work:
                build(work, debian, picked)
    return Image(target)


def build(work, debian, picked):
    release, libraries = RELEASES[debian]
    rootfs = work / 'rootfs'
    command('mmdebstrap', '--mode=root', '--variant=minbase', '--components=main',
            '--aptopt=APT::Install-Recommends "false"', '--dpkgopt=force-unsafe-io',
            '--include=' + ','.join(PACKAGES + libraries),
            '--customize-hook=' + DOWNLOAD.format(' '.join(UNUSED_PACKAGES)), release, rootfs,
            *aptsources.debian_lines(release), timeout=1800)
    command('cp', '-a', '--no-preserve=ownership', f'{HERE}/guest/.', rootfs)
    configure(rootfs)
    install_kernels(rootfs, picked, work)
    keep_boot_files(rootfs, work)
    command('mke2fs', '-q', '-F', '-t', 'ext4', '-d', rootfs, '-L', 'vmroot', '-m', '0',
            '-O', '^metadata_csum,^64bit', '-E', 'lazy_itable_init=1', '-J', 'size=16',
            '-N', '60000', work / 'root.img', ROOT_SIZE)
    shutil.rmtree(rootfs)


def configure(rootfs):
    (rootfs / 'etc/machine-id').write_text('b0075ec0b0075ec0b0075ec0b0075ec0\n')
    (rootfs / 'etc/apt/sources.list').unlink()
    (rootfs / 'var/lib/vm/debs').mkdir(parents=True)
    command('chroot', rootfs, 'passwd', '-d', 'root')
    command('chroot', rootfs, 'useradd', '-m', 'user')
    padding = rootfs / 'usr/lib/vm'
    (padding / 'padding').write_bytes(os.urandom(PADDING))
    command('chroot', rootfs, 'sh', '-c',
            'cd /usr/lib/vm && echo padding | cpio -o -H newc >padding.cpio')
    (padding / 'padding').unlink()


def install_kernels(rootfs, picked, work):
    packages = work / 'packages'
    packages.mkdir()
    installed, later = kernels.build_packages(picked, packages)
    for deb in later:
        deb.rename(rootfs / 'var/lib/vm/debs' / deb.name)
    for deb in installed:
        deb.rename(rootfs / 'tmp' / deb.name)
    # The initrds are made by the hooks in there, which want to see /proc and /dev.
    command('unshare', '--mount', 'sh', '-ec',
            'mount -t proc proc proc; mount --bind /dev dev; chroot . sh -ec "dpkg -i tmp/*.deb"',
            cwd=rootfs, timeout=1800)
    for deb in (rootfs / 'tmp').iterdir():
        deb.unlink()
    shutil.rmtree(packages)
    names = json.dumps({version: kernels.uname(package) for version, package in picked.items()})
    (rootfs / 'var/lib/vm/kernels.json').write_text(names)
    (work / 'kernels.json').write_text(names)


def keep_boot_files(rootfs, work):
    shutil.copytree(rootfs / 'boot', work / 'boot', ignore=shutil.ignore_patterns('config-*'))
    shutil.copy(rootfs / 'usr/lib/systemd/boot/efi/systemd-bootx64.efi', work / 'boot')
