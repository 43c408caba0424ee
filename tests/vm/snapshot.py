# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests that have booted, kept on disk: to start from one takes seconds, to boot a minute."""

import hashlib
import shutil
from pathlib import Path

import qemu
from channel import GuestError
from image import CACHE, cache_entry, cache_lock, command
from machine import Machine

# The kernel that runs calls itself otherwise than Proxmox's would: bootsyncd is shown the name under
# which it lies in /boot, as soon as the agent has told it. All else of the unit is as shipped.
UNITS = Path('/etc/systemd/system')
DROP_IN = '''[Unit]
Wants=vm-osrelease.service
After=vm-osrelease.service
[Service]
BindReadOnlyPaths=/run/vm/osrelease:/proc/sys/kernel/osrelease
'''
OSRELEASE = '''[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=sh -c 'until [ -s /run/vm/osrelease ]; do sleep 0.2; done'
'''


def key(image, firmware):
    words = [image.directory.name, command('qemu-system-x86_64', '--version'), qemu.KERNEL_OPTIONS,
             *qemu.common_options(firmware, '', '')]
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def get(image, firmware='uefi', say=print):
    """The directory of the snapshot, made if it is not there yet."""
    target = CACHE / f'snapshot-{key(image, firmware)}'
    if not target.exists():
        with cache_lock():
            if not target.exists():
                say(f'booting a guest for the snapshot ({firmware})')
                with cache_entry(target) as work:
                    take(Machine(work / 'machine', image, firmware), work)
    return target


def take(machine, target):
    try:
        machine.boot_kernel()
        machine.sh('systemctl is-system-running --wait', 300)
        machine.save(target)
    except GuestError as error:
        serial = (machine.directory / 'serial.log').read_text(errors='replace')
        raise RuntimeError(f'{error}; its console ends with:\n{serial[-3000:]}') from error
    finally:
        machine.power_cut()
        shutil.rmtree(machine.directory)


def with_build(image, build, directory, say=print):
    """The directory of a snapshot with this build of bootsync installed, but not started; kept in
    @directory, only the last one."""
    base = get(image, say=say)
    digest = hashlib.sha256(build + (DROP_IN + OSRELEASE).encode()).hexdigest()
    target = directory / f'{base.name}-{digest[:16]}'
    if not target.exists():
        say('installing the build into the guest')
        shutil.rmtree(directory, ignore_errors=True)
        work = directory / 'new'
        work.mkdir(parents=True)
        machine = Machine(work / 'machine', image, snapshot=base)
        try:
            machine.resume(base / 'state')
            install(machine, build)
            machine.save(work)
        finally:
            machine.power_cut()
            shutil.rmtree(machine.directory)
        work.rename(target)
    return target


def install(machine, build):
    """Put the files of a build onto a running machine, as a package would."""
    machine.put('/root/build.tar', build)
    machine.sh('tar -xf /root/build.tar -C / --no-same-owner --keep-directory-symlink')
    show_kernel_name(machine)
    machine.sh('systemctl daemon-reload && systemctl reload dbus && journalctl --update-catalog')


def show_kernel_name(machine):
    """Let bootsyncd see Proxmox's name of the kernel that runs, as soon as systemd reads units again."""
    machine.sh(f'mkdir -p {UNITS}/bootsyncd.service.d')
    machine.put(UNITS / 'bootsyncd.service.d/vm-lab.conf', DROP_IN.encode())
    machine.put(UNITS / 'vm-osrelease.service', OSRELEASE.encode())
