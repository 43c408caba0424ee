#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL, 200 times to workers and 200 times to the daemon, in refreshes that replace the initrd
of the default kernel: each time every ESP still boots, and the next refresh repairs the rest."""

import fnmatch
import random
import signal
import time
from pathlib import Path

import lab
from lab import MIB, LabCase

KILLS_AT_EACH_POINT = 50
KILLS_OF_THE_DAEMON = 200
SEED = 20240607


class Kills(LabCase):
    """Two ESPs in memory, in sync, and change(): the default kernel stays the default, all else
    changes."""
    GUESTS = ('6.2.16-19-pve', '6.2.16-20-pve')  # on the manual list in turn

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        for version in self.GUESTS:
            self.lab.add_kernel(version, initrd=64 * 1024, package=False)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid, size=64 * MIB)
        self.round = 0
        self.options = [lab.CMDLINE]
        self.change(MIB)

    def change(self, initrd_size):
        """Another initrd for the default kernel, another command line, one kernel comes and one
        goes, and loader.conf changes, because the pin comes or goes."""
        self.round += 1
        name = f'initrd.img-{self.NEW}'
        # From now on a content that is neither the last one nor the new one is wrong.
        self.lab.known[name] = {lab.sha256(self.lab.path('boot') / name)}
        self.lab.write_boot(name, self.lab.bytes(initrd_size))
        self.options = [self.options[-1], f'{lab.CMDLINE} round={self.round}']
        self.lab.write('etc/kernel/cmdline', self.options[-1] + '\n')
        self.guest = self.GUESTS[self.round % 2]
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', self.guest + '\n')
        if self.round % 2:
            self.lab.write('etc/kernel/proxmox-boot-pin', self.NEW + '\n')
        else:
            self.lab.path('etc/kernel/proxmox-boot-pin').unlink()

    def judge(self):
        """Every entry leads to a kernel and an initrd that are wholly old or wholly new, and the
        default is still the default kernel."""
        for uuid in self.ESPS:
            self.assertEqual(self.lab.complete(uuid), [], uuid)
            entries = self.lab.entries(uuid)
            chosen = [name for name in entries
                      if fnmatch.fnmatch(name, self.lab.default_patterns(uuid)[-1])]
            self.assertIn(f'proxmox-{self.NEW}.conf', chosen, uuid)
            self.assertLessEqual({keys['options'] for keys in entries.values()},
                                 set(self.options), uuid)

    def assert_repaired(self):
        self.assert_synced(versions=[self.OLD, self.NEW, self.guest])
        for uuid in self.ESPS:
            self.assertEqual({keys['options'] for keys in self.lab.entries(uuid).values()},
                             {self.options[-1]}, uuid)
            self.assertEqual(self.lab.default_patterns(uuid),
                             [f'proxmox-{self.NEW}.conf' if self.round % 2 else 'proxmox-*'])


class KilledWorker(Kills):
    def kill_workers_at(self, point, initrd_size=MIB):
        """Kill at each occurrence of @point in a refresh, one after the other, and again from the
        first one, until enough refreshes were hit. The workers of both ESPs die."""
        self.bootctl('refresh')
        self.assert_repaired()
        runs = workers = last = 0
        number = 1
        for _ in range(2 * KILLS_AT_EACH_POINT):
            self.change(initrd_size)
            result = self.lab.bootctl('refresh',
                                      daemon_options=[f'--test-hook={point}:{number}:kill'])
            text = result.out + result.err
            killed = text.count('was ended by signal Killed')
            self.judge()
            self.assertIn(result.status, (1, 3) if killed else (0,), text)
            self.bootctl('refresh')
            self.assert_repaired()
            runs += killed > 0
            workers += sum(f"worker of ESP '{uuid}' was ended by signal Killed" in text
                           for uuid in self.ESPS)
            last = max(last, number if killed else 0)
            number = number + 1 if killed else 1
            if runs == KILLS_AT_EACH_POINT:
                break
        print(f'# {point}: {runs} refreshes with a worker ended by SIGKILL, at each of {last} '
              f'places; {workers} workers are named in the output')
        self.assertGreaterEqual(runs, KILLS_AT_EACH_POINT)
        self.assertGreater(last, 1)

    def test_50_kills_while_staging(self):
        self.kill_workers_at('stage', initrd_size=9 * MIB)  # the copy is hit in its middle, too

    def test_50_kills_while_putting_in_place(self):
        self.kill_workers_at('place')

    def test_50_kills_while_placing_and_removing_entries(self):
        self.kill_workers_at('entry')

    def test_50_kills_while_removing_kernels(self):
        self.kill_workers_at('remove')


class KilledDaemon(Kills):
    def prepare(self):
        super().prepare()
        # One refresh at a time, and none unasked.
        self.lab.settings(auto_sync=False, settle_sec=60)

    def processes(self):
        """The daemon, its workers, and what is between fork and exec."""
        found = []
        for path in Path('/proc').glob('[0-9]*/cmdline'):
            try:
                words = path.read_bytes().split(b'\0')
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f'--root={self.lab.root}'.encode() in words:
                found.append(int(path.parent.name))
        return found

    def kill_daemon(self):
        """And see that its workers end by themselves. Gives their number."""
        bus = self.lab.bus
        before = self.processes()
        bus.daemon.send_signal(signal.SIGKILL)
        self.assertEqual(bus.daemon.wait(30), -signal.SIGKILL)
        lab.wait_until(lambda: not self.processes(), timeout=30, interval=0.005,
                       what='end of the orphaned workers')
        lab.wait_until(lambda: not bus.name_has_owner(), what='end of the name', interval=0.005)
        return len(before) - 1

    def whole_refresh(self):
        started = time.monotonic()
        self.lab.bus.refresh()
        seconds = time.monotonic() - started
        self.assert_repaired()
        self.assertTrue(self.lab.bus.properties()['InSync'])
        return seconds

    def test_200_kills_of_the_daemon_at_random_moments_of_a_refresh(self):
        moments = random.Random(SEED)
        self.lab.start_daemon()
        bus = self.lab.bus
        duration = self.whole_refresh()
        kills = late = orphaned = 0
        while kills < KILLS_OF_THE_DAEMON and late < KILLS_OF_THE_DAEMON:
            self.change(2 * MIB)
            ended = bus.log().count('(refresh)')
            bus.call('Refresh')
            time.sleep(moments.uniform(0, duration))
            orphans = self.kill_daemon()
            in_time = bus.log().count('(refresh)') == ended
            kills += in_time
            late += not in_time
            orphaned += orphans > 0
            duration *= 1.03 if in_time else 0.85  # the machine has other users, who come and go
            self.judge()
            self.lab.start_daemon()
            self.whole_refresh()
        print(f'# {kills} kills within a refresh of about {duration * 1000:.0f} ms, {orphaned} of '
              f'them while workers were at work; {late} came after its end; seed {SEED}')
        self.assertEqual(kills, KILLS_OF_THE_DAEMON)
        self.assertGreaterEqual(orphaned, 30)


if __name__ == '__main__':
    lab.main(private_mounts=True)
