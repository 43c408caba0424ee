#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus ends under the daemon, or throws it out: it goes on with its work, and comes back."""

import os
import signal

import abuse
from abuse import AbuseCase, call
from lab import wait_until
from privatebus import JOB
from wire import Wire

BACK_SEC = 30


class LostBus(AbuseCase):
    def prepare(self):
        super().prepare()
        self.addCleanup(self.wake_workers)

    def wake_workers(self):
        for pid in self.lab.stopped_worker_pids():
            os.kill(pid, signal.SIGCONT)

    def lose(self):
        self.bus.crash()
        wait_until(lambda: 'system bus is lost' in self.bus.log(), what='the loss')
        self.assertIsNone(self.bus.daemon.poll())

    def find(self):
        self.bus.start()
        (self.bus.directory / 'socket').chmod(0o777)
        wait_until(self.bus.name_has_owner, BACK_SEC, 'the name')
        self.assertIsNone(self.bus.daemon.poll())

    def begin(self):
        """A job whose workers stand still; its path."""
        self.lab.stop_daemon()
        self.start_daemon('--test-hook=stage:1:stop')
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(300 * 1024))
        job, = self.bus.call('Refresh')
        wait_until(self.lab.stopped_worker_pids, what='stopped worker')
        return job

    def test_a_job_goes_on_while_there_is_no_bus_and_ends(self):
        self.begin()
        self.lose()
        self.wake_workers()
        wait_until(lambda: not self.lab.difference(self.ESPS[0], (self.OLD, self.NEW)), what='sync')
        self.find()
        self.bus.wait_idle()
        self.assertEqual(self.bus.properties()['LastRefreshResult'], 'done')
        self.assert_synced()

    def test_a_job_is_found_where_it_was_and_can_be_waited_for(self):
        job = self.begin()
        waiting = Wire(self.bus.address)
        waiting.send(call('Refresh', arguments=(self.bus.options(wait=True),)))
        self.lose()
        self.find()
        self.assertEqual(self.bus.properties(job, JOB)['State'], 'running')
        answers = []
        self.bus.call_async('Refresh', '(a{sv})', (self.bus.options(wait=True),), answers.append)
        self.wake_workers()
        self.bus.run(lambda: answers, what='answer')
        self.assertIsInstance(answers[0], tuple)
        self.assert_synced()

    def test_it_survives_three_crashes_of_the_bus_in_a_row(self):
        for _ in range(3):
            self.lose()
            self.bus.log_path.write_text('')
            self.find()
        self.bus.refresh()
        self.assertEqual(self.attack(refused_once), 'org.freedesktop.DBus.Error.AccessDenied')

    def test_it_ends_when_it_is_told_to_while_there_is_no_bus(self):
        self.lose()
        self.bus.daemon.terminate()
        self.assertEqual(self.bus.daemon.wait(30), 0)
        self.bus.start()


def refused_once(_pipe, address):
    """The error of a call that needs leave."""
    wire = Wire(address)
    wire.send(call('Refresh'))
    name, = wire.replies(1)
    return name


if __name__ == '__main__':
    abuse.main()
