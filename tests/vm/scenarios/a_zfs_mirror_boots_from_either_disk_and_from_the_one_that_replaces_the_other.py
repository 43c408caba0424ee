"""The root is a ZFS mirror of two disks, as Proxmox's installer makes it. `format` and `init` of both, and the
firmware boots that root from either disk alone. Then one is gone for good, `zpool replace` puts a new one into the
pool, and bootsync says by itself that it carries the root and has no ESP; the command that stands there is run as it
stands, the warning is over, and the host boots from the new disk alone."""

import zfs
from machine import wait_until

KIND = 'root-disk-without-esp'


def warnings(lab, machine, kind=KIND):
    return [w for w in lab.status(machine)['warnings'] if w['id'] == kind]


def redundancy(lab, machine):
    status = lab.status(machine)
    print(f"# {status['redundancy']}: {status['redundancy_reason']}")
    return status['redundancy'], status['redundancy_reason']


def candidates(machine):
    out = machine.sh('bootctl-pve esp candidates', 120)
    print('\n'.join(f'# {line}' for line in out.splitlines()))
    return out


def set_up(lab, machine, loader=''):
    """An ESP on each disk. While only one has some, the other one is told of, with the command."""
    first, second = machine.esps
    candidates(machine)
    assert not warnings(lab, machine), 'nobody has listed an ESP yet'
    machine.sh(f'bootctl-pve format {first.esp_path} && bootctl-pve init {first.esp_path} {loader}', 900)
    found = wait_until(lambda: warnings(lab, machine), 60, KIND)
    device = machine.sh(f'readlink -f {second.device_path}').strip()
    assert [w['subject'] for w in found] == [device], found
    assert zfs.POOL in found[0]['sentence'], found
    name, reason = redundancy(lab, machine)
    assert name == 'single' and device in reason, (name, reason)
    machine.sh(f'bootctl-pve format {second.esp_path} && bootctl-pve init {second.esp_path} {loader}', 900)
    assert redundancy(lab, machine)[0] == 'redundant'
    assert not warnings(lab, machine)


def replace(lab, machine, lost):
    """The disk @lost is away. A new one takes its place in the pool, and on it an ESP by what bootsync says."""
    lab.wait_state(machine, lost, 'missing')
    wait_until(lambda: lab.status(machine)['redundancy'] == 'degraded', 120, 'degraded')
    name, reason = redundancy(lab, machine)
    assert lost.uuid in reason, reason
    machine.sh('bootctl-pve clean')
    new = lab.blank_disk(machine, 'new', size=zfs.DISK_SIZE)
    machine.attach(new)
    lab.partition(machine, new, zfs.LAYOUT)
    assert not warnings(lab, machine), 'it is no part of the pool yet'
    gone = [name for name in zfs.member_names(machine) if name.isdigit() or lost.serial in name]
    machine.sh(f'zpool replace {zfs.POOL} {gone[0]} {new.partition_path(3)}', 300)
    found = wait_until(lambda: warnings(lab, machine), 60, KIND)
    print(f'# {found}')
    assert found[0]['subject'] == machine.sh(f'readlink -f {new.device_path}').strip(), found
    assert 'carries the root (pool rpool)' in candidates(machine)
    zfs.wait_resilvered(machine)
    machine.sh(found[0]['action'], 900)
    wait_until(lambda: not warnings(lab, machine), 60, f'no {KIND}')
    assert redundancy(lab, machine)[0] == 'redundant'
    return new


def run(lab):
    machine = zfs.start(lab)
    first, second = machine.esps
    set_up(lab, machine)
    machine.shut_down()
    for disk in machine.esps:
        disk.find_esp()
        lab.check_synced(disk, [zfs.VERSION])

    zfs.boots_from(machine, zfs.copy_of(machine, second))
    machine.power_cut()
    zfs.boots_from(machine, first)
    new = replace(lab, machine, second)
    machine.shut_down()
    new.find_esp()
    lab.check_synced(new, [zfs.VERSION])
    zfs.boots_from(machine, new)
    machine.shut_down()
