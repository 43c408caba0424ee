#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that was taken over, or is broken, in place of the real one: whatever it says or does,
the daemon's memory is bounded, everybody else is answered, its ESP is never called in sync by it, the
other ESP is synced, and the real worker mends it all."""

import inspect
import os
import time
from pathlib import Path

import abuse
import lab
import liar
from abuse import AbuseCase
from measure import SANITIZERS, Measure, descriptors, figure, pss_kib
from privatebus import CallError

LIE, GOOD = AbuseCase.ESPS
MEMORY_KIB = 24 * 1024 * (20 if SANITIZERS else 1)
DESCRIPTORS_MAX = 16  # more than before
JOB_SEC = 30
FLOODS = [name for name in vars(liar) if name.startswith(('endless_', 'many_', 'sends_'))]
SILENT = ['silent', 'closes_the_socket_and_stays']
# A look that is over can be told from an honest one by nothing.
PLAUSIBLE = ['huge_numbers', 'everything_is_a_directory']


def kinds():
    """Every lie in liar.py but those that need a test of their own."""
    helpers = {'say', 'tell', 'file', 'begin', 'without_end', 'main', 'heartbeat', 'broken'}
    return [name for name, value in vars(liar).items()
            if inspect.isfunction(value) and value.__module__ == 'liar' and name not in helpers]


class Lies(AbuseCase):
    def start_daemon(self, *options):
        """Deadlines are 1.5 s in all."""
        self.lie('none', 'none')
        command = [lab.program('BOOTSYNC_DAEMON'), f'--root={self.lab.root}',
                   f'--worker={lab.program("BOOTSYNC_RUN_SCRIPT")}', '--test-deadline-percent=2']
        for name, target in (('worker', liar.__file__),
                             ('real-worker', lab.program('BOOTSYNC_WORKER'))):
            self.lab.path(name).symlink_to(target)
        return self.bus.start_daemon(command, self.lab.environment())

    def lie(self, kind, uuid=LIE, value=''):
        self.lab.write('lie', f'{uuid} {kind} {value}\n')

    def state(self, uuid=LIE):
        return self.bus.esps()[uuid]['State']

    def wait_for_jobs(self, kind, begun):
        """Watch the daemon until no job is left, and end it rather than this machine."""
        pid = self.bus.daemon.pid
        most = 0
        while True:
            pss = pss_kib(pid)
            most = max(most, pss)
            if pss > MEMORY_KIB or descriptors(pid) > self.descriptors + DESCRIPTORS_MAX:
                self.bus.daemon.kill()
                self.bus.daemon.wait()
                self.bus.daemon = None
                raise AssertionError(f'{kind}: {pss} KiB, {self.descriptors} descriptors before')
            started = time.monotonic()
            jobs = [path for path in self.bus.objects() if '/job/' in path]
            self.slowest = max(self.slowest, time.monotonic() - started)
            if not jobs:
                return most
            if time.monotonic() > begun + JOB_SEC:
                raise AssertionError(f'{kind}: the job does not end:\n{self.bus.log()[-2000:]}')
            time.sleep(0.01)

    def look(self, kind, value=''):
        """A refresh with that lie. Gives the name of the job's error."""
        self.lie(kind, value=value)
        self.bus.drain()
        self.bus.signals.clear()
        self.lab.path('etc/kernel/cmdline').write_text(f'{lab.CMDLINE} {kind}{value}\n')
        self.slowest = 0
        begun = time.monotonic()
        self.bus.call('Refresh')
        self.memory = self.wait_for_jobs(kind, begun)
        self.bus.run(lambda: self.bus.removed_jobs('refresh'))
        (_, _, _, self.result, name, self.message), = self.bus.removed_jobs('refresh')
        return name

    def assert_mended(self, kind):
        self.lie('none', 'none')
        lab.wait_until(lambda: self.state() != 'stuck', what=f'{kind}: its worker ends')
        self.bus.refresh()
        self.assertEqual((self.state(), self.state(GOOD)), ('in-sync', 'in-sync'), kind)
        self.assert_synced()

    def assert_refused(self, kind, value=''):
        name = self.look(kind, value)
        self.assertEqual(self.result, 'partial', f'{kind} {value}: {self.message}')
        self.assertIn(LIE, self.message, kind)
        self.assertLess(len(self.message), 1000)
        self.assertNotEqual(self.state(), 'in-sync', f'{kind} {value}: {name}')
        self.assertEqual(self.state(GOOD), 'in-sync', kind)
        self.assert_synced(GOOD)
        self.assertFalse(self.bus.properties()['InSync'])

    def prepare(self):
        super().prepare()
        self.descriptors = descriptors(self.bus.daemon.pid)

    def run_all(self, names):
        slowest = memory = 0
        for kind in names:
            with self.subTest(kind=kind):
                self.assert_refused(kind)
                figure(f'{kind}: at most {self.memory} KiB, slowest answer '
                       f'{self.slowest * 1000:.0f} ms; {self.message[:150]}')
                slowest, memory = max(slowest, self.slowest), max(memory, self.memory)
                self.assert_mended(kind)
        figure(f'{len(names)} lies: at most {memory} KiB, slowest answer {slowest * 1000:.0f} ms')

    def test_floods_are_ended_and_cost_little_memory(self):
        self.run_all(FLOODS)

    def test_every_other_lie_is_refused_and_mended(self):
        self.run_all([k for k in kinds() if k not in FLOODS + SILENT + PLAUSIBLE])

    def test_silence_is_ended_by_the_deadlines(self):
        self.run_all(SILENT)

    def test_who_ignores_signals_is_killed(self):
        self.run_all(['deaf-endless_progress', 'deaf-endless_files', 'deaf-silent', 'deaf-broken'])

    def test_what_is_no_report_is_refused_in_every_form(self):
        for number in range(len(liar.BROKEN)):
            with self.subTest(report=liar.BROKEN[number][:40]):
                self.assert_refused('broken', number)
        self.assert_mended('broken')

    def test_absurd_answers_break_nothing(self):
        for kind in PLAUSIBLE:
            with self.subTest(kind=kind):
                self.look(kind)
                self.assertNotEqual(self.state(), 'in-sync', kind)
                self.assert_mended(kind)

    def test_a_job_whose_worker_always_says_that_it_works_can_be_canceled(self):
        self.lie('deaf-heartbeat')
        self.bus.call('Refresh')
        time.sleep(3)  # twice all deadlines
        job, = (path for path in self.bus.objects() if '/job/' in path)
        self.bus.call('Cancel', path=job, interface='org.bootsync1.Job')
        self.slowest = 0
        self.wait_for_jobs('heartbeat', time.monotonic())
        self.assert_mended('heartbeat')

    def test_nobody_waits_while_floods_are_ended(self):
        deadline = time.monotonic() + 20
        count = 0
        with Measure(self.bus, 'floods', growth_kib=MEMORY_KIB):
            while time.monotonic() < deadline:
                self.lie(FLOODS[count % len(FLOODS)])
                with self.assertRaises(CallError):
                    self.bus.refresh()
                count += 1
        figure(f'{count} floods in 20 s')
        self.assert_mended('floods')


if __name__ == '__main__':
    abuse.main()
