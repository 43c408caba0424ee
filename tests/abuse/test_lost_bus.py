#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus ends under the daemon, or throws it out: it goes on with its work, and comes back."""

import abuse
from abuse import AbuseCase, call
from lab import wait_until
from privatebus import JOB
from wire import Wire

BACK_SEC = 30


class LostBus(AbuseCase):
    def lose(self):
        self.bus.crash()
        wait_until(lambda: 'system bus is lost' in self.bus.log(), what='the loss')
        self.assertIsNone(self.bus.daemon.poll())

    def find(self):
        self.bus.start()
        (self.bus.directory / 'socket').chmod(0o777)
        wait_until(self.bus.name_has_owner, BACK_SEC, 'the name')
        self.assertIsNone(self.bus.daemon.poll())

    def test_a_job_goes_on_while_there_is_no_bus_and_ends(self):
        self.begin_job()
        self.lose()
        self.wake_workers()
        wait_until(lambda: not self.lab.difference(self.ESPS[0], (self.OLD, self.NEW)), what='sync')
        self.find()
        self.bus.wait_idle()
        self.assertEqual(self.bus.properties()['LastRefreshResult'], 'done')
        self.assert_synced()

    def test_a_job_is_found_where_it_was_and_can_be_waited_for(self):
        job = self.begin_job()
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
