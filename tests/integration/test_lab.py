#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The judge of the other tests is judged: it must find each way in which an ESP fails to boot."""

import shutil

import lab
from lab import CMDLINE, LabCase


class Judge(LabCase):
    def prepare(self):
        super().prepare()
        self.uuid = self.ESPS[0]
        self.esp = self.lab.esp(self.uuid)
        for version in (self.OLD, self.NEW):
            directory = self.esp / 'EFI/proxmox' / version
            directory.mkdir()
            for stem in ('vmlinuz', 'initrd.img'):
                shutil.copy(self.lab.path(f'boot/{stem}-{version}'), directory)
            (self.esp / f'loader/entries/proxmox-{version}.conf').write_text(
                f'title T\nversion {version}\noptions {CMDLINE}\n'
                f'linux /EFI/proxmox/{version}/vmlinuz-{version}\n'
                f'initrd /EFI/proxmox/{version}/initrd.img-{version}\n')
        self.initrd = self.esp / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        self.entry = self.esp / f'loader/entries/proxmox-{self.NEW}.conf'
        self.conf = self.esp / 'loader/loader.conf'

    def assert_found(self, text):
        problems = self.lab.complete(self.uuid)
        self.assertTrue([p for p in problems if text in p], problems)

    def test_a_good_esp_is_good(self):
        self.assertEqual(self.lab.complete(self.uuid), [])
        self.assertEqual(self.lab.difference(self.uuid, (self.OLD, self.NEW)), [])

    def test_old_content_is_complete_but_not_in_sync(self):
        self.lab.write_boot(f'initrd.img-{self.NEW}', b'newer')
        self.assertEqual(self.lab.complete(self.uuid), [])
        self.assertNotEqual(self.lab.difference(self.uuid, (self.OLD, self.NEW)), [])

    def test_truncated_and_mixed_content_is_found(self):
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(256 * 1024))
        old = self.initrd.read_bytes()
        self.initrd.write_bytes(old[:-1])
        self.assert_found('neither old nor new')
        new = self.lab.path(f'boot/initrd.img-{self.NEW}').read_bytes()
        self.initrd.write_bytes(new[:4096] + old[4096:])
        self.assert_found('neither old nor new')

    def test_a_missing_initrd_and_a_missing_key_are_found(self):
        self.initrd.unlink()
        self.assert_found('is not there')
        self.initrd.write_bytes(self.lab.path(f'boot/initrd.img-{self.NEW}').read_bytes())
        self.entry.write_text(''.join(line for line in self.entry.read_text().splitlines(True)
                                      if not line.startswith('initrd')))
        self.assert_found('is not there')

    def test_a_default_that_points_nowhere_is_found(self):
        self.conf.write_text('default proxmox-9.9.9-9-pve.conf\n')
        self.assert_found('matches none')
        self.conf.write_text('timeout 3\n')
        self.assert_found('no default')

    def test_options_without_root_and_an_entry_too_many_are_found(self):
        self.entry.write_text(self.entry.read_text().replace('root=', 'r='))
        self.assert_found('without root=')
        self.assertTrue(self.lab.difference(self.uuid, (self.NEW,)))

    def test_the_bus_answers_and_ends(self):
        bus = self.lab.start_bus()
        self.assertFalse(bus.name_has_owner())
        process = bus.process
        bus.close()
        self.assertIsNotNone(process.poll())
        self.lab.bus = None


if __name__ == '__main__':
    lab.main()
