#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers who may do nothing, and want the daemon dead or deaf: it refuses them at once, and everybody
else notices nothing."""

import os
import time

import abuse
from abuse import AbuseCase, call
from measure import Measure, try_again
from lab import wait_until
from privatebus import KSM, KSM_PATH, MANAGER, CallError
from wire import Wire, WireError, encode_with_fds, stopped

LIMITS = 'org.freedesktop.DBus.Error.LimitsExceeded'
MIB = 1024 * 1024
# While the bus passes on 8 MB, nobody's call comes by: a program that only takes the bytes is at 4 times.
# Then libsystemd sees whether the string is UTF-8, which takes 8 ms, before it tells how long it is.
LONG_TIMES = 12
MESSAGE_MAX = 32 * MIB  # of the bus; the daemon has one at a time in memory while it refuses it


def send_descriptors(_pipe, address):
    """64 calls with 16 descriptors each, all of them pipes."""
    wire = Wire(address, fds=True)
    fds = os.pipe() * 8
    message = encode_with_fds(call('Refresh'), fds)
    for _ in range(64):
        wire.send_fds(message, fds)
    return wire.replies(64)


def call_again_and_again(pipe, address, message):
    """Name of the error ('': none) -> how many times."""
    wire = Wire(address)
    names = {}
    while not stopped(pipe):
        name = ''
        try:
            wire.call(message)
        except WireError as error:
            name = error.name
        names[name] = names.get(name, 0) + 1
    return names


def call_once_each(_pipe, address, messages):
    """Name of the error -> how many times; each call waits for the answer to the one before."""
    wire = Wire(address, timeout=10)
    names = {}
    for message in messages:
        wire.send(message)
        for name, count in wire.replies(1).items():
            names[name] = names.get(name, 0) + count
    return names


def call_all_and_stay(pipe, address, message, count, connections=1):
    """Send @count calls over each connection, and tell how many are refused within some seconds."""
    wires = [Wire(address) for _ in range(connections)]
    for wire in wires:
        for _ in range(count):
            wire.send(message)
    refused = {}
    time.sleep(2)
    for wire in wires:
        wire.socket.settimeout(0.05)
        try:
            while True:
                for name, times in wire.replies(1).items():
                    refused[name] = refused.get(name, 0) + times
        except TimeoutError:
            wire.buffer.clear()
    pipe.send(refused)
    while not stopped(pipe):
        time.sleep(0.01)


class Hostile(AbuseCase):
    def strings(self, count, text=''):
        return self.bus.options(esps=[text] * count)

    def run_for(self, seconds, message, count=2, **bounds):
        """@count hostile processes; the errors they got."""
        def run():
            names = {}
            with Measure(self.bus, self.id().rsplit('.', 1)[-1], **bounds):
                children = [self.hostile(call_again_and_again, message) for _ in range(count)]
                time.sleep(seconds)
                for child in children:
                    for name, times in child.stop().items():
                        names[name] = names.get(name, 0) + times
            return names
        return try_again(run)

    def test_a_call_with_descriptors_is_refused_by_the_bus(self):
        def run():
            with Measure(self.bus, 'descriptors'):
                for _ in range(40):
                    self.assertEqual(self.attack(send_descriptors),
                                     {'org.freedesktop.DBus.Error.NotSupported': 64})
        try_again(run)

    def test_hundreds_of_thousands_of_strings_are_refused_at_once(self):
        names = self.run_for(3, call('Refresh', arguments=(self.strings(300000),)),
                             growth_kib=2 * MESSAGE_MAX // 1024)
        self.assertEqual(set(names), {LIMITS})

    def test_a_list_of_esps_that_no_host_has_is_refused(self):
        with self.assertRaises(CallError) as caught:
            self.bus.call('Refresh', arguments=(self.strings(257, 'x'),))
        self.assertEqual(caught.exception.name, 'org.bootsync1.Error.InvalidOption')
        self.assertIn('256', caught.exception.message)

    def test_a_long_string_is_refused_whichever_call_it_comes_with(self):
        long = 'x' * 8 * MIB
        properties = {'interface': 'org.freedesktop.DBus.Properties'}
        for message in (
                call('PinKernel', '(ssa{sv})', (long, 'permanent', {})),
                call('Refresh', arguments=(self.bus.options(new_kernel=long),)),
                call('Get', '(ss)', (MANAGER, long), **properties),
                call('GetAll', '(s)', (long,), **properties),
                call('SetTunables', '(a{ss}a{sv})', ({long: '1'}, {}), KSM_PATH, KSM)):
            names = self.run_for(3, message, 1, growth_kib=2 * MESSAGE_MAX // 1024, times=LONG_TIMES)
            self.assertEqual(set(names), {LIMITS})

    def test_calls_of_30_mb_do_not_wait_in_memory(self):
        self.start_polkit(pin_kernel='late')
        message = call('PinKernel', '(ssa{sv})', ('x' * 30 * MIB, 'permanent', {}))
        with Measure(self.bus, '30 MB each', growth_kib=2 * MESSAGE_MAX // 1024,
                     times=LONG_TIMES):
            self.assertEqual(self.attack(call_once_each, [message] * 24), {LIMITS: 24})
        self.assertEqual(self.questions(), [])

    def test_a_caller_has_four_questions_open_and_a_user_leaves_half_to_others(self):
        self.start_polkit(pin_kernel='late')
        message = call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        one = self.hostile(call_all_and_stay, message, 20)
        self.assertEqual(one.pipe.recv(), {LIMITS: 16})
        self.assertEqual(len(self.questions()), 4)
        many = self.hostile(call_all_and_stay, message, 4, 20)
        self.assertEqual(many.pipe.recv(), {LIMITS: 80 - 28})
        self.assertEqual(len(self.questions()), 32)
        other = self.hostile(call_all_and_stay, message, 4, uid=1)
        self.assertEqual(other.pipe.recv(), {})
        self.assertEqual(len(self.questions()), 36)

    def test_over_512_calls_that_wait_are_refused_when_there_are_too_many(self):
        self.begin_job()
        message = call('Refresh', arguments=(self.bus.options(wait=True),))
        with Measure(self.bus, 'calls that wait', samples=10):
            one = self.hostile(call_all_and_stay, message, 100, uid=0)
            self.assertEqual(one.pipe.recv(), {LIMITS: 100 - 64})
            many = self.hostile(call_all_and_stay, message, 64, 10, uid=0)
            self.assertEqual(many.pipe.recv(), {LIMITS: 640 - (256 - 64)})
        # Nothing is begun for a caller who could not wait for it.
        with self.assertRaises(CallError) as caught:
            self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.assertEqual(caught.exception.name, LIMITS)
        self.assertEqual(self.bus.properties()['PinnedKernel'], '')
        one.end()
        many.end()
        wait_until(self.may_refresh, what='room')
        self.wake_workers()
        self.bus.wait_idle()

    def may_refresh(self):
        try:
            return self.bus.call('Refresh')
        except CallError:
            return None

    def test_a_path_as_long_as_the_bus_allows_costs_nothing(self):
        names = self.run_for(3, call('Refresh', path='/a' * 32000))
        self.assertEqual(set(names), {'org.freedesktop.DBus.Error.UnknownObject'})


if __name__ == '__main__':
    abuse.main()
