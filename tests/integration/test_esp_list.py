#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""ESPs as people name and manage them: by any of their names, off the list and onto it again, and
nothing on an ESP is touched when it goes."""

import os
import signal

import lab
from lab import LabCase, wait_until
from privatebus import CallError, ERROR

LIST = 'etc/kernel/proxmox-boot-uuids'


class Names(LabCase):
    def test_an_esp_is_refreshed_by_any_of_its_names(self):
        first, second = self.ESPS
        for name in first, first.lower(), 'aa', f'/dev/disk/by-uuid/{first}':
            with self.subTest(name=name):
                done = self.bootctl('refresh', f'--esp={name}')
                self.assertIn(first, done.out)
                self.assertNotIn(second, done.out)
        self.assert_synced(first)
        self.assertEqual(self.lab.kernels_on(second), set())

    def test_a_name_of_several_or_of_none_is_told_the_esps_that_there_are(self):
        self.lab.add_esp('AAAB-0003')
        for verb in ('refresh', '--esp=aaa'), ('verify', '--esp=aaa'), ('esp', 'remove', 'aaa'), \
                ('refresh', '--dry-run', '--esp=aaa'):
            done = self.bootctl(*verb, status=1)
            self.assertIn("'AAAA-0001', 'AAAB-0003'", done.err)
        for name in 'A', '', 'CCCC', '..':
            done = self.bootctl('refresh', f'--esp={name}', status=1)
            for uuid in *self.ESPS, 'AAAB-0003':
                self.assertIn(f'{uuid} on /dev/disk/by-uuid/{uuid}', done.err)
        self.assertEqual(self.lab.kernels_on('AAAA-0001'), set())


class Removal(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.write(LIST, '# of this host\nAAAA-0001\nnonsense\nBBBB-0002\n')
        self.bootctl('refresh')

    def test_an_esp_off_the_list_keeps_all_that_is_on_it(self):
        before = self.lab.snapshot(self.lab.esp('BBBB-0002'))
        done = self.bootctl('esp', 'remove', 'bb')
        self.assertEqual(done.out,
                         "ESP 'BBBB-0002' is off the list; nothing on it was changed.\n")
        self.assertEqual(self.lab.snapshot(self.lab.esp('BBBB-0002')), before)
        self.assertEqual(self.lab.read(LIST), '# of this host\nnonsense\nAAAA-0001\n')
        self.assertTrue(self.lab.path('var/lib/bootsync/esp-BBBB-0002.manifest').exists())
        self.lab.add_kernel('6.11.11-2-pve')
        self.bootctl('refresh')
        self.assertEqual(self.lab.snapshot(self.lab.esp('BBBB-0002')), before)

    def test_the_last_one_that_boots_goes_only_by_force(self):
        self.bootctl('esp', 'remove', 'AAAA-0001')
        done = self.bootctl('esp', 'remove', 'BBBB-0002', status=1)
        self.assertRegex(done.err, r"(?m)^bootctl-pve: No other ESP .+'bootctl-pve init'.+$")
        self.assertIn('BBBB-0002\n', self.lab.read(LIST))
        done = self.bootctl('esp', 'remove', 'BBBB-0002', '--force', '--json')
        self.assertEqual(done.json, {'removed': ['BBBB-0002'], 'entries': []})
        self.assertEqual(self.lab.read(LIST), '# of this host\nnonsense\n')
        self.bootctl('status', status=2)

    def test_one_that_boots_not_is_no_last_one(self):
        for path in (self.lab.esp('BBBB-0002') / 'loader/entries').iterdir():
            path.unlink()
        self.bootctl('esp', 'remove', 'AAAA-0001', status=1)
        self.bootctl('esp', 'remove', 'BBBB-0002')


class OnTheBus(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.bootctl('refresh')

    def start(self, *options):
        self.lab.start_daemon(*options)
        self.bus = self.lab.bus
        self.bus.wait_no_job()

    def remove(self, name, **options):
        return self.bus.call('RemoveEsp', '(sa{sv})', (name, self.bus.options(**options)))

    def assert_error(self, name, *arguments, **options):
        with self.assertRaises(CallError) as caught:
            self.remove(*arguments, **options)
        self.assertEqual(caught.exception.name, ERROR + name, caught.exception)

    def test_a_removed_esp_is_no_object_any_more(self):
        self.start()
        paths = {uuid: esp['path'] for uuid, esp in self.bus.esps().items()}
        self.assertEqual(self.bus.call('GetEsp', '(sa{sv})', ('bb', {})),
                         (paths['BBBB-0002'], 'BBBB-0002'))
        self.assertEqual(self.remove('bb'), ('BBBB-0002', []))
        self.assertEqual(set(self.bus.esps()), {'AAAA-0001'})
        self.assert_error('NoSuchEsp', 'BBBB-0002')
        self.assert_error('LastEsp', 'AAAA-0001')
        self.assertEqual(self.remove('AAAA-0001', force=True), ('AAAA-0001', []))
        self.assertEqual(self.bus.properties()['Redundancy'], 'unmanaged')

    def test_an_esp_that_a_job_works_on_stays(self):
        self.lab.add_kernel('6.11.11-2-pve')
        self.start('--test-hook=stage:1:stop')
        self.bus.call('Refresh', '(a{sv})', (self.bus.options(esps=['AAAA-0001']),))
        pid, = wait_until(self.lab.stopped_worker_pids, what='hook')
        self.assert_error('Busy', 'AAAA-0001', force=True)
        self.assertEqual(self.remove('BBBB-0002'), ('BBBB-0002', []))
        os.kill(pid, signal.SIGCONT)
        self.bus.wait_no_job()
        self.assertIn('6.11.11-2-pve', self.lab.kernels_on('AAAA-0001'))
        self.assert_complete('AAAA-0001')


if __name__ == '__main__':
    lab.main()
