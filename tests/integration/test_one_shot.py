#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pin for the next boot where systemd-boot takes a one-shot entry: a directory of variables plays
the firmware."""

import re
import shutil
import struct

import lab
from lab import LabCase

VARIABLES = 'sys/firmware/efi/efivars'
VENDOR = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f'
ONE_SHOT = 1 << 3  # EFI_LOADER_FEATURE_ENTRY_ONESHOT
LIST = 'etc/kernel/proxmox-boot-uuids'
RECORD = 'var/lib/bootsync/one-shot'


class OneShot(LabCase):
    FEATURES = ONE_SHOT

    def prepare(self):
        super().prepare()
        self.set_variable('LoaderInfo', 'systemd-boot 252\0'.encode('utf-16-le'))
        self.set_variable('LoaderFeatures', struct.pack('<Q', self.FEATURES))
        self.lab.settings(auto_sync=True)
        self.lab.start_bus()

    def variable(self, name):
        return self.lab.path(f'{VARIABLES}/{name}-{VENDOR}')

    def set_variable(self, name, data):
        path = self.variable(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack('<I', 7) + data)

    def armed(self):
        """What systemd-boot would take once."""
        path = self.variable('LoaderEntryOneShot')
        return path.read_bytes()[4:].decode('utf-16-le').rstrip('\0') if path.exists() else None

    def start(self, boot=False):
        if boot:
            self.lab.new_boot()
            self.lab.write('proc/stat', 'cpu 0\nbtime 9999999999\n')
        self.lab.start_daemon()
        self.lab.bus.wait_idle()

    def pin(self, version, scope='next-boot'):
        self.lab.bus.call('PinKernel', '(ssa{sv})',
                          (version, scope, self.lab.bus.options(wait=True)))

    def unpin(self, scope='next-boot'):
        self.lab.bus.call('UnpinKernel', '(sa{sv})', (scope, self.lab.bus.options(wait=True)))

    def defaults(self):
        return [self.lab.default_patterns(uuid) for uuid in self.ESPS]

    def methods(self):
        return {esp['OneShotMethod'] for esp in self.lab.bus.esps().values()}


class Offered(OneShot):
    def test_point_3_a_pin_for_the_next_boot_is_armed_and_the_default_stays(self):
        self.start()
        self.assertEqual(self.methods(), {'firmware'})
        self.pin(self.OLD)
        self.assertEqual(self.armed(), f'proxmox-{self.OLD}.conf')
        self.assertEqual(self.defaults(), [['proxmox-*']] * len(self.ESPS))
        self.assertEqual(self.lab.bus.properties()['DefaultKernel'], self.NEW)
        self.assertEqual(self.lab.bus.properties()['NextBootKernel'], self.OLD)

    def test_the_permanent_pin_stays_the_default(self):
        self.start()
        self.pin(self.NEW, 'permanent')
        self.pin(self.OLD)
        self.assertEqual(self.armed(), f'proxmox-{self.OLD}.conf')
        self.assertEqual(self.defaults(), [[f'proxmox-{self.NEW}.conf']] * len(self.ESPS))

    def test_unpin_takes_it_back(self):
        self.start()
        self.pin(self.OLD)
        self.assertTrue(self.lab.path(RECORD).exists())
        self.unpin()
        self.assertIsNone(self.armed())
        self.assertFalse(self.lab.path(RECORD).exists())

    def test_a_dry_run_tells_of_the_one_shot_and_arms_none(self):
        self.start()
        self.lab.stop_daemon()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.lab.bus.wait_no_job()
        self.pin(self.OLD)  # stored, and no more
        plans, = self.lab.bus.call('DescribePlan')
        self.assertEqual([changes for esp, changes, *_ in plans if not esp],
                         [[('arm', self.OLD, '', 0)]])
        self.assertEqual([row for row in self.lab.bus.call('Plan')[0] if not row[0]], [])
        self.assertIsNone(self.armed())

    def test_what_somebody_else_has_armed_is_left(self):
        self.start()
        self.pin(self.OLD)
        self.set_variable('LoaderEntryOneShot', 'other.conf\0'.encode('utf-16-le'))
        self.unpin()
        self.assertEqual(self.armed(), 'other.conf')

    def test_another_pin_replaces_it(self):
        self.start()
        self.pin(self.OLD)
        self.pin(self.NEW)
        self.assertEqual(self.armed(), f'proxmox-{self.NEW}.conf')

    def test_a_refresh_does_not_arm_again_what_the_loader_has_taken(self):
        self.start()
        self.pin(self.OLD)
        self.variable('LoaderEntryOneShot').unlink()
        self.lab.bus.refresh()
        self.assertIsNone(self.armed())

    def test_after_the_boot_nothing_is_left_of_it(self):
        self.start()
        self.pin(self.OLD)
        self.lab.stop_daemon()
        # Another loader was started, and has not taken it.
        self.start(boot=True)
        self.assertIsNone(self.armed())
        self.assertFalse(self.lab.path(RECORD).exists())
        self.assertEqual(self.lab.bus.properties()['NextBootKernel'], '')
        self.assertEqual(self.defaults(), [['proxmox-*']] * len(self.ESPS))

    def test_a_private_daemon_arms_it_too(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.assertEqual(self.armed(), f'proxmox-{self.OLD}.conf')
        self.assertEqual(self.defaults(), [['proxmox-*']] * len(self.ESPS))


class NotOffered(OneShot):
    FEATURES = 0

    def test_the_pin_is_the_default_entry(self):
        self.start()
        self.assertEqual(self.methods(), {'default-entry'})
        self.pin(self.OLD)
        self.assertIsNone(self.armed())
        self.assertEqual(self.defaults(), [[f'proxmox-{self.OLD}.conf']] * len(self.ESPS))
        self.assertEqual(self.lab.bus.properties()['DefaultKernel'], self.OLD)


class Refused(OneShot):
    def test_what_the_firmware_refuses_becomes_the_default_entry(self):
        self.start()
        # A directory where the variable should be: it can be neither read nor written.
        self.variable('LoaderEntryOneShot').mkdir()
        self.pin(self.OLD)
        self.assertEqual(self.defaults(), [[f'proxmox-{self.OLD}.conf']] * len(self.ESPS))
        self.assertFalse(self.lab.path(RECORD).exists())


class SetUp(OneShot):
    """`init` and `reinit` of plain directories."""

    NEW_ESP = 'CCCC-0003'
    LOADER = 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'
    FILES = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')

    def prepare(self):
        super().prepare()
        self.lab.write(self.LOADER, self.lab.bytes(100_000))
        self.lab.esp(self.NEW_ESP).mkdir()

    def test_an_empty_directory_becomes_an_esp_in_sync(self):
        self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}')
        self.assertIn(self.NEW_ESP, self.lab.listed_esps())
        self.assert_synced(self.NEW_ESP)
        esp = self.lab.esp(self.NEW_ESP)
        for name in self.FILES:
            self.assertEqual((esp / name).read_bytes(), self.lab.path(self.LOADER).read_bytes())
        self.assertEqual((esp / 'loader/loader.conf').read_text(), 'timeout 3\ndefault proxmox-*\n')

    def assert_told_how_to_go_on(self, result, loader=''):
        """Off the list, or on it and how to get it off again; and how to try again."""
        device = f'/dev/disk/by-uuid/{self.NEW_ESP}'
        again = re.escape(f"'bootctl-pve init {device}{loader}'")
        if self.NEW_ESP in self.lab.listed_esps():
            expected = rf"; ESP '{self.NEW_ESP}' is on the list now: {again} tries again, and " \
                rf"'bootctl-pve esp remove {self.NEW_ESP}' takes it off\n"
        else:
            expected = rf"; ESP '{self.NEW_ESP}' is not on the list, so {again} can be called again\n"
        self.assertRegex(result.err, r'(?m)^bootctl-pve: .+' + expected)
        # The history has the same words.
        self.assertIn(f'bootctl-pve: {self.history()[-1]["message"]}\n', result.err)

    def history(self):
        return self.bootctl('history', '--json').json

    def assert_no_loader(self):
        self.assertNotIn(self.NEW_ESP, self.lab.listed_esps())
        self.assertEqual([n for n in self.FILES if (self.lab.esp(self.NEW_ESP) / n).exists()], [])

    def test_without_the_loaders_package_nothing_is_listed_nor_copied(self):
        self.lab.path(self.LOADER).unlink()
        result = self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}', status=1)
        self.assertIn('install the package systemd-boot-efi', result.err)
        self.assert_told_how_to_go_on(result)
        self.assertEqual([(h['type'], h['result']) for h in self.history()], [('init', 'failed')])
        self.assert_no_loader()
        self.assertEqual(list(self.lab.esp(self.NEW_ESP).iterdir()), [])

    def test_wherever_init_is_killed_there_is_no_loader_without_a_default_that_boots(self):
        for point in 'place', 'entry', 'stage':
            number = 0
            while True:
                number += 1
                hook = f'--test-hook={point}:{number}:kill'
                result = self.lab.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}',
                                          daemon_options=[hook])
                if result.status == 0:
                    break
                self.assert_no_loader()
                self.assertIn('No boot loader was put on ESP', result.err)
                self.assert_told_how_to_go_on(result)
            self.assertGreater(number, 2, hook)
            self.assert_synced(self.NEW_ESP)
            shutil.rmtree(self.lab.esp(self.NEW_ESP))
            self.lab.esp(self.NEW_ESP).mkdir()
            self.lab.list_esps(*self.ESPS)

    def test_an_esp_on_which_nothing_would_boot_gets_no_loader(self):
        kernels = self.lab.esp(self.NEW_ESP) / 'EFI/proxmox'
        kernels.mkdir(parents=True)
        for version in self.OLD, self.NEW:
            (kernels / version).write_text('in the way')
        result = self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}', status=1)
        self.assertRegex(result.err, 'No boot loader was put on ESP .*in the way')
        self.assert_told_how_to_go_on(result)
        self.assert_no_loader()

    def test_a_kernel_that_cannot_be_brought_is_told_and_the_others_boot(self):
        kernels = self.lab.esp(self.NEW_ESP) / 'EFI/proxmox'
        kernels.mkdir(parents=True)
        (kernels / self.OLD).write_text('in the way')
        result = self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}', status=1)
        self.assertIn('is in the way', result.err)
        self.assertIn(self.NEW_ESP, self.lab.listed_esps())
        self.assertTrue((self.lab.esp(self.NEW_ESP) / self.FILES[1]).exists())
        self.assert_complete(self.NEW_ESP)
        self.assert_told_how_to_go_on(result)
        self.bootctl('esp', 'remove', self.NEW_ESP, '--force')  # no other one has a kernel
        self.assertNotIn(self.NEW_ESP, self.lab.listed_esps())
        (kernels / self.OLD).unlink()
        self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}')
        self.assert_synced(self.NEW_ESP)

    def test_a_list_that_cannot_be_written_is_told_of_with_what_to_call_again(self):
        self.lab.path(LIST).unlink()
        self.lab.path(LIST).mkdir()
        result = self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}', status=1)
        self.assertIn("it was not put on the list, so 'bootctl-pve init", result.err)

    def test_no_kernel_is_copied_to_a_directory_for_grub(self):
        result = self.bootctl('init', f'/dev/disk/by-uuid/{self.NEW_ESP}', 'grub', status=1)
        self.assertIn('which is a directory', result.err)
        self.assert_told_how_to_go_on(result, ' grub')
        self.assertEqual(list(self.lab.esp(self.NEW_ESP).iterdir()), [])

    def test_point_1_reinit_keeps_pin_keys_and_kernels(self):
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        uuid = self.ESPS[0]
        conf = self.lab.esp(uuid) / 'loader/loader.conf'
        conf.write_text('# mine\nconsole-mode max\n' + conf.read_text())
        before = conf.read_bytes()
        entries = self.lab.entries(uuid)
        self.lab.write(self.LOADER, self.lab.bytes(120_000))
        self.bootctl('reinit')
        self.assertEqual(conf.read_bytes(), before)
        self.assertEqual(self.lab.entries(uuid), entries)
        self.assert_synced(versions=(self.OLD, self.NEW))
        for name in self.FILES:
            self.assertEqual((self.lab.esp(uuid) / name).read_bytes(),
                             self.lab.path(self.LOADER).read_bytes())

    def test_point_10_an_esp_that_cannot_be_reinstalled_stops_no_other(self):
        bad, good = self.ESPS[:2]
        (self.lab.esp(bad) / self.FILES[0]).unlink()
        (self.lab.esp(bad) / self.FILES[0]).mkdir()
        self.lab.write(self.LOADER, self.lab.bytes(120_000))
        result = self.bootctl('reinit', status=3)
        self.assertIn(bad, result.out + result.err)
        self.assertEqual((self.lab.esp(good) / self.FILES[0]).read_bytes(),
                         self.lab.path(self.LOADER).read_bytes())

    def test_point_2_the_loader_of_one_esp_is_not_taken_for_that_of_the_next(self):
        grub = self.lab.add_esp('0000-0001', loader='grub')  # the first one on the list
        self.bootctl('reinit', status=3)  # GRUB is not installed into a plain directory
        self.assertFalse((grub / 'EFI/systemd').exists())
        self.assertFalse((grub / 'loader').exists())
        for uuid in self.ESPS:
            self.assertFalse((self.lab.esp(uuid) / 'EFI/proxmox/grubx64.efi').exists())
            self.assertEqual((self.lab.esp(uuid) / self.FILES[0]).read_bytes(),
                             self.lab.path(self.LOADER).read_bytes())
        self.assert_synced()

    def test_an_esp_that_lost_its_loader_is_told(self):
        self.start()
        for name in self.FILES:
            (self.lab.esp(self.ESPS[0]) / name).unlink(missing_ok=True)
        self.lab.bus.refresh()
        properties = self.lab.bus.properties()
        self.assertEqual(properties['Redundancy'], 'degraded')
        self.assertIn(self.ESPS[0], properties['RedundancyReason'])


if __name__ == '__main__':
    lab.main()
