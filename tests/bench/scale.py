#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of the daemon where there is much of everything: ESPs, kernels, readers, events in /boot,
clients that watch. Directories are the ESPs; no disk is measured here.

    tests/bench/scale.py --build=build [--json] [PART]...

Without names all parts run, which takes a few minutes. "Own memory" is RssAnon of /proc/PID/status: the
daemon's heap and stack, without the programs and libraries that are mapped from files."""

import argparse
import contextlib
import json
import math
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
TOP = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / 'tests/integration'), str(TOP / 'tests/abuse')]

import lab  # noqa: E402
from privatebus import MANAGER, NAME, ROOT_PATH  # noqa: E402

PROGRAMS = {'BOOTSYNC_DAEMON': 'daemon/bootsyncd',
            'BOOTSYNC_WORKER': 'daemon/worker/bootsync-worker',
            'BOOTCTL_PVE': 'client/bootctl-pve',
            'BOOTSYNC_MINIMAL': 'tests/bench/minimal-service'}
MINIMAL = NAME + '.Minimal'
IMAGE, INITRD = 4096, 8192
ESPS, KERNELS = (8, 16, 32, 64), 32
TICK = os.sysconf('SC_CLK_TCK')
SETTLE_SEC = 2
BURST, PAUSE_SEC = 5000, 0.1


# What the kernel counts

def status(pid, field):
    """A number of /proc/PID/status: KiB, or how often."""
    text = Path(f'/proc/{pid}/status').read_text()
    return int(text.split(f'\n{field}:')[1].split()[0])


def own_kib(pid):
    return status(pid, 'RssAnon')


def wakeups(pid):
    """How often a process has gone to sleep, which is as often as it was woken."""
    return status(pid, 'voluntary_ctxt_switches')


def cpu(pid):
    """Seconds of a process, which has one thread, without its children."""
    return int(Path(f'/proc/{pid}/schedstat').read_text().split()[0]) / 1e9


def cpu_of_children(pid):
    """Seconds of those that have ended."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[13]) + int(fields[14])) / TICK


def exponent(points):
    """Of the power of x that y goes with, by least squares of the logarithms; @points: x -> y."""
    logs = [(math.log(x), math.log(y)) for x, y in points.items()]
    x_mean, y_mean = (statistics.fmean(values) for values in zip(*logs))
    return (sum((x - x_mean) * (y - y_mean) for x, y in logs)
            / sum((x - x_mean) ** 2 for x, _ in logs))


class Host:
    """A throw-away host of which every ESP holds every kernel, and its daemon."""

    def __init__(self, esps, kernels, auto_sync=False):
        self.lab = lab.Lab()
        try:
            self.versions = [f'6.{n // 8}.{n}-1-pve' for n in range(1, kernels + 1)]
            for version in self.versions:
                self.lab.add_kernel(version, IMAGE, INITRD, package=False)
            self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '\n'.join(self.versions) + '\n')
            self.lab.settings(auto_sync=False)
            self._fill_esps([f'{n:04X}-AAAA' for n in range(esps)])
            self.lab.settings(auto_sync=auto_sync, settle_sec=SETTLE_SEC if auto_sync else 0)
            self.start()
            self.refresh()
            self.lab.bus.wait_no_job()
        except BaseException:
            self.close()
            raise

    def _fill_esps(self, uuids):
        """One is synced, and the others are copies of it: thousands of files that are synced one
        by one would take minutes."""
        self.lab.add_esp(uuids[0])
        self.start()
        self.refresh()
        self.lab.stop_daemon()
        for uuid in uuids[1:]:
            shutil.copytree(self.lab.esp(uuids[0]), self.lab.esp(uuid))
        self.lab.list_esps(*uuids)

    def start(self):
        self.lab.start_daemon()

    @property
    def bus(self):
        return self.lab.bus

    @property
    def pid(self):
        return self.lab.bus.daemon.pid

    def environment(self):
        return dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)

    def run(self, *command):
        return subprocess.run(command, check=True, env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True, timeout=600).stdout

    def refresh(self):
        self.bus.call('Refresh', arguments=(self.bus.options(wait=True),), timeout=600)

    def change_initrd(self):
        self.lab.write_boot(f'initrd.img-{self.versions[-1]}', self.lab.bytes(INITRD))

    def read(self, times, destination=NAME, path=ROOT_PATH, interface=MANAGER, name='InSync'):
        """Seconds that so many reads of a property take, each after the answer to the last one."""
        return float(self.run(lab.program('BOOTSYNC_MINIMAL'), 'read', destination, path, interface,
                              name, str(times)))

    @contextlib.contextmanager
    def minimal_service(self):
        """Gives what reads its property, as read() does."""
        service = subprocess.Popen([lab.program('BOOTSYNC_MINIMAL'), 'serve'],
                                   env=self.environment(), stdin=subprocess.DEVNULL)
        try:
            lab.wait_until(lambda: MINIMAL in self.run('busctl', f'--address={self.bus.address}',
                                                       'list', '--acquired'), what=MINIMAL)
            yield lambda times: self.read(times, MINIMAL, '/', MINIMAL, 'Ready')
        finally:
            service.terminate()
            service.wait(30)

    def start_until_ready(self):
        """Seconds of CPU and of time from exec to READY=1; the daemon runs on."""
        self.lab.stop_daemon()
        path = self.lab.path('notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            path.unlink(missing_ok=True)
            notify.bind(str(path))
            notify.settimeout(60)
            begin = time.monotonic()
            daemon = subprocess.Popen(
                [lab.program('BOOTSYNC_DAEMON'), f'--root={self.lab.root}',
                 f'--worker={lab.program("BOOTSYNC_WORKER")}'],
                env=dict(self.environment(), NOTIFY_SOCKET=str(path)), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.bus.daemon = daemon
            while b'READY=1' not in notify.recv(65536):
                pass
            result = cpu(daemon.pid), time.monotonic() - begin
        # Its later words find no socket, which sd_notify() does not mind.
        self.bus.wait_no_job(600)
        return result

    def close(self):
        self.lab.close()


@contextlib.contextmanager
def host(*arguments, **options):
    with contextlib.closing(Host(*arguments, **options)) as made:
        yield made


# What is measured. Each gives a dictionary of figures.

def cost(made, action, rounds):
    """Median of the seconds; mean of the CPU of daemon, workers and clients together, of which the
    workers' is counted in ticks of the clock."""
    def all_cpu():
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cpu(made.pid) + cpu_of_children(made.pid) + clients.ru_utime + clients.ru_stime

    seconds, before = [], all_cpu()
    for _ in range(rounds):
        begin = time.monotonic()
        action()
        seconds.append(time.monotonic() - begin)
    return {'seconds': statistics.median(seconds), 'cpu': (all_cpu() - before) / rounds}


def of_daemon(made, action, rounds):
    """Median of its CPU alone."""
    spent = []
    for _ in range(rounds):
        before = cpu(made.pid)
        action()
        spent.append(cpu(made.pid) - before)
    return statistics.median(spent)


def grown(made, rounds):
    """What is asked of a host of one size."""
    starts = [made.start_until_ready() for _ in range(rounds)]
    made.refresh()
    client = lab.program('BOOTCTL_PVE')
    figures = {'no-op': cost(made, made.refresh, rounds),
               'no-op, daemon': {'cpu': of_daemon(made, made.refresh, rounds)},
               'status': cost(made, lambda: made.run(client, 'status'), rounds),
               'status, daemon': {'cpu': of_daemon(made, lambda: made.run(client, 'status'),
                                                   rounds)},
               'start': {'cpu': statistics.median(start for start, _ in starts),
                         'seconds': statistics.median(taken for _, taken in starts)}}
    return figures, memory(made)


def memory(made):
    """KiB, at rest: after refreshes, with an initrd that has changed between them; and after somebody
    has asked for everything."""
    for _ in range(2):
        made.change_initrd()
        made.refresh()
        made.refresh()
    time.sleep(0.2)
    at_rest = own_kib(made.pid)
    for _ in range(3):
        made.bus.objects()
    return {'at rest': at_rest, 'after GetManagedObjects': own_kib(made.pid),
            'peak of all': status(made.pid, 'VmHWM')}


def growth(rounds, esps=ESPS):
    """Over the number of ESPs."""
    costs, own = {}, {}
    for number in esps:
        with host(number, KERNELS) as made:
            costs[number], own[number] = grown(made, rounds)
    result = {'memory': own, 'costs': costs, 'exponents': {}}
    for job in costs[esps[0]]:
        for kind in costs[esps[0]][job]:
            points = {number: costs[number][job][kind] for number in esps}
            result['exponents'][f'{job}, {kind}'] = exponent(points)
    return result


def reads(made, times, rounds, total):
    """A property beside that of a minimal service, in pairs; and whether @total reads leave a
    trace."""
    made.read(times)
    before = own_kib(made.pid)
    ratios, ours = [], []
    with made.minimal_service() as minimal:
        for number in range(rounds):
            pair = [made.read, minimal] if number % 2 else [minimal, made.read]
            taken = {action: action(times) for action in pair}
            ours.append(taken[made.read] / times)
            ratios.append(taken[made.read] / taken[minimal])
    rest = max(total - times * rounds, 1)
    made.read(rest)
    return {'usec': statistics.median(ours) * 1e6, 'ratio': statistics.median(ratios),
            'ratios': sorted(ratios), 'reads': rest + times * rounds,
            'grown KiB': own_kib(made.pid) - before}


def events(made, count):
    """A kernel's initrd changes, and files in /boot are opened and closed for @count events; two in
    turns, since the kernel makes one of two that are alike. In bursts, with time for a daemon that does
    not let them settle to refresh after each."""
    bus, pid = made.bus, made.pid
    bus.drain()
    bus.signals.clear()
    before, begin = cpu(pid), time.monotonic()
    made.change_initrd()
    paths = [made.lab.path(f'boot/initrd.img-{version}') for version in made.versions[:2]]
    for number in range(count):
        os.close(os.open(paths[number % 2], os.O_WRONLY))
        if number % BURST == 0:
            time.sleep(PAUSE_SEC)
    taken = time.monotonic() - begin
    bus.run(lambda: bus.removed_jobs('refresh'), what='the refresh')
    time.sleep(2 * SETTLE_SEC + 1)
    spent = cpu(pid) - before
    bus.drain()
    return {'events': count, 'seconds': taken, 'cpu': spent,
            'refreshes': len(bus.removed_jobs('refresh'))}


def watchers(made, count, rounds):
    """The daemon's CPU and its signals for a sync, alone and with @count clients that hear them, in
    turns. Its signals are what our own connection gets."""
    from wire import BUS, Wire, encode
    match = encode(*BUS, 'AddMatch', '(s)', (f"type='signal',sender='{NAME}'",))
    figures = {0: [], count: []}
    for _ in range(rounds):
        for clients, samples in figures.items():
            wires = [Wire(made.bus.address) for _ in range(clients)]
            for wire in wires:
                wire.call(match)
            made.change_initrd()
            made.bus.drain()
            made.bus.signals.clear()
            before = cpu(made.pid)
            made.refresh()
            time.sleep(0.5)
            made.bus.drain()
            samples.append((cpu(made.pid) - before, len(made.bus.signals)))
            for wire in wires:
                wire.close()
    return {str(clients): {'cpu': statistics.median(spent for spent, _ in samples),
                           'signals': [number for _, number in samples]}
            for clients, samples in figures.items()}


def idle(made, seconds):
    time.sleep(3 + SETTLE_SEC)  # what settles: the echo of its own writes
    before, spent = wakeups(made.pid), cpu(made.pid)
    time.sleep(seconds)
    return {'seconds': seconds, 'wake-ups': wakeups(made.pid) - before,
            'cpu': cpu(made.pid) - spent}


# The parts of a run

def part_growth(options):
    return growth(options.rounds)


def part_start(options):
    with host(8, 10) as made:
        starts = [made.start_until_ready() for _ in range(2 * options.rounds + 1)]
    return {'cpu': statistics.median(start for start, _ in starts),
            'seconds': statistics.median(taken for _, taken in starts)}


def part_reads(options):
    with host(8, 10) as made:
        return reads(made, 2000, 2 * options.rounds + 1, 100_000)


def part_events(_options):
    with host(2, 2, auto_sync=True) as made:
        return events(made, 100_000)


def part_watchers(options):
    with host(8, 10) as made:
        return watchers(made, 200, options.rounds)


def part_idle(options):
    with host(8, 10, auto_sync=True) as made:
        return idle(made, options.idle)


PARTS = {'growth': part_growth, 'start': part_start, 'reads': part_reads, 'events': part_events,
         'watchers': part_watchers, 'idle': part_idle}


def show_growth(figures):
    print(f'{"":22}' + ''.join(f'{f"{esps} ESPs":>12}' for esps in figures['costs']) + '   exponent')
    for name, power in figures['exponents'].items():
        job, kind = name.rsplit(', ', 1)
        values = ''.join(f'{cost[job][kind] * 1000:9.1f} ms' for cost in figures['costs'].values())
        print(f'{name:22}{values}   {power:8.2f}')
    for when in ('at rest', 'after GetManagedObjects'):
        print(f'KiB {when:24}' + ''.join(f'{own[when]:12}' for own in figures['memory'].values()))


def show(part, figures):
    if part == 'growth':
        show_growth(figures)
        return
    print(f'{part}: ' + ', '.join(f'{name} {value:.4g}' if isinstance(value, float)
                                  else f'{name} {value}' for name, value in figures.items()
                                  if name != 'ratios'))


def set_programs(build):
    for variable, path in PROGRAMS.items():
        os.environ.setdefault(variable, str(build / path))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('parts', nargs='*', metavar='PART', help=', '.join(PARTS))
    parser.add_argument('--build', type=Path, default=TOP / 'build', help='default: build')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--idle', type=int, default=60, help='seconds')
    parser.add_argument('--json', action='store_true', help='for programs')
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f'there is no part {sorted(unknown)}')
    set_programs(options.build.resolve())
    told = {}
    for part in options.parts or PARTS:
        told[part] = PARTS[part](options)
        if not options.json:
            show(part, told[part])
    if options.json:
        json.dump(told, sys.stdout, indent=2)


if __name__ == '__main__':
    main()
