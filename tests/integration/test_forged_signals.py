#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stranger on the bus sends everybody signals in the daemon's, systemd's and the bus's own words,
which a bus delivers to whom they are addressed, whatever that one has subscribed to. The client and
the daemon go by who has sent them: refresh, monitor, ksm and those who wait tell the truth."""

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

from gi.repository import Gio, GLib

import lab
from lab import LabCase, program, wait_until
from privatebus import JOB, KSM, KSM_PATH, MANAGER, NAME, ROOT_PATH, complain_of_sanitizer

STRANGER = 65534  # the bus lets nobody in who is not in passwd
DRIVER = 'org.freedesktop.DBus'
SYSTEMD = 'org.freedesktop.systemd1'
SYSTEMD_PATH = '/org/freedesktop/systemd1'
LIE = 'All is well, says the stranger.'
SERVICE = 'ksm.service'
JOBS = range(1, 6)
SLOW_SEC = 5
ROUNDS = 3  # that come before we believe that everybody has got them


def forgeries(names):
    """(path, interface, member, arguments) of what is sent; @names are those on the bus."""
    for job in JOBS:
        path = f'{ROOT_PATH}/job/{job}'
        yield (ROOT_PATH, MANAGER, 'JobNew', GLib.Variant('(tos)', (job, path, LIE)))
        yield (path, DRIVER + '.Properties', 'PropertiesChanged', GLib.Variant(
            '(sa{sv}as)', (JOB, {'Progress': GLib.Variant('u', 99),
                                 'Message': GLib.Variant('s', LIE)}, [])))
        for kind in 'refresh', 'ksm-enable':
            yield (ROOT_PATH, MANAGER, 'JobRemoved', GLib.Variant(
                '(tossss)', (job, path, kind, 'done', '', LIE)))
        yield (SYSTEMD_PATH, SYSTEMD + '.Manager', 'JobRemoved', GLib.Variant(
            '(uoss)', (job, f'{SYSTEMD_PATH}/job/{job}', SERVICE, 'done')))
    yield (ROOT_PATH, DRIVER + '.ObjectManager', 'InterfacesAdded', GLib.Variant(
        '(oa{sa{sv}})', (f'{ROOT_PATH}/job/1', {JOB: {'Message': GLib.Variant('s', LIE)}})))
    for name in names:
        owner = name if name.startswith(':') else names[name]
        yield ('/org/freedesktop/DBus', DRIVER, 'NameOwnerChanged', GLib.Variant(
            '(sss)', (name, owner, '')))
        yield ('/org/freedesktop/DBus', DRIVER, 'NameLost', GLib.Variant('(s)', (name,)))


def attack(directory):
    """Send all of that to everybody, over and over, and count the rounds in the file "rounds"."""
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)

    def ask(method, *arguments):
        return bus.call_sync(DRIVER, '/org/freedesktop/DBus', DRIVER, method,
                             GLib.Variant('(s)', arguments) if arguments else None, None, 0, -1,
                             None).unpack()[0]

    for count in itertools.count(1):
        names = {}
        for name in ask('ListNames'):
            try:
                names[name] = ask('GetNameOwner', name)
            except GLib.Error:
                continue  # it has just left
        for target in (n for n in names if n.startswith(':') and n != bus.get_unique_name()):
            for forgery in forgeries(names):
                try:
                    bus.emit_signal(target, *forgery)
                except GLib.Error:
                    break
        bus.flush_sync(None)
        (directory / 'new').write_text(str(count))
        (directory / 'new').rename(directory / 'rounds')
        time.sleep(0.01)


class ForgedSignals(LabCase):
    ESPS = ('AAAA-0001',)  # each one's worker would stop

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        for name in 'run', 'sleep_millisecs':
            self.lab.write('sys/kernel/mm/ksm/' + name, '0\n')
        self.bus = self.lab.start_bus()
        for path in self.lab.root, self.bus.directory:
            path.chmod(0o755)
        (self.bus.directory / 'socket').chmod(0o777)
        self.directory = self.lab.path('attack')
        self.directory.mkdir()
        self.directory.chmod(0o777)

    def environment(self):
        return dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)

    def start_attack(self):
        self.attacker = subprocess.Popen(
            ['setpriv', f'--reuid={STRANGER}', f'--regid={STRANGER}', '--clear-groups',
             sys.executable, __file__, '--attack', self.directory],
            stdin=subprocess.DEVNULL, env=self.environment())
        self.addCleanup(self.stop_attack)
        self.suffer()

    def stop_attack(self):
        if self.attacker.poll() is None:
            self.attacker.kill()
            self.attacker.wait()

    def rounds(self):
        self.assertIsNone(self.attacker.poll(), 'the attacker has ended')
        path = self.directory / 'rounds'
        return int(path.read_text()) if path.exists() else 0

    def suffer(self):
        """Until everybody has got many forgeries that were sent from now on."""
        before = self.rounds()
        wait_until(lambda: self.rounds() >= before + ROUNDS, what='forged signals')

    def start_client(self, *arguments):
        child = subprocess.Popen(
            [program('BOOTCTL_PVE'), *arguments], env=self.environment(), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(child.stderr.close)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    def finish(self, child):
        out, err = child.communicate(timeout=60)
        complain_of_sanitizer(err)
        self.assertNotIn('stranger', out + err)
        return child.returncode, out, err

    def start_with_a_worker_that_stops(self):
        self.lab.start_daemon('--debug', '--test-hook=stage:1:stop')
        self.bus.wait_no_job()
        self.addCleanup(self.end_workers)

    def end_workers(self):
        for pid in self.lab.worker_pids():
            self.lab.end_worker(pid)

    def stopped_worker(self):
        return wait_until(self.lab.stopped_worker_pids, what='stopped worker')[0]

    def assert_told_of_the_worker(self, client):
        status, _, err = self.finish(client)
        self.assertEqual(status, 1, err)
        self.assertRegex(err, f"(?m)^bootctl-pve: .*'{self.ESPS[0]}'.*$")

    def test_a_refresh_ends_when_and_as_the_daemon_says(self):
        self.start_with_a_worker_that_stops()
        client = self.start_client('refresh')
        pid = self.stopped_worker()
        self.start_attack()
        self.assertIsNone(client.poll(), 'the client believed a stranger')
        self.lab.end_worker(pid)
        self.assert_told_of_the_worker(client)

    def test_a_job_that_begins_amid_forged_signals_ends_as_the_daemon_says(self):
        self.start_with_a_worker_that_stops()
        self.start_attack()
        client = self.start_client('refresh')
        pid = self.stopped_worker()
        self.suffer()
        self.assertIsNone(client.poll(), 'the client believed a stranger')
        self.lab.end_worker(pid)
        self.assert_told_of_the_worker(client)

    def test_a_daemon_that_is_restarted_in_mid_job_is_told_of(self):
        self.start_with_a_worker_that_stops()
        self.start_attack()
        client = self.start_client('refresh')
        self.stopped_worker()
        self.suffer()
        self.lab.bus.daemon.kill()
        self.lab.bus.daemon.wait()
        status, _, err = self.finish(client)
        self.assertEqual(status, 1)
        self.assertRegex(err, r'\Abootctl-pve: [^\n]*bootsyncd ended before [^\n]+\n\Z')

    def test_who_waits_for_a_reply_of_the_daemon_gets_it(self):
        self.start_with_a_worker_that_stops()
        replies = []
        self.bus.call_async('Refresh', '(a{sv})', (self.bus.options(wait=True),), replies.append)
        pid = self.stopped_worker()
        self.start_attack()
        self.assertEqual(replies, [])
        self.lab.end_worker(pid)
        reply, = self.bus.run(lambda: replies, what='the reply')
        self.assertEqual(reply.name, f'{NAME}.Error.Failed')

    def monitor(self, *arguments):
        child = self.start_client('monitor', *arguments)
        lines = []

        def read():
            lines.append(child.stdout.readline())
            return lines[-1]
        return child, lines, read

    def until(self, read, words):
        for _ in range(1000):
            line = read()
            self.assertNotEqual(line, '', 'monitor has ended')
            self.assertNotIn('stranger', line)
            if words in line:
                return line
        raise AssertionError(f'{words}: not among 1000 lines')

    def test_monitor_shows_what_the_daemon_says_and_nothing_else(self):
        self.lab.start_daemon('--debug')
        self.bus.wait_no_job()
        child, lines, read = self.monitor('--json')
        self.start_attack()
        self.bus.refresh()
        self.assertEqual(json.loads(self.until(read, '"JobNew"'))['type'], 'refresh')
        self.assertEqual(json.loads(self.until(read, '"JobRemoved"'))['result'], 'done')
        self.suffer()
        child.terminate()
        out = ''.join(lines) + child.communicate(timeout=60)[0]
        self.assertNotIn('stranger', out)
        self.assertNotIn('"Daemon', out)

    def test_monitor_tells_of_a_restart_and_follows_the_new_daemon(self):
        self.lab.start_daemon('--debug')
        self.bus.wait_no_job()
        for arguments, ended, started in (
                ([], 'bootsyncd has ended', 'bootsyncd has started'),
                (['--json'], '"DaemonEnded"', '"DaemonStarted"')):
            with self.subTest(arguments=arguments):
                child, _, read = self.monitor(*arguments)
                self.start_attack()
                self.lab.stop_daemon()
                self.until(read, ended)
                self.lab.start_daemon('--debug')
                self.until(read, started)
                self.bus.refresh()
                self.until(read, 'JobRemoved' if arguments else ' done')
                child.kill()
                self.stop_attack()

    def test_ksm_is_on_when_systemd_says_so(self):
        self.start_stubborn_systemd()
        self.lab.start_daemon('--debug')
        self.bus.wait_no_job()
        self.start_attack()
        client = self.start_client('ksm', 'enable')
        wait_until(lambda: 'StartUnit' in self.asked_of_systemd(), what='start of the unit')
        self.suffer()
        self.assertIsNone(client.poll(), 'somebody believed a stranger')
        status, _, err = self.finish(client)
        self.assertEqual(status, 1, err)
        self.assertIn(f'{SERVICE} was not started (failed)', err)

    def start_stubborn_systemd(self):
        """One that takes its time, and then cannot start the unit."""
        for name, value in (('units', {SERVICE: ['loaded', 'inactive', 'disabled']}),
                            ('slow', SLOW_SEC), ('stubborn', [SERVICE])):
            (self.directory / name).write_text(json.dumps(value))
        lab.start_fake_systemd(self, self.directory, self.environment())

    def asked_of_systemd(self):
        path = self.directory / 'record'
        return path.read_text() if path.exists() else ''

    def test_ksm_reads_beside_forged_signals_what_the_daemon_tells(self):
        self.lab.start_daemon('--debug')
        self.bus.wait_no_job()
        self.start_attack()
        status, out, err = self.finish(self.start_client('ksm', 'status', '--json'))
        self.assertEqual((status, err), (0, ''))
        self.assertEqual(json.loads(out)['run_state'],
                         self.bus.properties(KSM_PATH, KSM)['RunState'])


if __name__ == '__main__':
    if sys.argv[1:2] == ['--attack']:
        attack(Path(sys.argv[2]))
    lab.main()
