#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootctl-pve's verbs for KSM, and `cancel`: what is asked of the daemon, and what is said of its
answers. The daemon is fake_daemon.py."""

import json
import os
import signal
import subprocess
import sys
import time

import tap
from test_client_usage import ACCESS_DENIED, CLIENT, HERE, NEEDS_PASSWORD, ClientCase

MIB = 1024 * 1024
ERROR = 'org.bootsync1.Error.'
OFF = ['loaded', 'inactive', 'disabled']
ON = ['loaded', 'active', 'enabled']
UNKNOWN = ['unknown'] * 3
ABSENT = ['not-found', 'inactive', '']
# pid, name, VM, is merged known, merged, is the profit known, profit
GUESTS = [[100, 'kvm', 101, True, 500 * MIB, True, 499 * MIB],
          [110, 'kvm', 102, True, 20 * MIB, True, -3 * MIB]]
SHELL = [7, 'post\x1b[1mgres', 0, True, 4 * MIB, False, 0]
WARNING = 'where tenants do not trust each other'


def units(service=OFF, tuner=ABSENT):
    return [['ksm.service', *service], ['ksmtuned.service', *tuner]]


class KsmCase(ClientCase):
    def status(self, *arguments, expected=0, **ksm):
        done = self.run_private('ksm', 'status', *arguments, fake={'ksm': ksm})
        self.assertEqual(done.returncode, expected, done.stderr)
        self.assertNotRegex(done.stdout, '[\x00-\x09\x0b-\x1f\x7f-\x9f]')
        return done.stdout

    def fields(self, **ksm):
        """What stands before the tables."""
        text = self.status(**ksm).partition('\n\n')[0]
        return dict(map(str.strip, line.split(':', 1)) for line in text.splitlines())

    def rows(self, title, **ksm):
        """Of the table whose first column has this title."""
        tables = self.status(**ksm).split('\n\n')
        table, = [t for t in tables if t.startswith(title)]
        return [line.split() for line in table.splitlines()[1:]]


class Status(KsmCase):
    def test_each_state_is_told_in_words(self):
        for state, saved, expected in [
                ('running', 5, 'running'), ('stopped', 5 * MIB, 'stopped, 5.0 MiB stay merged'),
                ('stopped', 0, 'stopped, nothing is merged'),
                ('unmerging', 2 * MIB, 'unmerging, 2.0 MiB to go'),
                ('unmerged', 0, 'off, nothing is merged'),
                ('unknown', 0, 'unknown, as the kernel tells none that bootsyncd knows'),
                ('of \x1b[31mtomorrow', 0, 'of ?[31mtomorrow')]:
            with self.subTest(state=state, saved=saved):
                self.assertEqual(self.fields(RunState=state, SavedBytes=saved)['State'], expected)

    def test_a_kernel_without_ksm_is_a_sentence_and_is_not_asked_who_gains(self):
        text = self.status(Supported=False, RunState='unsupported')
        self.assertRegex(text, r'\A[^\n]+no KSM[^\n]+CONFIG_KSM\.\n\Z')
        self.assertNotIn('GetProcesses', [call[0] for call in self.called()])
        value = json.loads(self.status('--json', Supported=False, RunState='unsupported'))
        self.assertEqual(value, {'supported': False, 'run_state': 'unsupported', 'at_boot': False,
                                 'counters': {}, 'tunables': {}, 'units': []})

    def test_what_it_saves_and_costs_is_told_and_a_loss_is_called_one(self):
        fields = self.fields(SavedBytes=2048 * MIB, MetadataBytes=3 * MIB, ProfitBytes=2045 * MIB,
                             CpuUSec=12345678, CpuShare=0.0251)
        self.assertEqual([fields[name] for name in ('Saved', 'Metadata', 'Profit', 'CPU of ksmd')],
                         ['2.0 GiB', '3.0 MiB', '2.0 GiB',
                          '12.3 s (2.5 % of one CPU since the last look)'])
        fields = self.fields(ProfitBytes=-3 * MIB, CpuUSec=3725 * 10**6)
        self.assertEqual(fields['Profit'], '-3.0 MiB (a loss: KSM costs more than it saves)')
        self.assertTrue(fields['CPU of ksmd'].startswith('62 min 5 s ('), fields)
        self.assertTrue(self.fields(ProfitBytes=-2**63)['Profit'].startswith('-8.0 EiB'))

    def test_an_active_ksmtuned_is_said_to_decide(self):
        for tuner, expected in [(ON, True), (['masked', 'active', 'masked'], True), (OFF, False),
                                (ABSENT, False), (UNKNOWN, False)]:
            state = self.fields(RunState='stopped', Units=units(OFF, tuner))['State']
            self.assertEqual('ksmtuned.service decides' in state, expected, tuner)

    def test_who_starts_it_at_boot_is_told(self):
        for service, tuner, at_boot, expected in [
                (ON, ON, False, 'yes (ksm.service, ksmtuned.service)'),
                (OFF, ON, False, 'yes (ksmtuned.service)'),
                (OFF, ['masked', 'inactive', 'masked'], True, 'yes (bootsyncd)'),
                (ON, ABSENT, True, 'yes (ksm.service, bootsyncd)'),
                (OFF, ABSENT, False, 'no'), (UNKNOWN, UNKNOWN, True, 'yes (bootsyncd)'),
                (UNKNOWN, UNKNOWN, False, 'unknown (systemd cannot be asked)')]:
            with self.subTest(service=service, tuner=tuner, at_boot=at_boot):
                fields = self.fields(AtBoot=at_boot, Units=units(service, tuner))
                self.assertEqual(fields['Started at boot'], expected)

    def test_units_are_shown_in_the_words_of_systemd(self):
        self.assertEqual(self.rows('UNIT', Units=units(['loaded', 'failed', 'enabled'], ABSENT)),
                         [['ksm.service', 'loaded', 'failed', 'enabled'],
                          ['ksmtuned.service', 'not-found', 'inactive', '-']])

    def test_who_gains_is_shown_with_what_is_known(self):
        processes = [*GUESTS, SHELL, [8, 'old', 0, False, 0, False, 0]]
        self.assertEqual(self.rows('PID', Processes=processes), [
            ['100', '101', 'kvm', '500.0', 'MiB', '499.0', 'MiB'],
            ['110', '102', 'kvm', '20.0', 'MiB', '-3.0', 'MiB'],
            ['7', '-', 'post?[1mgres', '4.0', 'MiB', '-'],
            ['8', '-', 'old', '-', '-']])
        self.assertIn('No guest runs', self.status())

    def test_all_counters_and_settings_that_are_there_are_shown(self):
        counters = {'full_scans': 7, 'general_profit': -2**63, 'pages_\x1b[1m': 2**63 - 1}
        for tunables in {'advisor_mode': 'none'}, {f'setting_{i}': f'\x1b{i}' for i in range(5)}:
            rows = self.rows('COUNTER', Counters=counters, Tunables=tunables)
            self.assertEqual(len(rows), max(len(counters), len(tunables)))
            words = [word for row in rows for word in row]
            for name, value in [*counters.items(), *tunables.items()]:
                self.assertIn(name.replace('\x1b', '?'), words)
                self.assertIn(str(value).replace('\x1b', '?'), words)

    def test_two_guests_are_warned_of_while_pages_are_or_get_merged(self):
        twice = [GUESTS[0], [101, 'virtiofsd', *GUESTS[0][2:]]]
        for state, saved, processes, expected in [
                ('running', 0, GUESTS, True), ('running', MIB, GUESTS, True),
                ('stopped', MIB, GUESTS, True), ('unmerging', MIB, GUESTS, True),
                ('stopped', 0, GUESTS, False), ('unmerged', 0, GUESTS, False),
                ('running', MIB, GUESTS[:1], False), ('running', MIB, twice, False),
                ('running', MIB, [GUESTS[0], SHELL], False)]:
            with self.subTest(state=state, saved=saved, processes=processes):
                text = self.status(RunState=state, SavedBytes=saved, Processes=processes)
                last = text.splitlines()[-1]
                self.assertEqual(WARNING in last, expected)
                self.assertEqual('bootctl-pve ksm disable --unmerge' in last, expected)

    def test_json_is_one_object_with_everything_that_is_known(self):
        text = self.status(
            '--json', RunState='stopped', AtBoot=True, SavedBytes=5 * MIB, MetadataBytes=6 * MIB,
            ProfitBytes=-MIB, CpuUSec=12, CpuShare=0.5, Counters={'pages_shared': -1},
            Tunables={'advisor_mode': 'none\x7f'}, Units=units(OFF, UNKNOWN),
            Processes=[GUESTS[1], SHELL, [8, 'old', 0, False, 0, False, 0]])
        self.assertEqual(json.loads(text), {
            'supported': True, 'run_state': 'stopped', 'at_boot': True, 'saved_bytes': 5 * MIB,
            'metadata_bytes': 6 * MIB, 'profit_bytes': -MIB, 'cpu_usec': 12, 'cpu_share': 0.5,
            'counters': {'pages_shared': -1}, 'tunables': {'advisor_mode': 'none\x7f'},
            'units': [dict(zip(('name', 'load', 'active', 'file'), unit))
                      for unit in units(OFF, UNKNOWN)],
            'processes': [
                {'pid': 110, 'name': 'kvm', 'vmid': 102, 'merged_bytes': 20 * MIB,
                 'profit_bytes': -3 * MIB},
                {'pid': 7, 'name': SHELL[1], 'merged_bytes': 4 * MIB},
                {'pid': 8, 'name': 'old'}]})
        self.assertNotIn(WARNING, text)

    def test_the_rest_is_shown_if_nobody_can_look_at_the_processes_and_it_is_a_failure(self):
        fake = {'ksm': {'SavedBytes': MIB, 'Units': units()},
                'refused': {'GetProcesses': [ERROR + 'Failed', 'The worker \x1bdied.']}}
        done = self.run_private('ksm', 'status', fake=fake)
        self.assertEqual(done.returncode, 1)
        self.assertTrue(done.stderr.endswith('bootctl-pve: The worker ?died.\n'), done.stderr)
        self.assertIn('ksmtuned.service', done.stdout)
        self.assertNotIn('PID', done.stdout)
        self.assertNotIn('No guest', done.stdout)
        done = self.run_private('ksm', 'status', '--json', fake=fake)
        self.assertEqual(done.returncode, 1)
        self.assertNotIn('processes', json.loads(done.stdout))

    def test_who_may_not_see_the_processes_sees_the_rest_and_is_told_why(self):
        for name in ACCESS_DENIED, NEEDS_PASSWORD:
            fake = {'ksm': {'SavedBytes': MIB, 'Units': units()},
                    'refused': {'GetProcesses': [name, 'No.']}}
            done = self.run_private('ksm', 'status', fake=fake)
            self.assertEqual((done.returncode, done.stderr), (0, 'stray output of the daemon\n'))
            self.assertRegex(done.stdout, r'(?m)^The processes are not shown: .*root.*'
                                          r'org\.bootsync1\.ksm-processes')
            self.assertIn('ksmtuned.service', done.stdout)
            self.assertNotIn('PID', done.stdout)
            self.assertNotIn('No guest', done.stdout)
            self.assertRegex(done.stdout, f'Warning: where several guests run, .*{WARNING}')
            done = self.run_private('ksm', 'status', '--json', fake=fake)
            self.assertEqual(done.returncode, 0)
            self.assertNotIn('processes', json.loads(done.stdout))

    def test_who_may_not_see_the_processes_is_not_warned_where_nothing_is_merged(self):
        fake = {'ksm': {'RunState': 'unmerged'},
                'refused': {'GetProcesses': [ACCESS_DENIED, 'No.']}}
        self.assertNotIn(WARNING, self.run_private('ksm', 'status', fake=fake).stdout)

    def test_an_answer_that_fails_is_a_failure_without_output(self):
        for method in 'GetCounters', 'GetTunables', 'GetUnits':
            fake = {'refused': {method: [ERROR + 'Busy', 'Too many wait.']}}
            for options in [], ['--json']:
                self.assert_refused(self.run_private('ksm', 'status', *options, fake=fake), 1)

    def test_nobody_is_asked_for_a_password_to_look(self):
        self.status()
        self.assertEqual(self.called(), [[f'Get{what}', [{}], False] for what in
                                         ('Counters', 'Tunables', 'Units', 'Processes')])


class Changes(KsmCase):
    VERBS = [
        (['enable'], ['Enable', [{}]]),
        (['disable'], ['Disable', [{}]]),
        (['disable', '--unmerge'], ['Disable', [{'unmerge': True}]]),
        (['disable', '--force', '--unmerge'], ['Disable', [{'force': True, 'unmerge': True}]]),
        (['unmerge'], ['Unmerge', [{}]]),
        (['unmerge', '--force'], ['Unmerge', [{'force': True}]]),
        (['set', 'a=1'], ['SetTunables', [{'a': '1'}, {}]]),
        (['set', 'a=1', 'b=x=y', 'c='], ['SetTunables', [{'a': '1', 'b': 'x=y', 'c': ''}, {}]]),
    ]

    def change(self, *arguments, **fake):
        done = self.run_private('ksm', *arguments, fake=fake)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_each_verb_makes_its_call(self):
        for arguments, call in self.VERBS:
            with self.subTest(arguments=arguments):
                self.change(*arguments)
                self.assertEqual([c[:2] for c in self.called() if not c[0].startswith('Get')],
                                 [call])

    def test_the_exit_status_is_the_result_of_the_job_and_its_sentence_is_shown(self):
        for arguments, _ in self.VERBS:
            for result, expected in [('partial', 3), ('failed', 1), ('canceled', 1)]:
                with self.subTest(arguments=arguments, result=result):
                    fake = {'result': [result, 'a.b', 'It \x1bended.']}
                    done = self.run_private('ksm', *arguments, fake=fake)
                    self.assertEqual((done.returncode, done.stdout), (expected, ''))
                    self.assertTrue(done.stderr.endswith('bootctl-pve: It ?ended.\n'), done.stderr)

    def test_json_has_the_shape_of_every_other_job(self):
        done = self.change('set', 'a=1', '--json')
        self.assertEqual(json.loads(done), {
            'result': 'done', 'error': '', 'message': 'Set now and at each boot: a=1.', 'esps': []})
        done = self.run_private('ksm', 'unmerge', '--json',
                                fake={'result': ['failed', 'a.b', 'It ended.']})
        self.assertEqual(json.loads(done.stdout), {
            'result': 'failed', 'error': 'a.b', 'message': 'It ended.', 'esps': []})

    def test_a_refusal_is_the_sentence_of_the_daemon_made_safe(self):
        for name, expected in [(ERROR + 'InsufficientMemory', 1), (ERROR + 'Busy', 1),
                               (ERROR + 'InvalidOption', 1), (ERROR + 'NotSupported', 1),
                               (ACCESS_DENIED, 4), (NEEDS_PASSWORD, 4)]:
            for arguments in ['enable'], ['disable', '--unmerge'], ['unmerge'], ['set', 'a=1']:
                with self.subTest(name=name, arguments=arguments):
                    done = self.run_private('ksm', *arguments, fake={
                        'error': [name, '8 MiB would not fit; \x1b[1m--force does it anyway.']})
                    self.assert_refused(done, expected)
                    self.assertIn('8 MiB would not fit; ?[1m--force does', done.stderr)

    def test_enable_tells_who_starts_it(self):
        for tuner, service, at_boot, expected in [
                (ON, ON, False, 'KSM is on, also at later boots; ksmtuned.service decides when '
                                'ksmd runs.\n'),
                (ABSENT, ON, False, 'KSM is on; ksm.service starts it at each boot.\n'),
                (ABSENT, ABSENT, True, 'KSM is on; bootsyncd starts it at each boot.\n'),
                (UNKNOWN, UNKNOWN, False, 'KSM is on.\n')]:
            ksm = {'Units': units(service, tuner), 'AtBoot': at_boot}
            self.assertEqual(self.change('enable', ksm=ksm), expected)

    def test_disable_tells_what_stays_merged_and_how_to_unmerge(self):
        for arguments in ['disable'], ['disable', '--unmerge']:
            self.assertEqual(self.change(*arguments, ksm={'RunState': 'stopped'}),
                             'KSM is off, also at later boots, and nothing is merged.\n')
        text = self.change('disable', ksm={'RunState': 'stopped', 'SavedBytes': 3 * MIB})
        self.assertIn('3.0 MiB stay merged', text)
        self.assertIn("'bootctl-pve ksm unmerge'", text)

    def test_unmerge_tells_until_when_it_holds(self):
        self.assertIn('until KSM is switched on again', self.change('unmerge'))

    def test_who_sets_what_ksmtuned_sets_is_told_so(self):
        for setting in 'pages_to_scan=1', 'sleep_millisecs=1', 'smart_scan=1', 'pages_to_scan_x=1':
            for tuner in ON, OFF:
                text = self.change('set', setting, ksm={'Units': units(OFF, tuner)})
                self.assertTrue(text.startswith(f'Set now and at each boot: {setting}'))
                self.assertEqual('/etc/ksmtuned.conf' in text,
                                 tuner is ON and setting in ('pages_to_scan=1', 'sleep_millisecs=1'))

    def test_a_lost_daemon_is_an_error(self):
        self.assertEqual(self.run_private('ksm', 'unmerge', fake={'result': None}).returncode, 1)


class OnTheBus(ClientCase):
    """What only a daemon that outlives its client has: jobs of others."""

    def start(self, **fake):
        self.start_bus()
        daemon = subprocess.Popen(
            [sys.executable, HERE / 'fake_daemon.py', '--bus'], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, env=dict(self.env, FAKE=json.dumps(fake)))
        self.addCleanup(daemon.stdout.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        for _ in 'stray output', 'ready':
            daemon.stdout.readline()

    def cancel(self, *arguments):
        """The result, and the paths of the jobs that were canceled."""
        done = self.run_client('cancel', *arguments)
        return done, [call[1][0].rpartition('/')[2] for call in self.called()]

    def test_cancel_stops_the_one_job_and_names_it(self):
        self.start(jobs=[[12, 'ksm-\x1bunmerge', 'running']])
        for arguments in [], ['12']:
            done, canceled = self.cancel(*arguments)
            self.assertEqual((done.returncode, done.stdout, canceled),
                             (0, 'Job 12 (ksm-?unmerge) was told to stop.\n', ['12']), done.stderr)
        done, _ = self.cancel('--json')
        self.assertEqual(json.loads(done.stdout)['result'], 'done')

    def test_cancel_does_not_choose_among_several_jobs(self):
        self.start(jobs=[[31, 'ksm-unmerge', 'running'], [4, 'refresh', 'queued']])
        done, canceled = self.cancel()
        self.assert_refused(done, 1)
        self.assertIn('4 (refresh, queued), 31 (ksm-unmerge, running)', done.stderr)
        self.assertEqual(canceled, [])
        done, canceled = self.cancel('31')
        self.assertEqual((done.returncode, canceled), (0, ['31']))

    def test_cancel_without_a_job_has_nothing_to_do_unless_one_was_named(self):
        self.start()
        done, canceled = self.cancel()
        self.assertEqual((done.returncode, done.stdout, canceled),
                         (0, 'There is no job; nothing to cancel.\n', []))
        for number in '7', '', '007', '\x1b', '../1':
            done, canceled = self.cancel(number)
            self.assert_refused(done, 1)
            self.assertEqual(canceled, [])

    def test_who_may_not_cancel_is_told_so(self):
        self.start(jobs=[[1, 'refresh', 'running']], refused={'Cancel': [ACCESS_DENIED, 'No.']})
        done, _ = self.cancel()
        self.assert_refused(done, 4)

    def test_cancel_needs_a_daemon_that_others_use(self):
        for arguments in [], [f'--root={self.root}']:
            done, canceled = self.cancel(*arguments)
            self.assertEqual((done.returncode, done.stdout, canceled), (1, '', []))
            self.assertIn('bootctl-pve: There is no bootsyncd on the system bus', done.stderr)

    def interrupt(self, *arguments):
        """Send SIGINT to the client when its job runs; gives what it says."""
        self.log.unlink(missing_ok=True)
        client = subprocess.Popen([CLIENT, *arguments], stdin=subprocess.DEVNULL, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(self.env, FAKE='{"seconds": 30}'))
        deadline = time.monotonic() + 60
        while not self.called() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)  # until the reply is there and the client waits
        client.send_signal(signal.SIGINT)
        err = client.communicate(timeout=60)[1]
        self.assertEqual(client.returncode, -signal.SIGINT, err)
        return err.splitlines()[-1]

    def test_an_interrupt_tells_how_to_stop_a_job_that_others_can_reach(self):
        self.start(seconds=30)
        self.assertEqual(self.interrupt('ksm', 'unmerge'),
                         "bootctl-pve: The job goes on without you; 'bootctl-pve ksm status' tells "
                         "how it ended, and 'bootctl-pve cancel 1' stops it.")
        self.assertEqual(self.interrupt('refresh'),
                         "bootctl-pve: The job goes on without you; 'bootctl-pve status' tells "
                         "how it ended, and 'bootctl-pve cancel 1' stops it.")
        self.assertEqual(self.interrupt(f'--root={self.root}', 'refresh'),
                         "bootctl-pve: The job goes on without you, and can be stopped by nobody; "
                         f"'bootctl-pve --root={self.root} status' waits a minute for its end, and "
                         'tells how it ended.')


if __name__ == '__main__':
    if not os.access(CLIENT, os.X_OK):
        sys.exit('$BOOTCTL_PVE must name the client; "meson test" sets it')
    tap.main()
