# SPDX-License-Identifier: LGPL-2.1-or-later
"""A recorded refresh is cut in the midst of what it writes, the ESP is laid back to that state, dirty as it is, and
the refresh that repairs it is recorded and judged, too."""

import random

import recorded
from fat import DIRTY_AT, Fat, FatError
from recorded import AFTER, DEFAULT, STEMS
from writelog import Blocks, FatView, Log, State, subsets

TRIES = 50  # subsets of each interval that are looked at
STAGING, LAST, HALF = 'while it stages', 'at the last leftover', 'with a rename in half'


def leftovers(fat, live):
    """The files of @live beside which there is a new one."""
    found = []
    for path in live:
        try:
            fat.slot(f'{path}.new')
            found.append(path)
        except FatError:
            continue
    return found


def cuts(recording, live):
    """Name of a moment -> the writes that are on the disk then, all others are lost."""
    blocks, found, rng = Blocks(), {}, random.Random(1)
    log, safe, done = Log(recording, blocks), State.of_file(recording.base, blocks), 0
    for interval in log.intervals:
        safe = safe.after(log.writes[done:interval.begin])
        done = interval.begin
        for subset in subsets(interval.end - interval.begin, TRIES, rng):
            kept = [log.writes[interval.begin + n] for n in subset]
            fat = FatView(safe.after(kept), set(), {})
            if leftovers(fat, live) and fat.read(DIRTY_AT, 1)[0] & 1:
                writes = [write.write for write in (*log.writes[:interval.begin], *kept)]
                found.setdefault(STAGING, writes)
                found[LAST] = writes
    found[HALF] = found[LAST]
    return found


def lay_back(machine, base, writes, live, half):
    """Make the ESP what it was, and then these writes; @half: with the rename of a leftover half done.
    Gives the leftovers."""
    esp = machine.esps[0]
    machine.detach(esp)
    with open(esp.path, 'r+b') as disk:
        disk.seek(esp.esp_offset)
        disk.write(base)
        for write in writes:
            disk.seek(esp.esp_offset + write.offset)
            disk.write(write.data)
    fat = Fat(esp)
    left = leftovers(fat, live)
    assert fat.dirty and left
    if half:
        fat.share(left[0], f'{left[0]}.new')
    machine.attach(esp)
    return left


def run(lab, loader):
    machine = recorded.synced_machine(lab, loader)
    esp, live = machine.esps[0], [loader.path(stem, DEFAULT) for stem in STEMS]
    before = loader.choose(Fat(esp)).options
    known = recorded.change(lab, machine, loader)
    recording = recorded.record(machine)
    options = [before, loader.choose(Fat(esp)).options]
    base, moments = recording.base.read_bytes(), cuts(recording, live)
    trials = []
    for moment, writes in moments.items():
        left = lay_back(machine, base, writes, live, moment == HALF)
        print(f'# cut {moment}: {len(writes)} writes are on the disk; beside their leftovers: '
              f'{", ".join(left)}', flush=True)
        again = recorded.record(machine)
        trials.append(recorded.judge(again, loader.choose, known, options))
        loader.check(lab, esp, AFTER)
        assert not Fat(esp).dirty and not esp.fsck(), esp.fsck()
    machine.stop_quietly()
    for trial in trials:
        recorded.assert_safe(trial)
