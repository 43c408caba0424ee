# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell tool that bootsync works beside, as `old-tool` stands in for it in a guest, and what the scenarios
with it share."""

import json
from pathlib import Path

import grub
import kernels

PROGRAM = Path(__file__).parent / 'old-tool'
PACKAGE = 'proxmox-kernel-helper'  # is the tool's
DEFAULT, OTHER, ADDED = '6.8.12-4-pve', '6.5.13-5-pve', '6.5.13-1-pve'
MANIFESTS = '/var/lib/bootsync/esp-*.manifest'
# GRUB's environment is its own, to be written in each boot.
VOLATILE = ('grub/grubenv',)


def install(machine):
    machine.put('/usr/local/sbin/old-tool', PROGRAM.read_bytes(), 0o755)


def install_package(machine, work):
    """The same by a package of the tool's name: for bootsync it is then the tool that syncs. @work: a directory on
    this machine."""
    tree, package = work / PACKAGE, work / f'{PACKAGE}.deb'
    program = tree / 'usr/local/sbin/old-tool'
    program.parent.mkdir(parents=True)
    program.write_bytes(PROGRAM.read_bytes())
    program.chmod(0o755)
    kernels.build_deb(tree, PACKAGE, package)
    machine.put(f'/root/{PACKAGE}.deb', package.read_bytes())
    machine.sh(f'dpkg -i /root/{PACKAGE}.deb', 120)


def wait_quiet(machine):
    """Until no worker has been at work for some seconds: while one looks at an ESP, which it has mounted
    read-only, nobody else can mount it writable, as the old tool always does."""
    machine.sh('n=0; while [ $n -lt 6 ]; do n=$((n + 1)); ! pgrep -x bootsync-worker >/dev/null || n=0; sleep 1; done',
               300)


def run(machine, words):
    wait_quiet(machine)
    return machine.sh(f'old-tool {words}', 900)


def check(machine):
    """It finds nothing that its next run would make different."""
    wait_quiet(machine)
    result = machine.run('old-tool check', 900)
    assert result.status == 0, f'the old tool finds: {result.out}{result.err}'


def contents(machine):
    """Disk, name -> digest of all that lies on the ESPs, which the guest has not mounted."""
    machine.sh('sync')
    return {(esp.serial, name): esp.digest(name) for esp in machine.esps for name in esp.files()
            if name not in VOLATILE}


def differences(before, after):
    return sorted(key for key in {*before, *after} if before.get(key) != after.get(key))


def written(machine):
    return [machine.written(esp) for esp in machine.esps]


def manifests(machine):
    """What tells that one was written anew: inode and time of each."""
    return machine.sh(f'stat -c "%n %i %y" {MANIFESTS}')


def reboot(lab, machine, version):
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == version, machine.uname()


def host(lab, loader):
    """A machine whose two ESPs the old tool keeps, with that boot loader."""
    machine = lab.machine(esps=2, loader=loader == 'systemd-boot')
    install(machine)
    if loader == 'grub':
        for esp in machine.esps:
            grub.install(machine, esp, 'x86_64-efi', [DEFAULT], lab.CMDLINE)
    run(machine, 'refresh')
    check(machine)
    return machine


def nothing_is_written(lab, machine):
    """A refresh and a new start find that all is done."""
    amount, adopted = written(machine), manifests(machine)
    machine.sh('bootctl-pve refresh', 900)
    machine.sh('systemctl restart bootsyncd', 120)
    lab.wait_in_sync(machine, 900)
    assert written(machine) == amount, (written(machine), amount)
    assert manifests(machine) == adopted


def menus_of(machine, loader):
    """What each tool writes in its own way: in a menu of bootsync's stands what it was made of."""
    return {(esp.serial, 'grub/grub.cfg') for esp in machine.esps if loader == 'grub'}


def take_over_and_give_back(lab, loader):
    machine = host(lab, loader)
    menus = menus_of(machine, loader)
    before, amount = contents(machine), written(machine)
    lab.start(machine)
    lab.wait_in_sync(machine, 900)
    print(f'# bytes written by the takeover: {[b - a for a, b in zip(amount, written(machine))]}')
    assert set(differences(before, contents(machine))) == menus, differences(before, contents(machine))
    if not menus:
        assert written(machine) == amount
    nothing_is_written(lab, machine)
    check(machine)

    machine.sh(f'bootctl-pve kernel add {ADDED}', 900)
    machine.sh(f'bootctl-pve kernel pin {OTHER}', 900)
    check(machine)
    machine.sh(f'bootctl-pve kernel pin {ADDED} --next-boot', 900)
    reboot(lab, machine, ADDED)
    lab.wait_until(lambda: lab.status(machine)['next_boot'] == '', 300, 'the end of the pin')
    lab.wait_in_sync(machine, 900)
    check(machine)

    machine.sh('systemctl disable --now bootsyncd', 300)
    before = contents(machine)
    run(machine, 'refresh')
    assert set(differences(before, contents(machine))) <= menus
    check(machine)
    reboot(lab, machine, OTHER)
    run(machine, 'unpin')
    check(machine)
    reboot(lab, machine, DEFAULT)
    check(machine)


def finds_nothing_wrong(lab, machine, other=frozenset()):
    """bootsync would change nothing of what the old tool has left but the files @other, which each of the two makes in
    its own way; those it makes anew."""
    plan = json.loads(machine.sh('bootctl-pve --json refresh --dry-run', 300))
    names = {*VOLATILE, *(name for _, name in other)}
    wrong = [step for step in plan if step['path'] and step['action'] != 'keep' and step['path'] not in names]
    assert not wrong and bool(plan) <= bool(other), plan
    if other:
        before = contents(machine)
        machine.sh('bootctl-pve refresh', 900)
        assert set(differences(before, contents(machine))) <= other
    lab.wait_in_sync(machine, 900)


def side_by_side(lab, loader):
    machine = host(lab, loader)
    menus = menus_of(machine, loader)
    install_package(machine, lab.directory)
    lab.start(machine)
    status = lab.wait_until(lambda: lab.status(machine), 60, 'status')
    assert not status['auto_sync'] and PACKAGE in status['auto_sync_reason'], status
    finds_nothing_wrong(lab, machine, menus)
    # The daemon sees what that changes while the tool is at work, and leaves the ESPs to it.
    run(machine, f'add {ADDED}')
    finds_nothing_wrong(lab, machine, menus)
    assert ADDED in lab.esp_objects(machine)[machine.esps[0].uuid]['kernels']
    machine.sh(f'bootctl-pve kernel pin {OTHER} --yes', 900)
    check(machine)
    before = contents(machine)
    run(machine, 'refresh')
    assert set(differences(before, contents(machine))) <= menus, differences(before, contents(machine))
    finds_nothing_wrong(lab, machine, menus)
    assert lab.status(machine)['default'] == OTHER, lab.status(machine)
    reboot(lab, machine, OTHER)

    # For the old tool that is the default until somebody undoes it, for bootsync one boot of the loader's.
    run(machine, f'next-boot {DEFAULT}')
    finds_nothing_wrong(lab, machine, menus or {(esp.serial, 'loader/loader.conf') for esp in machine.esps})
    assert lab.status(machine)['next_boot'] == DEFAULT, lab.status(machine)
    reboot(lab, machine, DEFAULT)
    lab.wait_until(lambda: lab.status(machine)['next_boot'] == '', 300, 'the end of the pin')
    lab.wait_in_sync(machine, 900)
    check(machine)
