# SPDX-License-Identifier: LGPL-2.1-or-later
"""What daemon and workers do in a job, as strace counts it, and within which bounds that must be. Unlike
times these figures are the same on every machine, so that a test can fail by them."""

import contextlib
import re
import tempfile
import time
from pathlib import Path

import meter
from directories import Directories
from strace import strace_lines, traced

MIB = 1 << 20
KIB = 1 << 10
KERNELS, IMAGE, INITRD, ESPS = 2, 4 * MIB, 12 * MIB, 2
ALL = KERNELS * (IMAGE + INITRD)
IDLE_SEC = 5
SETTLE_SEC = 3

READS = 'read|pread64|readv|preadv2?'
WRITES = 'write|pwrite64|writev|pwritev2?'
MOVES = 'copy_file_range|sendfile|splice'
FORKS = 'fork|vfork|clone3?'
MOUNTS = 'mount|fsmount'
NO_MOUNT = re.compile(r'\bMS_(SLAVE|PRIVATE|SHARED|BIND|MOVE|REMOUNT)\b')  # of a file system
SYNCS = 'fsync|fdatasync|syncfs|sync'
TRACE = '/^(' + '|'.join((READS, WRITES, MOVES, FORKS, MOUNTS, SYNCS, 'mmap')) + ')$'
CALL = re.compile(r'\d+ +(\w+)\((.*)\) += (\d+)')
PATH = re.compile(r'\d<([^<>]*)>')

# Job -> count -> the least and the most of it. Bytes of an ESP are those of all ESPs together. A worker
# is a fork; one looks at each ESP first, and another one syncs it if there is something to do.
BOUNDS = {
    'sync': {'forks': (2 * ESPS, 2 * ESPS), 'mounts': (0, 0),
             'ESP written': (ESPS * ALL, ESPS * ALL + 64 * KIB),
             'ESP read': (ESPS * ALL, ESPS * ALL + 256 * KIB),
             'boot read': (ALL, 2 * ESPS * ALL + 256 * KIB)},
    'noop': {'forks': (1, ESPS), 'mounts': (0, 0), 'ESP written': (0, 0), 'ESP read': (0, 64 * KIB),
             'boot read': (0, 64 * KIB), 'syncs': (0, 0)},
    'changed': {'forks': (2 * ESPS, 2 * ESPS), 'mounts': (0, 0),
                'ESP written': (ESPS * INITRD, ESPS * INITRD + 64 * KIB),
                'ESP read': (ESPS * INITRD, ESPS * (INITRD + 2 * MIB)),
                'boot read': (INITRD, 2 * ESPS * (INITRD + MIB))},
    'verify': {'forks': (1, ESPS), 'mounts': (0, 0), 'ESP written': (0, 0),
               'ESP read': (ESPS * ALL, ESPS * ALL + 256 * KIB),
               'boot read': (ALL, ESPS * ALL + 256 * KIB)},
    'status': {'forks': (0, 0), 'ESP written': (0, 0), 'ESP read': (0, 0), 'boot read': (0, 0)},
    'idle': {'wake-ups': (0, 0)},
}


class Counter:
    """What a trace says of the files below two directories."""

    def __init__(self, esps, boot):
        self.places = {'ESP': str(esps), 'boot': str(boot)}
        self.counts = {'forks': 0, 'mounts': 0, 'syncs': 0,
                       **{f'{place} {done}': 0 for place in self.places for done in ('read', 'written')}}

    def _add(self, path, done, size):
        for place, directory in self.places.items():
            if path.startswith(directory + '/'):
                self.counts[f'{place} {done}'] += size

    def add(self, line):
        match = CALL.match(line)
        if not match:
            return  # it failed, or is no call
        name, arguments, result = match[1], match[2], int(match[3], 0)
        paths = PATH.findall(arguments)
        if re.fullmatch(FORKS, name):
            self.counts['forks'] += 'CLONE_THREAD' not in arguments
        elif re.fullmatch(MOUNTS, name):
            self.counts['mounts'] += not NO_MOUNT.search(arguments)
        elif re.fullmatch(SYNCS, name):
            self.counts['syncs'] += 1
        elif name == 'mmap':
            if paths:
                self._add(paths[0], 'read', int(arguments.split(', ')[1]))
        elif paths:
            self._add(paths[0], 'written' if re.fullmatch(WRITES, name) else 'read', result)
            if re.fullmatch(MOVES, name) and len(paths) > 1:
                self._add(paths[1], 'written', result)


def counted(host, *arguments):
    """What daemon and workers do for the client with these arguments."""
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / 'trace'
        with traced(host.servers()[0], output, '-y', '-s', '0', '-e', f'trace={TRACE}'):
            host.bootsync(*arguments)
        counter = Counter(host.below_esps, host.boot)
        for line in strace_lines(output):
            counter.add(line)
    return counter.counts


def text(counts):
    return ', '.join(f'{what} {count}' for what, count in counts.items())


def idle(host):
    time.sleep(SETTLE_SEC)
    before = meter.wakeups(host.servers()[0])
    time.sleep(IDLE_SEC)
    return {'wake-ups': meter.wakeups(host.servers()[0]) - before}


def count_all(host):
    """Job -> what was counted in it."""
    host.blank()
    counts = {'sync': counted(host, 'refresh'), 'noop': counted(host, 'refresh')}
    host.change_initrd()
    counts['changed'] = counted(host, 'refresh')
    for job in ('verify', 'status'):
        counts[job] = counted(host, job)
    counts['idle'] = idle(host)
    host.check()
    return counts


def out_of_bounds(counts, bounds=None):
    """A sentence for each count that is too large, or so small that nothing can have been counted."""
    return [f'{job}: {what} is {counts[job][what]}, not within {least} and {most}'
            for job, of_job in (bounds or BOUNDS).items() for what, (least, most) in of_job.items()
            if not least <= counts[job][what] <= most]


def main():
    with contextlib.closing(Directories(KERNELS, IMAGE, INITRD, ESPS)) as host:
        counts = count_all(host)
    print(f'{KERNELS} kernels, {ALL} bytes, to {ESPS} ESPs')
    for job, of_job in counts.items():
        print(f'{job:8} {text(of_job)}')
    problems = out_of_bounds(counts)
    for problem in problems:
        print(f'not ok - {problem}')
    return 1 if problems else 0
