#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemd-boot on the ESPs follows its package, without a hook that would tell of it: in a refresh, and by
the daemon that watches."""

import time

import lab
from lab import LabCase

SOURCE = 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'
COPIES = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')
CONF = 'loader/loader.conf'


class LoaderUpdate(LabCase):
    def prepare(self):
        super().prepare()
        self.upgrade('1')
        for uuid in self.ESPS:
            for name in COPIES:
                (self.lab.esp(uuid) / name).write_text('loader 1')

    def upgrade(self, version):
        self.lab.write(SOURCE, f'loader {version}')

    def loaders(self, *uuids):
        return {(self.lab.esp(uuid) / name).read_text() for uuid in uuids or self.ESPS
                for name in COPIES}

    def start(self, **settings):
        self.lab.settings(**settings)
        self.lab.start_daemon()
        self.lab.bus.wait_no_job()

    def wait_for(self, *versions):
        lab.wait_until(lambda: self.loaders() == {f'loader {v}' for v in versions}, 30, 'the loader')
        self.lab.bus.wait_idle()

    def wait_for_states(self, state):
        lab.wait_until(lambda: {esp['State'] for esp in self.lab.bus.esps().values()} == {state},
                       30, state)

    def test_refresh_brings_a_new_program_and_settings_stay(self):
        for uuid in self.ESPS:
            (self.lab.esp(uuid) / CONF).write_text(
                '# mine\nconsole-mode max\ntimeout 9\ndefault proxmox-*\n')
        self.bootctl('refresh')
        conf = [(self.lab.esp(uuid) / CONF).read_bytes() for uuid in self.ESPS]
        self.upgrade('2')
        self.assertIn('puts the boot loader systemd-boot there anew',
                      self.bootctl('refresh', '--dry-run').out)
        self.assertEqual(self.loaders(), {'loader 1'})
        self.bootctl('status', status=3)
        self.bootctl('refresh')
        self.assertEqual(self.loaders(), {'loader 2'})
        self.assertEqual([(self.lab.esp(uuid) / CONF).read_bytes() for uuid in self.ESPS], conf)
        self.assert_synced()
        self.bootctl('status')

    def test_what_is_as_its_package_has_it_is_written_no_more(self):
        self.upgrade('2')
        self.bootctl('refresh')
        before = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        self.bootctl('refresh')
        self.bootctl('verify')
        self.assertEqual([self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS], before)
        self.assertEqual(self.bootctl('refresh', '--dry-run', '--json').json, [])

    def test_watching_daemon_brings_it_by_one_refresh_with_the_kernel_of_the_same_run(self):
        self.start(settle_sec=1)
        before = self.lab.bus.log().count('(refresh) done')
        self.upgrade('2')
        self.lab.add_kernel('6.11.0-1-pve')
        self.wait_for('2')
        self.assertEqual(self.lab.bus.log().count('(refresh) done'), before + 1)
        self.assert_synced(versions=(self.NEW, '6.11.0-1-pve'))
        self.assertTrue(self.lab.bus.properties()['InSync'])

    def test_without_auto_sync_the_esps_are_outdated_and_left_alone(self):
        self.bootctl('refresh')
        self.start(auto_sync=False)
        self.wait_for_states('in-sync')
        self.upgrade('2')
        self.wait_for_states('outdated')
        time.sleep(0.5)
        self.assertEqual(self.loaders(), {'loader 1'})

    def test_esp_that_was_away_has_it_when_it_comes_back(self):
        self.start()
        self.lab.take_away(self.ESPS[1])
        self.upgrade('2')
        lab.wait_until(lambda: self.loaders(self.ESPS[0]) == {'loader 2'}, 30, 'the loader')
        self.lab.bring_back(self.ESPS[1])
        self.wait_for('2')

    def test_package_that_is_removed_leaves_the_esps_as_they_are(self):
        self.bootctl('refresh')
        self.lab.path(SOURCE).unlink()
        before = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        self.bootctl('refresh')
        self.assertEqual([self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS], before)
        self.bootctl('status')

    def test_program_that_is_damaged_on_an_esp_is_found_by_verify_and_repaired(self):
        self.bootctl('refresh')
        damaged = self.lab.esp(self.ESPS[0]) / COPIES[0]
        damaged.write_text('LOADER 1')
        self.assertIn(COPIES[0], self.bootctl('verify', status=3).err)
        self.bootctl('refresh')
        self.assertEqual(self.loaders(), {'loader 1'})


if __name__ == '__main__':
    lab.main()
