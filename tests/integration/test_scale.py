#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must not grow with the number of ESPs, kernels, readers, events and clients that watch: only what
does not depend on how fast the machine is. tests/bench/scale.py measures the rest."""

import sys
import time
import unittest
from pathlib import Path

import lab

sys.path.insert(0, str(Path(__file__).parent.parent / 'bench'))
import scale  # noqa: E402

OWN_KIB = 4 * 1024
GROWTH_KIB = 64
READS = 10_000
EVENTS = 100_000
CLIENTS = 200
MORE_SIGNALS = 2  # how often the progress is told of depends on the time that a sync takes
IDLE_SEC = 20


class Large(unittest.TestCase):
    """64 ESPs with 32 kernels each."""

    @classmethod
    def setUpClass(cls):
        cls.host = scale.Host(64, 32)
        cls.addClassCleanup(cls.host.close)

    def test_daemon_has_less_than_4_mib_of_its_own(self):
        for _ in range(3):
            self.host.refresh()
        time.sleep(0.5)
        at_rest = scale.own_kib(self.host.pid)
        for _ in range(3):
            self.assertEqual(len(self.host.bus.esps()), 64)
        asked = scale.own_kib(self.host.pid)
        print(f'# own memory: {at_rest} KiB, {asked} KiB after all objects were asked for')
        self.assertTrue(self.host.bus.properties()['InSync'])
        self.assertLess(max(at_rest, asked), OWN_KIB)

    def test_reads_leave_no_trace(self):
        self.host.read(READS)
        before = scale.own_kib(self.host.pid)
        self.host.read(READS)
        grown = scale.own_kib(self.host.pid) - before
        print(f'# {READS} more reads: {grown} KiB')
        self.assertLess(grown, GROWTH_KIB)

    def test_no_wake_up_while_nothing_happens(self):
        figures = scale.idle(self.host, IDLE_SEC)
        print(f'# {figures}')
        self.assertEqual(figures['wake-ups'], 0)


class Small(unittest.TestCase):
    def test_100000_events_in_boot_lead_to_one_refresh(self):
        with scale.host(2, 2, auto_sync=True) as host:
            figures = scale.events(host, EVENTS)
            print(f'# {figures}')
            self.assertEqual(figures['refreshes'], 1)
            for uuid in host.lab.listed_esps():
                self.assertEqual(host.lab.difference(uuid, host.versions), [])

    def test_signals_of_a_sync_do_not_grow_with_the_clients_that_hear_them(self):
        with scale.host(2, 2) as host:
            figures = scale.watchers(host, CLIENTS, 1)
        print(f'# {figures}')
        alone, crowd = figures['0']['signals'][0], figures[str(CLIENTS)]['signals'][0]
        self.assertGreater(alone, 0)
        self.assertLessEqual(crowd, MORE_SIGNALS * alone)


if __name__ == '__main__':
    lab.main()
