# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a power cut can leave of an ESP, by a record of what was written to it: what a flush has covered
is there; of what was written since, any part. No image is made of a state: it is the blocks that
differ, and one that differs in nothing that was looked at is judged already."""

import mmap
import random
import struct
from collections import Counter, namedtuple
from itertools import combinations, islice

from fat import FatError, FatReader
from nbdlog import Flush

BLOCK = 4096
SECTOR = 512  # is written whole, or not
SUBSETS = 500  # of each interval, or all if it has not so many

GRUB_REMOVABLE, GRUB_STUB = 'EFI/BOOT/BOOTX64.EFI', 'EFI/BOOT/grub.cfg'
GRUB_STUB_END = [b'configfile', b'$prefix/grub.cfg']

Interval = namedtuple('Interval', 'begin end')  # the writes of which any may be lost


class Blocks:
    """Equal blocks are one object, so that it costs nothing to compare a file that is as it was."""

    def __init__(self):
        self.known = {}

    def of(self, data):
        """The whole blocks of @data, and what is left."""
        end = len(data) - len(data) % BLOCK
        blocks = (bytes(data[at:at + BLOCK]) for at in range(0, end, BLOCK))
        return [self.known.setdefault(block, block) for block in blocks], bytes(data[end:])


class State(dict):
    """The blocks of an ESP by their numbers; those that nobody asked for yet are in a file."""

    def __init__(self, source, blocks=()):
        super().__init__(blocks)
        self.source = source

    @classmethod
    def of_file(cls, path, blocks):
        with open(path, 'rb') as f:
            data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(lambda number: blocks.of(data[number * BLOCK:(number + 1) * BLOCK])[0][0])

    def __missing__(self, number):
        block = self[number] = self.source(number)
        return block

    def after(self, writes):
        """The state that some writes lead to."""
        state = State(self.source, self)
        for write in writes:
            state.apply(write)
        return state

    def apply(self, write):
        self.update(write.whole)
        for start, data in write.parts:
            number, at = divmod(start, BLOCK)
            old = self[number]
            self[number] = old[:at] + data + old[at + len(data):]


class BlockWrite:
    """A write, by the blocks that it replaces, and the parts of blocks at its ends."""

    def __init__(self, write, blocks):
        head = min(-write.offset % BLOCK, len(write.data))
        whole, tail = blocks.of(write.data[head:])
        first = (write.offset + head) // BLOCK
        self.whole = {first + n: block for n, block in enumerate(whole)}
        ends = ((write.offset, write.data[:head]), ((first + len(whole)) * BLOCK, tail))
        self.parts = [(start, data) for start, data in ends if data]
        self.write, self.sectors = write, len(write.data) // SECTOR
        self.touched = {*self.whole, *(start // BLOCK for start, _ in self.parts)}

    def torn(self, blocks, rng):
        """As much of it as is written when the power fails in its midst."""
        size = rng.randrange(1, self.sectors) * SECTOR
        return BlockWrite(self.write._replace(data=self.write.data[:size]), blocks)


class Log:
    """The writes of a recording, and the intervals between its flushes."""

    def __init__(self, recording, blocks):
        self.writes, self.intervals, self.flushes = [], [], 0
        begin = 0
        for event in recording.events():
            if isinstance(event, Flush):
                self.flushes += 1
                self._add(begin)
                begin = max(begin, len(self.writes) - event.late)
            else:
                self.writes.append(BlockWrite(event, blocks))
        self._add(begin)

    def _add(self, begin):
        if begin < len(self.writes):
            self.intervals.append(Interval(begin, len(self.writes)))


class FatView(FatReader):
    """The FAT of a state."""

    def __init__(self, state, used, chains):
        """@used: gets the numbers of all blocks that were looked at; @chains: the chains of states
        before, (first cluster, length) -> (clusters, blocks of the table that say so)."""
        self.state, self.used, self.tables, self.chains = state, used, {}, chains
        super().__init__(self._read)
        if self.cluster_bytes != BLOCK or self.data % BLOCK:
            raise FatError(f'no FAT of clusters of {BLOCK} bytes')

    def _block(self, number):
        self.used.add(number)
        return self.state[number]

    def _read(self, position, size):
        first, last = position // BLOCK, (position + size - 1) // BLOCK
        data = b''.join(map(self._block, range(first, last + 1)))
        return data[position - first * BLOCK:][:size]

    def next(self, cluster):
        number, at = divmod(self.table + 4 * cluster, BLOCK)
        if number not in self.tables:
            self.tables[number] = struct.unpack(f'<{BLOCK // 4}I', self._block(number))
        return self.tables[number][at // 4] & 0x0fffffff

    def _clusters(self, first, count):
        """Up to so many clusters of a chain."""
        clusters, table = self.chains.get((first, count), ((), {}))
        if not table or any(self._block(n) != block for n, block in table.items()):
            clusters = list(islice(self.chain(first), count))
            numbers = {(self.table + 4 * cluster) // BLOCK for cluster in clusters}
            self.chains[first, count] = clusters, {n: self._block(n) for n in numbers}
        return clusters

    def holds(self, slot, content):
        """Whether a file is complete, and this is what it holds."""
        if slot.size != content.size:
            return False
        first, count = self.data // BLOCK - 2, -(-slot.size // BLOCK)
        numbers = [first + cluster for cluster in self._clusters(slot.cluster, count)]
        self.used.update(numbers)
        found = list(map(self.state.__getitem__, numbers))
        whole = len(content.whole)
        return (len(found) == count and found[:whole] == content.whole and
                (whole == count or found[whole].startswith(content.tail)))


class Content:
    """What a file may hold."""

    def __init__(self, data, blocks):
        self.size = len(data)
        self.whole, self.tail = blocks.of(data)


# The files: path, and which of its contents each has; @loader: those of the boot loader.
Boot = namedtuple('Boot', 'linux initrd options loader', defaults=[()])
Verdict = namedtuple('Verdict', 'boot problem used')


class Judge:
    def __init__(self, choose, contents, options, loader=()):
        """@choose: what the boot loader takes of a FAT; @contents: name of a file -> what is complete
        there; @options: the kernel's command lines that are right; @loader: paths of the boot loader,
        which must be complete, too."""
        self.choose, self.options, self.loader = choose, options, loader
        self.blocks, self.chains = Blocks(), {}
        self.contents = {name: [Content(data, self.blocks) for data in known]
                         for name, known in contents.items()}

    def _file(self, fat, path):
        slot = fat.slot(path)
        for number, content in enumerate(self.contents.get(slot.name, [])):
            if fat.holds(slot, content):
                return path, number
        raise FatError(f'{path} is incomplete, {slot.size} bytes')

    def verdict(self, state):
        used = set()
        try:
            fat = FatView(state, used, self.chains)
            return Verdict(self._boot(fat), None, used)
        except FatError as error:
            return Verdict(None, str(error), used)

    def _boot(self, fat):
        return self._default(fat, tuple(self._file(fat, path) for path in self.loader))

    def _default(self, fat, loader):
        choice = self.choose(fat)
        boot = Boot(self._file(fat, choice.linux), self._file(fat, choice.initrd), choice.options,
                    loader)
        if choice.options not in self.options:
            raise FatError(f'options {choice.options}')
        return boot


NO_LOADER = Boot(None, None, 'no boot loader')


class InitJudge(Judge):
    """Of an ESP that is being made one: it may have no boot loader yet, whatever else is there. One
    that is there is complete, and the default boots."""

    def _boot(self, fat):
        there = [path for path in self.loader if size_of(fat, path)]
        if not there:
            return NO_LOADER
        return self._default(fat, tuple(self._file(fat, path) for path in there))


class GrubInitJudge(Judge):
    """The same for GRUB, but that grub-install writes its files in place: one that is not empty counts
    as there, whatever is in it. What the firmware starts without being told needs its stub, too."""

    def _boot(self, fat):
        if not any(size_of(fat, path) for path in self.loader):
            return NO_LOADER
        if size_of(fat, GRUB_REMOVABLE) and fat.file(GRUB_STUB).split()[-2:] != GRUB_STUB_END:
            raise FatError(f'{GRUB_STUB} is incomplete')
        return self._default(fat, ())


def size_of(fat, path):
    """The size of a file; 0 if it is not there, or not to be found."""
    try:
        return fat.slot(path).size
    except FatError:
        return 0


def subsets(count, wanted, rng):
    """All subsets of so many things, or @wanted of them by chance: some lose most, some hardly any."""
    if 2 ** count <= wanted:
        return [c for size in range(count + 1) for c in combinations(range(count), size)]
    chosen = set()
    while len(chosen) < wanted:
        kept = rng.random()
        chosen.add(tuple(n for n in range(count) if rng.random() < kept))
    return sorted(chosen)


class Tally:
    """What was judged."""

    def __init__(self):
        self.images, self.boots, self.problems = Counter(), Counter(), Counter()

    def add(self, kind, verdict):
        self.images[kind] += 1
        if verdict.problem:
            self.problems[verdict.problem] += 1
        else:
            self.boots[verdict.boot] += 1

    @property
    def bad(self):
        return sum(self.problems.values())


class Trial:
    """The judgement on all that a recording can lead to."""

    def __init__(self, recording, judge, seed=1):
        self.judge, self.rng = judge, random.Random(seed)
        self.base = State.of_file(recording.base, judge.blocks)
        self.log = Log(recording, judge.blocks)
        self.tally = Tally()
        self.judged = {}  # interval -> how many of its subsets
        self.first = self.last = None  # the verdicts before all writes, and after them
        self._prefixes()
        self._subsets()

    def _after(self, kind, state, verdict, writes):
        """Judge the state that writes lead to, after one that is judged already."""
        if all(verdict.used.isdisjoint(write.touched) for write in writes):
            after = verdict  # nothing is changed that it looked at
        else:
            after = self.judge.verdict(state.after(writes))
        self.tally.add(kind, after)
        return after

    def _torn(self, state, verdict, writes):
        """The same with one of the writes torn."""
        long = [n for n, write in enumerate(writes) if write.sectors > 1]
        if long:
            n = self.rng.choice(long)
            torn = writes[n].torn(self.judge.blocks, self.rng)
            self._after('torn', state, verdict, [*writes[:n], torn, *writes[n + 1:]])

    def _prefixes(self):
        state = self.base.after([])
        verdict = self._after('prefixes', state, self.judge.verdict(state), [])
        self.first = verdict
        for write in self.log.writes:
            self._torn(state, verdict, [write])
            verdict = self._after('prefixes', state, verdict, [write])
            state.apply(write)
        self.last = verdict

    def _subsets(self):
        safe, done = self.base, 0
        for interval in self.log.intervals:
            safe = safe.after(self.log.writes[done:interval.begin])
            done, verdict = interval.begin, self.judge.verdict(safe)
            chosen = subsets(interval.end - interval.begin, SUBSETS, self.rng)
            self.judged[interval] = len(chosen)
            for subset in chosen:
                writes = [self.log.writes[interval.begin + n] for n in subset]
                self._after('subsets', safe, verdict, writes)
                self._torn(safe, verdict, writes)

    def __str__(self):
        log, tally = self.log, self.tally
        kinds = ', '.join(f'{count} {kind}' for kind, count in tally.images.items())
        return (f'{len(log.writes)} writes, {log.flushes} flushes, {len(log.intervals)} intervals; '
                f'{sum(tally.images.values())} images ({kinds}): {tally.bad} bad')
