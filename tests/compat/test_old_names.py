#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootctl-pve under the names proxmox-boot-tool and pve-efiboot-tool: what consumers of the old
tool match in its output, and the exit statuses that they go by. Each pattern is a consumer's own."""

import re
import subprocess

import lab
from lab import LabCase, program
from privatebus import complain_of_sanitizer

# Upgrade checkers look for this in the whole output; scripts match each line.
CHECKER = re.compile(r'configured with:.* (uefi|systemd-boot) \(versions:')
STATUS_LINE = re.compile(r'^(\S+) is configured with: (.*)$')
FIRST_UUID = re.compile(r'[0-9A-F]{4}-[0-9A-F]{4}')
VERSION_LINE = re.compile(r'^\s*(\d[\w.\-]+)\s*$')
HEADINGS = ('Manually selected kernels:', 'Automatically selected kernels:', 'Pinned kernel:',
            'Kernel pinned on next-boot:')
NO_LIST = 'E: /etc/kernel/proxmox-boot-uuids does not exist.\n'


class OldNames(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.path('sys/firmware/efi').mkdir(parents=True)
        for name in 'proxmox-boot-tool', 'pve-efiboot-tool':
            self.lab.path(name).symlink_to(program('BOOTCTL_PVE'))

    def old(self, *arguments, status=0, name='proxmox-boot-tool'):
        done = subprocess.run([self.lab.path(name), *arguments, f'--root={self.lab.root}'],
                              env=self.lab.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120)
        complain_of_sanitizer(done.stderr)
        self.assertEqual(done.returncode, status, f'{arguments}\n{done.stdout}\n{done.stderr}')
        return done

    def lines(self):
        """Of status: UUID -> what it is configured with."""
        first, *rest = self.old('status').stdout.splitlines()
        self.assertEqual(first, 'System currently booted with uefi')
        return dict(STATUS_LINE.match(line).groups() for line in rest)

    # status

    def test_status_has_a_line_an_esp_that_every_consumer_understands(self):
        self.bootctl('refresh')
        out = self.old('status').stdout
        self.assertEqual(self.lines(),
                         {u: f'uefi (versions: {self.OLD}, {self.NEW})' for u in self.ESPS})
        self.assertRegex(out, CHECKER)
        self.assertIn('configured with', out)
        self.assertEqual(FIRST_UUID.search(out)[0], self.ESPS[0])

    def test_status_of_a_grub_esp_says_grub(self):
        self.lab.add_esp('CCCC-0003', loader='grub')
        self.lab.list_esps('CCCC-0003')
        self.assertTrue(self.lines()['CCCC-0003'].startswith('grub ('))
        self.assertNotRegex(self.old('status').stdout, CHECKER)

    def test_a_host_booted_by_bios_is_said(self):
        self.lab.path('sys/firmware/efi').rmdir()
        self.assertEqual(self.old('status').stdout.splitlines()[0],
                         'System currently booted with legacy bios')

    def test_without_a_list_status_is_2_with_its_sentence(self):
        self.lab.path('etc/kernel/proxmox-boot-uuids').unlink()
        done = self.old('status', status=2)
        self.assertEqual((done.stdout, done.stderr), ('', NO_LIST))
        done = self.old('status', '--quiet', status=2)
        self.assertEqual((done.stdout, done.stderr), ('', ''))

    def test_a_list_without_an_esp_is_status_2_too(self):
        self.lab.list_esps()
        self.assertIn('lists no ESP', self.old('status', status=2).stderr)
        self.old('status', '--quiet', status=2)

    def test_quiet_status_is_0_with_an_esp_and_looks_at_none(self):
        before = [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS]
        done = self.old('status', '--quiet')
        self.assertEqual((done.stdout, done.stderr), ('', ''))
        self.assertEqual(before, [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS])
        self.lab.take_away(self.ESPS[0])
        self.lab.take_away(self.ESPS[1])
        self.old('status', '--quiet')

    def test_one_missing_esp_is_status_0_and_a_warning(self):
        self.bootctl('refresh')
        self.lab.take_away(self.ESPS[0])
        self.assertEqual(list(self.lines()), [self.ESPS[1]])
        self.assertIn(self.ESPS[0], self.old('status').stderr)

    def test_by_design_all_esps_missing_are_no_status_0(self):
        """The old tool ends with 0, also when the host would boot from nothing."""
        for uuid in self.ESPS:
            self.lab.take_away(uuid)
        self.old('status', status=1)
        self.old('refresh', status=1)

    # kernel list

    def kernel_list(self):
        """Heading -> lines below it; an empty line ends a block, and there is no other line."""
        blocks = {}
        for block in self.old('kernel', 'list').stdout.removesuffix('\n').split('\n\n'):
            heading, *lines = block.split('\n')
            self.assertIn(heading, HEADINGS)
            blocks[heading] = lines
        return blocks

    def test_kernel_list_has_nothing_but_headings_and_versions(self):
        self.assertEqual(self.kernel_list(), {HEADINGS[0]: ['None.'],
                                              HEADINGS[1]: [self.OLD, self.NEW]})
        self.lab.add_kernel('6.2.16-20-pve')
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '6.2.16-20-pve\n')
        self.lab.write('etc/kernel/proxmox-boot-pin', self.OLD + '\n')
        self.lab.write('etc/kernel/next-boot-pin', self.NEW + '\n')
        blocks = self.kernel_list()
        self.assertEqual(list(blocks), list(HEADINGS))
        for lines in blocks.values():
            for line in lines:
                self.assertRegex(line, VERSION_LINE)
        self.assertEqual(blocks[HEADINGS[0]], ['6.2.16-20-pve'])
        self.assertEqual(blocks[HEADINGS[2]], [self.OLD])
        self.assertEqual(blocks[HEADINGS[3]], [self.NEW])

    def test_kernels_is_another_word_for_kernel(self):
        self.assertEqual(self.old('kernels', 'list').stdout, self.old('kernel', 'list').stdout)

    # Files

    def test_the_first_line_of_both_pin_files_is_the_version(self):
        self.old('kernel', 'pin', self.OLD)
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-pin').splitlines()[0], self.OLD)
        self.old('kernel', 'pin', self.NEW, '--next-boot')
        self.assertEqual(self.lab.read('etc/kernel/next-boot-pin').splitlines()[0], self.NEW)
        self.old('kernel', 'unpin')
        self.assertFalse(self.lab.path('etc/kernel/proxmox-boot-pin').exists())

    # Exit statuses

    def test_refresh_takes_the_names_of_the_two_hooks_and_no_other(self):
        for hook in 'zz-proxmox-boot', 'proxmox-auto-removal':
            self.old('refresh', '--hook', hook)
            self.assert_synced()
        self.old('refresh', '--hook', 'zz-update-grub', status=1)
        self.old('refresh', '--hook', status=1)

    def test_a_refresh_done_in_part_is_status_0_and_a_warning(self):
        self.lab.take_away(self.ESPS[0])
        done = self.old('refresh')
        self.assertIn(self.ESPS[0], done.stderr)
        self.assert_synced(self.ESPS[1])

    def test_usage_errors_are_status_1(self):
        for words in (['nonsense'], ['kernel'], ['kernel', 'nonsense'], ['kernel', 'pin'],
                      ['init'], ['format'], ['refresh', 'nonsense'], ['status', '--force']):
            self.old(*words, status=1)

    def test_help_is_status_0(self):
        self.assertIn('refresh [--hook <name>]', self.old('help').stdout)
        done = subprocess.run([self.lab.path('pve-efiboot-tool')], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, ''))
        self.assertIn('USAGE', done.stderr)

    def test_a_kernel_that_is_not_listed_is_removed_without_an_error(self):
        self.old('kernel', 'remove', self.NEW)
        self.old('kernel', 'add', self.NEW)
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-manual-kernels'), self.NEW + '\n')
        self.old('kernel', 'remove', self.NEW)
        self.assertNotIn(self.NEW, self.lab.read('etc/kernel/proxmox-boot-manual-kernels'))
        self.old('kernel', 'add', '1.2.3-4-pve', status=1)

    def test_init_takes_the_word_grub_or_none(self):
        self.old('init', self.lab.esp(self.ESPS[0]), 'lilo', status=1)
        self.old('init', '/dev/nonsense', status=1)

    def test_both_names_are_the_same_tool(self):
        self.assertEqual(self.old('status', name='pve-efiboot-tool').stdout,
                         self.old('status').stdout)


if __name__ == '__main__':
    lab.main()
