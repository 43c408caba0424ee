#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""KSM over D-Bus, with a directory as /sys and a systemd that is played: what is switched, in which
order, what is said, and what the next boot makes of it. What only a kernel can do is in tests/vm."""

import json
import time
from pathlib import Path

import lab
from lab import LabCase, wait_until
from privatebus import ERROR, JOB, KSM, KSM_PATH, CallError

SYSFS = 'sys/kernel/mm/ksm'
CONFIG = 'var/lib/bootsync/ksm'
COUNTERS = {'full_scans': 7, 'pages_shared': 100, 'pages_sharing': 2560, 'pages_unshared': 50,
            'pages_volatile': 3, 'stable_node_chains': 0, 'stable_node_dups': 0}
TUNABLES = {'run': '0', 'merge_across_nodes': '1', 'pages_to_scan': '100', 'sleep_millisecs': '20',
            'max_page_sharing': '256', 'use_zero_pages': '0',
            'stable_node_chains_prune_millisecs': '2000'}
SERVICE, TUNER = 'ksm.service', 'ksmtuned.service'
OFF, ON = ['loaded', 'inactive', 'disabled'], ['loaded', 'active', 'enabled']
MIB = 1024 * 1024


class Ksm(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.directory = self.lab.path('systemd')
        self.directory.mkdir()
        for name, value in COUNTERS.items():
            self.put(name, value, 0o444)
        for name, value in TUNABLES.items():
            self.put(name, value)
        self.memory(available=4096 * MIB)
        self.bus = self.lab.start_bus()

    def put(self, name, value, mode=0o644):
        path = self.lab.path(f'{SYSFS}/{name}')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{value}\n')
        path.chmod(mode)

    def get(self, name):
        return self.lab.read(f'{SYSFS}/{name}').strip()

    def memory(self, available, total=8192 * MIB):
        self.lab.write('proc/meminfo', f'MemTotal:       {total // 1024} kB\nMemFree: 4 kB\n'
                                       f'MemAvailable:   {available // 1024} kB\n')

    def systemd(self, stubborn=(), slow=0, **units):
        """@units: service, tuner."""
        names = {'service': SERVICE, 'tuner': TUNER}
        for name, value in (('units', {names[k]: v for k, v in units.items()}),
                            ('stubborn', list(stubborn)), ('slow', slow),
                            ('run', str(self.lab.path(SYSFS + '/run')))):
            (self.directory / name).write_text(json.dumps(value))
        if not (self.directory / 'systemd-ready').exists():
            lab.start_fake_systemd(
                self, self.directory,
                dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))

    def asked(self):
        path = self.directory / 'record'
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def units(self):
        return {row[0]: list(row[1:]) for row in self.call('GetUnits')[0]}

    def start(self):
        self.lab.start_daemon('--debug')
        self.bus.wait_no_job()

    def reboot(self):
        self.lab.stop_daemon()
        self.lab.new_boot()
        self.put('run', 0)
        for name, value in TUNABLES.items():
            self.put(name, value)
        self.start()

    def call(self, method, *arguments, signature='(a{sv})', **options):
        return self.bus.call(method, signature, (*arguments, self.bus.options(**options)), KSM_PATH,
                             KSM)

    def change(self, method, *arguments, result='done', **kwargs):
        """Call and wait; gives error name and message of the job."""
        path, = self.call(method, *arguments, **kwargs)
        job, = self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == path])
        self.assertEqual(job[3], result, job)
        return job[4].removeprefix(ERROR), job[5]

    def set_tunables(self, result='done', **tunables):
        return self.change('SetTunables', tunables, signature='(a{ss}a{sv})', result=result)

    def refused(self, error, function, *arguments, **kwargs):
        with self.assertRaises(CallError) as caught:
            function(*arguments, **kwargs)
        self.assertEqual(caught.exception.name, ERROR + error, caught.exception)
        return caught.exception.message

    def property(self, name):
        return self.bus.properties(KSM_PATH, KSM)[name]

    def test_what_the_kernel_says_is_read_when_somebody_asks(self):
        self.start()
        self.assertEqual(self.call('GetCounters')[0], COUNTERS)
        self.assertEqual(self.call('GetTunables')[0],
                         {k: v for k, v in TUNABLES.items() if k != 'run'})
        self.put('run', 1)
        self.put('pages_sharing', 5, 0o444)
        properties = self.bus.properties(KSM_PATH, KSM)
        self.assertEqual((properties['Supported'], properties['RunState']), (True, 'running'))
        self.assertEqual(properties['SavedBytes'], 5 * 4096)
        self.assertEqual(properties['MetadataBytes'], (100 + 5 + 50 + 3) * 64)
        self.assertEqual(properties['ProfitBytes'], 5 * 4096 - 158 * 64)
        self.assertEqual((properties['CpuUSec'], properties['CpuShare']), (0, 0.0))

    def test_the_cpu_time_of_ksmd_is_told_and_its_share_since_the_last_look(self):
        stat = '37 (ksmd) S 2 0 0 0 -1 2129984 0 0 0 0 {} {} 0 0 25 5 1 0 60 0 0 1\n'
        self.lab.write('proc/37/comm', 'ksmd\n')
        self.lab.write('proc/37/cmdline', '')
        self.lab.write('proc/37/stat', stat.format(100, 200))
        self.start()
        self.assertEqual(self.property('CpuUSec'), 3000000)
        self.assertTrue(0 < self.property('CpuShare') < 1)
        wait_until(lambda: self.property('CpuShare') == 0, 10, 'a share of nothing')
        self.lab.write('proc/37/stat', stat.format(100, 300))
        self.assertEqual(self.property('CpuUSec'), 4000000)
        self.assertGreater(self.property('CpuShare'), 0)

    def test_a_kernel_without_ksm_is_said_to_be_one(self):
        for name in (*COUNTERS, *TUNABLES):
            self.lab.path(f'{SYSFS}/{name}').unlink()
        self.lab.path(SYSFS).rmdir()
        self.start()
        properties = self.bus.properties(KSM_PATH, KSM)
        self.assertEqual((properties['Supported'], properties['RunState']), (False, 'unsupported'))
        self.assertEqual(self.call('GetCounters')[0], {})
        for method in 'Enable', 'Disable', 'Unmerge':
            self.assertIn('CONFIG_KSM', self.refused('NotSupported', self.call, method))

    def test_units_are_unknown_without_a_systemd_and_told_in_its_words_with_one(self):
        self.start()
        self.assertEqual(self.units(), {SERVICE: ['unknown'] * 3, TUNER: ['unknown'] * 3})
        self.systemd(service=ON)
        self.assertEqual(self.units(), {SERVICE: ON, TUNER: ['not-found', 'inactive', '']})
        self.systemd(service=ON, tuner=['masked', 'inactive', 'masked'])
        self.assertEqual(self.units(), {SERVICE: ON, TUNER: ['masked', 'inactive', 'masked']})

    def test_enable_without_units_starts_ksmd_and_so_does_each_later_boot(self):
        self.systemd()
        self.start()
        self.assertEqual(self.change('Enable'), ('', ''))
        self.assertEqual(self.get('run'), '1')
        self.assertTrue(self.property('AtBoot'))
        for _ in range(2):
            self.reboot()
            self.assertEqual(self.get('run'), '1')
        self.change('Disable')
        self.reboot()
        self.assertEqual(self.get('run'), '0')
        self.assertFalse(self.lab.path(CONFIG).exists())

    def test_a_restart_in_the_same_boot_restores_nothing(self):
        self.systemd()
        self.start()
        self.change('Enable')
        self.put('run', 0)
        self.lab.stop_daemon()
        self.start()
        self.assertEqual(self.get('run'), '0')
        self.assertTrue(self.property('AtBoot'))

    def test_enable_is_the_business_of_the_units_where_there_are_any(self):
        self.systemd(service=OFF, tuner=OFF)
        self.start()
        self.change('Enable')
        self.assertEqual(self.units(), {SERVICE: ON, TUNER: ON})
        self.assertEqual(self.get('run'), '1')  # by ksm.service
        self.assertFalse(self.property('AtBoot'))
        self.assertFalse(self.lab.path(CONFIG).exists())
        self.assertEqual(self.asked()[0], ['EnableUnitFiles', [TUNER, SERVICE], False, False])

    def test_a_masked_tuner_counts_as_none(self):
        self.systemd(tuner=['masked', 'inactive', 'masked'])
        self.start()
        self.change('Enable')
        self.assertEqual(self.get('run'), '1')
        self.assertTrue(self.property('AtBoot'))
        self.assertNotIn('EnableUnitFiles', [a[0] for a in self.asked()])

    def test_a_unit_that_does_not_start_is_told_and_ksmd_is_not_started_in_its_place(self):
        self.systemd(service=OFF, tuner=OFF, stubborn=[TUNER, SERVICE])
        self.start()
        error, message = self.change('Enable', result='failed')
        self.assertEqual(error, 'Failed')
        self.assertIn(f'{TUNER} was not started (failed)', message)
        self.assertEqual(self.get('run'), '0')

    def test_what_cannot_be_written_down_is_done_in_part(self):
        self.systemd()
        self.start()
        self.change('Enable')
        config = self.lab.path('var/lib/bootsync')
        config.rename(config.with_name('away'))
        self.lab.write('var/lib/bootsync', 'not a directory')
        for method, run in ('Disable', '0'), ('Enable', '1'):
            error, message = self.change(method, result='partial' if method == 'Disable' else 'done')
            self.assertEqual(self.get('run'), run)
            self.assertTrue(self.property('AtBoot'))
        error, message = self.set_tunables(sleep_millisecs='50', result='partial')
        self.assertIn('var/lib/bootsync/ksm', message)
        self.assertEqual(self.get('sleep_millisecs'), '50')

    def test_without_a_systemd_enable_is_done_in_part(self):
        self.start()
        error, message = self.change('Enable', result='partial')
        self.assertIn('systemctl status', message)
        self.assertEqual(self.get('run'), '1')

    def test_disable_stops_the_tuner_first_then_ksmd_and_stays_so(self):
        self.systemd(service=ON, tuner=ON)
        self.put('run', 1)
        self.start()
        self.change('Disable')
        self.assertEqual(self.units(), {SERVICE: OFF, TUNER: OFF})
        self.assertEqual([a[1] for a in self.asked() if a[0] == 'StopUnit'], [TUNER, SERVICE])
        self.assertEqual(self.get('run'), '0')
        self.assertEqual(self.property('RunState'), 'stopped')

    def test_a_unit_that_does_not_stop_makes_it_partial_and_ksmd_is_stopped_all_the_same(self):
        self.systemd(service=ON, tuner=ON, stubborn=[TUNER])
        self.put('run', 1)
        self.start()
        error, message = self.change('Disable', result='partial')
        self.assertIn(f'{TUNER} was not stopped (failed)', message)
        self.assertEqual(self.get('run'), '0')

    def test_a_unit_that_was_masked_while_it_ran_is_stopped(self):
        self.systemd(tuner=['masked', 'active', 'masked'])
        self.start()
        self.change('Disable')
        self.assertEqual(self.units()[TUNER], ['masked', 'inactive', 'masked'])

    def test_unmerging_that_would_not_fit_is_refused_with_the_numbers_and_switches_nothing(self):
        self.systemd(service=ON, tuner=ON)
        self.put('run', 1)
        self.memory(available=8 * MIB)
        self.start()
        for method, options in (('Unmerge', {}), ('Disable', {'unmerge': True})):
            message = self.refused('InsufficientMemory', self.call, method, **options)
            self.assertIn('10', message)
            self.assertIn('8', message)
            self.assertIn('--force', message)
        self.assertEqual((self.get('run'), self.units()), ('1', {SERVICE: ON, TUNER: ON}))
        self.assertEqual(self.asked(), [])
        self.change('Disable')
        self.assertEqual(self.get('run'), '0')

    def test_disable_with_unmerge_says_so_if_pages_stay_merged(self):
        self.systemd()
        self.start()
        # No kernel here: the file takes the 2, and nothing comes of it.
        error, message = self.change('Disable', unmerge=True, result='partial')
        self.assertEqual(error, 'VerifyFailed')
        self.assertEqual(self.get('run'), '2')
        self.assertEqual(self.property('RunState'), 'unmerging')

    def test_unmerge_is_done_when_nothing_is_merged(self):
        self.systemd()
        self.put('pages_sharing', 0, 0o444)
        self.start()
        self.change('Unmerge', force=True)
        self.assertEqual(self.get('run'), '2')
        self.assertEqual(self.property('RunState'), 'unmerged')

    def test_unmerge_is_refused_while_the_tuner_would_merge_again(self):
        self.systemd(service=ON, tuner=ON)
        self.put('run', 1)
        self.start()
        error, message = self.change('Unmerge', result='failed')
        self.assertEqual(error, 'Busy')
        self.assertIn('ksm disable --unmerge', message)
        self.assertEqual(self.get('run'), '1')

    def test_tunables_are_checked_written_and_set_again_at_each_boot(self):
        self.start()
        self.set_tunables(sleep_millisecs='50', pages_to_scan='1000')
        self.assertEqual((self.get('sleep_millisecs'), self.get('pages_to_scan')), ('50', '1000'))
        self.reboot()
        self.assertEqual((self.get('sleep_millisecs'), self.get('pages_to_scan')), ('50', '1000'))
        self.assertEqual(self.get('run'), '0')

    def test_one_bad_tunable_keeps_all_from_being_written(self):
        self.start()
        for name, value, error in (('sleep_millisecs', '-1', 'InvalidOption'),
                                   ('pages_to_scan', '4294967296', 'InvalidOption'),
                                   ('max_page_sharing', '1', 'InvalidOption'),
                                   ('run', '2', 'InvalidOption'),
                                   ('../../../etc/passwd', '1', 'InvalidOption'),
                                   ('no_such', '1', 'InvalidOption'),
                                   ('smart_scan', '1', 'NotSupported'),
                                   ('merge_across_nodes', '0', 'Busy')):
            with self.subTest(name=name):
                message = self.refused(error, self.set_tunables, use_zero_pages='1', **{name: value})
                self.assertIn(name, message)
                self.assertEqual(self.get('use_zero_pages'), '0')
        self.refused('InvalidOption', self.set_tunables)
        self.refused('InvalidOption', self.set_tunables, **{f'x{i}': '1' for i in range(65)})

    def test_a_job_of_ksm_and_a_refresh_do_not_wait_for_each_other_but_two_of_ksm_do(self):
        self.systemd(service=ON, slow=5)
        self.start()
        job, = self.call('Disable')
        self.bus.refresh()
        self.assertEqual([r for r in self.bus.removed_jobs() if r[1] == job], [])
        self.assertEqual(self.bus.properties(job, JOB)['Type'], 'ksm-disable')
        self.assertIn('ksm-disable', self.refused('Busy', self.call, 'Enable'))
        self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job and r[3] == 'done'])

    def test_a_job_that_is_canceled_says_what_to_look_at(self):
        self.systemd(service=ON, slow=1)
        self.put('run', 1)
        self.start()
        job, = self.call('Disable')
        self.bus.call('Cancel', path=job, interface=JOB)
        removed, = self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job])
        self.assertEqual(removed[3], 'canceled')
        self.assertIn('ksm status', removed[5])
        self.assertEqual(self.get('run'), '1')

    def test_who_gains_is_told_with_the_ids_of_guests(self):
        for pid, comm, pages, cgroup in ((100, 'kvm', 500, '0::/qemu.slice/101.scope'),
                                         (200, 'postgres', 9, '0::/system.slice/postgresql.service'),
                                         (300, 'bash', 0, '0::/user.slice'),
                                         (400, 'kvm', 0, '0::/qemu.slice/102.scope')):
            self.lab.write(f'proc/{pid}/comm', comm + '\n')
            self.lab.write(f'proc/{pid}/cgroup', cgroup + '\n')
            self.lab.write(f'proc/{pid}/ksm_merging_pages', f'{pages}\n')
        self.start()
        found, = self.call('GetProcesses')
        for _ in range(2):  # what was found lately is told again
            self.assertEqual(self.call('GetProcesses')[0], found)
        self.assertEqual(found, [(100, 'kvm', 101, True, 500 * 4096, False, 0),
                                 (200, 'postgres', 0, True, 9 * 4096, False, 0),
                                 (400, 'kvm', 102, True, 0, False, 0)])

    def test_who_asks_within_ten_seconds_is_told_what_was_found_and_nothing_is_started(self):
        def put(pid):
            self.lab.write(f'proc/{pid}/comm', 'kvm\n')
            self.lab.write(f'proc/{pid}/cgroup', f'0::/qemu.slice/{pid}.scope\n')
            self.lab.write(f'proc/{pid}/ksm_merging_pages', '1\n')

        def pids():
            return [row[0] for row in self.call('GetProcesses')[0]]

        put(100)
        self.start()
        self.assertEqual(pids(), [100])
        began = time.monotonic()
        put(101)
        for _ in range(500):
            self.assertEqual(pids(), [100])
        self.assertLess(time.monotonic() - began, 9, 'this machine is too slow for this test')
        time.sleep(10)
        self.assertEqual(pids(), [100, 101])

    def test_nothing_wakes_the_daemon_while_nobody_asks(self):
        def wakings():
            status = Path(f'/proc/{self.bus.daemon.pid}/status').read_text()
            return int(status.split('voluntary_ctxt_switches:')[1].split()[0])

        self.systemd(service=ON, tuner=ON)
        self.start()
        self.change('Disable')
        self.call('GetUnits')
        self.call('GetProcesses')
        (self.directory / 'busy').touch()
        time.sleep(2)
        before = wakings()
        time.sleep(5)
        self.assertEqual(wakings(), before)

    def test_a_damaged_record_of_what_was_set_is_no_reason_not_to_start(self):
        for text in (b'', b'\0\xff' * 100, b'v1\nrun=2\n', b'v9\nrun=1\n', b'v1\nrun=1\nx' * 9999):
            with self.subTest(text=text[:20]):
                self.lab.write(CONFIG, text)
                self.start()
                self.assertEqual(self.get('run'), '0')
                self.assertFalse(self.property('AtBoot'))
                self.lab.stop_daemon()
                self.lab.new_boot()


if __name__ == '__main__':
    lab.main()
