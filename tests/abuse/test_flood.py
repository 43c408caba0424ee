#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""As many calls as a program can send: they cost nobody else his answer."""

import time

import abuse
from abuse import AbuseCase, call
from measure import Measure, figure
from privatebus import KSM, KSM_PATH, MANAGER
from wire import NO_REPLY_EXPECTED, Wire, stopped

FLOOD_SEC = 3
TIMES = 30
PROPERTIES = 'org.freedesktop.DBus.Properties'
OBJECT_MANAGER = 'org.freedesktop.DBus.ObjectManager'


def flood(pipe, address, message):
    """How many calls went out; nobody waits for an answer."""
    wire = Wire(address)
    sent = 0
    block = bytes(message) * (1 + 65536 // len(message))
    while not stopped(pipe):
        wire.socket.sendall(block)
        sent += len(block) // len(message)
    return sent


def never_read(pipe, address, message):
    """How many calls went out before the bus took no more."""
    wire = Wire(address, timeout=0.2)
    sent = 0
    while not stopped(pipe):
        try:
            wire.send(message)
            sent += 1
        except TimeoutError:
            break  # in the midst of a message: nothing can follow
    while not stopped(pipe):
        time.sleep(0.01)
    return sent


class Flood(AbuseCase):
    def run_flood(self, what, attack, *messages):
        """One connection each. In one round the bus takes 2 KiB from each who sends, and gives us
        2 KiB: what is more stands in its queue, before the call of everybody else, and no daemon can
        do anything about that. It is more from a second connection on, and with one a little, as the
        bus adds the sender; hence TIMES, which is more than measure.py allows."""
        for message in messages:
            with Measure(self.bus, what, times=TIMES):
                child = self.hostile(attack, message)
                time.sleep(FLOOD_SEC)
                sent = child.stop()
            figure(f'{what}: {sent} calls')
            self.assertGreater(sent, 1000)
            self.assertEqual(self.bus.call('ListKernels')[0][0][0], self.NEW)

    def test_a_flood_of_calls_that_need_leave(self):
        self.run_flood('calls that need leave', flood,
                       call('Refresh', flags=NO_REPLY_EXPECTED))

    def test_a_flood_of_looks(self):
        self.run_flood('looks', flood,
                       call('GetAll', '(s)', (MANAGER,), interface=PROPERTIES,
                            flags=NO_REPLY_EXPECTED),
                       call('GetAll', '(s)', (KSM,), KSM_PATH, PROPERTIES, NO_REPLY_EXPECTED))

    def test_a_flood_of_nonsense(self):
        self.run_flood('nonsense', flood,
                       call('Nonsense', '()', (), '/nowhere', 'no.such.Interface',
                            NO_REPLY_EXPECTED),
                       call('Nonsense', '()', (), flags=NO_REPLY_EXPECTED))

    def test_callers_who_never_read_their_answers(self):
        # What the bus has taken of a long answer, 2 KiB at a time, stands before ours.
        self.run_flood('answers that nobody reads', never_read,
                       call('GetManagedObjects', '()', (), interface=OBJECT_MANAGER),
                       call('Introspect', '()', (),
                            interface='org.freedesktop.DBus.Introspectable'))


if __name__ == '__main__':
    abuse.main()
