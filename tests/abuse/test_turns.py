#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is answered first when many calls wait: told by the order of answers, which a monitor of the
bus sees, not by time."""

import itertools
import os
import signal

import abuse
from abuse import AbuseCase, call
from privatebus import MANAGER
from wire import BUS, METHOD_CALL, METHOD_RETURN, REPLY_SERIAL, Wire, WireError, encode, stopped

CONNECTIONS, CALLS = 20, 10
OTHER = 2
MEMBER, DESTINATION, SENDER = 3, 6, 7
BEHIND_MAX = 1  # answers of one user that may go before that of another one


def become_known(wire):
    """The daemon asks the bus whose a call is that needs leave."""
    try:
        wire.call(call('Refresh'))
    except WireError:
        return
    raise AssertionError('A stranger may refresh.')


def call_together(pipe, address, message, connections, count):
    """@count calls over each connection, when we are told to."""
    wires = [Wire(address) for _ in range(connections)]
    for wire in wires:
        become_known(wire)
    pipe.send('ready')
    pipe.recv()
    for wire in wires:
        for _ in range(count):
            wire.send(message)
    pipe.send('sent')
    while not stopped(pipe):
        pipe.poll(0.1)


class Turns(AbuseCase):
    @staticmethod
    def wait_for_call(monitor, member):
        """Sender and serial of a call that the bus has passed on."""
        while True:
            kind, fields, data = monitor.receive()
            if kind == METHOD_CALL and fields.get(MEMBER) == member:
                return fields[SENDER], int.from_bytes(data[8:12], 'little')

    def answers_before(self, monitor, sender, serial):
        """How many answers the daemon has sent before the one to that call."""
        for count in itertools.count():
            kind, fields = None, {}
            while kind != METHOD_RETURN or fields[SENDER] != self.owner:
                kind, fields, _ = monitor.receive()
            if (fields[DESTINATION], fields[REPLY_SERIAL]) == (sender, serial):
                return count

    def test_a_user_with_many_connections_holds_up_nobody_else(self):
        many = self.hostile(call_together, call('ListKernels'), CONNECTIONS, CALLS)
        self.assertEqual(many.pipe.recv(), 'ready')
        get = call('Get', '(ss)', (MANAGER, 'InSync'), interface='org.freedesktop.DBus.Properties')
        other = self.hostile(call_together, get, 1, 1, uid=OTHER)
        self.assertEqual(other.pipe.recv(), 'ready')

        monitor = Wire(self.bus.address)
        self.owner = bytes(self.bus.owner(), 'ascii')
        monitor.call(encode(BUS[0], BUS[1], 'org.freedesktop.DBus.Monitoring', 'BecomeMonitor',
                            '(asu)', ([], 0)))
        os.kill(self.bus.daemon.pid, signal.SIGSTOP)
        for child in many, other:
            child.pipe.send('go')
            self.assertEqual(child.pipe.recv(), 'sent')
        get = self.wait_for_call(monitor, b'Get')
        os.kill(self.bus.daemon.pid, signal.SIGCONT)
        self.assertLessEqual(self.answers_before(monitor, *get), BEHIND_MAX)
        for child in many, other:
            child.stop()


if __name__ == '__main__':
    abuse.main()
