"""One of two disks begins to answer every request with an error, after any number of bytes that a sync
has read or written: the other ESP is brought into sync in its usual time, the verdict names the disk,
and as soon as that works again its ESP is brought into sync."""

import time

from disk import MIB
from lab import UUIDS
from nbdlog import READ, WRITE, RecordedDisk

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
OTHER = '6.2.16-20-pve'
# By turns a kernel is added and removed: the first request; within the FAT and the directories; within a
# kernel that is read back. A removal does not come to what lies beyond MiBs, and then nothing fails.
CASES = [(WRITE, 4 << 10), (WRITE, 8 * MIB), (READ, 0), (WRITE, 0), (READ, 100 << 10), (WRITE, 64 << 10),
         (READ, 3 * MIB), (WRITE, 30 * MIB)]


def change(machine, add):
    """Status and seconds of a change that every ESP has to be written for."""
    begin = time.monotonic()
    result = machine.run(f'bootctl-pve kernel {"add" if add else "remove"} {OTHER}', 300)
    return result, time.monotonic() - begin


def run(lab):
    machine = lab.machine(esps=1)
    good, = machine.esps
    bad = lab.disk(machine, 'esp2', UUIDS[1], kind=RecordedDisk)
    machine.esps.append(bad)
    machine.attach(bad)
    lab.list_esps(machine)
    lab.start(machine)
    lab.wait_in_sync(machine)
    usual = 0
    for add in True, False:
        result, seconds = change(machine, add)
        assert result.status == 0, result
        usual = max(usual, seconds)

    hit, add = 0, False
    for kind, size in CASES:
        add = not add
        bad.server.fail_after(size, kind)
        result, seconds = change(machine, add)
        failed = bad.server.healthy_bytes < 0
        states = {uuid: esp['state'] for uuid, esp in lab.esp_objects(machine).items()}
        what = f'{"read" if kind == READ else "write"} beyond {size}, {"add" if add else "remove"}'
        print(f'# {what}: exit status {result.status} after {seconds:.1f} s (usually {usual:.1f}), '
              f'{states[bad.uuid]}: {lab.esp_objects(machine)[bad.uuid]["last_error"]}')
        assert states[good.uuid] == 'in-sync', (what, states)
        assert seconds < 3 * usual + 10, (what, seconds)
        if failed:
            hit += 1
            assert result.status == 3, (what, result)
            status = lab.status(machine)
            assert status['redundancy'] != 'redundant', (what, status)
            assert bad.uuid in status['redundancy_reason'], (what, status)
            assert '/dev/' in status['redundancy_reason'], (what, status)
        bad.server.fail_after(None)
        result = machine.run('bootctl-pve refresh', 300)
        assert result.status == 0, (what, result)
        lab.wait_in_sync(machine, 10)
        assert lab.status(machine)['redundancy'] == 'redundant', what
        assert machine.run('bootctl-pve verify', 300).status == 0, what
    assert hit >= 6, hit
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [*KERNELS, *([OTHER] if add else [])])
