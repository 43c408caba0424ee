#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The object of what boots: what a directory of variables says that plays the firmware, as it is
now. Nobody but a worker reads it."""

import re
import struct
import uuid
from pathlib import Path

import lab
from efivars import GLOBAL, LOADER, PARTITIONS, SD_BOOT, VARIABLES, UefiCase, load_option
from lab import LabCase
from privatebus import BOOT, BOOT_PATH, CallError

NUMBER, TITLE, PARTUUID, DISK, PATH, WHOSE, ACTIVE, PRESENT = range(8)


class Uefi(UefiCase):
    def test_it_tells_what_the_firmware_holds(self):
        self.start()
        boot = self.boot()
        expected = {'Firmware': 'uefi', 'Loader': 'systemd-boot', 'LoaderCertain': True,
                    'LoaderInfo': 'systemd-boot 257.7-1', 'SecureBoot': 'disabled',
                    'EntrySelected': f'proxmox-{self.NEW}.conf', 'EntryOneShot': '',
                    'BootedEsp': self.ESPS[1], 'BootCurrent': 1, 'BootOrder': [1, 7],
                    'EspsWithoutEntry': [self.ESPS[0]]}
        self.assertEqual({key: boot[key] for key in expected}, expected)
        ours, windows = boot['Entries']
        self.assertEqual(ours[:4], (1, 'proxmox', PARTITIONS[1], ''))
        self.assertEqual(ours[PATH:], (SD_BOOT, 'ours', True, True))
        self.assertEqual((windows[NUMBER], windows[WHOSE], windows[PRESENT]), (7, 'foreign', False))

    def test_what_somebody_writes_there_is_known_at_once_and_told(self):
        self.start()
        before = len(self.bus.removed_jobs())
        self.set('Boot0002', load_option('proxmox', PARTITIONS[1], SD_BOOT))
        self.bus.run(lambda: len(self.boot()['Entries']) == 3, what='the new entry')
        self.assertEqual([e[WHOSE] for e in self.boot()['Entries']], ['ours', 'double', 'foreign'])
        self.bus.drain()
        told = [s for s in self.bus.seen('PropertiesChanged') if s[3][0] == BOOT]
        self.assertIn(3, [len(s[3][1]['Entries']) for s in told if 'Entries' in s[3][1]])
        self.lab.path(f'{VARIABLES}/Boot0002-{GLOBAL}').unlink()
        self.bus.run(lambda: len(self.boot()['Entries']) == 2, what='the end of that entry')
        self.assertEqual(len(self.bus.removed_jobs()), before, 'no job looks for that')

    def test_a_pin_for_the_next_boot_shows_what_the_loader_takes(self):
        self.set('LoaderFeatures', struct.pack('<Q', 8), LOADER)
        self.start()
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'next-boot', self.bus.options(wait=True)))
        self.bus.run(lambda: self.boot()['EntryOneShot'], what='the entry')
        self.assertEqual(self.boot()['EntryOneShot'], f'proxmox-{self.OLD}.conf')


class SecureBoot(UefiCase):
    """The programs are signed by a key that was thrown away; its certificate is in the fuzzer."""
    FUZZ = Path(__file__).parent.parent / 'fuzz'
    LOADER = FUZZ / 'corpus/judge/loader'
    CA = bytes(int(byte, 16) for byte in re.findall(
        '0x(..)', (FUZZ / 'fuzz-judge.c').read_text().partition('certificate[] = {')[2].partition('}')[0]))
    DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f'
    SHIM = '605dab50-e046-4300-abb6-3dd810dd8b23'
    PACKAGE = 'usr/lib/systemd/boot/efi/systemd-bootx64.efi'
    ESP, FILE, SIGNED, SIGNER, ISSUER, NOT_AFTER, CHECKER, ACCEPTED, REASON = range(9)

    def prepare(self):
        super().prepare()
        for name in 'pk', 'kek':
            self.set(name.upper(), (self.FUZZ / f'corpus/signature-list/ovmf-{name}').read_bytes())
        self.set('db', self.list_of(self.CA), self.DATABASE)
        self.set('dbx', (self.FUZZ / 'corpus/signature-list/ovmf-dbx').read_bytes(), self.DATABASE)
        self.lab.write(self.PACKAGE, self.LOADER.read_bytes())
        for esp in self.ESPS:
            (self.lab.esp(esp) / 'EFI/systemd/systemd-bootx64.efi').write_bytes(self.LOADER.read_bytes())
            (self.lab.esp(esp) / 'EFI/BOOT/BOOTX64.EFI').write_bytes(self.LOADER.read_bytes())
        self.lab.write('var/lib/dkms/mok.pub', self.CA)

    @staticmethod
    def list_of(*certificates):
        """EFI_SIGNATURE_LISTs (UEFI 2.10, 32.4.1), one of each certificate."""
        kind = uuid.UUID('a5c059a1-94e4-4aa7-87b5-ab155c2bf072').bytes_le
        return b''.join(kind + struct.pack('<3I', 44 + len(c), 0, 16 + len(c)) + bytes(16) + c
                        for c in certificates)

    def test_the_steps_to_secure_boot_are_told_and_what_comes_first_is_named(self):
        self.start()
        steps = self.bus.call('SecureBootPlan', path=BOOT_PATH, interface=BOOT)
        steps = steps[0] if len(steps) == 1 else steps
        done = {step: is_done for step, _, _, is_done in steps}
        commands = [command for _, _, command, is_done in steps if not is_done]
        self.assertTrue(commands[0].startswith('apt-get install shim-signed'), steps)
        self.assertIn('bootctl-pve secure-boot convert', commands)
        self.assertFalse(done['Enable Secure Boot'])
        self.assertFalse(any(command for _, _, command, is_done in steps if is_done))
        with self.assertRaises(CallError) as caught:
            self.bus.call('SecureBootConvert', path=BOOT_PATH, interface=BOOT)
        self.assertIn('NotBootable', caught.exception.name)
        self.assertIn('apt-get install shim-signed', str(caught.exception))
        self.assertEqual(self.bus.removed_jobs('convert'), [])

    def start(self):
        super().start()
        self.bus.run(lambda: self.boot()['SignaturesKnown'], what='keys and signatures')

    def files(self):
        return {(f[self.ESP], f[self.FILE]): f for f in self.boot()['SignedFiles']}

    def keys(self, store):
        return [key for key in self.boot()['Keys'] if key[0] == store]

    def test_it_tells_who_has_signed_what_boots_and_whether_it_would(self):
        self.start()
        boot, files = self.boot(), self.files()
        self.assertEqual([key[1] for key in self.keys('db')], ['Fuzz CA'])
        self.assertEqual(self.keys('dkms')[0][1:3], self.keys('db')[0][1:3])
        self.assertEqual(self.keys('dkms')[0][4], '/var/lib/dkms/mok.pub')
        self.assertEqual((boot['Shim'], boot['MokEnrolled']), (False, False))
        self.assertIn('dbx', dict(boot['KeyDigests']))
        for esp in self.ESPS:
            for path in '/EFI/BOOT/BOOTX64.EFI', '/EFI/systemd/systemd-bootx64.efi':
                f = files[esp, path]
                self.assertEqual((f[self.SIGNED], f[self.SIGNER], f[self.ISSUER], f[self.CHECKER],
                                  f[self.ACCEPTED]),
                                 (True, 'Fuzz signer', 'Fuzz CA', 'firmware', True), f)
        self.assertTrue(files['', '/' + self.PACKAGE][self.ACCEPTED])
        kernel = files['', f'/boot/vmlinuz-{self.NEW}']
        self.assertEqual((kernel[self.SIGNED], kernel[self.SIGNER], kernel[self.ACCEPTED]),
                         (False, '', False))
        self.assertEqual(boot['SecureBootPackages'][0][1], False)

    def test_a_key_that_comes_or_goes_is_known_at_once_and_told_without_a_job(self):
        self.start()
        before = len(self.bus.removed_jobs())
        self.set('MokNew', self.list_of(self.CA), self.SHIM)
        self.bus.run(lambda: self.keys('mok-waiting'), what='the key that waits')
        self.assertEqual((self.boot()['Shim'], self.boot()['MokEnrolled']), (False, False))
        self.set('MokListRT', self.list_of(self.CA), self.SHIM)
        self.bus.run(lambda: self.boot()['MokEnrolled'], what='the key of shim')
        self.assertTrue(self.boot()['Shim'])
        loader = self.ESPS[0], '/EFI/BOOT/BOOTX64.EFI'
        self.set('db', self.list_of(), self.DATABASE)
        self.bus.run(lambda: loader in self.files() and not self.files()[loader][self.ACCEPTED],
                     what='the verdict on the ESPs without the key')
        self.bus.run(lambda: self.boot()['SignaturesKnown'], what='the end of the looks')
        self.bus.drain()
        told = [s[3][1] for s in self.bus.seen('PropertiesChanged') if s[3][0] == BOOT]
        self.assertIn([], [[k for k in t['Keys'] if k[0] == 'db'] for t in told if 'Keys' in t])
        self.assertEqual(len(self.bus.removed_jobs()), before, 'no job looks for that')

    def test_an_esp_is_looked_at_after_a_job_that_wrote_to_it(self):
        self.start()
        esp = self.ESPS[0]
        version = '6.8.12-9-pve'
        self.lab.add_kernel(version)
        path = f'/EFI/proxmox/{version}/vmlinuz-{version}'
        self.bus.run(lambda: (esp, path) in self.files(), what='the new kernel on the ESP')
        self.assertIn(('', f'/boot/vmlinuz-{version}'), self.files())

    def test_a_key_of_dkms_that_cannot_be_read_is_neither_enrolled_nor_not(self):
        self.lab.write('etc/dkms/framework.conf', 'mok_certificate=/root/mok.pub\n')
        shown = self.bootctl('--json', 'secure-boot', 'status').json
        self.assertEqual([(k['path'], k['enrolment']) for k in shown['keys'] if k['list'].startswith('dkms')],
                         [('/var/lib/dkms/mok.pub', 'not-enrolled'), ('/root/mok.pub', 'unknown')])
        self.assertRegex(self.bootctl('secure-boot', 'status').out, r'cannot be read +unknown +- +/root/mok\.pub')

    def test_a_private_daemon_looks_when_its_client_asks(self):
        shown = self.bootctl('--json', 'secure-boot', 'status').json
        self.assertEqual((shown['secure_boot'], shown['known']), ('disabled', True))
        self.assertEqual([k['enrolment'] for k in shown['keys'] if k['list'] == 'dkms'],
                         ['not-enrolled'])
        self.assertIn((self.ESPS[1], '/EFI/BOOT/BOOTX64.EFI', True),
                      [(f['esp'], f['path'], f['accepted']) for f in shown['files']])
        text = self.bootctl('secure-boot', 'status').out
        self.assertIn('CA needed        Fuzz CA (the firmware has it)', text)
        self.assertLessEqual(max(map(len, text.splitlines())), 200)


class Bios(LabCase):
    def test_a_legacy_bios_has_no_entries_and_grub_is_known_by_what_it_leaves(self):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        boot = self.lab.bus.properties(BOOT_PATH, BOOT)
        self.assertEqual((boot['Firmware'], boot['SecureBoot'], boot['Entries'], boot['BootCurrent']),
                         ('bios', 'unsupported', [], -1))
        self.assertEqual((boot['Loader'], boot['LoaderCertain']), ('grub', False))
        self.assertIn('BOOT_IMAGE=', boot['LoaderEvidence'])
        self.assertEqual((boot['SignaturesKnown'], boot['Keys'], boot['SignedFiles']), (False, [], []))


if __name__ == '__main__':
    lab.main()
