#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL to the daemon, to workers, or to both, at random moments while everything changes, for
$ABUSE_SEC / 2: each time every ESP boots, and the next daemon brings all into sync by itself and
leaves no temporary file."""

import os
import random
import signal
import time

import abuse  # noqa: F401 (it finds the next two)
import lab
import test_kill
from measure import SANITIZERS, figure, pss_kib
from privatebus import CallError

SECONDS = float(os.environ.get('ABUSE_SEC', '60')) / 2
SEED = int(os.environ.get('BOOTSYNC_SEED', str(random.SystemRandom().randrange(2 ** 32))))
MEMORY_KIB = 8 * 1024 * (20 if SANITIZERS else 1)


class RandomKills(test_kill.Kills):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=True, settle_sec=0)
        print(f'# seed {SEED}', flush=True)
        self.rng = random.Random(SEED)
        self.counts = dict.fromkeys(('rounds', 'daemons', 'workers', 'in vain'), 0)

    def kill(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def change_something(self):
        """Beside what change() does: a pin by a call, which may fail like anything."""
        self.change(self.rng.choice((64 * 1024, lab.MIB, 3 * lab.MIB)))
        calls = [('Refresh', '(a{sv})', ({},)), ('Verify', '(a{sv})', ({},)),
                 ('ListKernels', '(a{sv})', ({},))]
        for call in self.rng.sample(calls, self.rng.randrange(3)):
            try:
                self.lab.bus.call(*call)
            except CallError:
                pass

    def strike(self):
        daemon, whom = self.lab.bus.daemon, self.rng.randrange(3)
        for _ in range(self.rng.choice((0, 25))):
            if self.lab.worker_pids():
                break
            time.sleep(0.02)
        time.sleep(self.rng.uniform(0, 0.2))
        workers = self.lab.worker_pids()
        killed = 0
        if whom != 0:  # the daemon, and in one of two cases workers, too
            self.counts['daemons'] += 1
            daemon.kill()
            daemon.wait()
        if whom != 1:
            killed = sum(map(self.kill, workers))
            self.counts['workers'] += killed
        self.counts['in vain'] += whom == 0 and not killed

    def recover(self):
        """The next daemon does it unasked."""
        bus = self.lab.bus
        lab.wait_until(lambda: bus.daemon.poll() is None or not bus.name_has_owner(), what='name')
        if bus.daemon.poll() is not None:
            self.lab.start_daemon()
        lab.wait_until(lambda: bus.properties()['InSync'] and not any(
            self.lab.difference(uuid, [self.OLD, self.NEW, self.guest]) for uuid in self.ESPS),
            timeout=120, what='all in sync again', interval=0.1)
        bus.wait_no_job()

    def leftovers(self):
        return [str(path) for path in self.lab.root.rglob('*')
                if '.bootsync-' in path.name or path.name.endswith(('.new', '.bootsync'))]

    def test_whatever_is_killed_every_esp_boots_and_all_is_mended(self):
        self.lab.start_daemon()
        self.recover()
        deadline = time.monotonic() + SECONDS
        memory = pss_kib(self.lab.bus.daemon.pid)
        while time.monotonic() < deadline:
            self.change_something()
            self.strike()
            self.judge()
            self.recover()
            self.judge()
            self.assertEqual(self.leftovers(), [], f'seed {SEED}')
            memory = max(memory, pss_kib(self.lab.bus.daemon.pid))
            self.counts['rounds'] += 1
        figure(f'{self.counts}, daemons of at most {memory} KiB; seed {SEED}')
        self.assertLess(memory, MEMORY_KIB)
        self.assertGreater(self.counts['daemons'], 0)


if __name__ == '__main__':
    lab.main(private_mounts=True)
