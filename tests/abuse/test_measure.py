#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measure itself: it finds nothing where nothing is wrong, and finds what is."""

import os
import signal
import time

import abuse
from abuse import AbuseCase
from measure import Measure
from wire import Child, stopped


def wait(pipe):
    while not stopped(pipe):
        time.sleep(0.01)
    return os.getuid()


class TheMeasure(AbuseCase):
    def test_an_idle_daemon_is_within_its_bounds(self):
        with Measure(self.bus, 'idle'):
            time.sleep(2)

    def test_a_daemon_that_answers_late_is_not(self):
        with self.assertRaisesRegex(AssertionError, 'a property took'):
            with Measure(self.bus, 'late', samples=2):
                for _ in range(20):
                    os.kill(self.bus.daemon.pid, signal.SIGSTOP)
                    time.sleep(0.05)
                    os.kill(self.bus.daemon.pid, signal.SIGCONT)
                    time.sleep(0.01)

    def test_a_daemon_that_has_ended_is_not(self):
        with self.assertRaisesRegex(AssertionError, 'bootsyncd ended with -9'):
            with Measure(self.bus, 'dead'):
                self.bus.daemon.kill()
                self.bus.daemon.wait()

    def test_an_attacker_is_another_user(self):
        child = self.hostile(lambda pipe, _address: wait(pipe))
        self.assertIsInstance(child, Child)
        self.assertEqual(child.stop(), abuse.HOSTILE)


if __name__ == '__main__':
    abuse.main()
