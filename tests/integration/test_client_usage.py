# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootctl-pve by itself: its command line, which daemon it speaks to, and what it makes of answers
that a healthy daemon rarely gives. The daemon is fake_daemon.py."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import tap

HERE = Path(__file__).resolve().parent
CLIENT = os.environ.get('BOOTCTL_PVE', '')
VERBS = ['status', 'doctor', 'refresh', 'verify', 'format', 'init', 'reinit', 'clean', 'kernel add',
         'kernel remove', 'kernel list', 'kernel pin', 'kernel unpin', 'esp list', 'esp candidates',
         'esp remove', 'boot status', 'secure-boot status', 'secure-boot plan',
         'secure-boot convert', 'ksm status', 'ksm enable', 'ksm disable', 'ksm unmerge', 'ksm set',
         'history', 'cancel', 'logs', 'monitor', 'check', 'metrics', 'alert', 'help']

ACCESS_DENIED = 'org.freedesktop.DBus.Error.AccessDenied'
NEEDS_PASSWORD = 'org.freedesktop.DBus.Error.InteractiveAuthorizationRequired'
IN_SYNC = [['AAAA-BBBB', 'in-sync', ''], ['CCCC-DDDD', 'in-sync', '']]
HALF = [['AAAA-BBBB', 'in-sync', ''], ['CCCC-DDDD', 'failed', 'The ESP is full; remove a kernel.']]
MIB = 1024 * 1024
# Device, disk, PARTUUID, what it holds, size, free, by whom it is used, on the list.
PARTITIONS = [
    ['/dev/sda1', '/dev/sda', 'aa-01', '', 1 * MIB, 0, '', False],
    ['/dev/sda2', '/dev/sda', 'aa-02', 'vfat', 512 * MIB, 100 * MIB, '', True],
    ['/dev/sda3', '/dev/sda', 'aa-03', 'zfs_member', 9000 * MIB, 0, 'part of ZFS', False],
    ['/dev/sdb2', '/dev/sdb', 'bb-02', '', 512 * MIB, 0, '', False],
    ['/dev/sdb3', '/dev/sdb', 'bb-03', '', 9000 * MIB, 0, 'used by md0', False],
    ['/dev/sdc1', '/dev/sdc', 'cc-01', 'vfat', 64 * MIB, 0, 'mounted on /mnt/\x1b[1m', False],
]

BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={directory}/bus</listen>
<servicedir>{directory}</servicedir><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/></policy>
</busconfig>
'''


class ClientCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix='bootctl-pve-')
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.root = self.directory / 'root'
        self.root.mkdir()
        self.log = self.directory / 'log'
        daemon = self.directory / 'bootsyncd'
        daemon.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE}/fake_daemon.py "$@"\n')
        daemon.chmod(0o755)
        self.env = dict(os.environ, LC_ALL='C.UTF-8', BOOTSYNC_DAEMON=str(daemon),
                        FAKE_LOG=str(self.log),
                        DBUS_SYSTEM_BUS_ADDRESS=f'unix:path={self.directory}/absent')

    def run_client(self, *arguments, fake=None, prefix=()):
        self.log.unlink(missing_ok=True)
        return subprocess.run([*prefix, CLIENT, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors='surrogateescape', timeout=60,
                              env=dict(self.env, FAKE=json.dumps(fake or {})))

    def run_private(self, *arguments, fake=None):
        return self.run_client(f'--root={self.root}', *arguments, fake=fake)

    def bus_address(self, path):
        self.env['DBUS_SYSTEM_BUS_ADDRESS'] = f'unix:path={path}'

    def start_bus(self):
        (self.directory / 'bus.conf').write_text(BUS_CONFIG.format(directory=self.directory))
        bus = subprocess.Popen(
            ['dbus-daemon', f'--config-file={self.directory}/bus.conf', '--nofork',
             '--print-address'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.addCleanup(bus.stdout.close)
        self.addCleanup(bus.wait)
        self.addCleanup(bus.terminate)
        bus.stdout.readline()
        self.bus_address(self.directory / 'bus')

    def recorded(self):
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def called(self):
        return [entry for entry in self.recorded() if entry[0] not in ('started', 'ended')]

    def assert_private_daemon(self, expected=True):
        self.assertEqual([e[0] for e in self.recorded()][:1], ['started'] if expected else [])

    def assert_refused(self, done, status):
        """One sentence on stderr, nothing on stdout."""
        self.assertEqual((done.returncode, done.stdout), (status, ''), done.stderr)
        self.assertRegex(done.stderr, r'\A(stray output of the daemon\n)?bootctl-pve: [^\n]+\n\Z')


class CommandLine(ClientCase):
    def test_help_names_every_verb(self):
        done = self.run_client('--help')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        for verb in VERBS:
            self.assertRegex(done.stdout, rf'(?m)^  {verb}\b')

    def test_every_verb_has_its_own_help(self):
        for verb in VERBS:
            with self.subTest(verb=verb):
                done = self.run_client(*verb.split(), '--help')
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertTrue(done.stdout.startswith(f'bootctl-pve {verb} '), done.stdout)
                self.assertEqual('--next-boot' in done.stdout,
                                 verb in ('kernel pin', 'kernel unpin'))
                self.assertEqual('--force' in done.stdout,
                                 verb in ('format', 'doctor', 'esp remove', 'ksm disable', 'ksm unmerge'))

    def test_help_of_a_group_names_only_its_verbs(self):
        done = self.run_client('kernel', '--help')
        self.assertIn('  kernel pin VERSION', done.stdout)
        self.assertNotIn('  status', done.stdout)

    def test_version_is_one_line(self):
        done = self.run_client('--version')
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r'\Abootctl-pve [0-9][0-9.]*\n\Z')

    def test_bad_usage_exits_with_2_before_any_daemon_is_asked(self):
        for arguments in [
                [], ['nonsense'], ['kernel'], ['kernel', 'nonsense'], ['esp'], ['list'],
                ['nonsense', '--help'], ['kernel', 'nonsense', '--help'],
                ['status', 'extra'], ['help', 'nonsense'], ['kernel', 'pin', 'a', 'b'],
                ['kernel', 'add'], ['kernel', 'unpin', 'a'], ['monitor', 'x'],
                ['format'], ['format', 'a', 'b'], ['format', 'a', '--dry-run'],
                ['format', 'a', '--force=yes'], ['init'], ['init', 'a', 'grub', 'b'],
                ['init', 'a', 'lilo'], ['init', 'a', ''], ['init', 'a', 'auto'],
                ['init', 'a', '--force'], ['reinit', 'a'], ['reinit', '--esp=AAAA-BBBB'],
                ['esp', 'candidates', 'a'], ['esp', 'remove'], ['esp', 'remove', 'a', 'b'],
                ['ksm'], ['ksm', 'status', 'a'], ['ksm', 'enable', '--unmerge'],
                ['ksm', 'enable', '--force'], ['ksm', 'disable', '--force'],
                ['ksm', 'disable', 'a'], ['ksm', 'unmerge', '--unmerge'], ['ksm', 'set'],
                ['ksm', 'set', 'a'], ['ksm', 'set', '=1'], ['ksm', 'set', ''],
                ['ksm', 'set', 'a=1', 'b'], ['ksm', 'set', 'a=1', 'ab=1', 'a=2'],
                ['ksm', 'set', 'a=1', '--force'], ['logs', 'nonsense'], ['logs', '1', '2'],
                ['logs', '-H', 'h'], ['logs', f'--root={self.root}'], ['cancel', '1', '2'],
                ['doctor', 'x'], ['doctor', '--report'], ['doctor', '--report='],
                ['status', '--report=x'], ['status', '--esp=AAAA-BBBB'], ['verify', '--dry-run'], ['refresh', '--force'],
                ['kernel', 'add', 'a', '--next-boot'], ['kernel', 'pin', 'a', '--new-kernel=b'],
                ['--nonsense', 'status'], ['-x', 'status'], ['status', '--json=yes'],
                ['status', '--root'], ['status', '--root='], ['status', '--output=uuid'],
                ['esp', 'list', '--output='], ['esp', 'list', '--output=uuid,x'],
                ['esp', 'list', '--json', '--output=uuid'], ['kernel', 'list', '--output=why'],
                ['monitor', '--no-block'], ['refresh', '--dry-run', '--no-block'], ['status', '-H'], ['refresh', '--esp'],
                ['refresh', '--new-kernel=a', '--new-kernel=b'],
                ['refresh', '--dry-run', '--new-kernel=a'], ['refresh', '--verbose'],
                ['status', '--verbose'],
                ['kernel', 'pin', 'a', '--yes', '--no-refresh'],
                ['status', '--host=h', f'--root={self.root}'],
                ['kernel', 'pin', b'\xff'], ['refresh', b'--esp=\xff']]:
            with self.subTest(arguments=arguments):
                done = self.run_client(*arguments)
                self.assert_refused(done, 2)
                self.assert_private_daemon(False)

    def test_control_characters_of_arguments_do_not_reach_the_terminal(self):
        for evil in ['\x1b[31m', '\x9b31m', 'a\nb', '--\x1b]0;x\x07', '-\x1b', '\x7f']:
            with self.subTest(evil=evil):
                done = self.run_client(evil)
                self.assert_refused(done, 2)
                self.assertNotRegex(done.stderr[:-1], r'[\x00-\x1f\x7f-\x9f]')

    def test_output_that_cannot_be_written_is_a_failure(self):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([CLIENT, '--help'], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn('No space left', done.stderr)


class PrivateDaemon(ClientCase):
    def test_a_root_that_does_not_exist_is_named(self):
        done = self.run_client('--root=/nonexistent/root', 'status')
        self.assert_refused(done, 1)
        self.assertIn("'/nonexistent/root'", done.stderr)
        self.assert_private_daemon(False)

    def test_a_root_that_is_a_file_is_refused(self):
        done = self.run_client(f'--root={__file__}', 'status')
        self.assert_refused(done, 1)
        self.assert_private_daemon(False)

    def test_a_relative_root_reaches_the_daemon_as_an_absolute_path(self):
        root = os.path.relpath(self.root)
        done = self.run_client(f'--root={root}', 'kernel', 'list')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.recorded()[0][1],
                         ['--peer-fd=3', f'--root={os.path.realpath(self.root)}'])

    def test_the_daemon_has_a_session_of_its_own(self):
        self.run_private('kernel', 'list')
        self.assertIs(self.recorded()[0][2], True)

    def test_stray_output_of_the_daemon_stays_out_of_the_json(self):
        done = self.run_private('kernel', 'list', '--json')
        self.assertEqual(json.loads(done.stdout)['running'], '6.8.12-4-pve')
        self.assertIn('stray output', done.stderr)

    def test_a_daemon_that_cannot_be_started_is_named(self):
        self.env['BOOTSYNC_DAEMON'] = '/nonexistent/bootsyncd'
        done = self.run_private('status')
        self.assert_refused(done, 1)
        self.assertIn("'/nonexistent/bootsyncd'", done.stderr)

    def test_a_daemon_that_ends_at_once_is_an_error(self):
        self.env['BOOTSYNC_DAEMON'] = '/bin/false'
        self.assert_refused(self.run_private('status'), 1)

    def test_the_daemon_has_left_when_the_client_returns(self):
        # No pipe here: its end would come only with the daemon's.
        subprocess.run([CLIENT, f'--root={self.root}', 'kernel', 'list'], check=True, timeout=60,
                       env=dict(self.env, FAKE='{"linger": 0.5}'), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(self.recorded()[-1], ['ended'])


class WhichDaemon(ClientCase):
    def listen(self):
        """A socket that takes every caller, and hangs up on those that it accepts."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.directory / 'socket'))
        self.bus_address(self.directory / 'socket')
        return server

    def in_namespaces(self, script):
        user = [] if os.geteuid() == 0 else ['--user', '--map-root-user']
        return ['unshare', *user, '--mount', '--pid', '--fork', '--mount-proc',
                'sh', '-euc', script, str(self.directory)]

    def test_an_absent_bus_means_a_private_daemon(self):
        self.assertEqual(self.run_client('kernel', 'list').returncode, 0)
        self.assert_private_daemon()
        self.assertEqual(self.recorded()[0][1], ['--peer-fd=3'])

    def test_a_refused_connection_means_a_private_daemon(self):
        self.listen()  # bound, but nobody listens
        self.assertEqual(self.run_client('kernel', 'list').returncode, 0)
        self.assert_private_daemon()

    def test_status_tells_that_no_daemon_runs_if_one_was_expected(self):
        self.bus_address('/nonexistent/socket')
        fake = {'esps': [['AAAA-0001', 'in-sync', '']]}
        shown = json.loads(self.run_client('status', '--json', fake=fake).stdout)
        self.assertEqual([w['id'] for w in shown['warnings']], ['service-not-running'])
        self.assertIn('action: systemctl enable --now bootsyncd.service\n',
                      self.run_client('status', fake=fake).stdout)
        shown = json.loads(self.run_private('status', '--json', fake=fake).stdout)
        self.assertEqual(shown['warnings'], [])

    def test_a_bus_that_hangs_up_is_an_error(self):
        server = self.listen()
        server.listen()
        client = subprocess.Popen([CLIENT, 'kernel', 'list'], env=self.env, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        server.accept()[0].close()
        out, err = client.communicate(timeout=60)
        self.assertEqual((client.returncode, out), (1, ''))
        self.assertRegex(err, r'\Abootctl-pve: .+\n\Z')
        self.assert_private_daemon(False)

    def test_a_bus_without_the_service_means_a_private_daemon(self):
        self.start_bus()
        self.assertEqual(self.run_client('kernel', 'list').returncode, 0)
        self.assert_private_daemon()

    def start_bus_that_has_the_service(self):
        (self.directory / 'org.bootsync1.service').write_text(
            '[D-BUS Service]\nName=org.bootsync1\nExec=/bin/false\nUser=root\n')
        self.start_bus()

    def on_host(self, *run):
        """A prefix: with these directories in /run."""
        return self.in_namespaces('mount -t tmpfs none /run; '
                                  + ''.join(f'mkdir -p /run/{d}; ' for d in run) + 'exec "$@"')

    def test_a_service_that_fails_to_start_is_an_error_where_systemd_runs(self):
        self.start_bus_that_has_the_service()
        done = self.run_client('kernel', 'list', prefix=self.on_host('systemd/system'))
        self.assert_refused(done, 1)
        self.assertIn('org.bootsync1', done.stderr)
        self.assert_private_daemon(False)

    def test_a_service_that_only_systemd_could_start_means_a_private_daemon_without_it(self):
        self.start_bus_that_has_the_service()
        done = self.run_client('kernel', 'list', prefix=self.on_host())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_private_daemon()

    def test_who_falls_back_says_so_once_and_before(self):
        done = self.run_client('status')
        self.assertEqual(done.stderr, 'bootctl-pve: There is no system bus; a bootsyncd for this '
                         'command alone is started.\nstray output of the daemon\n')
        self.assertNotIn('bootctl-pve', self.run_client('status', '--quiet').stderr)
        self.assertNotIn('bootctl-pve', self.run_client('kernel', 'list', '--json').stderr)
        self.assertNotIn('bootctl-pve', self.run_private('status').stderr)
        self.start_bus()
        self.assertRegex(self.run_client('status').stderr, r'\Abootctl-pve: bootsyncd does not run, '
                         r'and nothing here would start it; [^\n]+\nstray')

    def ssh(self, script):
        ssh = self.directory / 'ssh'
        ssh.write_text(f'#!/bin/sh\n{script}\n')
        ssh.chmod(0o755)
        self.env['PATH'] = f'{self.directory}:{self.env["PATH"]}'

    def test_another_host_never_means_a_private_daemon(self):
        self.ssh('exit 255')
        self.assert_refused(self.run_client('-H', 'elsewhere', 'status'), 1)
        self.assert_private_daemon(False)

    def test_a_host_that_is_not_reached_is_one_sentence_with_the_reason_of_ssh(self):
        self.ssh('echo "Warning: a banner" >&2; echo "ssh: connect to host elsewhere port 22: '
                 'Connection refused" >&2; exit 255')
        done = self.run_client('-H', 'elsewhere', 'status')
        self.assertEqual((done.returncode, done.stdout), (1, ''))
        self.assertEqual(done.stderr, "bootctl-pve: Failed to reach 'elsewhere': ssh: connect to "
                         'host elsewhere port 22: Connection refused; see that ssh gets there, and '
                         'that bootsync is installed there.\n')

    def start_systemd(self):
        self.start_bus()
        directory = self.directory / 'systemd'
        directory.mkdir()
        systemd = subprocess.Popen([sys.executable, HERE / 'fake_systemd.py', directory],
                                   env=self.env)
        self.addCleanup(systemd.wait)
        self.addCleanup(systemd.terminate)
        self.start_on_bus()
        deadline = time.monotonic() + 60
        while not (directory / 'systemd-ready').exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return directory

    def start_on_bus(self):
        daemon = subprocess.Popen([self.env['BOOTSYNC_DAEMON'], '--bus'], text=True,
                                  env=dict(self.env, FAKE='{}'), stdout=subprocess.PIPE)
        self.addCleanup(daemon.stdout.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        while daemon.stdout.readline() not in ('ready\n', ''):
            pass

    def warnings(self):
        return [w['id'] for w in json.loads(self.run_client('status', '--json').stdout)['warnings']]

    def test_a_service_that_the_next_boot_will_not_start_is_a_warning(self):
        directory = self.start_systemd()
        for state, expected in [('disabled', ['service-not-enabled']), ('enabled', []), ('', [])]:
            (directory / 'units').write_text(
                json.dumps({'bootsyncd.service': ['loaded', 'active', state]}))
            self.assertEqual(self.warnings(), expected, state)

    def test_a_systemd_that_does_not_answer_holds_nothing_up(self):
        directory = self.start_systemd()
        (directory / 'mute').touch()
        begin = time.monotonic()
        self.assertEqual(self.warnings(), [])
        self.assertLess(time.monotonic() - begin, 10)

    def test_root_in_a_chroot_does_not_speak_to_the_bus(self):
        server = self.listen()
        server.listen()
        chroot = ('mkdir "$0/chroot"; mount -t tmpfs none "$0/chroot"; '
                  'for i in /*; do '
                  'if [ -L "$i" ]; then cp -P "$i" "$0/chroot$i"; '
                  'elif [ -d "$i" ]; then mkdir "$0/chroot$i"; mount --rbind "$i" "$0/chroot$i"; '
                  'fi; done; chroot "$0/chroot" "$@" && exit')  # PID 1 stays outside
        done = self.run_client('kernel', 'list', prefix=self.in_namespaces(chroot))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_private_daemon()

    def test_a_refresh_in_a_container_does_nothing(self):
        mark = ('mount -t tmpfs none /run; mkdir /run/systemd; '
                'echo lxc >/run/systemd/container; exec "$@"')
        prefix = self.in_namespaces(mark)
        for arguments in ['refresh'], ['refresh', '--dry-run']:
            done = self.run_client(*arguments, prefix=prefix)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('container', done.stdout)
        done = self.run_client('refresh', '--json', prefix=prefix)
        self.assertEqual(json.loads(done.stdout)['result'], 'done')
        self.assert_private_daemon(False)
        done = self.run_client(f'--root={self.root}', 'refresh', prefix=prefix)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_private_daemon()


class Logs(ClientCase):
    def journalctl(self):
        program = self.directory / 'journalctl'
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
        program.chmod(0o755)
        self.env['PATH'] = f'{self.directory}:{self.env["PATH"]}'

    def test_the_client_becomes_journalctl_with_the_field_of_the_job(self):
        self.journalctl()
        for arguments, expected in [
                ([], []), (['8'], ['--boot', 'BOOTSYNC_JOB_ID=8']),
                (['refresh'], ['BOOTSYNC_JOB_TYPE=refresh']), (['-f'], ['--follow']),
                (['ksm-set', '--follow', '--json'],
                 ['--follow', '--output=json', 'BOOTSYNC_JOB_TYPE=ksm-set'])]:
            done = self.run_client('logs', *arguments)
            self.assertEqual((done.returncode, done.stderr), (7, ''))
            self.assertEqual(done.stdout.split(), ['--unit=bootsyncd.service', *expected])
        self.assert_private_daemon(False)

    def test_without_journalctl_or_elsewhere_it_is_one_sentence(self):
        self.env['PATH'] = str(self.directory)
        done = self.run_client('logs')
        self.assert_refused(done, 1)
        self.assertIn('journalctl', done.stderr)
        done = self.run_client('logs', '-H', 'pve2')
        self.assert_refused(done, 2)
        self.assertIn("'ssh pve2 bootctl-pve logs'", done.stderr)

    def test_the_types_are_those_of_the_daemon(self):
        text = '\n'.join(path.read_text() for path in
                         (HERE.parent.parent / 'daemon/engine/queue').glob('*.c'))
        types = re.findall(r'\[JOB_\w+\] = "([a-z-]+)"', text.partition('job_type_table')[2]
                           .partition('};')[0])
        self.assertGreater(len(types), 8)
        said = self.run_client('logs', 'nonsense').stderr.strip().rstrip('.')
        self.assertEqual(sorted(said.rpartition(': ')[2].split(', ')), sorted(types))


class Answers(ClientCase):
    def test_status_tells_by_its_exit_status_how_the_esps_are(self):
        for states, expected in [([], 2), (['in-sync'], 0), (['in-sync', 'in-sync'], 0),
                                 (['in-sync', 'missing'], 3), (['outdated'], 3), (['unknown'], 3),
                                 (['missing', 'outdated'], 3), (['missing'], 1),
                                 (['missing', 'failed'], 1)]:
            with self.subTest(states=states):
                esps = [[f'AAAA-000{i}', state, ''] for i, state in enumerate(states)]
                self.assertEqual(self.run_private('status', fake={'esps': esps}).returncode,
                                 expected)
                done = self.run_private('status', '--quiet', fake={'esps': esps})
                self.assertEqual((done.returncode, done.stdout), (expected, ''))
                done = self.run_private('esp', 'list', '--json', fake={'esps': esps})
                self.assertEqual((done.returncode, [e['state'] for e in json.loads(done.stdout)]),
                                 (0, states))

    def test_a_private_daemon_is_made_to_look_before_its_esps_are_shown(self):
        for verb in ['status'], ['esp', 'list']:
            self.run_private(*verb)
            self.assertEqual([call[0] for call in self.called()], ['ProbePartitions'])

    def test_the_exit_status_of_a_refresh_is_the_result_of_its_job(self):
        for result, expected in [('done', 0), ('partial', 3), ('failed', 1), ('canceled', 1)]:
            for early in False, True:
                with self.subTest(result=result, early=early):
                    fake = {'esps': HALF, 'result': [result, '', 'It ended.'], 'early': early}
                    done = self.run_private('refresh', '--json', fake=fake)
                    self.assertEqual(done.returncode, expected, done.stderr)
                    value = json.loads(done.stdout)
                    self.assertEqual((value['result'], value['message']), (result, 'It ended.'))
                    self.assertEqual(value['esps'][1], {'uuid': 'CCCC-DDDD', 'state': 'failed',
                                                        'last_error': HALF[1][2]})

    def test_a_partial_refresh_names_the_esps_not_in_sync_and_why(self):
        done = self.run_private('refresh', fake={'esps': HALF, 'result': ['partial', '', 'Some.']})
        self.assertIn("bootctl-pve: ESP 'CCCC-DDDD': The ESP is full; remove a kernel.\n",
                      done.stderr)
        self.assertNotIn('AAAA-BBBB', done.stderr)

    def test_refresh_sends_what_was_asked_for_and_shows_only_that(self):
        done = self.run_private('refresh', '--esp', 'AAAA-BBBB', '--new-kernel=6.9.1-1-pve',
                                '--json', fake={'esps': HALF})
        self.assertEqual(self.called(), [
            ['GetEsp', ['AAAA-BBBB', {}], False],
            ['Refresh', [{'esps': ['AAAA-BBBB'], 'new-kernel': '6.9.1-1-pve'}], False]])
        self.assertEqual([esp['uuid'] for esp in json.loads(done.stdout)['esps']], ['AAAA-BBBB'])

    def test_a_refresh_without_an_esp_says_so_and_is_done(self):
        for fake in {}, {'path': '/'}:
            done = self.run_private('refresh', fake=fake)
            self.assertEqual(done.returncode, 0)
            self.assertIn('No ESP is configured', done.stdout)

    def test_a_daemon_that_dies_in_mid_job_is_an_error(self):
        self.assertEqual(self.run_private('refresh', fake={'result': None}).returncode, 1)

    def test_who_may_not_exits_with_4(self):
        for name in ACCESS_DENIED, NEEDS_PASSWORD:
            done = self.run_private('kernel', 'pin', 'a', fake={'error': [name, 'No.']})
            self.assert_refused(done, 4)

    def test_a_refusal_is_shown_in_the_words_of_the_daemon_made_safe(self):
        error = ['org.bootsync1.Error.NotBootable', "Kernel 'x' has no \x1b[1minitrd."]
        done = self.run_private('kernel', 'pin', 'x', '--json', fake={'error': error})
        self.assert_refused(done, 1)
        self.assertIn("bootctl-pve: Kernel 'x' has no ?[1minitrd.\n", done.stderr)

    def test_kernel_list_has_its_keys(self):
        value = json.loads(self.run_private('kernel', 'list', '--json').stdout)
        self.assertEqual(set(value), {'running', 'default', 'wanted', 'manual', 'automatic',
                                      'selected', 'protected', 'pinned', 'next_boot', 'kernels'})
        self.assertEqual(value['kernels'], [
            {'version': '6.8.12-4-pve', 'bootable': True, 'reasons': ['running', 'newest']},
            {'version': '6.5.13-5-pve', 'bootable': False, 'reasons': []}])


class LifeCycle(ClientCase):
    """format, init, reinit and the partitions they are about."""

    def device_sent(self):
        return [call[1][0] for call in self.called() if call[0] in ('FormatEsp', 'InitEsp')]

    def test_each_verb_makes_its_call_and_scripts_are_not_asked(self):
        for arguments, expected in [
                (['format', '/dev/x'], ['FormatEsp', ['/dev/x', {}]]),
                (['format', '/dev/x', '--force'], ['FormatEsp', ['/dev/x', {'force': True}]]),
                (['init', '/dev/x'], ['InitEsp', ['/dev/x', 'auto', {}]]),
                (['init', '/dev/x', 'grub'], ['InitEsp', ['/dev/x', 'grub', {}]]),
                (['init', '/dev/x', 'systemd-boot'], ['InitEsp', ['/dev/x', 'systemd-boot', {}]]),
                (['reinit'], ['ReinitEsps', [{}]])]:
            for options in [], ['--yes']:
                with self.subTest(arguments=arguments, options=options):
                    done = self.run_private(*arguments, *options, fake={'esps': IN_SYNC})
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual([call[:2] for call in self.called()
                                      if call[0] != 'ListPartitions'], [expected])

    def test_a_formatted_partition_is_named_with_its_partuuid(self):
        done = self.run_private('format', '/dev/sdb2', fake={'partitions': PARTITIONS})
        self.assertEqual(done.stdout, 'Formatted /dev/sdb2 (PARTUUID bb-02).\n')
        done = self.run_private('format', '/dev/sdz2', '--json', fake={'partitions': PARTITIONS})
        self.assertEqual(json.loads(done.stdout), {
            'result': 'done', 'error': '', 'message': 'Formatted /dev/sdz2.', 'esps': []})

    def test_an_esp_that_is_set_up_is_told_of_without_the_others(self):
        done = self.run_private('init', '/dev/sdb2', fake={'esps': HALF})
        self.assertEqual(done.stdout, '/dev/sdb2 is set up and in sync.\n')
        done = self.run_private('init', '/dev/sdb2',
                                fake={'esps': HALF, 'result': ['failed', 'a.b', 'It has no room.']})
        self.assertTrue(done.stderr.endswith('\nbootctl-pve: It has no room.\n'), done.stderr)
        self.assertNotIn('CCCC-DDDD', done.stderr)

    def test_the_exit_status_is_the_result_of_the_job(self):
        for arguments in ['format', '/dev/x'], ['init', '/dev/x'], ['reinit']:
            for result, expected in [('done', 0), ('partial', 3), ('failed', 1), ('canceled', 1)]:
                with self.subTest(arguments=arguments, result=result):
                    fake = {'esps': HALF, 'result': [result, 'a.b', 'It ended.']}
                    done = self.run_private(*arguments, '--json', fake=fake)
                    self.assertEqual(done.returncode, expected, done.stderr)
                    value = json.loads(done.stdout)
                    self.assertEqual(value['result'], result)
                    self.assertEqual('It ended.' in done.stderr, result != 'done')

    def test_a_refusal_is_the_sentence_of_the_daemon(self):
        for name, status in [('org.bootsync1.Error.NotAPartition', 1), (ACCESS_DENIED, 4)]:
            for arguments in ['format', '/dev/x'], ['init', '/dev/x'], ['reinit']:
                done = self.run_private(*arguments, fake={'error': [name, 'Not that.']})
                self.assert_refused(done, status)
                self.assertIn('Not that.', done.stderr)

    def test_a_path_on_this_host_is_sent_as_what_it_leads_to(self):
        target = self.root / 'sda2'
        target.touch()
        (self.root / 'by-id').symlink_to('sda2')
        real = os.path.realpath(target)
        here = os.path.relpath(self.root)
        for name, expected in [
                (str(self.root / 'by-id'), real), (f'{here}/by-id', real), (f'{here}/sda2', real),
                (f'{self.root}/../root/sda2', real), ('absent', f'{os.getcwd()}/absent'),
                ('/dev/absent', '/dev/absent'), ('', '')]:
            for verb in 'format', 'init':
                with self.subTest(verb=verb, name=name):
                    self.run_client(verb, name)
                    self.assertEqual(self.device_sent(), [expected])

    def test_a_path_below_a_root_is_sent_as_it_is(self):
        (self.directory / 'link').symlink_to('/dev/null')
        for name in str(self.directory / 'link'), os.path.relpath(self.directory), 'absent':
            self.run_private('format', name)
            self.assertEqual(self.device_sent(), [name])

    def test_candidates_are_the_partitions_that_are_not_listed_with_what_is_next_or_why_not(self):
        done = self.run_private('esp', 'candidates', fake={
            'partitions': PARTITIONS, 'disks': [['/dev/sdz', "'/dev/sdz' has no\x1b[1m ESP"]]})
        lines = done.stdout.splitlines()
        self.assertEqual(done.returncode, 0)
        self.assertEqual([line.split()[0] for line in lines if line.startswith('/dev')],
                         ['/dev/sda1', '/dev/sda3', '/dev/sdb2', '/dev/sdb3', '/dev/sdc1'])
        self.assertIn('  next: bootctl-pve init /dev/sdb2', lines)
        self.assertIn('  why: Because.', lines)
        self.assertIn("zfs_member 'LABEL'", done.stdout)
        self.assertIn('mounted on /mnt/?[1m', done.stdout)
        self.assertEqual(lines[-1], "'/dev/sdz' has no?[1m ESP.")
        self.assertEqual([call[0] for call in self.called()], ['ProbePartitions', 'ListCandidates'])

    def test_candidates_in_json_are_all_partitions_with_all_that_is_known(self):
        done = self.run_private('esp', 'candidates', '--json', fake={'partitions': PARTITIONS})
        keys = ['device', 'disk', 'part_uuid', 'fs_type', 'size_bytes', 'free_bytes', 'in_use',
                'registered']
        self.assertEqual([list(p.values())[:8] for p in json.loads(done.stdout)], PARTITIONS)
        self.assertEqual(list(json.loads(done.stdout)[0]), keys + [
            'model', 'serial', 'label', 'usable', 'why', 'commands'])

    def test_no_candidate_is_a_sentence_and_an_empty_list(self):
        self.assertRegex(self.run_private('esp', 'candidates').stdout, r'\ANo partition [^\n]+\n\Z')
        self.assertEqual(json.loads(self.run_private('esp', 'candidates', '--json').stdout), [])

    def test_who_may_not_have_the_disks_looked_at_gets_what_is_remembered_and_is_told(self):
        for name in ACCESS_DENIED, NEEDS_PASSWORD:
            fake = {'partitions': PARTITIONS, 'refused': {'ProbePartitions': [name, 'No.']}}
            done = self.run_private('esp', 'candidates', fake=fake)
            self.assertEqual(done.returncode, 0)
            self.assertIn('/dev/sdb2', done.stdout)
            self.assertIn('remembers', done.stderr)
        fake['refused']['ProbePartitions'][0] = 'org.bootsync1.Error.Busy'
        self.assert_refused(self.run_private('esp', 'candidates', fake=fake), 1)


class Changes(ClientCase):
    CALLS = [
        (['add', 'v'], ['AddKernel', ['v', {}]]),
        (['remove', 'v'], ['RemoveKernel', ['v', {}]]),
        (['pin', 'v'], ['PinKernel', ['v', 'permanent', {}]]),
        (['pin', 'v', '--next-boot'], ['PinKernel', ['v', 'next-boot', {}]]),
        (['unpin'], ['UnpinKernel', ['all', {}]]),
        (['unpin', '--next-boot'], ['UnpinKernel', ['next-boot', {}]]),
    ]

    def test_each_verb_makes_its_call_and_no_other(self):
        for arguments, call in self.CALLS:
            with self.subTest(arguments=arguments):
                done = self.run_private('kernel', *arguments, fake={'path': '/', 'esps': IN_SYNC})
                self.assertEqual(done.returncode, 0, done.stderr)
                # The fake daemon has no pin that could be taken away.
                self.assertIn('nothing to do' if arguments[0] == 'unpin' else
                              f'bootctl-pve --root={self.root} refresh', done.stdout)
                self.assertEqual([c[:2] for c in self.called()], [call])

    def test_a_change_that_is_on_every_esp_is_nothing_to_do_and_one_that_is_not_is_named(self):
        done = self.run_private('kernel', 'unpin', '--yes', fake={'path': '/', 'pending': []})
        self.assertEqual((done.returncode, done.stdout),
                         (0, 'No kernel is pinned; nothing to do.\n'))
        self.assertEqual([c[0] for c in self.called()], ['UnpinKernel'])
        done = self.run_private('kernel', 'unpin', fake={'path': '/', 'pending': ['default 6.8.1']})
        self.assertEqual(done.stdout,
                         'No kernel is pinned. The change is stored, but not on the ESPs yet '
                         f"(default 6.8.1). Run 'bootctl-pve --root={self.root} refresh' to bring it to "
                         'the ESPs.\n')

    def test_without_a_terminal_only_yes_refreshes(self):
        for option, calls in [('--no-refresh', 1), ('--yes', 2)]:
            self.run_private('kernel', 'unpin', option, fake={'path': '/', 'esps': IN_SYNC})
            self.assertEqual(len(self.called()), calls, option)

    def test_a_change_that_is_only_stored_says_so_in_json(self):
        done = self.run_private('kernel', 'pin', 'v', '--json', fake={'path': '/'})
        self.assertEqual(json.loads(done.stdout)['result'], 'stored')

    def test_no_refresh_is_refused_before_the_change_while_auto_sync_is_on(self):
        done = self.run_private('kernel', 'unpin', '--no-refresh', fake={'auto_sync': True})
        self.assert_refused(done, 2)
        self.assertEqual(self.called(), [])

    def test_the_job_of_an_automatic_sync_decides_the_exit_status(self):
        fake = {'auto_sync': True, 'esps': HALF, 'result': ['partial', '', 'Some.']}
        self.assertEqual(self.run_private('kernel', 'unpin', fake=fake).returncode, 3)
        self.assertEqual(len(self.called()), 1)


class Terminal(ClientCase):
    def run_on_terminal(self, *arguments, fake, typed=b'', after=b''):
        """What the terminal shows, and the wait status. @typed is sent once @after is seen."""
        env = dict(self.env, FAKE=json.dumps(fake), TERM='xterm')
        env.pop('NO_COLOR', None)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(CLIENT, [CLIENT, f'--root={self.root}', *arguments], env)
        shown = b''
        deadline = time.monotonic() + 60
        while select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
            if typed and after in shown:
                os.write(terminal, typed)
                typed = b''
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return shown.decode(), status

    def test_the_question_is_asked_and_only_a_yes_refreshes(self):
        for typed, calls in [(b'y\n', 2), (b'\n', 1), (b'n\n', 1), (b'\x04', 1)]:
            with self.subTest(typed=typed):
                self.log.unlink(missing_ok=True)
                shown, status = self.run_on_terminal(
                    'kernel', 'pin', 'v', typed=typed, after=b'[y/N]',
                    fake={'path': '/', 'esps': IN_SYNC})
                self.assertEqual(status, 0)
                self.assertIn('Refresh the ESPs now? [y/N]', shown)
                self.assertEqual(len(self.called()), calls)

    def test_format_names_what_is_there_and_only_a_yes_goes_on(self):
        described = {'/dev/disk/x': ['/dev/sdc1', '/dev/sdc', 'SanDisk Ultra', '4C53', 'vfat',
                                     'mounted on /mnt/\x1b[1m', 64 * MIB]}
        for typed, calls in [(b'y\n', 1), (b'\n', 0), (b'n\n', 0), (b'\x04', 0)]:
            with self.subTest(typed=typed):
                self.log.unlink(missing_ok=True)
                shown, status = self.run_on_terminal(
                    'format', '/dev/disk/x', typed=typed, after=b'[y/N]',
                    fake={'described': described})
                self.assertEqual(os.waitstatus_to_exitcode(status), 0 if calls else 1)
                self.assertIn("Format /dev/sdc1 (64.0 MiB, holds 'vfat', mounted on /mnt/?[1m, on "
                              "/dev/sdc, 'SanDisk Ultra' with the serial number '4C53')? "
                              'What is on it will be lost. [y/N]', shown)
                self.assertEqual('was left as it is' in shown, not calls)
                self.assertEqual([c[1][0] for c in self.called() if c[0] == 'FormatEsp'],
                                 ['/dev/sdc1'] * calls)
                self.assertEqual(self.called()[0][0], 'ProbePartitions')

    def test_format_says_what_a_disk_does_not_tell(self):
        for model, serial, words in [('', '', 'of unknown make'),
                                     ('', 'S1', "'unknown' with the serial number 'S1'"),
                                     ('A', '', "'A' with the serial number 'unknown'")]:
            described = {'/dev/x': ['/dev/sdb2', '/dev/sdb', model, serial, '', '', 512 * MIB]}
            shown, _ = self.run_on_terminal('format', '/dev/x', typed=b'n\n', after=b'[y/N]',
                                            fake={'described': described})
            self.assertIn(f'Format /dev/sdb2 (512.0 MiB, holds nothing, on /dev/sdb, {words})?',
                          shown)

    def test_format_asks_in_the_same_way_about_what_is_not_known(self):
        shown, status = self.run_on_terminal('format', '/dev/\x1b[1m', typed=b'n\n', fake={},
                                             after=b'[y/N]')
        self.assertEqual(os.waitstatus_to_exitcode(status), 1)
        self.assertIn('Format /dev/?[1m? What', shown)

    def test_yes_keeps_format_from_asking(self):
        shown, status = self.run_on_terminal('format', '/dev/sdb2', '--yes',
                                             fake={'partitions': PARTITIONS})
        self.assertEqual((status, '[y/N]' in shown), (0, False))
        self.assertEqual([c[0] for c in self.called()], ['FormatEsp', 'ListPartitions'])

    def test_a_password_may_be_asked_for_only_on_a_terminal(self):
        self.run_on_terminal('refresh', fake={})
        self.assertEqual([call[2] for call in self.called()], [True])

    def test_progress_is_drawn_with_a_safe_message(self):
        shown, _ = self.run_on_terminal('refresh', fake={'esps': IN_SYNC, 'seconds': 1})
        self.assertIn('job 1 refresh  50 %  Copying ?[1m', shown)

    def test_colours_end_where_they_are_not_wanted(self):
        shown, _ = self.run_on_terminal('status', fake={'esps': IN_SYNC})
        self.assertIn('\x1b[32min-sync\x1b[0m', shown)
        self.env['TERM'] = 'xterm'
        self.assertNotIn('\x1b', self.run_private('status', fake={'esps': IN_SYNC}).stdout)

    def test_an_interrupt_leaves_the_job_alone_and_says_so(self):
        shown, status = self.run_on_terminal('refresh', typed=b'\x03', after=b'50 %',
                                             fake={'esps': IN_SYNC, 'seconds': 30})
        self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, status)
        self.assertIn(f"The job goes on without you, and can be stopped by nobody; 'bootctl-pve "
                      f"--root={self.root} status' waits a minute for its end", shown)


class Completion(ClientCase):
    def complete(self, *words, path=os.environ['PATH']):
        script = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bootctl_pve; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        source = HERE.parent.parent / 'client' / 'completion' / 'bootctl-pve.bash'
        done = subprocess.run(['bash', '-uc', script, source, 'bootctl-pve', *words],
                              capture_output=True, text=True, check=True,
                              env=dict(os.environ, PATH=path))
        self.assertEqual(done.stderr, '')
        return done.stdout.split()

    def test_bash_completes_the_verbs_of_the_help(self):
        first = {verb.split()[0] for verb in VERBS}
        self.assertEqual(set(self.complete('')), first)
        for group in 'kernel', 'esp', 'secure-boot', 'ksm':
            self.assertEqual({f'{group} {word}' for word in self.complete(group, '')},
                             {verb for verb in VERBS if verb.startswith(group + ' ')})

    def test_bash_completes_the_options_of_the_help(self):
        for verb in VERBS:
            with self.subTest(verb=verb):
                offered = {word.rstrip('=') for word in self.complete(*verb.split(), '--')}
                text = self.run_client(*verb.split(), '--help').stdout
                self.assertEqual(offered, set(re.findall(r'--[a-z-]+', text)))

    def test_bash_completes_the_columns_that_there_are_and_the_formats(self):
        for verb in 'kernel list', 'esp list', 'esp candidates':
            refused = self.run_client(*verb.split(), '--output=?')
            names = refused.stderr.partition('there are: ')[2].rstrip('.\n').split(', ')
            self.assertEqual(self.complete(*verb.split(), '--output', '=', ''), names)
        self.assertEqual(self.complete('status', '--json', '='), ['short', 'pretty'])
        self.assertEqual(self.complete('--json', '=', 'short', 'kernel', 'p'), ['pin'])

    def test_bash_completes_kernels_and_esps_from_files_below_the_root(self):
        (self.root / 'boot').mkdir()
        (self.root / 'boot/vmlinuz-6.8.12-4-pve').touch()
        (self.root / 'etc/kernel').mkdir(parents=True)
        (self.root / 'etc/kernel/proxmox-boot-uuids').write_text('# ESPs\r\nAAAA-BBBB\r\n\n')
        (self.root / 'etc/kernel/proxmox-boot-manual-kernels').write_text('6.5.13-5-pve\n')
        root = ['--root', '=', str(self.root)]
        self.assertEqual(self.complete(*root, 'kernel', 'pin', ''), ['6.8.12-4-pve'])
        self.assertEqual(self.complete(*root, 'kernel', 'remove', ''), ['6.5.13-5-pve'])
        self.assertEqual(self.complete(*root, 'verify', '--esp', '=', ''), ['AAAA-BBBB'])

    def test_bash_completes_settings_that_can_be_written_but_not_run(self):
        directory = self.root / 'sys/kernel/mm/ksm'
        directory.mkdir(parents=True)
        for name, mode in (('run', 0o644), ('pages_to_scan', 0o644), ('pages_shared', 0o444)):
            (directory / name).touch(mode)
        root = ['--root', '=', str(self.root)]
        for words in ['ksm', 'set', ''], ['ksm', 'set', 'a', '=', '1', 'pages']:
            self.assertEqual(self.complete(*root, *words), ['pages_to_scan='])
        for words in ['ksm', 'set', 'a', '='], ['ksm', 'set', 'a', '=', '1'], ['ksm', 'status', '']:
            self.assertEqual(self.complete(*root, *words), [])

    def test_bash_completes_jobs_without_starting_a_daemon(self):
        busctl = self.directory / 'busctl'
        busctl.write_text('#!/bin/sh\ncase "$*" in *--auto-start=no*tree*) printf '
                          '"/org/bootsync1\\n/org/bootsync1/job\\n/org/bootsync1/job/8\\n'
                          '/org/bootsync1/esp/x\\n";; *) exit 1;; esac\n')
        busctl.chmod(0o755)
        path = f'{self.directory}:{os.environ["PATH"]}'
        self.assertEqual(self.complete('cancel', '', path=path), ['8'])
        self.assertEqual(self.complete('logs', '', path=path),
                         ['refresh', 'verify', 'format', 'init', 'reinit', 'convert', '8'])
        self.assertEqual(self.complete('help', 'kernel', 'p', path=path), ['pin'])

    def test_bash_completes_partitions_and_boot_loaders(self):
        lsblk = self.directory / 'lsblk'
        lsblk.write_text('#!/bin/sh\necho "$@" | grep -qx "\\-rpno NAME,TYPE" || exit\n'
                         'printf "%s\\n" "/dev/sda disk" "/dev/sda1 part" "/dev/md0 raid1" '
                         '"/dev/nvme0n1p2 part" "/dev/mapper/part crypt"\n')
        lsblk.chmod(0o755)
        path = f'{self.directory}:{os.environ["PATH"]}'
        for verb in 'format', 'init':
            self.assertEqual(self.complete(verb, '', path=path), ['/dev/sda1', '/dev/nvme0n1p2'])
            self.assertEqual(self.complete(verb, '/dev/n', path=path), ['/dev/nvme0n1p2'])
        self.assertEqual(self.complete('format', '/dev/sda1', ''), [])
        self.assertEqual(self.complete('init', '/dev/sda1', ''), ['grub', 'systemd-boot'])
        self.assertEqual(self.complete('init', '/dev/sda1', 'grub', ''), [])

    def test_bash_is_quiet_where_there_is_nothing(self):
        self.assertEqual(self.complete('--root', '=', '/nonexistent', 'verify', '--esp', '='), [])
        self.assertEqual(self.complete('--root', '=', '/nonexistent', 'kernel', 'add', ''), [])
        self.assertEqual(self.complete('--root', '=', '/nonexistent', 'ksm', 'set', ''), [])


if __name__ == '__main__':
    if not os.access(CLIENT, os.X_OK):
        sys.exit('$BOOTCTL_PVE must name the client; "meson test" sets it')
    tap.main()
