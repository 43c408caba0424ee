#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that nobody would think of, by strangers and by root, for $ABUSE_SEC seconds: each gets an
answer, the daemon stays as it is, and so does what it keeps. $ABUSE_SEED repeats a run."""

import os
import random
import time

from gi.repository import GLib

import abuse
from abuse import HOSTILE, AbuseCase
from measure import Measure, figure
from privatebus import BOOT, BOOT_PATH, ESP, JOB, KSM, KSM_PATH, MANAGER, NAME, ROOT_PATH
from wire import NO_REPLY_EXPECTED, Wire, encode, stopped

SECONDS = float(os.environ.get('ABUSE_SEC', '60'))
SEED = int(os.environ.get('ABUSE_SEED', random.randrange(1 << 32)))
INTERACTION = 4
TOGETHER = 20  # calls that are sent before answers are read
MESSAGE_MAX = 1024 * 1024  # the bus throws out who sends more than 32 MiB

PATHS = [ROOT_PATH, ROOT_PATH, KSM_PATH, BOOT_PATH, ROOT_PATH + '/job/1', ROOT_PATH + '/job/99999999999999999999',
         ROOT_PATH + '/esp/AAAA_2d0001', ROOT_PATH + '/esp/_', '/', '/org', ROOT_PATH + '/job',
         ROOT_PATH + '/a' * 300]
INTERFACES = [MANAGER, MANAGER, KSM, JOB, ESP, BOOT, 'org.freedesktop.DBus.Properties',
              'org.freedesktop.DBus.ObjectManager', 'org.freedesktop.DBus.Introspectable',
              'org.freedesktop.DBus.Peer', 'no.such', None]
METHODS = ['Refresh', 'Verify', 'ProbePartitions', 'AddKernel', 'RemoveKernel', 'PinKernel',
           'UnpinKernel', 'ListKernels', 'Plan', 'DescribePlan', 'FormatEsp', 'InitEsp', 'CleanEsps',
           'RemoveEsp', 'GetEsp', 'ListPartitions', 'ListCandidates', 'ListHistory', 'GetCounters',
           'GetTunables', 'SetTunables', 'GetUnits', 'GetProcesses', 'Enable', 'Disable', 'Unmerge', 'Cancel', 'Get', 'GetAll', 'Set',
           'GetManagedObjects', 'Introspect', 'Ping', 'GetMachineId', 'Disconnected', 'NoSuch']
STRINGS = ['', 'x', 'all', 'permanent', 'next-boot', 'auto', 'grub', '6.8.12-4-pve', '9.9.9-9-pve',
           'AAAA-0001', '../../etc/passwd', '/dev/null', 'wait', 'InSync', 'run', '1', '-1', 'x' * 300,
           'x' * 15000, 'x' * 17000, '%s%n', '\n', '\u202e', MANAGER, KSM]
OPTIONS = ['wait', 'esps', 'verify', 'new-kernel', 'force', 'unmerge', 'dry-run', 'no-such', '']
SIGNATURES = ['()', '(a{sv})', '(a{sv})', '(sa{sv})', '(ssa{sv})', '(a{ss}a{sv})', '(s)', '(ss)',
              '(ssv)', '(v)', '(as)', '(t)', '(aaaas)', '(b)', '(av)', '(ao)', '(ay)', '(x(ds))']


class Chooser:
    def __init__(self, seed, methods):
        """@methods: (path, interface, method, signature) of those that there are."""
        self.random, self.methods = random.Random(seed), methods

    def value(self, kind, depth=0):
        """A value of a D-Bus type, as GLib.Variant() wants it."""
        pick = self.random.choice
        if kind[0] == 'a':
            count = self.random.choice((0, 1, 2, 5)) if self.random.random() < 0.99 else 300
            if kind[1] == '{':
                return {pick(OPTIONS + STRINGS[:4]): self.value(kind[3:-1], depth + 1)
                        for _ in range(count)}
            return [self.value(kind[1:], depth + 1) for _ in range(count)]
        if kind[0] == '(':
            return tuple(self.value(k, depth + 1) for k in self.split(kind[1:-1]))
        if kind == 'v':
            inner = pick(['b', 'b', 's', 'as', 'x', 'v', 'a{sv}']) if depth < 6 else 'b'
            return GLib.Variant(inner, self.value(inner, depth + 1))
        return {'s': pick(STRINGS), 'o': pick(['/', ROOT_PATH]), 'b': pick([True, False]),
                'y': self.random.randrange(256), 'd': self.random.random(),
                't': self.random.getrandbits(64), 'x': self.random.getrandbits(62)}[kind]

    @staticmethod
    def split(signature):
        """The single types of a signature."""
        while signature:
            end = 0
            while signature[end] == 'a':
                end += 1
            if signature[end] in '({':
                level = 0
                for end in range(end, len(signature)):
                    level += (signature[end] in '({') - (signature[end] in ')}')
                    if level == 0:
                        break
            yield signature[:end + 1]
            signature = signature[end + 1:]

    def call(self, flags):
        pick = self.random.choice
        while True:
            path, interface, method, signature = pick(self.methods)
            if self.random.random() < 0.3:
                path, interface, method = pick(PATHS), pick(INTERFACES), pick(METHODS)
                signature = pick(SIGNATURES)
            message = encode(NAME, path, interface, method, signature, self.value(signature), flags)
            if len(message) < MESSAGE_MAX:
                return message


def call_at_random(pipe, address, seed, methods):
    """Name of the error ('': none) -> how many times."""
    chooser, names, wire = Chooser(seed, methods), {}, Wire(address)
    while not stopped(pipe):
        expected = 0
        for _ in range(TOGETHER):
            flags = chooser.random.choice((0, 0, 0, NO_REPLY_EXPECTED, INTERACTION))
            wire.send(chooser.call(flags))
            expected += not flags & NO_REPLY_EXPECTED
        for name, count in wire.replies(expected).items():
            names[name] = names.get(name, 0) + count
        if chooser.random.random() < 0.1:
            wire.close()
            wire = Wire(address)
    return names


class RandomCalls(AbuseCase):
    def methods(self):
        return [(path, interface.name, method.name,
                 '(' + ''.join(argument.signature for argument in method.in_args) + ')')
                for path in (ROOT_PATH, KSM_PATH)
                for interface in self.bus.introspect(path).interfaces
                for method in interface.methods]

    def test_each_random_call_gets_an_answer_and_nothing_is_changed_by_strangers(self):
        before = [self.lab.snapshot(self.lab.path(d)) for d in ('etc', 'boot', 'dev')]
        figure(f'ABUSE_SEED={SEED}')
        methods = self.methods()
        with Measure(self.bus, f'random calls for {SECONDS / 2:.0f} s'):
            children = [self.hostile(call_at_random, SEED + i, methods, uid=uid)
                        for i, uid in enumerate((HOSTILE, HOSTILE, 1))]
            time.sleep(SECONDS / 2)
            names = [child.stop() for child in children]
        figure(str(names))
        self.assertEqual([self.lab.snapshot(self.lab.path(d)) for d in ('etc', 'boot', 'dev')],
                         before)
        self.assertGreater(min(sum(n.values()) for n in names), 100)

    def test_random_calls_of_root_leave_every_esp_bootable(self):
        figure(f'ABUSE_SEED={SEED}')
        methods = self.methods()
        with Measure(self.bus, f'random calls of root for {SECONDS / 2:.0f} s',
                     more_descriptors=64):
            child = self.hostile(call_at_random, SEED + 3, methods, uid=0)
            time.sleep(SECONDS / 2)
            figure(str(child.stop()))
        self.bus.wait_no_job()
        self.bus.call('UnpinKernel', '(sa{sv})', ('all', {}))
        self.bus.refresh()
        self.assert_complete()


if __name__ == '__main__':
    abuse.main()
