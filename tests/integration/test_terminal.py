# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootctl-pve at a terminal: what is longer than the screen is shown by less, and what a locale or
a dumb terminal cannot show is not sent there. The daemon is fake_daemon.py."""

import json
import os
import re
import subprocess
import sys

import tap
from golden import on_terminal
from test_client_usage import CLIENT, PARTITIONS, VERBS, ClientCase

KERNELS = [(f'6.8.{i}-1-pve', 'complete', ['newest'], True) for i in range(64)]
FOREIGN = 'F\u00fcr \u2192 \U0001f5a5 \u2026'
ARGUMENTS = {'format': ['/dev/x'], 'init': ['/dev/x'], 'kernel add': ['v'], 'kernel remove': ['v'],
             'kernel pin': ['v'], 'ksm set': ['a=1'], 'esp remove': ['a'],
             'secure-boot convert': ['--yes'], 'alert': ['degraded']}


class TerminalCase(ClientCase):
    def setUp(self):
        super().setUp()
        for name in ('COLUMNS', 'NO_COLOR', 'PAGER', 'SYSTEMD_PAGER', 'SYSTEMD_LESS', 'SUDO_UID',
                     'PKEXEC_UID'):
            self.env.pop(name, None)
        self.env |= {'TERM': 'xterm', 'SYSTEMD_PAGERSECURE': '0', 'NO_COLOR': '1'}

    def show(self, *words, fake=None, typed=b'', command=(), **env):
        """Exit status and what is on a screen of 24 lines."""
        return on_terminal([*command, CLIENT, f'--root={self.root}', *words],
                           dict(self.env, FAKE=json.dumps(fake or {}), **env), typed=typed)


class Pager(TerminalCase):
    def test_what_fits_the_screen_is_printed_and_left_there(self):
        status, text = self.show('kernel', 'list')
        self.assertEqual(status, 0)
        self.assertIn('6.5.13-5-pve', text)
        self.assertNotIn('(END)', text)

    def test_what_does_not_fit_waits_in_less_for_its_reader(self):
        status, text = self.show('kernel', 'list', fake={'kernels': KERNELS}, typed=b'q')
        self.assertEqual(status, 0)
        self.assertIn('VERSION', text)
        self.assertNotIn('6.8.63-1-pve', text)
        status, text = self.show('kernel', 'list', fake={'kernels': KERNELS}, typed=b'Gq')
        self.assertIn('6.8.63-1-pve', text)

    def test_the_exit_status_is_that_of_the_verb(self):
        esps = [[f'{i:04X}-AAAA', 'outdated', ''] for i in range(64)]
        status, text = self.show('status', '--full', fake={'esps': esps}, typed=b'q')
        self.assertEqual(status, 3, text)
        self.assertNotIn('003F-AAAA', text)

    def test_each_long_answer_goes_through_the_pager_and_no_other(self):
        # tr takes the place of a reader: what it has seen is in capitals.
        paged = {'status', 'doctor', 'kernel list', 'esp list', 'esp candidates', 'boot status',
                 'secure-boot status', 'secure-boot plan', 'ksm status',
                 'history', 'help'}
        for verb in VERBS:
            # journalctl has its own, and the other one tells sendmail.
            if verb in ('monitor', 'cancel', 'logs', 'alert'):
                continue
            with self.subTest(verb=verb):
                fake = {'partitions': PARTITIONS, 'esps': [['AAAA-BBBB', 'in-sync', '']],
                        'history': [[3, 'refresh', 5, 9, '0', 'done', '', 'Copied.', 7, []]]}
                words = [*verb.split(), *ARGUMENTS.get(verb, []), '--no-legend']
                _, text = self.show(*words, fake=fake, SYSTEMD_PAGER='tr a-z A-Z')
                # In the others there are small letters, as of "In sync: ".
                self.assertEqual(not re.search('[a-z]', text), verb in paged, text)
                _, text = self.show(*words, '--no-pager', fake=fake, SYSTEMD_PAGER='tr a-z A-Z')
                self.assertRegex(text, '[a-z]')
                _, text = self.show(*verb.split(), '--help', SYSTEMD_PAGER='tr a-z A-Z')
                self.assertNotRegex(text, '[a-z]')

    def test_a_pager_that_is_not_there_means_none(self):
        for pager in '/nonexistent', 'nonexistent -x':
            status, text = self.show('kernel', 'list', fake={'kernels': KERNELS}, PAGER=pager)
            self.assertEqual(status, 0)
            self.assertIn('6.8.63-1-pve', text)

    def test_a_pipe_is_no_terminal(self):
        done = subprocess.run([CLIENT, f'--root={self.root}', 'kernel', 'list'], text=True,
                              env=dict(self.env, SYSTEMD_PAGER='tr a-z A-Z', FAKE='{}'),
                              capture_output=True, timeout=60)
        self.assertIn('running, newest', done.stdout)

    def test_after_sudo_less_is_run_and_told_to_be_secure(self):
        less = self.directory / 'less'
        less.write_text('#!/bin/sh\necho "secure=$LESSSECURE $LESS"\ncat\n')
        less.chmod(0o755)
        self.env['PATH'] = f'{self.directory}:{self.env["PATH"]}'
        del self.env['SYSTEMD_PAGERSECURE']
        for variable in 'SUDO_UID', 'PKEXEC_UID':
            _, text = self.show('kernel', 'list', PAGER='tr a-z A-Z', **{variable: '1000'})
            self.assertTrue(text.startswith('secure=1 FRSXMK\n'), text)
            self.assertIn('running, newest', text)


class WhatCanBeShown(TerminalCase):
    FAKE = {'esps': [['AAAA-BBBB', 'failed', FOREIGN, {'Device': f'/dev/{FOREIGN}',
                                                       'Why': FOREIGN, 'Action': FOREIGN}]],
            'manager': {'RedundancyReason': FOREIGN, 'Cmdline': FOREIGN,
                        'Warnings': [('esp-full', 'fault', 'x', FOREIGN, FOREIGN)]},
            'partitions': [['/dev/' + FOREIGN, '/dev/x', '', 'vfat', 1 << 30, 1, FOREIGN, False]],
            'kernels': [(FOREIGN, FOREIGN, [FOREIGN], True)], 'plan': [('a', 'b', FOREIGN, 1)],
            'described_plan': [['a', [['copy-file', FOREIGN, FOREIGN, 1]],
                                [['new', FOREIGN, '', FOREIGN]], 1, 2, [FOREIGN], [FOREIGN]]],
            'entries': [FOREIGN],
            'history': [[1, FOREIGN, 1, 2, FOREIGN, FOREIGN, FOREIGN, FOREIGN, 1, []]],
            'removed': [FOREIGN], 'result': ['partial', 'a.b', FOREIGN],
            'ksm': {'Tunables': {'a': FOREIGN}, 'Processes': [[7, FOREIGN, 0, True, 1, True, 1]],
                    'Units': [['a.service', FOREIGN, '', '']]}}
    LINES = [[*verb.split(), *ARGUMENTS.get(verb, [])] for verb in VERBS
             if verb not in ('monitor', 'cancel')]
    LINES += [['refresh', '--dry-run'], ['refresh', '--dry-run', '--verbose'],
              ['kernel', 'add', FOREIGN], ['\u00fc']]

    def output(self, words, fake, **env):
        done = subprocess.run([CLIENT, f'--root={self.root}', *words], capture_output=True,
                              env=dict(self.env, FAKE=json.dumps(fake), **env), timeout=60)
        return done.stdout + done.stderr

    def test_only_ascii_where_the_locale_is_not_utf8(self):
        for words in self.LINES:
            for form in [], ['--json'], ['--help']:
                with self.subTest(words=words, form=form):
                    text = self.output([*words, *form], self.FAKE, LC_ALL='C')
                    self.assertTrue(text.isascii(), text)
        self.assertTrue(self.output(['status'], self.FAKE, LC_ALL='nonexistent').isascii())
        # It is there to be seen otherwise.
        for words in self.LINES:
            if words[0] in ('status', 'refresh', 'verify'):
                self.assertIn('\u2192'.encode(), self.output(words, self.FAKE))

    def test_json_is_the_same_in_any_locale(self):
        for words in ['status'], ['esp', 'list'], ['kernel', 'list'], ['esp', 'candidates']:
            values = [json.loads(subprocess.run(
                [CLIENT, f'--root={self.root}', *words, '--json'], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, timeout=60,
                env=dict(self.env, FAKE=json.dumps(self.FAKE), LC_ALL=locale)).stdout)
                for locale in ('C', 'C.UTF-8')]
            self.assertEqual(*values)

    def test_a_dumb_terminal_gets_text_only(self):
        del self.env['NO_COLOR']
        for words in self.LINES:
            with self.subTest(words=words):
                _, text = self.show(*words, fake=self.FAKE, TERM='dumb',
                                    SYSTEMD_PAGER='tr a-z A-Z')
                self.assertNotRegex(text, '[\x00-\x08\x0b-\x1f\x7f-\x9f]')

    def test_nothing_but_colour_steers_a_terminal(self):
        del self.env['NO_COLOR']
        for words in self.LINES:
            with self.subTest(words=words):
                _, text = self.show(*words, fake=self.FAKE, SYSTEMD_PAGER='')
                self.assertNotRegex(re.sub('\x1b\\[\\d*m', '', text),
                                    '[\x00-\x08\x0b-\x1f\x7f-\x9f]')

    def test_columns_of_the_environment_are_heeded(self):
        fake = {'esps': [['AAAA-BBBB', 'failed', '', {'Why': 'a word ' * 40}]]}
        for columns in 60, 100:
            _, text = self.show('status', fake=fake, COLUMNS=str(columns), SYSTEMD_PAGER='')
            self.assertIn(max(map(len, text.splitlines())), range(columns - 10, columns + 1))


if __name__ == '__main__':
    if not os.access(CLIENT, os.X_OK):
        sys.exit('$BOOTCTL_PVE must name the client; "meson test" sets it')
    tap.main()
