# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kernel of Debian with the module of ZFS, which Debian has as source only: built once, natively, in a tree
that is thrown away, and kept in the cache. Beside other work it is nice and takes a while."""

import hashlib
import shutil
from pathlib import Path

import aptsources
from image import CACHE, cache_entry, cache_lock, command

RELEASE = 'trixie'
PACKAGES = ('zfs-dkms', 'linux-image-cloud-amd64', 'linux-headers-cloud-amd64', 'kmod')


def lines():
    """The sources of that Debian with the component in which ZFS is."""
    return [f'{line} contrib' for line in aptsources.debian_lines(RELEASE)]


def get(say=print):
    """A directory with boot/vmlinuz-UNAME, boot/config-UNAME and lib/modules/UNAME, of one kernel."""
    recipe = Path(__file__).read_bytes() + Path(aptsources.__file__).read_bytes()
    target = CACHE / f'zfs-module-{hashlib.sha256(recipe).hexdigest()[:16]}'
    if not target.exists():
        with cache_lock():
            if not target.exists():
                say('building the module of ZFS, which takes ten minutes on an idle machine')
                with cache_entry(target) as work:
                    build(work)
    return target


def build(work):
    tree = work / 'tree'
    # DKMS builds it when the package is set up, for the kernel whose headers are there.
    command('nice', 'mmdebstrap', '--mode=root', '--variant=minbase', '--components=main,contrib',
            '--aptopt=APT::Install-Recommends "false"', '--dpkgopt=force-unsafe-io',
            '--include=' + ','.join(PACKAGES), RELEASE, tree, *lines(), timeout=7200)
    keep(tree, work)
    shutil.rmtree(tree)


def keep(tree, work):
    module = next(tree.glob('lib/modules/*/updates/dkms/zfs.ko*'))
    uname = module.relative_to(tree / 'lib/modules').parts[0]
    (work / 'boot').mkdir()
    for stem in ('vmlinuz', 'config'):
        shutil.copy(tree / f'boot/{stem}-{uname}', work / 'boot')
    shutil.copytree(tree / f'lib/modules/{uname}', work / f'lib/modules/{uname}', symlinks=True,
                    ignore=shutil.ignore_patterns('build', 'source'))
