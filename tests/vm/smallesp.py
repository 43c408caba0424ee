# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ESP without room for old and new side by side, on which the initrd of the default is replaced again and
again: what goes to make room, what goes and comes back, and what is said where nothing helps. Each is recorded
and judged."""

import recorded
from disk import MIB
from recorded import DEFAULT, MANUAL, OTHER, REMOVED

SIZE = 264  # MiB; smaller ones have no clusters of 4096 bytes
FREE = 10 * MIB  # an initrd has 26
INITRD = f'initrd.img-{DEFAULT}'


def fill(machine, name):
    """Leave no more than that free, by a file of the administrator's."""
    free = int(machine.sh(
        f"unshare --mount sh -ec 'mount {machine.esps[0].esp_path} /mnt; cd /mnt; free() {{ "
        "df --output=avail -B1 . | tail -n1; }; "
        f"head -c $(($(free) - {FREE})) /dev/zero >{name}; free; cd /; umount /mnt'", 300))
    assert 0 < free <= FREE, free


def replace(lab, machine, known, source):
    lab.replace(machine, INITRD, f'initrd.img-{source}')
    known[INITRD].append(lab.boot_content(INITRD))


def assert_replaced(trial, number):
    """The default has the next of the known contents at the end, and had the one before it."""
    numbers = trial.first.boot.initrd[1], trial.last.boot.initrd[1]
    assert numbers == (number - 1, number), numbers


def run(lab, loader):
    machine = recorded.synced_machine(lab, loader, esp_size=SIZE * MIB)
    esp = machine.esps[0]
    known = recorded.known_files(lab, [DEFAULT, OTHER, REMOVED])
    series = recorded.Series(machine, loader.choose, known)

    fill(machine, 'first.bin')
    machine.sh(f': >{MANUAL}')
    replace(lab, machine, known, recorded.ADDED)
    trial = series.act('a stale kernel makes room', 'bootctl-pve refresh', DEFAULT)
    assert_replaced(trial, 1)
    loader.check(lab, esp, [DEFAULT, OTHER])

    fill(machine, 'second.bin')
    replace(lab, machine, known, OTHER)
    plan = machine.sh('bootctl-pve refresh --dry-run')
    assert f"'{OTHER}' is taken off" in plan, plan
    trial = series.act('a kept kernel gives way and comes back', 'bootctl-pve refresh', DEFAULT)
    assert_replaced(trial, 2)
    loader.check(lab, esp, [DEFAULT, OTHER])

    replace(lab, machine, known, REMOVED)
    machine.sh(f'echo {OTHER} >/etc/kernel/proxmox-boot-pin')
    series.act('nothing makes room', '! bootctl-pve refresh', OTHER)
    error = lab.esp_objects(machine)[esp.uuid]['last_error']
    print(f'# {error}')
    assert 'does not fit' in error and esp.uuid in error, error
    assert esp.read(loader.path('initrd.img', DEFAULT)) == known[INITRD][2]
    machine.stop_quietly()
    series.assert_safe()
