# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an action costs, by the kernel's own counts: the time that passes, the CPU and the bytes of every
process that took part, and in a guest the sectors and forks of the whole machine."""

import os
import resource
import time
from pathlib import Path

TICK = os.sysconf('SC_CLK_TCK')
SECTOR = 512  # in /sys/class/block, whatever the disk has


def cpu_seconds(pid):
    """(user, system) of a process and of those of its children that have ended."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    user, system, of_children_user, of_children_system = (int(n) / TICK for n in fields[11:15])
    return user + of_children_user, system + of_children_system


def transferred(pid):
    """Bytes (read, written, fetched from a disk) of a process and of those of its children that have
    ended. What is read and written may be in the page cache."""
    fields = dict(line.split(': ') for line in Path(f'/proc/{pid}/io').read_text().splitlines())
    return tuple(int(fields[name]) for name in ('rchar', 'wchar', 'read_bytes'))


def on_cpu_seconds(pid):
    """Of the main thread of a process, to the nanosecond."""
    return int(Path(f'/proc/{pid}/schedstat').read_text().split()[0]) / 1e9


def wakeups(pid):
    """How often a process has gone to sleep, which is as often as it was woken."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(status.split('\nvoluntary_ctxt_switches:')[1].split()[0])


def forks():
    """Of the whole machine, since it runs; threads of the kernel, too."""
    return int(Path('/proc/stat').read_text().split('\nprocesses ')[1].split()[0])


def sectors(disks):
    """Bytes (read, written) of whole disks, since they are there."""
    stats = [Path(f'/sys/class/block/{disk}/stat').read_text().split() for disk in disks]
    return tuple(sum(int(fields[n]) * SECTOR for fields in stats) for n in (2, 6))


class Meter:
    """@pids: gives the servers that work for whoever calls them; @disks: names of those that belong to
    the host under test alone, if the whole machine does."""

    def __init__(self, pids, disks=()):
        self.pids, self.disks = pids, disks

    def _sample(self):
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = [(usage.ru_utime, usage.ru_stime)] + [cpu_seconds(pid) for pid in self.pids()]
        moved = [transferred(pid) for pid in ('self', *self.pids())]
        sample = {'user': sum(user for user, _ in cpu), 'sys': sum(system for _, system in cpu),
                  **dict(zip(('read', 'written', 'fetched'), map(sum, zip(*moved))))}
        if self.disks:
            sample['disk_read'], sample['disk_written'] = sectors(self.disks)
            sample['forks'] = forks()
        return sample

    def cost(self, action, times=1):
        """Of one @action, of which @times are made. It starts one process, which does not count as a
        fork of its own. What it returns, if anything, takes the place of what was measured."""
        before, begin = self._sample(), time.monotonic()
        told = [action() for _ in range(times)][-1]
        seconds, after = time.monotonic() - begin, self._sample()
        cost = {'seconds': seconds / times,
                **{key: (after[key] - before[key]) / times for key in before}}
        if 'forks' in cost:
            cost['forks'] -= 1
        return {**cost, 'cpu': cost['user'] + cost['sys'], **(told or {})}
