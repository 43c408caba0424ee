#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was done is said in the same words by the client, the journal and the bus, each thing once;
and it is remembered on the host, across daemons, whatever stands in the file."""

import os
import subprocess

import lab
from lab import LabCase
from gi.repository import GLib

HISTORY = 'var/lib/bootsync/history'
COPIED = r'Copied 2 kernels \(1\.2 MiB\) to 2 ESPs in [0-9]+\.[0-9] s, removed none\.'
IDLE = 'Everything is as it should be; nothing was written.'


class Sentences(LabCase):
    def test_refresh_says_what_it_copied_and_then_that_nothing_was_written(self):
        self.assertRegex(self.bootctl('refresh').out,
                         rf'\A{COPIED}\nIn sync: AAAA-0001, BBBB-0002\.\n\Z')
        self.assertEqual(self.bootctl('refresh').out.splitlines()[0], IDLE)
        self.lab.add_kernel('6.8.12-9-pve')
        self.lab.write('proc/sys/kernel/osrelease', '6.8.12-9-pve\n')
        self.lab.add_kernel('6.8.12-8-pve')
        self.bootctl('refresh')
        self.lab.remove_kernel('6.8.12-8-pve')
        self.assertRegex(self.bootctl('refresh').out, r'removed 1\.|Removed 1 kernel from 2 ESPs')

    def test_pin_says_what_was_before_what_changed_and_how_to_undo_it(self):
        self.bootctl('refresh')
        undo = f'Undo: bootctl-pve --root={self.lab.root} kernel '
        pinned = self.bootctl('kernel', 'pin', self.OLD, '--yes').out.splitlines()
        self.assertEqual(pinned, [
            f'Pinned {self.OLD} (was: newest). AAAA-0001, BBBB-0002: default entry changed.',
            'In sync: AAAA-0001, BBBB-0002.', undo + 'unpin'])
        self.assertEqual(self.bootctl('kernel', 'pin', self.OLD).out,
                         'Already pinned; nothing to do.\n')
        once = self.bootctl('kernel', 'pin', self.NEW, '--next-boot').out
        self.assertIn(f'(was: {self.OLD}). The pin of {self.OLD} stays', once)
        self.assertIn(undo + 'unpin --next-boot\n', once)
        self.bootctl('kernel', 'unpin', '--next-boot', '--yes')
        self.assertIn(f'Unpinned {self.OLD}; default is now {self.NEW}. ',
                      self.bootctl('kernel', 'unpin', '--yes').out)
        self.assertEqual(self.bootctl('kernel', 'unpin').out,
                         'No kernel is pinned; nothing to do.\n')

    def test_each_error_is_told_once_and_who_is_in_sync_too(self):
        self.lab.take_away(self.ESPS[1])
        partial = self.bootctl('refresh', status=3)
        self.assertRegex(partial.out, r'\ACopied 2 kernels .* to 1 ESP in .*, removed none\. '
                                      r'In sync: AAAA-0001\.\n\Z')
        self.assertRegex(partial.err, r"\Abootctl-pve: ESP 'BBBB-0002' is missing: [^\n]*\n\Z")
        self.lab.take_away(self.ESPS[0])
        failed = self.bootctl('refresh', status=1)
        self.assertEqual(failed.out, '')
        self.assertRegex(failed.err, r"\Abootctl-pve: ESP 'AAAA-0001' is missing: [^\n]*\n"
                                     r"bootctl-pve: ESP 'BBBB-0002' is missing: [^\n]*\n\Z")

    def test_private_daemon_does_not_say_beside_the_client_what_status_shows(self):
        self.lab.write('etc/kernel/cmdline', 'quiet\n')
        self.lab.path(f'boot/initrd.img-{self.OLD}').unlink()
        status = self.lab.bootctl('status')
        self.assertIn('has no root=', status.out)
        self.assertEqual(status.err, '')

    def test_unreadable_list_is_told_once(self):
        self.lab.write('etc/kernel/proxmox-boot-uuids', 'x' * 100)
        os.remove(self.lab.path('etc/kernel/proxmox-boot-uuids'))
        os.mkdir(self.lab.path('etc/kernel/proxmox-boot-uuids'))
        failed = self.bootctl('refresh', status=1)
        self.assertEqual(failed.err.count('Is a directory'), 1, failed.err)

    def test_words_are_the_same_on_the_bus_in_the_journal_and_in_the_history(self):
        self.bootctl('refresh')
        self.lab.settings(auto_sync=True)
        bus = self.lab.start_bus()
        self.lab.start_daemon()
        bus.wait_idle()
        bus.call('PinKernel', '(ssa{sv})',
                 (self.OLD, 'permanent', {'wait': GLib.Variant('b', True)}))
        words = f'Pinned {self.OLD} (was: newest). AAAA-0001, BBBB-0002: default entry changed.'
        bus.drain()
        removed = [s[3] for s in bus.signals if s[2] == 'JobRemoved']
        self.assertEqual(tuple(removed[-1][3:]), ('done', '', words))
        self.assertIn(f'(refresh) done: {words}\n', bus.log())
        self.assertEqual(self.listed(bus)[-1][7], words)

    @staticmethod
    def listed(bus, **options):
        return bus.call('ListHistory', '(a{sv})', (options,))[0]


class Remembered(LabCase):
    def history(self, *arguments):
        return self.bootctl('history', '--json', *arguments).json

    def test_jobs_of_private_daemons_are_remembered_with_all_that_they_did(self):
        self.bootctl('refresh')
        self.bootctl('verify')
        first, second = self.history()
        self.assertEqual((first['type'], first['by'], first['result'], first['error']),
                         ('refresh', str(os.getuid()), 'done', ''))
        self.assertRegex(first['message'], rf'\A{COPIED}\Z')
        self.assertLessEqual(first['start_usec'], first['end_usec'])
        self.assertEqual(first['bytes'], 2 * 2 * (64 + 256) * 1024)
        self.assertEqual([(e['uuid'], e['in_sync'], e['n_kernels'], sorted(e['copied']),
                           e['removed'], e['error']) for e in first['esps']],
                         [(u, True, 2, [self.OLD, self.NEW], [], '') for u in self.ESPS])
        self.assertEqual(second['type'], 'verify')
        self.assertEqual([h['type'] for h in self.history('-n', '1')], ['verify'])
        status = self.bootctl('status', '--json').json
        self.assertEqual(status['last_refresh_usec'], first['end_usec'])
        self.assertEqual(status['last_refresh_result'], 'done')
        for esp in status['esps']:
            self.assertEqual(esp['last_sync_usec'], first['end_usec'])
            self.assertEqual(esp['last_verify_usec'], second['end_usec'])
        self.assertEqual(self.lab.path(HISTORY).stat().st_mode & 0o777, 0o600)

    def test_table_has_the_newest_last(self):
        self.bootctl('refresh')
        self.bootctl('verify')
        lines = self.bootctl('history').out.splitlines()
        self.assertRegex(lines[0], r'\AENDED +JOB +BY +RESULT +WRITTEN *\Z')
        self.assertRegex(lines[2], rf'\A  what: {COPIED}\Z')
        self.assertRegex(lines[3], r' verify +root +done +-\Z')
        self.assertEqual(self.bootctl('history', '--lines=0', status=2).out, '')

    def written(self):
        """Which file the history is and when it was written; that it was read is no matter."""
        st = self.lab.path(HISTORY).stat()
        return st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns

    def test_looks_and_needless_jobs_push_nothing_out_and_write_nothing(self):
        self.bootctl('refresh')
        before = self.written()
        for _ in range(3):
            self.bootctl('status')
            self.bootctl('refresh', '--dry-run')
            self.bootctl('refresh')
        self.assertEqual([h['bytes'] > 0 for h in self.history()], [True])
        self.assertEqual(self.written(), before)
        self.bootctl('verify')
        self.assertEqual([h['type'] for h in self.history()], ['refresh', 'verify'])

    def test_a_needless_job_after_one_that_failed_is_remembered(self):
        self.bootctl('refresh')
        self.lab.take_away(self.ESPS[1])
        self.bootctl('refresh', status=3)
        self.lab.bring_back(self.ESPS[1])
        self.bootctl('refresh')
        self.assertEqual([h['result'] for h in self.history()], ['done', 'partial', 'done'])

    def test_a_needless_job_is_remembered_as_long_as_the_daemon_lives(self):
        bus = self.lab.start_bus()
        self.lab.start_daemon()
        self.lab_synced(bus)
        bus.refresh()
        self.assertEqual([h[4] for h in Sentences.listed(bus)], ['daemon', str(os.getuid())])

    def test_history_survives_a_restart_and_tells_root_from_the_daemon(self):
        bus = self.lab.start_bus()
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        self.lab_synced(bus)
        bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', bus.options(wait=True)))
        before = Sentences.listed(bus)
        self.assertEqual([h[4] for h in before], ['daemon', str(os.getuid())])
        times = {u: e['LastSyncUSec'] for u, e in bus.esps().items()}
        self.lab.stop_daemon()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.assertEqual(Sentences.listed(bus), before)
        self.assertEqual({u: e['LastSyncUSec'] for u, e in bus.esps().items()},
                         {u: before[-1][3] for u in times})
        self.assertEqual(bus.properties()['LastRefreshUSec'], before[-1][3])
        self.assertEqual(Sentences.listed(bus, limit=GLib.Variant('u', 1)), before[-1:])

    def lab_synced(self, bus):
        lab.wait_until(lambda: bus.properties()['InSync'] and Sentences.listed(bus), what='the first sync')

    def test_torn_binary_foreign_and_huge_files_fail_nothing_and_are_kept_aside(self):
        good = ('job id=1 type=refresh start=5 end=9 by=0 result=done message=x\n'
                'esp uuid=AAAA-0001 kernels=1 bytes=7 in-sync=1 synced=1\n')
        for name, text, known in (
                ('torn', good + 'job id=2 type=ref', 1),
                ('binary', os.urandom(65536) + b'\n', 0),
                ('zeroes', bytes(4096), 0),
                ('line', good.encode() + b'job id=2 type=' + b'x' * 1024 * 1024 + b'\n', 0),
                ('lines', good.encode() + b'job id=2 message=' + b'x' * 300000 + b'\n', 1),
                ('prose', 'This is not a history.\n' + good, 1)):
            with self.subTest(name=name):
                data = text if isinstance(text, bytes) else text.encode()
                self.lab.write(HISTORY, data)
                self.assertEqual(len(self.history()), known)
                self.assertEqual(self.lab.path(HISTORY).read_bytes(), data)
                result = self.bootctl('refresh')
                self.assertIn('history.damaged', result.err)
                self.assertEqual(len(self.history()), known + 1)
                self.assertEqual(self.lab.path(HISTORY + '.damaged').read_bytes(), data)
                self.assertEqual(self.bootctl('refresh').err, '')

    def test_lines_of_a_newer_version_are_ignored_and_stay(self):
        newer = 'job-v2 id=7 type=refresh result=done colour=blue\nesp uuid=AAAA-0001\n'
        self.lab.write(HISTORY, newer)
        self.assertEqual(self.history(), [])
        self.assertEqual(self.bootctl('refresh').err, '')
        self.assertEqual(len(self.history()), 1)
        self.assertTrue(self.lab.read(HISTORY).startswith(newer))

    def test_hostile_history_is_read_at_once_and_shown_without_control_characters(self):
        line = ('job id=1 type=refresh start=1 end=2 by=4294967295 result=done '
                'message=%1B[2J%E2%80%AEa\n')
        fine = ('job id=9007199254740991 type=x\'$(y) start=9007199254740991 '
                'end=9007199254740991 by=root%20x result=" message=%E2%80%AE%25n%25s\n')
        self.lab.write(HISTORY, 'esp uuid=x\n' * 20000 + line + fine)
        shown = self.bootctl('history')
        self.assertNotIn('\x1b', shown.out)
        self.assertIn('%n%s', shown.out)
        self.assertEqual(self.history()[-1]['id'], 2**53 - 1)
        self.lab.write(HISTORY, fine * 2500)
        self.assertEqual(len(self.history()), 200)
        for make in (lambda p: os.mkfifo(p), lambda p: os.mkdir(p),
                     lambda p: os.symlink('/etc/passwd', p), lambda p: os.symlink(p, p)):
            path = self.lab.path(HISTORY)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
            make(path)
            self.assertEqual(self.history(), [])
            self.bootctl('refresh')

    def test_state_that_cannot_be_written_is_said_once_and_fails_no_job(self):
        self.bootctl('refresh')
        state = self.lab.path('var/lib/bootsync')
        subprocess.run(['mount', '--bind', '-o', 'ro', state, state], check=True, timeout=60)
        self.lab.mounts.append(state)
        self.assertEqual(self.bootctl('refresh').err, '')  # it had nothing to remember
        self.lab.write('etc/kernel/cmdline', 'root=/dev/sdb1\n')
        self.assertEqual(self.bootctl('refresh').err.count('Cannot store the history'), 1)
        bus = self.lab.start_bus()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        for number in range(3):
            self.lab.write('etc/kernel/cmdline', f'root=/dev/sdc{number}\n')
            bus.refresh()
        self.assertEqual(bus.log().count('Cannot store the history'), 1)
        self.assertIn('boot entries changed', Sentences.listed(bus)[-1][7])
        self.assertEqual(len(Sentences.listed(bus)), 4)

    def test_pin_is_shown_with_its_time_and_its_user(self):
        self.bootctl('refresh')
        self.bootctl('kernel', 'pin', self.OLD)
        status = self.lab.bootctl('status', '--json').json
        self.assertEqual(status['pinned_by'], str(os.getuid()))
        self.assertEqual(status['pinned_since_usec'],
                         self.lab.path('etc/kernel/proxmox-boot-pin').stat().st_mtime_ns // 1000)
        text = self.bootctl('status', status=3).out
        self.assertRegex(text, rf'wanted: {self.OLD}, pinned [0-9 :-]+ by root\)')
        self.assertRegex(text, rf'Pinned kernel: +{self.OLD} \([0-9 :-]+ by root\)')
        self.lab.write('etc/kernel/proxmox-boot-pin', self.OLD + '\n')
        self.assertEqual(self.lab.bootctl('status', '--json').json['pinned_by'], '')
        self.bootctl('kernel', 'unpin')
        status = self.lab.bootctl('status', '--json').json
        self.assertEqual((status['pinned_since_usec'], status['pinned_by']), (0, ''))


if __name__ == '__main__':
    lab.main(private_mounts=True)
