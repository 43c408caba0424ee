# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an attack costs everybody else. While it runs, the memory and the descriptors of the daemon
are sampled, and a third user reads a property again and again, and beside it GetId of the bus, which
takes the same way but for our daemon. Afterwards all of them must be within their bounds:

    with Measure(self.lab.bus):
        ...the attack...

Meanwhile bus, daemon, attacker and third user go before whatever else the machine has to do, as far as
the kernel groups processes by session (CONFIG_SCHED_AUTOGROUP): a process that waits for a CPU would
be taken for one that answers late.

$BOOTSYNC_SANITIZERS: the build has sanitizers, which take many times the memory and the time. Then
the figures say nothing, and only an end of the daemon is a fault."""

import os
import re
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

from privatebus import MANAGER, NAME, ROOT_PATH  # noqa: E402
from wire import BUS, Child, Wire, encode, stopped  # noqa: E402

SANITIZERS = os.environ.get('BOOTSYNC_SANITIZERS') == '1'
GROWTH_KIB = 6 * 1024
MORE_DESCRIPTORS = 16
TIMES_MAX = 5
PERCENTILE = 99
SAMPLES_MIN = 50
TRIES = 5
BYSTANDER = 2  # a uid that takes no part in any attack
FIRST = -19  # a nice value
SAMPLE_SEC, PROBE_SEC = 0.02, 0.002


def figure(text):
    """Tell a figure: as a TAP comment, and where meson shows it."""
    print(f'# {text}', flush=True)
    print(text, file=sys.stderr, flush=True)


def pss_kib(pid):
    text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    return int(re.search(r'^Pss: +(\d+) kB$', text, re.M)[1])


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def percentile(values, percent=PERCENTILE):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def probe(pipe, address):
    """Seconds that GetId of the bus and our property took, call by call."""
    wire = Wire(address)
    calls = (encode(*BUS, 'GetId'),
             encode(NAME, ROOT_PATH, 'org.freedesktop.DBus.Properties', 'Get', '(ss)',
                    (MANAGER, 'InSync')))
    seconds = ([], [])
    while not stopped(pipe):
        for call, taken in zip(calls, seconds):
            begin = time.perf_counter()
            wire.call(call)
            taken.append(time.perf_counter() - begin)
        time.sleep(PROBE_SEC)
    return seconds


def set_weight(nice):
    """Of all processes of this session together, beside those of others."""
    try:
        Path('/proc/self/autogroup').write_text(str(nice))
    except OSError:
        pass  # the kernel does not group them, or lets us do this only some times a second


class TooSlow(AssertionError):
    """An answer came late, and nothing else is wrong."""


def try_again(run):
    """Bus, daemon, attacker and third user fill two cores, and whoever waits for one of them waits a
    few ms. One answer in a hundred does, whoever gives it: under the same floods, a program that does
    nothing but take the bytes and answer is at 1.7 to 5.5 times, and GetId itself takes 0.5 or 5 ms.
    So the best of some runs counts, as to time; everything else holds in each of them."""
    for _ in range(TRIES - 1):
        try:
            return run()
        except TooSlow as error:
            figure(f'once more: {error}')
    return run()


class Measure:
    def __init__(self, bus, what='', growth_kib=GROWTH_KIB, more_descriptors=MORE_DESCRIPTORS,
                 times=TIMES_MAX, samples=SAMPLES_MIN):
        """@growth_kib: of the daemon's memory at any moment; afterwards it must be within
        GROWTH_KIB again. @times: a property may take so many times as long as GetId."""
        self.bus, self.what, self.times, self.samples = bus, what, times, samples
        self.growth_kib, self.more_descriptors = growth_kib, more_descriptors

    def __enter__(self):
        self.pid = self.bus.daemon.pid
        self.pss, self.fds = [pss_kib(self.pid)], [descriptors(self.pid)]
        self.over = threading.Event()
        set_weight(FIRST)
        self.probe = Child(BYSTANDER, probe, self.bus.address)
        self.sampler = threading.Thread(target=self._sample)
        self.sampler.start()
        return self

    def _sample(self):
        while not self.over.wait(SAMPLE_SEC):
            try:
                self.pss.append(pss_kib(self.pid))
                self.fds.append(descriptors(self.pid))
            except (FileNotFoundError, ProcessLookupError, TypeError):
                return  # its end is told by __exit__()

    def __exit__(self, kind, _value, _traceback):
        self.over.set()
        self.sampler.join()
        try:
            ids, properties = self.probe.stop()
        finally:
            set_weight(0)
            self._still_there()
        if kind is None:
            self._check(ids, properties)

    def _still_there(self):
        if self.bus.daemon.poll() is not None:
            raise AssertionError(f'{self.what}: bootsyncd ended with {self.bus.daemon.returncode}:'
                                 f'\n{self.bus.log()[-4000:]}')

    def _check(self, ids, properties):
        growth, rest = max(self.pss) - self.pss[0], pss_kib(self.pid) - self.pss[0]
        more = max(self.fds) - self.fds[0]
        usec = [percentile(values) * 1e6 for values in (ids, properties)]
        figure(f'{self.what}: memory {self.pss[0]} KiB, at most {growth} more, afterwards {rest} '
               f'more; descriptors {self.fds[0]}, at most {more} more; {PERCENTILE}th percentile '
               f'of {len(ids)}: GetId {usec[0]:.0f} us, our property {usec[1]:.0f} us, '
               f'{usec[1] / usec[0]:.1f} times')
        if SANITIZERS:
            return
        problems = []
        if growth > self.growth_kib:
            problems.append(f'memory grew by {growth} KiB, more than {self.growth_kib}')
        if rest > GROWTH_KIB:
            problems.append(f'{rest} KiB of memory were kept')
        if more > self.more_descriptors:
            problems.append(f'{more} more descriptors')
        if len(ids) < self.samples:
            problems.append(f'a third user got {len(ids)} answers only')
        if problems:
            raise AssertionError(f'{self.what}: ' + '; '.join(problems))
        if usec[1] > self.times * usec[0]:
            raise TooSlow(f'{self.what}: a property took {usec[1]:.0f} us, GetId {usec[0]:.0f} us')
