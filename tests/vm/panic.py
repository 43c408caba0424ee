# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kernel that is pinned for the next boot, and panics in it."""

PIN, DEFAULT = '6.5.13-1-pve', '6.8.12-4-pve'
PIN_FILE = '/etc/kernel/next-boot-pin'


def panics(machine):
    """How often a kernel has panicked in this machine so far."""
    serial = (machine.directory / 'serial.log').read_bytes()
    return serial.count(b'Kernel panic - not syncing')


def pin(lab, machine, method):
    """The machine runs, in sync. Pin the kernel. @method: what all ESPs have for it."""
    machine.sh(f'cpio --quiet -o -H newc </dev/null >/boot/.new && mv /boot/.new /boot/initrd.img-{PIN}')
    machine.sh(f'bootctl-pve kernel pin {PIN} --next-boot', 600)
    status = lab.status(machine)
    assert status['in_sync'] and status['next_boot'] == PIN, status
    assert status['default'] == DEFAULT, status
    assert {esp['one_shot_method'] for esp in status['esps']} == {method}, status


def boot(machine):
    """Reboot the machine into the kernel that panics, which leaves it off."""
    before = panics(machine)
    machine.shut_down('reboot')
    machine.boot_firmware(wait=False)
    machine.wait_off(300)
    assert panics(machine) == before + 1


def boot_again(lab, machine):
    """The boot after that is the old default, and the pin is over."""
    before = panics(machine)
    machine.boot_firmware()
    assert machine.uname() == DEFAULT and panics(machine) == before, machine.uname()
    lab.wait_until(lambda: machine.run(f'test -e {PIN_FILE}').status == 1, 120, 'no pin')
    lab.wait_in_sync(machine)
    assert lab.status(machine)['next_boot'] == ''
