"""A recorded refresh is cut in the midst of what it writes: while it stages, and at the last leftover that there is;
that one once more with its rename half on the disk, so that two names lead to one chain. The ESP is laid back to
each of these states, dirty as they are, and the refresh that repairs it is recorded and judged as the first one
was: a cut of the repair, too, leaves a default that boots."""

import random

import loaders
import recorded
from fat import DIRTY_AT, Fat, FatError
from recorded import AFTER, DEFAULT
from writelog import Blocks, FatView, Log, State, subsets

LIVE = [f'EFI/proxmox/{DEFAULT}/{stem}-{DEFAULT}' for stem in recorded.STEMS]
TRIES = 50  # subsets of each interval that are looked at
STAGING, LAST, HALF = 'while it stages', 'at the last leftover', 'with a rename in half'


def leftovers(fat):
    """The live files beside which there is a new one."""
    found = []
    for path in LIVE:
        try:
            fat.slot(f'{path}.new')
            found.append(path)
        except FatError:
            continue
    return found


def cuts(recording):
    """Name of a moment -> the writes that are on the disk then, all others are lost."""
    blocks, found, rng = Blocks(), {}, random.Random(1)
    log, safe, done = Log(recording, blocks), State.of_file(recording.base, blocks), 0
    for interval in log.intervals:
        safe = safe.after(log.writes[done:interval.begin])
        done = interval.begin
        for subset in subsets(interval.end - interval.begin, TRIES, rng):
            kept = [log.writes[interval.begin + n] for n in subset]
            fat = FatView(safe.after(kept), set(), {})
            if leftovers(fat) and fat.read(DIRTY_AT, 1)[0] & 1:
                writes = [write.write for write in (*log.writes[:interval.begin], *kept)]
                found.setdefault(STAGING, writes)
                found[LAST] = writes
    found[HALF] = found[LAST]
    return found


def lay_back(machine, base, writes, half):
    """Make the ESP what it was, and then these writes; @half: with the rename of a leftover half done."""
    esp = machine.esps[0]
    machine.detach(esp)
    with open(esp.path, 'r+b') as disk:
        disk.seek(esp.esp_offset)
        disk.write(base)
        for write in writes:
            disk.seek(esp.esp_offset + write.offset)
            disk.write(write.data)
    fat = Fat(esp)
    left = leftovers(fat)
    assert fat.dirty and left
    if half:
        fat.share(left[0], f'{left[0]}.new')
    machine.attach(esp)
    return left


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab)
    esp = machine.esps[0]
    lab.start(machine)
    machine.sh('bootctl-pve refresh', 300)
    known = recorded.change(lab, machine)
    recording = recorded.record(machine)
    base, moments = recording.base.read_bytes(), cuts(recording)
    trials = []
    for moment, writes in moments.items():
        left = lay_back(machine, base, writes, moment == HALF)
        print(f'# cut {moment}: {len(writes)} writes are on the disk; beside their leftovers: '
              f'{", ".join(left)}', flush=True)
        again = recorded.record(machine)
        trials.append(recorded.judge(again, loaders.systemd_boot, known,
                                     [lab.CMDLINE, recorded.CMDLINE]))
        lab.check_synced(esp, AFTER)
        assert not Fat(esp).dirty and not esp.fsck(), esp.fsck()
    machine.stop_quietly()
    for trial in trials:
        recorded.assert_safe(trial)
