#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""As many calls as a program can send: they cost nobody else his answer."""

import time

import abuse
from abuse import AbuseCase, call
from measure import Measure, figure, try_again
from privatebus import KSM, KSM_PATH, MANAGER
from wire import NO_REPLY_EXPECTED, Wire, stopped

FLOOD_SEC = 3
SAMPLES_MIN = 15  # twenty connections leave the bus time for so many answers of anybody
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
    def run_flood(self, what, attack, *messages, connections=(1, 4)):
        """Each message from one connection, and from several ones of the same user. In one round the
        bus takes 4 KiB from each who sends and 4 KiB from us, so with more connections it takes
        longer for everybody: GetId, too. What one user's connections must not do is to make our
        answers any later than that."""
        for message in messages:
            for count in connections:
                try_again(lambda m=message, n=count: self.run_once(f'{what} by {n}', attack, m, n))

    def run_once(self, what, attack, message, connections):
        with Measure(self.bus, what, samples=SAMPLES_MIN):
            children = [self.hostile(attack, message) for _ in range(connections)]
            time.sleep(FLOOD_SEC)
            sent = sum(child.stop() for child in children)
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
        # What the bus has not taken yet of a long answer stands before ours.
        self.run_flood('answers that nobody reads', never_read,
                       call('GetManagedObjects', '()', (), interface=OBJECT_MANAGER),
                       call('Introspect', '()', (),
                            interface='org.freedesktop.DBus.Introspectable'))

    def test_as_many_calls_as_nobody_could_keep(self):
        # Each connection has 128 calls open, as many as the bus allows: more than may wait here.
        self.run_flood('calls', never_read, call('GetAll', '(s)', (MANAGER,), interface=PROPERTIES),
                       connections=(20,))


if __name__ == '__main__':
    abuse.main()
