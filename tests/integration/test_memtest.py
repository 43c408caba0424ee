#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memtest86+ beside the kernels: it comes, it goes, and no kernel and no job is the worse for it."""

import hashlib
import os

import lab
from lab import LabCase, MIB, parse_keys

EFI, BIN = 'memtest86+x64.efi', 'memtest86+x64.bin'
FILE, ENTRY = f'EFI/proxmox/{EFI}', 'loader/entries/memtest86+x64.conf'


class MemtestCase(LabCase):
    def install(self, size=145408):
        for name in (EFI, BIN):
            self.lab.write(f'boot/{name}', self.lab.bytes(size))

    def purge(self):
        for name in (EFI, BIN):
            self.lab.path(f'boot/{name}').unlink()

    def snapshots(self):
        return [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]

    def assert_copied(self, path, name):
        self.assertEqual(path.read_bytes(), self.lab.path(f'boot/{name}').read_bytes())


class SystemdBoot(MemtestCase):
    def assert_installed(self):
        for uuid in self.ESPS:
            esp = self.lab.esp(uuid)
            self.assert_copied(esp / FILE, EFI)
            self.assertEqual(parse_keys((esp / ENTRY).read_text()),
                             [('title', 'Memtest86+ (64-bit)'), ('efi', f'/{FILE}')])
            self.assertEqual([p.name for p in esp.rglob('memtest*')].count(BIN), 0)
            self.assertEqual(self.lab.default_patterns(uuid), ['proxmox-*'])
        self.assert_synced()

    def assert_gone(self):
        for uuid in self.ESPS:
            self.assertEqual(list(self.lab.esp(uuid).rglob('memtest*')), [])
        self.assert_synced()

    def test_file_and_entry_come_with_the_package_and_go_with_it(self):
        self.install()
        self.bootctl('refresh')
        self.assert_installed()
        self.purge()
        self.bootctl('refresh')
        self.assert_gone()

    def test_second_refresh_writes_nothing(self):
        self.install()
        self.bootctl('refresh')
        before = self.snapshots()
        self.bootctl('refresh')
        self.assertEqual(self.snapshots(), before)
        self.assertEqual(self.bootctl('refresh', '--dry-run', '--json').json, [])

    def test_dry_run_lists_it_as_optional(self):
        self.bootctl('refresh')
        self.install()
        before = self.snapshots()
        steps = [step for step in self.bootctl('refresh', '--dry-run', '--json').json
                 if step['esp'] == self.ESPS[0]]
        self.assertEqual(self.snapshots(), before)
        actions = [step['action'] for step in steps]
        staged = [step for step in steps if step['action'] == 'stage']
        self.assertEqual([(step['path'], step['bytes']) for step in staged], [(FILE, 145408)])
        self.assertLess(actions.index('optional'), actions.index('stage'))

    def test_a_new_version_replaces_the_file(self):
        self.install()
        self.bootctl('refresh')
        self.install(size=150000)
        self.bootctl('refresh')
        self.assert_installed()

    def test_verify_tells_of_a_flipped_byte_and_fails_no_job_and_a_refresh_repairs_it(self):
        self.install()
        self.bootctl('refresh')
        path = self.lab.esp(self.ESPS[0]) / FILE
        st = path.stat()
        data = bytearray(path.read_bytes())
        data[1000] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
        result = self.bootctl('verify')
        self.assertIn(f"Memtest86+ on ESP '{self.ESPS[0]}'", result.err)
        self.bootctl('refresh')
        self.assert_installed()

    def test_a_file_that_is_still_written_is_left_out_and_the_kernels_are_synced(self):
        self.install()
        with open(self.lab.path(f'boot/{EFI}'), 'r+b'):
            result = self.bootctl('refresh')
        self.assertIn('Memtest86+', result.err)
        self.assertIn('still being written', result.err)
        self.assert_gone()
        self.bootctl('refresh')
        self.assert_installed()

    def test_a_look_that_cannot_read_it_still_judges_the_kernels(self):
        self.install()
        self.bootctl('refresh')
        os.utime(self.lab.path(f'boot/{EFI}'))  # so that the manifest is not enough
        with open(self.lab.path(f'boot/{EFI}'), 'r+b'):
            result = self.bootctl('refresh')
        self.assertIn('still being written', result.err)
        self.assert_installed()

    def test_what_is_in_its_way_is_named_and_left(self):
        self.install()
        (self.lab.esp(self.ESPS[0]) / FILE).mkdir()
        result = self.bootctl('refresh')
        self.assertIn(FILE, result.err)
        self.assert_synced()
        plan = self.bootctl('refresh', '--dry-run', '--json').json
        self.assertEqual([step['action'] for step in plan], ['left-out'])

    def test_files_of_others_stay(self):
        names = ['EFI/proxmox/memtest86+ia32.efi', EFI, 'loader/entries/memtest86+x64-mine.conf']
        esp = self.lab.esp(self.ESPS[0])
        for name in names:
            (esp / name).write_text('title mine\n')
        self.install()
        self.bootctl('refresh')
        self.purge()
        self.bootctl('refresh')
        self.assertEqual([(esp / name).read_text() for name in names], ['title mine\n'] * 3)

    def test_an_esp_that_only_lacks_it_counts_as_in_sync(self):
        bus = self.lab.start_bus()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        bus.refresh()
        before = bus.properties()
        self.install()
        bus.call('Verify', arguments=(bus.options(wait=True),))
        after = bus.properties()
        for name in ('InSync', 'Redundancy'):
            self.assertEqual(after[name], before[name])
        bus.refresh()
        self.assert_installed()

    def test_a_running_daemon_brings_it_and_takes_it_away(self):
        self.lab.settings()
        self.lab.start_daemon()
        present = lambda: all((self.lab.esp(u) / ENTRY).exists() for u in self.ESPS)  # noqa: E731
        self.install()
        lab.wait_until(present, what='memtest')
        self.purge()
        lab.wait_until(lambda: not any((self.lab.esp(u) / FILE).exists() for u in self.ESPS),
                       what='removal')


class SmallEsp(MemtestCase):
    ESPS = ('AAAA-0001',)

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version, image=MIB, initrd=4 * MIB)
        self.lab.add_esp(self.ESPS[0], size=16 * MIB)

    def test_it_makes_room_for_a_kernel_and_comes_back_when_there_is_some(self):
        self.install(size=2 * MIB)
        self.bootctl('refresh')
        esp = self.lab.esp(self.ESPS[0])
        self.assertTrue((esp / ENTRY).exists())
        self.lab.add_kernel('6.8.12-5-pve', image=MIB, initrd=4 * MIB - MIB // 2)
        versions = (self.OLD, self.NEW, '6.8.12-5-pve')
        result = self.bootctl('refresh')
        self.assert_synced(versions=versions)
        self.assertEqual(list(esp.rglob('memtest*')), [])
        self.assertIn('There is no room for Memtest86+', result.err)
        self.lab.write('proc/sys/kernel/osrelease', '6.8.12-5-pve\n')
        self.lab.add_kernel('6.8.12-6-pve', image=4096, initrd=4096)
        self.bootctl('refresh')
        self.assertTrue((esp / ENTRY).exists())


class Grub(MemtestCase):
    """On a directory no menu can be made, so one that is in sync is put there."""
    ESPS = ('AAAA-0001',)

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        esp = self.lab.add_esp(self.ESPS[0], loader='grub')
        for version in (self.OLD, self.NEW):
            for name in ('vmlinuz', 'initrd.img'):
                (esp / f'{name}-{version}').write_bytes(
                    self.lab.path(f'boot/{name}-{version}').read_bytes())
        self.write_menu(esp)

    def write_menu(self, esp, more=''):
        def entry(version):
            return (f"menuentry 'Linux {version}' $menuentry_id_option "
                    f"'gnulinux-{version}-advanced-x' {{\n\tlinux\t/vmlinuz-{version} root=/dev/x\n"
                    f'\tinitrd\t/initrd.img-{version}\n}}\n')
        menu = ('set default="0"\n' + entry(self.NEW) +
                "submenu 'Advanced' $menuentry_id_option 'gnulinux-advanced-x' {\n" +
                entry(self.NEW) + entry(self.OLD) + '}\n' + more +
                f'# bootsync: inputs={hashlib.sha256(b"").hexdigest()}\n')
        (esp / 'grub/grub.cfg').write_text(menu)

    def test_both_files_come_to_the_root_and_no_job_fails_over_the_menu(self):
        esp = self.lab.esp(self.ESPS[0])
        self.bootctl('refresh')
        before = self.lab.digests(esp)
        self.install()
        result = self.bootctl('refresh')
        self.assertIn('Memtest86+', result.err)
        for name in (EFI, BIN):
            self.assert_copied(esp / name, name)
        self.assertLessEqual(before.items(), self.lab.digests(esp).items())
        self.assertEqual(self.bootctl('refresh', '--dry-run', '--json').json, [])

    def test_they_go_with_the_package_and_nothing_else_does(self):
        esp = self.lab.esp(self.ESPS[0])
        before = self.lab.digests(esp)
        self.install()
        self.bootctl('refresh')
        self.purge()
        self.bootctl('refresh')
        self.assertEqual(self.lab.digests(esp), before)

    def test_its_entry_in_the_menu_is_no_kernel(self):
        esp = self.lab.esp(self.ESPS[0])
        self.install()
        self.bootctl('refresh')
        self.write_menu(esp, f'menuentry "Memory test" {{\n\tlinuxefi\t/{EFI}\n}}\n')
        before = self.lab.digests(esp)
        bus = self.lab.start_bus()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        bus.refresh()
        self.assertEqual(self.lab.digests(esp), before)
        shown = bus.esps()[self.ESPS[0]]
        self.assertEqual(shown['State'], 'in-sync')
        self.assertEqual(shown['Kernels'], [self.NEW, self.OLD])


if __name__ == '__main__':
    lab.main()
