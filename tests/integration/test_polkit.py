#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what on the system bus: root everything, others what polkit allows them, once."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from gi.repository import Gio, GLib

import disks
import lab
from lab import LabCase, program, wait_until
from privatebus import JOB, KSM, KSM_PATH, MANAGER, NAME, ROOT_PATH, complain_of_sanitizer, end

AUTHORITY = 'org.freedesktop.PolicyKit1'
ERROR = 'org.freedesktop.DBus.Error.'
INTERACTION = 1
STRANGER, OTHER = 65534, 1  # the bus lets nobody in who is not in passwd
MUTATING = [
    ('Refresh', '(a{sv})', [{}], 'refresh'),
    ('Verify', '(a{sv})', [{}], 'refresh'),
    ('ProbePartitions', '(a{sv})', [{}], 'refresh'),
    ('Plan', '(a{sv})', [{}], 'refresh'),
    ('DescribePlan', '(a{sv})', [{}], 'refresh'),
    ('CleanEsps', '(a{sv})', [{}], 'manage-esp'),
    ('RemoveEsp', '(sa{sv})', ['AAAA-0001', {}], 'manage-esp'),
    ('FormatEsp', '(sa{sv})', ['/dev/sda2', {}], 'format-esp'),
    ('InitEsp', '(ssa{sv})', ['/dev/sda2', 'auto', {}], 'manage-esp'),
    ('ReinitEsps', '(a{sv})', [{}], 'manage-esp'),
    ('AddKernel', '(sa{sv})', [LabCase.OLD, {}], 'manage-kernels'),
    ('RemoveKernel', '(sa{sv})', [LabCase.OLD, {}], 'manage-kernels'),
    ('PinKernel', '(ssa{sv})', [LabCase.OLD, 'permanent', {}], 'pin-kernel'),
    ('UnpinKernel', '(sa{sv})', ['all', {}], 'pin-kernel'),
    *(KSM_MUTATING := [
        ('Enable', '(a{sv})', [{}], 'ksm-control'),
        ('Disable', '(a{sv})', [{}], 'ksm-control'),
        ('Unmerge', '(a{sv})', [{}], 'ksm-control'),
        ('SetTunables', '(a{ss}a{sv})', [{'sleep_millisecs': '20'}, {}], 'ksm-control'),
    ]),
]
KSM_METHODS = [row[0] for row in KSM_MUTATING] + [
    'GetCounters', 'GetTunables', 'GetUnits', 'GetProcesses']
# Not busctl, which does not tell the sentence of AccessDenied. Calls as often as it is told.
CALLER = '''import json, sys
from gi.repository import Gio, GLib
path, interface, method, signature, arguments, interactive, times = json.loads(sys.argv[1])
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
loop = GLib.MainLoop()
def done(_, result):
    try:
        print(json.dumps(['', bus.call_finish(result).unpack()]), flush=True)
    except GLib.Error as e:
        print(json.dumps([Gio.DBusError.get_remote_error(e), e.message]), flush=True)
    loop.quit()
flags = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION if interactive else 0
for _ in range(times):
    bus.call('org.bootsync1', path, interface, method, GLib.Variant(signature, arguments), None,
             Gio.DBusCallFlags(flags), 60000, None, done)
loop.run()
'''
XML = '''<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="CheckAuthorization">
<arg type="(sa{sv})" direction="in"/><arg type="s" direction="in"/>
<arg type="a{ss}" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="(bba{ss})" direction="out"/></method>
<method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method>
</interface></node>'''


def mock_polkit(directory):
    """A polkit that answers as the file "answers" says for the action (yes, no, challenge; else it
    waits until the file "late" has an answer for the cancellation id), and records what it hears."""
    def read(name):
        path = directory / name
        return json.loads(path.read_text()) if path.exists() else {}

    def record(**what):
        with open(directory / 'record', 'a') as f:
            f.write(json.dumps(what) + '\n')

    def answer(invocation, value):
        invocation.return_value(GLib.Variant('((bba{ss}))', (
            (value == 'yes', value == 'challenge', {}),)))

    def answer_late():
        for cancel_id, value in read('late').items():
            if cancel_id in waiting:
                answer(waiting.pop(cancel_id), value)
        return True

    def on_call(_connection, sender, _path, _interface, method, parameters, invocation):
        if method == 'CancelCheckAuthorization':
            record(cancelled=parameters.unpack()[0])
            return invocation.return_value(None)
        (kind, subject), action, details, flags, cancel_id = parameters.unpack()
        record(kind=kind, subject=subject, action=action, details=details, flags=flags, id=cancel_id)
        value = read('answers').get(action, 'no')
        if value == 'late':
            waiting[cancel_id] = invocation
        elif value == 'broken':
            invocation.return_dbus_error(AUTHORITY + '.Error.Failed', 'Broken.')
        else:
            answer(invocation, value)

    waiting = {}
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    bus.register_object('/org/freedesktop/PolicyKit1/Authority',
                        Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0], on_call)
    Gio.bus_own_name_on_connection(bus, AUTHORITY, 0, lambda *_: (directory / 'ready').touch())
    GLib.timeout_add(20, answer_late)
    GLib.MainLoop().run()


class PolkitCase(LabCase):
    """With a bus and the daemon, and perhaps a mock of polkit, on it."""

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        for name in 'run', 'sleep_millisecs':
            self.lab.write('sys/kernel/mm/ksm/' + name, '0\n')
        self.bus = self.lab.start_bus()
        for path in self.lab.root, self.bus.directory:
            path.chmod(0o755)
        (self.bus.directory / 'socket').chmod(0o777)
        self.lab.start_daemon('--debug')
        self.bus.refresh()
        self.directory = Path(tempfile.mkdtemp(dir=self.lab.root))

    def start_polkit(self, **answers):
        """@answers: '_' for '-' in the last word of the action."""
        self.answer(**answers)
        polkit = subprocess.Popen([sys.executable, __file__, '--mock-polkit', self.directory],
                                  stdin=subprocess.DEVNULL, env=self.environment())
        self.addCleanup(end, polkit, 30, 'the mock polkit')
        wait_until((self.directory / 'ready').exists, what='mock polkit')

    def put(self, name, value):
        (self.directory / 'new').write_text(json.dumps(value))
        os.rename(self.directory / 'new', self.directory / name)

    def answer(self, **answers):
        self.put('answers', {f'{NAME}.{action.replace("_", "-")}': value
                             for action, value in answers.items()})

    def record(self, key):
        path = self.directory / 'record'
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [r for r in map(json.loads, (i for i in lines if i.endswith('\n'))) if key in r]

    def asked(self, count=None):
        if count is not None:
            wait_until(lambda: len(self.record('id')) >= count, what='question to polkit')
            self.assertEqual(len(self.record('id')), count)
        return self.record('id')

    def environment(self):
        return dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address)

    @staticmethod
    def as_user(uid, *command):
        return ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', *command]

    def start(self, method, signature, arguments, uid=STRANGER, interactive=False, path=ROOT_PATH,
              interface=MANAGER, times=1):
        if method in KSM_METHODS:
            path, interface = KSM_PATH, KSM
        call = json.dumps([path, interface, method, signature, arguments, interactive, times])
        child = subprocess.Popen(
            self.as_user(uid, sys.executable, '-c', CALLER, call), env=self.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child

    @staticmethod
    def finish(child):
        """Name of the error ('': none), and its sentence or the result."""
        error, value = json.loads(child.stdout.readline())
        return SimpleNamespace(error=error, value=value)

    def call(self, *arguments, **kwargs):
        return self.finish(self.start(*arguments, **kwargs))

    def pin(self, version=LabCase.OLD, scope='permanent', start=False, **kwargs):
        return (self.start if start else self.call)(
            'PinKernel', '(ssa{sv})', [version, scope, {}], **kwargs)

    def assert_done(self, result):
        self.assertEqual(result.error, '', result.value)

    def assert_refused(self, result, action, error='AccessDenied'):
        self.assertEqual(result.error, ERROR + error, result.value)
        self.assertIn(f"'{NAME}.{action}'", result.value)

    def state(self):
        return [self.lab.snapshot(self.lab.path(d)) for d in ('etc', 'boot', 'dev')]

    def wake_workers(self):
        for pid in self.lab.stopped_worker_pids():
            os.kill(pid, signal.SIGCONT)

    def pinned(self):
        return self.bus.properties()['PinnedKernel']


class Polkit(PolkitCase):
    def prepare(self):
        super().prepare()
        for name in 'sda2', 'sdb2':
            disks.show_nobody(self.lab, name)

    def test_everybody_may_read_and_polkit_is_not_asked(self):
        self.start_polkit()
        self.assert_done(self.call('ListKernels', '(a{sv})', [{}]))
        self.assert_done(self.call('ListPartitions', '(a{sv})', [{}]))
        for method in 'GetCounters', 'GetTunables', 'GetUnits':
            self.assert_done(self.call(method, '(a{sv})', [{}]))
        self.assert_done(self.call('GetManagedObjects', '()', [],
                                   interface='org.freedesktop.DBus.ObjectManager'))
        for path, interface in (ROOT_PATH, MANAGER), (KSM_PATH, KSM):
            self.assert_done(self.call('GetAll', '(s)', [interface], path=path,
                                       interface='org.freedesktop.DBus.Properties'))
        self.assertEqual(self.asked(), [])

    def test_who_shares_memory_is_for_those_to_see_whom_polkit_allows(self):
        look = ('GetProcesses', '(a{sv})', [{}])
        self.assert_refused(self.call(*look), 'ksm-processes')
        self.start_polkit(ksm_processes='challenge')
        self.assert_refused(self.call(*look), 'ksm-processes', 'InteractiveAuthorizationRequired')
        self.answer(ksm_processes='yes')
        done = self.call(*look)
        self.assert_done(done)
        self.assertEqual(done.value, [[]])
        self.answer(ksm_processes='no')  # what was found lately is no answer for everybody
        self.assert_refused(self.call(*look), 'ksm-processes')
        self.assertEqual([q['action'] for q in self.asked()], [NAME + '.ksm-processes'] * 3)
        self.assert_done(self.call(*look, uid=0))

    def test_a_client_that_may_not_see_who_shares_memory_shows_the_rest(self):
        done = subprocess.run(
            self.as_user(STRANGER, program('BOOTCTL_PVE'), 'ksm', 'status'), text=True, timeout=90,
            env=self.environment(), capture_output=True, stdin=subprocess.DEVNULL)
        complain_of_sanitizer(done.stderr)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('The processes are not shown', done.stdout)
        self.assertIn('sleep_millisecs', done.stdout)

    def test_without_polkit_nobody_but_root_changes_anything(self):
        before = self.state()
        for method, signature, arguments, action in MUTATING:
            with self.subTest(method=method):
                self.assert_refused(self.call(method, signature, arguments), action)
        self.assertEqual(self.state(), before)
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.assertEqual(self.pinned(), self.OLD)

    def test_a_polkit_that_says_no_or_fails_is_a_no(self):
        self.start_polkit()
        before = self.state()
        for count, (method, signature, arguments, action) in enumerate(MUTATING, 1):
            with self.subTest(method=method):
                self.assert_refused(self.call(method, signature, arguments), action)
                self.assertEqual(self.asked(count)[-1]['action'], f'{NAME}.{action}')
        self.answer(pin_kernel='broken')
        self.assert_refused(self.pin(), 'pin-kernel')
        self.assertEqual(self.state(), before)

    def test_a_yes_is_for_one_action(self):
        self.start_polkit(pin_kernel='yes')
        self.assert_done(self.pin())
        self.assertEqual(self.pinned(), self.OLD)
        for method, signature, arguments, action in MUTATING:
            if action != 'pin-kernel':
                self.assert_refused(self.call(method, signature, arguments), action)

    def test_a_yes_is_for_one_call(self):
        self.start_polkit(pin_kernel='yes')
        self.assert_done(self.pin())
        self.answer(pin_kernel='no')
        self.assert_refused(self.pin(self.NEW), 'pin-kernel')
        self.assertEqual((len(self.asked()), self.pinned()), (2, self.OLD))

    def test_polkit_hears_who_asks_and_what_for(self):
        self.start_polkit()
        self.pin(scope='next-boot')
        question, = self.asked()
        self.assertEqual((question['kind'], question['action'], question['flags']),
                         ('system-bus-name', NAME + '.pin-kernel', 0))
        self.assertRegex(question['subject']['name'], r'^:1\.\d+$')
        self.assertEqual(question['details'], {'version': self.OLD, 'scope': 'next-boot',
                                               'polkit.message': 'Pin kernel $(version)?'})

    def test_polkit_hears_of_the_device_and_its_loader(self):
        self.start_polkit()
        self.call('FormatEsp', '(sa{sv})', ['/dev/sda2', {}])
        self.call('InitEsp', '(ssa{sv})', ['/dev/sdb2', 'grub', {}])
        formatted, set_up = (question['details'] for question in self.asked(2))
        self.assertEqual((formatted['device'], formatted['size'], formatted['content']),
                         ('/dev/sda2', 'of unknown size', 'of unknown content'))
        self.assertEqual((set_up['device'], set_up['loader']), ('/dev/sdb2', 'grub'))

    def test_what_a_dialog_shows_is_short_and_clean(self):
        self.start_polkit()
        self.pin('6.8\n\x1b[2J' + 'x' * 1000)
        version = self.asked(1)[0]['details']['version']
        self.assertTrue(version.startswith('6.8??[2Jxxx') and version.endswith('x...'), version)
        self.assertEqual(len(version), 128)

    def test_a_password_is_asked_for_only_if_the_call_allows_it(self):
        self.start_polkit(pin_kernel='challenge')
        for interactive in False, True:
            self.assert_refused(self.pin(interactive=interactive), 'pin-kernel',
                                'InteractiveAuthorizationRequired')
        self.assertEqual([q['flags'] for q in self.asked()], [0, INTERACTION])

    def test_the_daemon_answers_others_while_a_question_is_open(self):
        self.start_polkit(pin_kernel='late')
        child = self.pin(start=True)
        question, = self.asked(1)
        self.assertEqual(self.bus.properties()['PinnedKernel'], '')
        self.bus.refresh()
        self.assertIsNone(child.poll())
        self.put('late', {question['id']: 'yes'})
        self.assert_done(self.finish(child))
        self.assertEqual(self.pinned(), self.OLD)

    def test_a_caller_who_leaves_takes_the_question_along(self):
        self.start_polkit(pin_kernel='late')
        for count in range(1, 4):
            child = self.pin(start=True)
            question = self.asked(count)[-1]
            child.kill()
            wait_until(lambda: {'cancelled': question['id']} in self.record('cancelled'))
        self.answer(pin_kernel='yes')
        self.assertEqual(self.pinned(), '')
        self.assert_done(self.pin(self.NEW))
        self.assertEqual(self.pinned(), self.NEW)
        self.assertEqual(len(self.record('cancelled')), 3)

    def test_the_verdicts_of_two_callers_are_not_mixed_up(self):
        self.start_polkit(pin_kernel='late')
        first = self.pin(self.OLD, start=True)
        self.asked(1)
        second = self.pin(self.NEW, start=True, uid=OTHER)
        asked = {q['details']['version']: q for q in self.asked(2)}
        self.assertNotEqual(asked[self.OLD]['id'], asked[self.NEW]['id'])
        self.assertNotEqual(asked[self.OLD]['subject'], asked[self.NEW]['subject'])
        self.put('late', {asked[self.NEW]['id']: 'no'})
        self.assert_refused(self.finish(second), 'pin-kernel')
        self.assertIsNone(first.poll())
        self.put('late', {asked[self.OLD]['id']: 'yes'})
        self.assert_done(self.finish(first))
        self.assertEqual(self.pinned(), self.OLD)

    def test_questions_are_limited_and_room_is_made_when_they_end(self):
        self.start_polkit(pin_kernel='late')
        child = self.pin(start=True, times=4)
        self.asked(4)
        refused = self.pin(times=5)
        self.assertEqual(refused.error, ERROR + 'LimitsExceeded', refused.value)
        self.assertIn('4 calls of the same caller', refused.value)
        self.assert_done(self.call('ListKernels', '(a{sv})', [{}]))
        child.kill()
        wait_until(lambda: len(self.record('cancelled')) == 8, what='cancellations')
        self.answer(pin_kernel='yes')
        self.assert_done(self.pin())

    def test_a_job_is_cancelled_by_who_started_it_and_by_those_with_leave(self):
        self.start_polkit(refresh='yes')
        self.lab.stop_daemon()
        self.lab.start_daemon('--debug', '--test-hook=stage:1:stop')
        self.addCleanup(self.wake_workers)
        self.lab.write_boot(f'initrd.img-{self.OLD}', self.lab.bytes(300 * 1024))
        done = self.call('Refresh', '(a{sv})', [{}])
        self.assert_done(done)
        job, = done.value
        self.assertEqual(self.bus.properties(job, JOB)['StartedByUid'], STRANGER)
        wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS),
                   what='stopped workers')
        cancel = ('Cancel', '(a{sv})', [{}])
        where = {'path': job, 'interface': JOB}
        self.answer(refresh='no')
        count = len(self.asked())
        self.assert_refused(self.call(*cancel, uid=OTHER, **where), 'refresh')
        self.assertEqual(self.asked(count + 1)[-1]['details']['job'], 'refresh')
        self.assert_done(self.call(*cancel, uid=STRANGER, **where))
        self.assertEqual(len(self.asked()), count + 1)
        self.assertEqual(self.bus.properties(job, JOB)['State'], 'canceling')
        self.wake_workers()
        self.bus.wait_idle()

    def test_a_verdict_on_a_job_that_has_ended_is_dropped(self):
        self.start_polkit(refresh='late')
        self.lab.stop_daemon()
        self.lab.start_daemon('--debug', '--test-hook=stage:1:stop')
        self.addCleanup(self.wake_workers)
        self.lab.write_boot(f'initrd.img-{self.OLD}', self.lab.bytes(300 * 1024))
        job, = self.bus.call('Refresh')
        wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS),
                   what='stopped workers')
        child = self.start('Cancel', '(a{sv})', [{}], path=job, interface=JOB)
        question, = self.asked(1)
        self.wake_workers()
        self.bus.wait_idle()
        self.put('late', {question['id']: 'yes'})
        self.assertEqual(self.finish(child).error, ERROR + 'UnknownObject')
        self.assertEqual(self.record('cancelled'), [])

    def test_root_needs_no_polkit(self):
        self.start_polkit()
        for method, signature, arguments, action in MUTATING:
            if action == 'manage-kernels':
                continue  # to remove what was not added is an error
            self.bus.wait_no_job()  # of KSM there is one at a time
            self.assert_done(self.call(method, signature, arguments, uid=0))
        self.assertEqual(self.asked(), [])

    def test_a_client_that_may_not_exits_with_4(self):
        self.start_polkit(pin_kernel='no', refresh='challenge')
        for words in ['kernel', 'pin', self.OLD], ['refresh']:
            done = subprocess.run(
                self.as_user(STRANGER, program('BOOTCTL_PVE'), *words), env=self.environment(), capture_output=True,
                stdin=subprocess.DEVNULL, text=True, timeout=90)
            complain_of_sanitizer(done.stderr)
            self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(self.pinned(), '')


if __name__ == '__main__':
    if sys.argv[1:2] == ['--mock-polkit']:
        mock_polkit(Path(sys.argv[2]))
    lab.main()
