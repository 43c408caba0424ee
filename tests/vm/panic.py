# SPDX-License-Identifier: LGPL-2.1-or-later
"""A kernel that is pinned for the next boot, and panics in it."""

PIN, DEFAULT = '6.5.13-1-pve', '6.8.12-4-pve'
PIN_FILE = '/etc/kernel/next-boot-pin'


def panics(machine):
    """How often a kernel has panicked in this machine so far."""
    serial = (machine.directory / 'serial.log').read_bytes()
    return serial.count(b'Kernel panic - not syncing')


def try_it(lab, machine, method):
    """The machine runs, in sync. Pin the kernel, boot, and see what becomes of it. @method: what all
    ESPs have for it."""
    machine.sh(f'cpio --quiet -o -H newc </dev/null >/boot/.new && mv /boot/.new /boot/initrd.img-{PIN}')
    machine.sh(f'bootctl-pve kernel pin {PIN} --next-boot', 600)
    status = lab.status(machine)
    assert status['in_sync'] and status['next_boot'] == PIN, status
    assert status['default'] == DEFAULT, status
    methods = machine.sh('for esp in $(busctl tree --list org.bootsync1 | grep /esp/); do busctl '
                         'get-property org.bootsync1 $esp org.bootsync1.Esp OneShotMethod; done')
    assert set(methods.split()) == {'s', f'"{method}"'}, methods

    before = panics(machine)
    machine.shut_down('reboot')
    machine.boot_firmware(wait=False)
    machine.wait_off(300)
    assert panics(machine) == before + 1

    machine.boot_firmware()
    print(f'# after {panics(machine) - before} panic: {machine.uname()}')
    assert machine.uname() == DEFAULT and panics(machine) == before + 1
    lab.wait_until(lambda: machine.run(f'test -e {PIN_FILE}').status == 1, 120, 'no pin')
    lab.wait_in_sync(machine)
    assert lab.status(machine)['next_boot'] == ''
