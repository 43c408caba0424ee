# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that has booted, kept in the cache: to start from it takes seconds, to boot a minute."""

import hashlib
import shutil
import tempfile
from pathlib import Path

import qemu
from image import CACHE, cache_entry, cache_lock, command
from machine import Machine

MEMORY, CPUS = 1024, 2


def key(image, firmware):
    words = [image.directory.name, command('qemu-system-x86_64', '--version'), qemu.KERNEL_OPTIONS,
             *qemu.common_options(firmware, '', '', MEMORY, CPUS)]
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def get(image, firmware='uefi', say=print):
    """The directory of the snapshot, made if it is not there yet."""
    target = CACHE / f'snapshot-{key(image, firmware)}'
    if not target.exists():
        with cache_lock():
            if not target.exists():
                say(f'booting a guest for the snapshot ({firmware})')
                with cache_entry(target) as work:
                    take(image, firmware, work)
    return target


def take(image, firmware, work):
    directory = Path(tempfile.mkdtemp(prefix='booting.', dir=CACHE))
    machine = Machine(directory / 'machine', image, firmware, MEMORY, CPUS)
    try:
        machine.boot_kernel()
        machine.sh('systemctl is-system-running --wait', 300)
        machine.save(work)
    finally:
        machine.power_cut()
        shutil.rmtree(directory)
