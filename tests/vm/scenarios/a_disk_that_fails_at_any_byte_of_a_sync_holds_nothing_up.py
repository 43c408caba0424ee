"""One of two disks, virtio or SCSI, begins to answer every request with an error, after any number of bytes
that a sync has read or written anywhere, in the FAT, in directories or in files, while a kernel is added or
removed: the other ESP is brought into sync in its usual time, the verdict names the disk, and as soon as that
works again its ESP is brought into sync."""

import time
from collections import namedtuple

from disk import MIB
from fat import Fat
from lab import UUIDS
from nbdlog import READ, WRITE, RecordedDisk, RecordedScsiDisk

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
OTHER = '6.2.16-20-pve'
DIRECTORIES = ['', 'EFI', 'EFI/proxmox', 'loader', 'loader/entries']
ANYWHERE, TABLE, DIRECTORY, FILES = 'anywhere', 'in the FAT', 'in directories', 'in files'

Case = namedtuple('Case', 'kind size where')  # fails beyond so many bytes of these requests
# By turns a kernel is added, whose image has 14 MiB and its initrd 26, and removed.
ADD = [Case(WRITE, 4 << 10, ANYWHERE), Case(WRITE, 4 * MIB, FILES), Case(WRITE, 20 * MIB, FILES),
       Case(WRITE, 32 << 10, TABLE), Case(WRITE, 0, DIRECTORY), Case(READ, 0, ANYWHERE),
       Case(READ, 20 * MIB, FILES)]
REMOVE = [Case(WRITE, 0, ANYWHERE), Case(WRITE, 0, TABLE), Case(WRITE, 16 << 10, TABLE),
          Case(WRITE, 0, DIRECTORY), Case(WRITE, 1 << 10, DIRECTORY), Case(READ, 100 << 10, ANYWHERE),
          Case(READ, 0, DIRECTORY)]


def counts(esp, case):
    """What tells the requests of a case, as the FAT is now."""
    fat = Fat(esp)
    table = range(fat.table, fat.data)
    directories = [range(fat.position(cluster), fat.position(cluster) + fat.cluster_bytes)
                   for name in DIRECTORIES
                   for cluster in fat.chain(fat.slot(name).cluster if name else fat.root)]

    def where(offset):
        if any(offset in directory for directory in directories):
            return DIRECTORY
        return TABLE if offset in table else FILES

    return lambda kind, offset: kind == case.kind and (
        case.where in (ANYWHERE, where(offset - esp.esp_offset)))


def change(machine, add):
    """What a change that every ESP has to be written for gives, and how long it takes."""
    begin = time.monotonic()
    result = machine.run(f'bootctl-pve kernel {"add" if add else "remove"} {OTHER}', 300)
    return result, time.monotonic() - begin


def fail(lab, machine, bad, add, case, usual):
    """Let the disk fail in a change, and judge what is done and said. Whether it has failed."""
    bad.server.fail_after(case.size, counts(bad, case))
    result, seconds = change(machine, add)
    esps = lab.esp_objects(machine)
    what = (f'{"add" if add else "remove"}, {"read" if case.kind == READ else "write"} {case.where} '
            f'beyond {case.size}')
    print(f'# {what}: exit status {result.status} after {seconds:.1f} s (usually {usual:.1f}), '
          f'{esps[bad.uuid]["state"]}: {esps[bad.uuid]["last_error"]}', flush=True)
    assert all(esps[esp.uuid]['state'] == 'in-sync' for esp in machine.esps if esp is not bad), esps
    assert seconds < 3 * usual + 10, (what, seconds)
    if not bad.server.failing:
        return False
    assert result.status == 3, (what, result)
    status = lab.status(machine)
    assert status['redundancy'] != 'redundant', (what, status)
    assert bad.uuid in status['redundancy_reason'], (what, status)
    assert '/dev/' in status['redundancy_reason'], (what, status)
    return True


def work_again(lab, machine, bad):
    bad.server.fail_after(None)
    machine.sh('bootctl-pve refresh', 300)
    lab.wait_in_sync(machine, 10)
    assert lab.status(machine)['redundancy'] == 'redundant'
    machine.sh('bootctl-pve verify', 300)


def fail_everywhere(lab, machine, bad):
    """Every case, one after the other. Gives those in which the disk did not come to fail."""
    usual, missed = 0, []
    for add in True, False:
        result, seconds = change(machine, add)
        assert result.status == 0, result
        usual = max(usual, seconds)
    for cases in zip(ADD, REMOVE, strict=True):
        for add, case in zip((True, False), cases):
            if not fail(lab, machine, bad, add, case, usual):
                missed.append((add, case))
            work_again(lab, machine, bad)
    return missed


def run(lab):
    machine = lab.machine(esps=1)
    machine.attach_scsi()
    lab.start(machine)
    lab.wait_in_sync(machine)
    missed = []
    for number, kind in enumerate((RecordedScsiDisk, RecordedDisk), 1):
        bad = lab.disk(machine, f'bad{number}', UUIDS[number], kind=kind)
        machine.attach(bad)
        machine.sh(f'echo {bad.uuid} >>/etc/kernel/proxmox-boot-uuids')
        machine.esps.append(bad)
        lab.wait_state(machine, bad, 'in-sync', 300)
        print(f'# {kind.__name__}:')
        missed += [(kind, *case) for case in fail_everywhere(lab, machine, bad)]
    assert not missed, missed
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
