#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that is watched by others: check and metrics in each state that it can be in, and which unit
is started, when, to tell root. The daemon is the real one, systemd is played."""

import email
import email.policy
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import lab
from lab import LabCase, program, wait_until
from metrics_text import parse

SOURCE = Path(__file__).resolve().parents[2]
NEW = '6.8.12-4-pve'
UUID, OTHER = 'AAAA-0001', 'BBBB-0002'
STATUS = {'redundant': 0, 'syncing': 0, 'single': 1, 'degraded': 1, 'unbootable': 2, 'unknown': 3,
          'unmanaged': 3}
WORDS = ('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')


class Watched(LabCase):
    ESPS = (UUID, OTHER)

    def prepare(self):
        # How full an ESP is must not depend on this machine.
        dev = self.lab.path('dev')
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'lab', dev], check=True, timeout=60)
        self.lab.mounts.append(dev)
        (dev / 'disk/by-uuid').mkdir(parents=True)
        super().prepare()
        self.bus = self.lab.start_bus()

    def take_away(self, uuid):
        """The disk is gone."""
        os.rename(self.lab.esp(uuid), self.lab.path('dev/disk') / uuid)

    def bring_back(self, uuid):
        os.rename(self.lab.path('dev/disk') / uuid, self.lab.esp(uuid))

    def client(self, *arguments):
        return subprocess.run([program('BOOTCTL_PVE'), *arguments], text=True, capture_output=True,
                              timeout=60, stdin=subprocess.DEVNULL, env=dict(
                                  self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))

    def start(self, *options):
        self.lab.start_daemon('--debug', *options)
        self.bus.wait_no_job()

    def redundancy(self):
        return self.bus.properties()['Redundancy']

    def becomes(self, state):
        wait_until(lambda: self.redundancy() == state, 60, state)


class Check(Watched):
    def prepare(self):
        super().prepare()
        self.lab.settings()

    def no_daemon(self):
        check, metrics = self.client('check'), self.client('metrics')
        self.assertEqual(check.returncode, 3)
        self.assertRegex(check.stdout, r'\ABOOTSYNC UNKNOWN - [^|\n]+\n\Z')
        self.assertEqual(metrics.returncode, 0)
        self.assertEqual(parse(metrics.stdout), {('bootsync_up', ()): 0})

    def is_seen(self, state, warnings=False):
        """By check, and by metrics; with @warnings a good host has some besides."""
        check = self.client('check')
        status = max(STATUS[state], 1 if warnings else 0)
        self.assertEqual(check.returncode, status, check)
        self.assertRegex(check.stdout, rf'\ABOOTSYNC {WORDS[status]} - {state}\b[^|\n]*\|[^|\n]*\n\Z')
        metrics = self.client('metrics')
        self.assertEqual(metrics.returncode, 0)
        samples = parse(metrics.stdout)
        self.assertEqual(samples['bootsync_up', ()], 1)
        self.assertEqual({dict(labels)['state']: value for (name, labels), value in samples.items()
                          if name == 'bootsync_redundancy'},
                         {s: s == state for s in STATUS})
        self.assertEqual(sum(v for (n, _), v in samples.items() if n == 'bootsync_warnings'),
                         len(self.bus.properties()['Warnings']))
        self.assertEqual(samples['bootsync_esps', ()],
                         sum(n == 'bootsync_esp_in_sync' for n, _ in samples))
        return samples

    def test_without_a_bus_a_daemon_or_an_answer_it_is_unknown(self):
        self.no_daemon()
        self.assertFalse(self.bus.name_has_owner())  # and nobody has started one
        self.start()
        self.is_seen('redundant')
        self.bus.daemon.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        self.no_daemon()
        self.assertLess(time.monotonic() - began, 30)
        self.bus.daemon.send_signal(signal.SIGCONT)
        self.is_seen('redundant')
        self.lab.stop_daemon()
        self.no_daemon()
        self.bus.crash()
        self.no_daemon()
        self.bus.start()

    def test_each_state_of_a_host_is_seen(self):
        self.start()
        samples = self.is_seen('redundant')
        self.assertEqual(samples['bootsync_esp_in_sync', (('uuid', UUID),)], 1)
        self.assertEqual(samples['bootsync_in_sync', ()], 1)
        self.assertEqual(samples['bootsync_last_refresh_success', ()], 1)
        self.assertAlmostEqual(samples['bootsync_last_refresh_timestamp_seconds', ()], time.time(),
                               delta=300)
        self.assertIn(('bootsync_kernel_info', (('role', 'default'), ('version', NEW))), samples)
        self.assertEqual([dict(k[1])['firmware'] for k in samples if k[0] == 'bootsync_boot_info'],
                         ['bios'])

        self.take_away(OTHER)
        self.becomes('degraded')
        samples = self.is_seen('degraded')
        self.assertEqual(samples['bootsync_esp_present', (('uuid', OTHER),)], 0)
        self.assertEqual(samples['bootsync_esp_state', (('uuid', OTHER), ('state', 'missing'))], 1)
        self.take_away(UUID)
        self.becomes('unbootable')
        self.is_seen('unbootable')
        self.bring_back(UUID)
        self.bring_back(OTHER)
        self.becomes('redundant')

        self.lab.list_esps(UUID)
        self.becomes('single')
        self.is_seen('single')
        self.lab.list_esps()
        self.becomes('unmanaged')
        self.is_seen('unmanaged')
        self.lab.path('etc/kernel/proxmox-boot-uuids').unlink()
        self.lab.path('etc/kernel/proxmox-boot-uuids').mkdir()
        self.becomes('unknown')
        self.is_seen('unknown')

    def test_a_sync_that_goes_on_is_no_trouble(self):
        self.start('--test-hook=remove:1:stop')  # the first sync removes nothing
        self.becomes('redundant')
        self.lab.add_kernel('6.11.0-1-pve')
        wait_until(self.lab.stopped_worker_pids, what='a worker that was stopped')
        self.becomes('syncing')
        self.is_seen('syncing')
        while pids := self.lab.stopped_worker_pids():
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
        self.becomes('redundant')

    def test_a_warning_makes_a_good_host_one_to_look_at(self):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon('--debug')
        self.bus.refresh()
        self.becomes('redundant')
        samples = self.is_seen('redundant', warnings=True)
        self.assertEqual(samples['bootsync_warnings', (('id', 'auto-sync-off'),
                                                       ('severity', 'warning'))], 1)
        self.assertEqual(samples['bootsync_auto_sync', ()], 0)
        self.assertIn('[auto-sync-off: ', self.client('check').stdout)

    def test_metrics_go_into_a_file_that_is_replaced(self):
        self.start()
        path = self.lab.path('bootsync.prom')
        for _ in range(2):
            done = self.client('metrics', str(path))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
            self.assertIn(('bootsync_up', ()), parse(path.read_text()))
            self.assertEqual(path.stat().st_mode & 0o777, 0o644)
        self.assertEqual(list(self.lab.root.glob('.bootsync.prom*')), [])

    def test_a_mail_is_one_that_other_programs_understand(self):
        self.start()
        for name in 'pve1', 'h\u00fcst', '\u00fc\u20ac' * 12:
            command = f'printf %s {name} >/proc/sys/kernel/hostname; exec "$0" alert --dry-run degraded'
            done = subprocess.run(
                ['unshare', '--uts', 'sh', '-ec', command, program('BOOTCTL_PVE')],
                capture_output=True, timeout=60, check=True, env=dict(
                    self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))
            mail = email.message_from_bytes(done.stdout, policy=email.policy.default)
            self.assertEqual((mail.defects, mail['Subject'].defects), ([], ()))
            self.assertEqual((mail['From'], mail['To'], mail['Subject']), (
                'bootsync <root>', 'root', f'bootsync: {name} is degraded'))
            self.assertIn(f'This host needs you: {name} is degraded', mail.get_content())
            self.assertIn('As it is now: redundant.', mail.get_content())
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 120)

    def test_each_metric_is_in_the_manual_and_no_other(self):
        page = (SOURCE / 'docs/man/bootsync-monitoring.7').read_text()
        text = page.partition('.SH METRICS')[2].partition('.SH NODE')[0]
        named = set(re.findall(r'\\fB([a-z_]+)\\fR', text)) - {'bootsync_'}
        code = (SOURCE / 'client/watch/metrics.c').read_text()
        written = set(re.findall(r'(?:begin|put_gauge)\(m, "(\w+)"', code)) | {'up'}
        self.assertGreater(len(written), 20)
        self.assertEqual(named, written)

    def test_the_parser_of_this_test_sees_what_is_wrong(self):
        good = '# HELP bootsync_a A.\n# TYPE bootsync_a gauge\nbootsync_a{x="1\\n"} 1\n'
        self.assertEqual(parse(good), {('bootsync_a', (('x', '1\n'),)): 1})
        for bad in (good[:-1], good + good, good.replace('\\n"', '\n"'), good.replace(' 1\n', '\n'),
                    good.replace('gauge', 'counter'), good.replace('x="1', 'x="a"'),
                    good + 'bootsync_a{x="1\\n"} 2\n', good.replace(' 1\n', ' one\n'),
                    good + 'bootsync_b 1\n', good.replace('A.\n', 'A\n')):
            with self.subTest(text=bad), self.assertRaises(AssertionError):
                parse(bad)


class Alerts(Watched):
    AFTER = 4

    def prepare(self):
        super().prepare()
        self.configure()
        self.directory = self.lab.path('systemd')
        self.directory.mkdir()

    def configure(self, auto_sync='yes', mail='auto'):
        self.lab.write('etc/bootsync/bootsyncd.conf',
                       f'[Sync]\nAutoSync={auto_sync}\nSettleSec=0\n'
                       f'[Alerts]\nMail={mail}\nAfterSec={self.AFTER}\n')

    def systemd(self, **files):
        for name, value in files.items():
            (self.directory / name).write_text(json.dumps(value))
        if not (self.directory / 'systemd-ready').exists():
            lab.start_fake_systemd(
                self, self.directory,
                dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))

    def started(self):
        path = self.directory / 'record'
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self.assertEqual([c for c in calls if c[0] != 'StartUnit' or c[2] != 'replace'], [])
        return [c[1].removeprefix('bootsync-alert@').removesuffix('.service') for c in calls]

    def stays(self, expected, seconds=None):
        time.sleep(seconds or 2 * self.AFTER)
        self.assertEqual(self.started(), expected)

    def tells(self, *expected):
        wait_until(lambda: len(self.started()) >= len(expected), 60, 'a mail')
        self.assertEqual(self.started(), list(expected))

    def test_a_bad_state_and_its_end_are_told_once_over_restarts_too(self):
        self.systemd()
        self.start()
        self.stays([])
        self.assertFalse(self.lab.path('var/lib/bootsync/alerts').exists())
        self.take_away(OTHER)
        self.becomes('degraded')
        self.tells('degraded')
        self.stays(['degraded'])
        self.lab.stop_daemon()
        self.start()
        self.stays(['degraded'])
        self.bring_back(OTHER)
        self.becomes('redundant')
        self.tells('degraded', 'redundant')
        # One that is stopped between systemd's start of the mail and its answer tells of it again.
        wait_until(lambda: 'Started bootsync-alert@redundant' in self.bus.log(), what='the answer')
        self.lab.stop_daemon()
        self.start()
        self.stays(['degraded', 'redundant'])
        self.assertFalse(self.lab.path('var/lib/bootsync/alerts').exists())

    def test_a_state_that_comes_and_goes_is_told_once(self):
        self.systemd()
        self.start()
        for _ in range(5):
            self.take_away(OTHER)
            self.becomes('degraded')
            time.sleep(self.AFTER / 4)
            self.bring_back(OTHER)
            self.becomes('redundant')
            time.sleep(self.AFTER / 4)
        self.tells('degraded', 'redundant')
        self.stays(['degraded', 'redundant'])

    def test_a_short_moment_is_not_told(self):
        self.systemd()
        self.start()
        self.take_away(OTHER)
        self.becomes('degraded')
        self.bring_back(OTHER)
        self.becomes('redundant')
        self.stays([], 3 * self.AFTER)

    def test_a_reboot_in_between_counts(self):
        self.systemd()
        self.start()
        self.take_away(OTHER)
        self.becomes('degraded')
        wait_until(self.lab.path('var/lib/bootsync/alerts').exists, what='alerts')
        self.lab.stop_daemon()
        self.assertEqual(self.started(), [])
        self.lab.new_boot()
        time.sleep(self.AFTER)
        self.start()
        self.stays(['degraded'], self.AFTER / 2)

    def test_it_is_told_with_auto_sync_off_and_not_with_mail_off(self):
        self.configure(auto_sync='no')
        self.systemd()
        self.lab.start_daemon('--debug')
        self.bus.refresh()
        self.becomes('redundant')
        self.lab.add_kernel('6.11.0-1-pve')
        self.becomes('degraded')
        self.tells('degraded')
        self.configure(auto_sync='no', mail='off')
        wait_until(lambda: not self.lab.path('var/lib/bootsync/alerts').exists(), what='no alerts')
        self.bus.refresh()
        self.becomes('redundant')
        self.stays(['degraded'])

    def test_a_systemd_that_refuses_or_comes_late_is_asked_again(self):
        self.start()
        self.take_away(OTHER)
        self.becomes('degraded')
        wait_until(lambda: 'Cannot have systemd start' in self.bus.log(), what='a warning')
        self.systemd(refused=['bootsync-alert@degraded.service'])
        wait_until(lambda: len(self.started()) >= 2, 60, 'it is asked again')
        self.assertEqual(self.bus.log().count('Cannot have systemd start'), 1)
        self.assertNotIn('Started bootsync-alert', self.bus.log())
        self.systemd(refused=[])
        wait_until(lambda: 'Started bootsync-alert@degraded' in self.bus.log(), 60, 'it is started')
        told = self.started()
        self.stays(told)

    def test_the_bus_may_be_lost_meanwhile(self):
        self.start()
        self.take_away(OTHER)
        self.becomes('degraded')
        self.bus.crash()
        time.sleep(self.AFTER)
        self.bus.start()
        (self.directory / 'systemd-ready').unlink(missing_ok=True)
        self.systemd()
        self.tells('degraded')

    def test_a_private_daemon_tells_nobody(self):
        self.systemd()
        self.take_away(OTHER)
        self.assertEqual(self.lab.bootctl('status').status, 3)
        self.assertFalse(self.lab.path('var/lib/bootsync/alerts').exists())
        self.assertEqual(self.started(), [])


if __name__ == '__main__':
    os.umask(0o022)
    lab.main()
