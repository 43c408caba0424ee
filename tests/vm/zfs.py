# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host with its root on a ZFS mirror of two disks, as Proxmox's installer lays it out. The pool is made in a guest,
since this machine's kernel need not know ZFS, and kept with the image; nothing is on the ESPs yet."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import image
import kernels
import snapshot
import zfsmodule
from channel import GuestError
from disk import MIB, Disk
from image import CACHE, HERE, cache_entry, cache_lock, command
from machine import Machine, wait_until

VERSION = kernels.DEFAULT
POOL, DATASET = 'rpool', 'rpool/ROOT/pve-1'
OPTIONS = f'root=ZFS={DATASET} boot=zfs quiet console=ttyS0 panic=5 mitigations=off apparmor=0 audit=0'
DISK_SIZE = 4096 * MIB
MEMORY = 1536  # MiB
LAYOUT = '-a1 -n1:34:2047 -t1:EF02 -n2:2048:+512M -t2:EF00 -n3:0:0 -t3:BF01'
# What depends on the module, to be installed with it.
PACKAGES = ('zfs-initramfs', 'zfsutils-linux', 'libnvpair3linux', 'libuutil3linux', 'libzfs6linux',
            'libzpool6linux')
LIBRARIES = ('busybox-static', 'libtirpc3t64')  # that these want, and that want no module
HOST_ID = b'\x0b\x00\x7e\xc0'  # by which ZFS knows that a pool is this host's own
MAKE_POOL = r'''set -e
modprobe zfs
zpool create -f -o ashift=12 -o cachefile=none -O atime=off -O compression=lz4 -O mountpoint=none \
        -R /mnt {pool} mirror {members}
zfs create -o mountpoint=none {pool}/ROOT
zfs create -o mountpoint=/ {dataset}
tar -C / --one-file-system -cf - . | tar -C /mnt -xpf -
: >/mnt/etc/fstab
zpool set bootfs={dataset} {pool}
zpool export {pool}'''


class ZfsImage(image.Image):
    """What is not on the pool: the kernel to start it without a boot loader, and the pool's disks."""

    def __init__(self, directory):
        super().__init__(directory)
        self.disks = [directory / f'disk{n}.raw' for n in (1, 2)]


def get(say=print):
    recipe = image.files_digest([*image.RECIPE, Path(__file__)]) + zfsmodule.get(say).name
    target = CACHE / f'zfs-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}'
    if not target.exists():
        with cache_lock():
            if not target.exists():
                say('building the guest image with its root on ZFS')
                with cache_entry(target) as work:
                    build(work, zfsmodule.get(say))
    return ZfsImage(target)


def build(work, module):
    rootfs = work / 'rootfs'
    _, libraries = image.RELEASES[13]
    command('mmdebstrap', '--mode=root', '--variant=minbase', '--components=main,contrib',
            '--aptopt=APT::Install-Recommends "false"', '--dpkgopt=force-unsafe-io',
            '--include=' + ','.join(image.PACKAGES + libraries + LIBRARIES),
            '--customize-hook=' + image.DOWNLOAD.format(' '.join(PACKAGES)), zfsmodule.RELEASE,
            rootfs, *zfsmodule.lines(), timeout=1800)
    command('cp', '-a', '--no-preserve=ownership', f'{HERE}/guest/.', rootfs)
    image.configure(rootfs)
    (rootfs / 'etc/hostid').write_bytes(HOST_ID)
    (rootfs / 'etc/modprobe.d/zfs.conf').write_text(f'options zfs zfs_arc_max={256 * MIB}\n')
    install(rootfs, module, work)
    image.keep_boot_files(rootfs, work)
    command('mke2fs', '-q', '-F', '-t', 'ext4', '-d', rootfs, '-L', 'vmroot', '-m', '0',
            '-O', '^has_journal,^metadata_csum,^64bit', '-E', 'lazy_itable_init=1', '-N', '60000',
            work / 'root.img', image.ROOT_SIZE)
    shutil.rmtree(rootfs)
    make_pool(work)
    # A machine has that drive in any case; nothing is on it here.
    (work / 'root.img').unlink()
    with open(work / 'root.img', 'xb') as f:
        f.truncate(MIB)


def install(rootfs, module, work):
    """The kernel, by Proxmox's name, and what wants the module of ZFS, which comes with it."""
    uname = next((module / 'lib/modules').iterdir()).name
    packages = work / 'packages'
    tree = packages / VERSION
    (tree / 'boot').mkdir(parents=True)
    for stem in ('vmlinuz', 'config'):
        shutil.copy(module / f'boot/{stem}-{uname}', tree / f'boot/{stem}-{VERSION}')
    modules = tree / 'lib/modules' / VERSION
    shutil.copytree(module / 'lib/modules' / uname, modules, symlinks=True)
    (modules / 'uname-r').write_text(uname + '\n')
    (tree / 'lib/modules' / uname).symlink_to(VERSION)
    name, series = f'proxmox-kernel-{VERSION}-signed', 'proxmox-kernel-6.8'
    kernels.build_deb(tree, name, rootfs / 'tmp' / f'{name}.deb', scripts={
        'postinst': kernels.POSTINST.format(version=VERSION),
        'postrm': kernels.POSTRM.format(version=VERSION)})
    kernels.build_deb(packages / series, series, rootfs / 'tmp' / f'{series}.deb', depends=name)
    # Proxmox's kernels provide that.
    kernels.build_deb(packages / 'zfs', 'zfs-modules', rootfs / 'tmp/zfs-modules.deb', depends=name)
    for deb in (rootfs / 'var/lib/vm/unused').iterdir():
        deb.rename(rootfs / 'tmp' / deb.name)
    command('unshare', '--mount', 'sh', '-ec',
            'mount -t proc proc proc; mount --bind /dev dev; chroot . sh -ec '
            f'"dpkg -i tmp/*.deb && update-initramfs -u -k {VERSION}"', cwd=rootfs, timeout=1800)
    for deb in (rootfs / 'tmp').iterdir():
        deb.unlink()
    shutil.rmtree(packages)
    names = json.dumps({VERSION: uname})
    (rootfs / 'var/lib/vm/kernels.json').write_text(names)
    (work / 'kernels.json').write_text(names)


def make_pool(work):
    """Copy the system that boots from root.img onto a pool of two new disks."""
    machine = Machine(work / 'machine', image.Image(work), memory=MEMORY)
    try:
        disks = [Disk.blank(work / f'disk{n}.raw', f'disk{n}', DISK_SIZE) for n in (1, 2)]
        machine.attach(*disks)
        machine.boot_kernel()
        for disk in disks:
            machine.sh(f'sgdisk {LAYOUT} {disk.device_path} && udevadm settle')
        machine.sh(MAKE_POOL.format(pool=POOL, dataset=DATASET, members=' '.join(
            disk.partition_path(3) for disk in disks)), 3600)
        machine.shut_down()
    except GuestError as error:
        raise RuntimeError(f'{error}; its console ends with:\n{machine.serial()[-3000:]}') from error
    finally:
        machine.power_cut()
        shutil.rmtree(machine.directory)


def start(lab):
    """A machine that runs from the pool, with this build of bootsync installed and running, and no
    ESP yet; its two disks are `machine.esps`."""
    zfs = get()
    machine = Machine(lab.directory / f'machine{len(lab.machines) + 1}', zfs, memory=MEMORY)
    lab.machines.append(machine)
    lab.image = zfs  # whose /boot the ESPs are compared with
    machine.esps = [Disk(machine.directory / f'disk{n}.raw', f'disk{n}') for n in (1, 2)]
    for source, disk in zip(zfs.disks, machine.esps):
        command('cp', '--sparse=always', '--reflink=auto', source, disk.path)
    machine.attach(*machine.esps)
    machine.boot_kernel(options=OPTIONS)
    assert machine.sh('findmnt -no FSTYPE,SOURCE /').split() == ['zfs', DATASET]
    snapshot.install(machine, lab.build)
    machine.sh(f'mkdir -p /etc/kernel && echo "{OPTIONS}" >/etc/kernel/cmdline')
    lab.start(machine)
    return machine


def copy_of(machine, disk):
    """What a disk of a machine that is off holds; whatever is written to the copy is lost."""
    path = machine.directory / f'copy-of-{disk.serial}.raw'
    command('cp', '--sparse=always', '--reflink=auto', disk.path, path)
    return Disk(path, disk.serial)


def boots_from(machine, disk):
    """The machine, which is off, boots from that disk alone, and its root is the pool on it."""
    for other in list(machine.disks.values()):
        machine.detach(other)
    machine.attach(disk)
    machine.boot_firmware()
    assert machine.uname() == VERSION, machine.uname()
    assert machine.sh('findmnt -no FSTYPE,SOURCE /').split() == ['zfs', DATASET]
    print(f'# {disk.serial} alone: {VERSION} runs, root on {DATASET}')


def member_names(machine):
    """The vdevs of the pool that are no mirror, as zpool names them."""
    out = machine.sh(f'zpool status -P {POOL}')
    return re.findall(r'(?m)^\t +(/dev/\S+|\d{10,})', out)


def wait_resilvered(machine):
    wait_until(lambda: 'resilvered' in machine.sh(f'zpool status {POOL}') and
               'ONLINE' in machine.sh(f'zpool list -Ho health {POOL}'), 600, 'resilvered', 1)
