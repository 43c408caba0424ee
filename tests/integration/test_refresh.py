#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a refresh does to ESPs, seen from outside: through the client and a daemon of its own, or a
daemon that runs on a private bus."""

import fcntl
import os
import re
import signal
import subprocess

import lab
from lab import CMDLINE, MIB, LabCase
from privatebus import CallError, ERROR


def titles(lab_, uuid):
    return {keys['title'] for keys in lab_.entries(uuid).values()}


class Refresh(LabCase):
    def test_first_refresh_puts_kernels_entries_and_loader_conf_on_both_esps(self):
        self.bootctl('refresh')
        self.assert_synced()
        for uuid in self.ESPS:
            entry = self.lab.entries(uuid)[f'proxmox-{self.NEW}.conf']
            self.assertEqual(entry, {
                'title': 'Proxmox Virtual Environment', 'version': self.NEW, 'options': CMDLINE,
                'linux': f'/EFI/proxmox/{self.NEW}/vmlinuz-{self.NEW}',
                'initrd': f'/EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'})
            self.assertEqual((self.lab.esp(uuid) / 'loader/loader.conf').read_text(),
                             'timeout 3\ndefault proxmox-*\n')

    def test_second_refresh_writes_nothing_to_any_esp(self):
        self.bootctl('refresh')
        before = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        self.bootctl('refresh')
        after = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        self.assertEqual(before, after)

    def test_second_refresh_opens_no_kernel_and_no_initrd_for_reading(self):
        self.bootctl('refresh')
        traces = self.lab.trace('openat,openat2,read,pread64,mmap,copy_file_range', 'refresh')
        lines = [line for trace in traces.values() for line in trace]
        self.assertTrue([line for line in lines if 'loader/entries' in line])
        kernel = re.compile(r'(vmlinuz|initrd\.img)-')
        self.assertEqual([line for line in lines if kernel.search(line) and 'O_PATH' not in line
                          and '= -1' not in line], [])

    def test_loader_conf_is_made_where_the_loader_brought_none(self):
        conf = self.lab.esp(self.ESPS[0]) / 'loader/loader.conf'
        conf.write_text('')
        self.bootctl('refresh')
        self.assert_synced()
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), ['proxmox-*'])

    def test_one_missing_esp_gives_status_3_and_the_other_is_synced(self):
        self.lab.take_away(self.ESPS[1])
        result = self.bootctl('refresh', status=3)
        self.assert_synced(self.ESPS[0])
        self.assertIn(self.ESPS[1], result.out + result.err)

    def test_all_esps_missing_gives_status_1(self):
        for uuid in self.ESPS:
            self.lab.take_away(uuid)
        result = self.bootctl('refresh', status=1)
        self.assertIn(self.ESPS[0], result.out + result.err)

    def test_no_configured_esp_is_said_and_gives_status_0(self):
        self.lab.list_esps()
        result = self.bootctl('refresh')
        self.assertRegex(result.out + result.err, r'(?i)\bno\b.*\b(ESP|EFI System Partition)')

    def test_no_list_of_esps_at_all_gives_status_0(self):
        self.lab.path('etc/kernel/proxmox-boot-uuids').unlink()
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.entries(uuid), {})

    def test_a_list_of_esps_that_is_a_directory_is_one_sentence_that_names_it(self):
        self.lab.path('etc/kernel/proxmox-boot-uuids').unlink()
        self.lab.path('etc/kernel/proxmox-boot-uuids').mkdir()
        said = self.bootctl('refresh', status=1).err
        self.assertRegex(said, r'\Abootctl-pve: [^\n]*/etc/kernel/proxmox-boot-uuids: Is a '
                         r'directory[^\n]+\n\Z')

    def test_only_the_esp_that_was_named_is_refreshed(self):
        self.bootctl('refresh', '--esp', self.ESPS[0])
        self.assert_synced(self.ESPS[0])
        self.assertEqual(self.lab.entries(self.ESPS[1]), {})

    def test_an_esp_that_is_not_configured_is_refused_by_name(self):
        result = self.bootctl('refresh', '--esp', 'DEAD-BEEF', status=1)
        self.assertIn('DEAD-BEEF', result.err)

    def test_dry_run_writes_nothing_and_lists_the_plan_with_bytes(self):
        before = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        state = self.lab.snapshot(self.lab.path('etc')), self.lab.snapshot(self.lab.path('boot'))
        plain = self.bootctl('refresh', '--dry-run')
        plan = self.bootctl('refresh', '--dry-run', '--json')
        self.assertEqual(before, [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS])
        self.assertEqual(state, (self.lab.snapshot(self.lab.path('etc')),
                                 self.lab.snapshot(self.lab.path('boot'))))
        for uuid in self.ESPS:
            self.assertIn(uuid, plain.out)
            staged = {step['path']: step['bytes'] for step in plan.json
                      if step['esp'] == uuid and step['action'] == 'stage'}
            self.assertEqual(staged, {
                f'EFI/proxmox/{v}/{name}-{v}': self.lab.path(f'boot/{name}-{v}').stat().st_size
                for v in (self.OLD, self.NEW) for name in ('vmlinuz', 'initrd.img')})

    def test_a_dry_run_tells_what_is_different_once_for_all_esps(self):
        self.bootctl('refresh')
        newest, size = '6.11.11-2-pve', 64 * 1024 + 256 * 1024
        self.lab.add_kernel(newest)
        conf = self.lab.esp(self.ESPS[1]) / f'loader/entries/proxmox-{self.NEW}.conf'
        conf.write_text(conf.read_text().replace('quiet', 'loud'))
        out = self.bootctl('refresh', '--dry-run').out
        first, second = out.split(f'ESP {self.ESPS[1]}:\n')
        for part in first, second:
            self.assertIn(f'  copies kernel {newest} ({size // 1024}.0 KiB)\n', part)
            self.assertIn(f'  the default becomes {newest} (now {self.NEW})\n', part)
            self.assertIn(f'    +++ loader/entries/proxmox-{newest}.conf\n', part)
            self.assertRegex(part, r'  writes 32\d\.\d KiB; free afterwards: [\d.]+ .iB on ....-000.\n')
        self.assertNotIn(self.NEW + '.conf', first)
        self.assertRegex(second, r'    -options +root=\S+ boot=zfs loud\n    \+options .+ quiet\n')
        self.bootctl('refresh')
        self.assertEqual(self.bootctl('refresh', '--dry-run').out,
                         'Every file is in place; there is nothing to do.\n')
        self.lab.add_kernel('6.14.8-2-pve')
        self.assertTrue(self.bootctl('refresh', '--dry-run').out.startswith(
            f'ESP {", ".join(self.ESPS)}:\n'))

    def test_what_a_dry_run_says_is_what_a_refresh_does(self):
        """The default, and the room that is left but for that of directories."""
        self.bootctl('refresh')
        self.lab.add_kernel('6.11.11-2-pve')
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.wait_no_job()
        plans, = bus.call('DescribePlan')
        self.assertEqual([plan[0] for plan in plans], list(self.ESPS))
        for _, changes, files, write_bytes, _, notes, problems in plans:
            default, = [change for change in changes if change[0] == 'default']
            self.assertEqual(default, ('default', '6.11.11-2-pve', self.NEW, 0))
            entry, = [f for f in files if f[0] == 'new']
            self.assertEqual((entry[2], notes, problems), ('', [], []))
            self.assertEqual(write_bytes, 320 * 1024 + len(entry[3]))
        bus.refresh()
        for uuid, esp in bus.esps().items():
            self.assertEqual(esp['DefaultKernel'], '6.11.11-2-pve')
            self.assertEqual((self.lab.esp(uuid) / entry[1]).read_text(), entry[3])

    def test_a_problem_of_a_dry_run_is_its_exit_status(self):
        (self.lab.esp(self.ESPS[0]) / 'EFI/proxmox' / self.NEW).write_text('in the way')
        for option in (), ('--verbose',), ('--json',):
            done = self.bootctl('refresh', '--dry-run', *option, status=3)
            self.assertIn('in the way', done.out)
        self.assertEqual({row['action'] for row in done.json if row['problem']}, {'problem'})
        self.lab.take_away(self.ESPS[1])
        done = self.bootctl('refresh', '--dry-run', status=3)
        self.assertRegex(done.out, rf"(?m)^  problem: ESP '{self.ESPS[1]}' is missing")

    def test_dry_run_of_an_esp_in_sync_plans_no_step(self):
        self.bootctl('refresh')
        self.assertEqual(self.bootctl('refresh', '--dry-run', '--json').json, [])

    def test_a_kernel_that_is_no_longer_kept_leaves_the_esp(self):
        self.bootctl('refresh')
        for version in ('6.8.12-5-pve', '6.8.12-6-pve'):
            self.lab.add_kernel(version)
        self.lab.write('proc/sys/kernel/osrelease', '6.8.12-6-pve\n')
        self.bootctl('refresh')
        self.assert_synced(versions=[self.OLD, '6.8.12-5-pve', '6.8.12-6-pve'])

    def test_a_kernel_without_initrd_never_gets_an_entry(self):
        self.lab.add_kernel('6.8.12-9-pve', initrd=None)
        self.lab.add_kernel('6.8.12-8-pve', initrd=0)
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.kernels_on(uuid) & {'6.8.12-9-pve', '6.8.12-8-pve'}, set())
            self.assertFalse(list(self.lab.esp(uuid).rglob('vmlinuz-6.8.12-[89]-pve')))
        self.assert_complete()

    def test_what_an_esp_holds_of_a_kept_kernel_stays_when_boot_lost_it(self):
        self.bootctl('refresh')
        before = self.lab.digests(self.lab.esp(self.ESPS[0]))
        self.lab.path(f'boot/initrd.img-{self.NEW}').unlink()
        self.bootctl('refresh')
        self.assertEqual(before, self.lab.digests(self.lab.esp(self.ESPS[0])))

    def test_an_empty_boot_removes_no_kernel(self):
        self.bootctl('refresh')
        before = self.lab.digests(self.lab.esp(self.ESPS[0]))
        for file in self.lab.path('boot').iterdir():
            file.unlink()
        self.lab.bootctl('refresh')
        self.assertEqual(before, self.lab.digests(self.lab.esp(self.ESPS[0])))

    def test_a_pin_becomes_the_default_on_all_esps_and_unpin_undoes_it(self):
        self.bootctl('refresh')
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.default_patterns(uuid), [f'proxmox-{self.OLD}.conf'])
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-pin').splitlines()[0], self.OLD)
        self.bootctl('kernel', 'unpin', '--yes')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.default_patterns(uuid), ['proxmox-*'])
        self.assertFalse(self.lab.path('etc/kernel/proxmox-boot-pin').exists())

    def test_next_boot_pin_wins_and_its_removal_leaves_the_permanent_one(self):
        self.bootctl('kernel', 'pin', self.NEW, '--yes')
        pinned = self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        # No boot loader takes it for one boot only, and nobody is told otherwise.
        self.assertIn("not the boot loader's own one-shot", pinned.out)
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), [f'proxmox-{self.OLD}.conf'])
        self.bootctl('kernel', 'unpin', '--next-boot', '--yes')
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), [f'proxmox-{self.NEW}.conf'])

    def test_keys_comments_and_order_in_loader_conf_survive(self):
        conf = self.lab.esp(self.ESPS[0]) / 'loader/loader.conf'
        text = '# mine\nconsole-mode max\n\ndefault proxmox-*\n  editor no\r\ntimeout 30\n'
        conf.write_bytes(text.encode())
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        pinned = text.replace('proxmox-*', f'proxmox-{self.OLD}.conf')
        self.assertEqual(conf.read_bytes().decode(), pinned)
        self.bootctl('kernel', 'unpin', '--yes')
        self.assertEqual(conf.read_bytes().decode(), text)

    def test_a_default_of_the_administrators_own_stays(self):
        conf = self.lab.esp(self.ESPS[0]) / 'loader/loader.conf'
        (conf.parent / 'entries/windows.conf').write_text('title Other\nefi /EFI/other.efi\n')
        conf.write_text('default windows.conf\n')
        self.bootctl('refresh')
        self.assertEqual(conf.read_text(), 'default windows.conf\n')
        self.assertTrue((conf.parent / 'entries/windows.conf').exists())

    def test_a_new_command_line_reaches_all_entries(self):
        self.bootctl('refresh')
        self.lab.write('etc/kernel/cmdline', 'root=/dev/sdb1 mitigations=off\nnot this line\n')
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual({e['options'] for e in self.lab.entries(uuid).values()},
                             {'root=/dev/sdb1 mitigations=off'})
        self.assert_synced()

    def test_a_command_line_without_root_keeps_the_options_of_the_entries(self):
        self.bootctl('refresh')
        self.lab.write('etc/kernel/cmdline', 'quiet splash\n')
        self.lab.add_kernel('6.8.12-7-pve')
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual({e['options'] for e in self.lab.entries(uuid).values()}, {CMDLINE})

    def test_without_any_options_the_running_command_line_is_adopted_once(self):
        self.lab.path('etc/kernel/cmdline').unlink()
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual({e['options'] for e in self.lab.entries(uuid).values()},
                             {'root=/dev/sda3 ro'})
        self.assertEqual(self.lab.read('var/lib/bootsync/cmdline').strip(), 'root=/dev/sda3 ro')

    def test_titles_tell_the_product(self):
        self.lab.path('usr/share/doc/proxmox-backup').mkdir(parents=True)
        self.bootctl('refresh')
        self.assertEqual(titles(self.lab, self.ESPS[0]), {'Proxmox Backup Server'})

    def test_a_grub_esp_in_a_plain_directory_gets_no_menu_and_keeps_what_it_has(self):
        grub = self.lab.add_esp('CCCC-0003', loader='grub')
        before = self.lab.snapshot(grub)
        result = self.bootctl('refresh', status=3)
        self.assertIn('CCCC-0003', result.out + result.err)
        self.assertLessEqual(before.items(), self.lab.snapshot(grub).items())
        self.assert_synced()
        bus = self.lab.start_bus()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        with self.assertRaises(CallError) as caught:
            bus.refresh(esps=['CCCC-0003'])
        self.assertEqual(caught.exception.name, ERROR + 'NotSupported')
        self.assertEqual(bus.esps()['CCCC-0003']['State'], 'failed')
        self.assertLessEqual(before.items(), self.lab.snapshot(grub).items())

    def test_an_esp_without_a_loader_is_failed_and_stays_untouched(self):
        bare = self.lab.add_esp('CCCC-0003', loader=None)
        (bare / 'DCIM').mkdir()
        before = self.lab.snapshot(bare)
        self.bootctl('refresh', status=3)
        self.assertEqual(self.lab.snapshot(bare), before)
        self.assert_synced()

    def test_foreign_files_on_an_esp_are_left_alone(self):
        esp = self.lab.esp(self.ESPS[0])
        for name in ('EFI/debian/shimx64.efi', 'loader/entries/arch.conf', 'notes.txt.new',
                     'EFI/proxmox/readme.txt'):
            (esp / name).parent.mkdir(parents=True, exist_ok=True)
            (esp / name).write_text(f'title {name}\n')
        self.bootctl('refresh')
        self.bootctl('refresh')
        for name in ('EFI/debian/shimx64.efi', 'loader/entries/arch.conf', 'notes.txt.new',
                     'EFI/proxmox/readme.txt'):
            self.assertEqual((esp / name).read_text(), f'title {name}\n')

    def test_leftovers_of_an_interrupted_run_are_repaired(self):
        self.bootctl('refresh')
        esp = self.lab.esp(self.ESPS[0])
        directory = esp / 'EFI/proxmox' / self.NEW
        os.link(directory / f'initrd.img-{self.NEW}', directory / f'initrd.img-{self.NEW}.new')
        (directory / f'vmlinuz-{self.NEW}.new').write_bytes(b'half')
        (esp / f'loader/entries/proxmox-{self.NEW}.conf.new').write_bytes(b'tit')
        self.bootctl('refresh')
        self.assert_synced()

    def test_a_leftover_of_loader_conf_is_removed_and_stands_in_the_way_of_no_pin(self):
        self.bootctl('refresh')
        for uuid in self.ESPS:
            (self.lab.esp(uuid) / 'loader/loader.conf.new').write_bytes(b'def')
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.assert_synced()
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), [f'proxmox-{self.OLD}.conf'])

    def test_damage_to_files_on_an_esp_is_repaired(self):
        self.bootctl('refresh')
        esp = self.lab.esp(self.ESPS[0])
        (esp / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}').unlink()
        (esp / f'loader/entries/proxmox-{self.OLD}.conf').unlink()
        with open(esp / f'EFI/proxmox/{self.OLD}/vmlinuz-{self.OLD}', 'ab') as f:
            f.write(b'x')
        self.bootctl('refresh')
        self.assert_synced()

    def test_a_lost_or_unknown_manifest_costs_no_write(self):
        self.bootctl('refresh')
        before = [self.lab.digests(self.lab.esp(uuid)) for uuid in self.ESPS]
        inodes = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        manifests = list(self.lab.path('var/lib/bootsync').glob('esp-*.manifest'))
        self.assertEqual({m.name for m in manifests}, {f'esp-{u}.manifest' for u in self.ESPS})
        manifests[0].unlink()
        manifests[1].write_text('v999\nwhat is this\n')
        self.bootctl('refresh')
        self.assertEqual(before, [self.lab.digests(self.lab.esp(uuid)) for uuid in self.ESPS])
        self.assertEqual(inodes, [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS])

    def flip_a_byte(self):
        """In the initrd on the first ESP, so that size and mtime do not tell."""
        path = self.lab.esp(self.ESPS[0]) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        st = path.stat()
        with open(path, 'r+b') as f:
            f.seek(1000)
            byte = f.read(1)[0]
            f.seek(1000)
            f.write(bytes([byte ^ 1]))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def test_after_a_downgrade_the_manifest_of_a_newer_version_is_not_believed(self):
        manifest = self.lab.path(f'var/lib/bootsync/esp-{self.ESPS[0]}.manifest')
        self.bootctl('refresh')
        for words, newer in ('v2', 'v3'), ('file ', 'file colour=blue '):
            self.flip_a_byte()
            self.bootctl('refresh')
            self.assertTrue(self.lab.difference(self.ESPS[0], (self.OLD, self.NEW)),
                            'the manifest of this version was not believed')
            manifest.write_text(manifest.read_text().replace(words, newer))
            self.bootctl('refresh')
            self.assert_synced()

    def test_verify_finds_a_flipped_byte_and_the_next_refresh_repairs_it(self):
        self.bootctl('refresh')
        self.bootctl('verify')
        self.flip_a_byte()
        result = self.bootctl('verify', status=3)
        self.assertIn(self.ESPS[0], result.out + result.err)
        self.assertNotEqual(self.lab.difference(self.ESPS[0], (self.OLD, self.NEW)), [])
        self.bootctl('refresh')
        self.assert_synced()


class RunningDaemon(LabCase):
    """The daemon on the bus, which watches."""

    def start(self, **settings):
        self.lab.settings(**settings)
        self.lab.start_daemon('--debug')
        self.bus = self.lab.bus

    def synced(self, *versions):
        return lambda: not any(self.lab.difference(u, versions) for u in self.ESPS)

    def test_daemon_syncs_when_it_starts(self):
        self.start()
        lab.wait_until(self.synced(self.OLD, self.NEW), what='first sync')

    def test_a_new_kernel_is_picked_up_without_being_told(self):
        self.start()
        lab.wait_until(self.synced(self.OLD, self.NEW), what='first sync')
        self.lab.add_kernel('6.8.12-5-pve', initrd=None)
        self.lab.write_boot('initrd.img-6.8.12-5-pve', self.lab.bytes(300000))
        lab.wait_until(self.synced(self.OLD, self.NEW, '6.8.12-5-pve'), what='new kernel')
        self.bus.wait_idle()
        self.assertTrue(self.bus.properties()['InSync'])

    def test_a_new_command_line_and_a_pin_file_are_picked_up(self):
        self.start()
        lab.wait_until(self.synced(self.OLD, self.NEW), what='first sync')
        self.lab.write('etc/kernel/cmdline', 'root=/dev/sdz1\n')
        self.lab.write('etc/kernel/proxmox-boot-pin', self.OLD + '\n')
        lab.wait_until(lambda: all(
            {e['options'] for e in self.lab.entries(u).values()} == {'root=/dev/sdz1'}
            and self.lab.default_patterns(u) == [f'proxmox-{self.OLD}.conf'] for u in self.ESPS))

    def test_an_esp_that_comes_back_is_synced(self):
        self.lab.take_away(self.ESPS[1])
        self.start()
        self.bus.wait_idle()
        self.assertEqual(self.bus.esps()[self.ESPS[1]]['State'], 'missing')
        self.assertEqual(self.bus.properties()['Redundancy'], 'degraded')
        self.lab.bring_back(self.ESPS[1])
        lab.wait_until(self.synced(self.OLD, self.NEW), what='sync of the ESP that came back')

    def test_a_job_of_its_own_making_does_not_wake_it_again(self):
        self.start()
        self.bus.wait_idle()
        self.lab.add_kernel('6.8.12-5-pve')
        lab.wait_until(self.synced(self.OLD, self.NEW, '6.8.12-5-pve'), what='sync')
        self.bus.wait_idle()
        self.bus.drain()
        self.bus.signals.clear()
        with self.assertRaises(AssertionError):
            self.bus.run(lambda: self.bus.seen('JobNew'), timeout=4)

    def test_with_autosync_off_nothing_is_written_unasked(self):
        before = [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS]
        self.start(auto_sync=False)
        self.assertFalse(self.bus.properties()['AutoSync'])
        self.lab.add_kernel('6.8.12-5-pve')
        self.bus.run(lambda: {e['State'] for e in self.bus.esps().values()} == {'outdated'})
        self.assertEqual(before, [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS])
        self.assertFalse(self.bus.properties()['InSync'])

    def test_autosync_is_off_beside_the_existing_tool(self):
        self.lab.add_package('proxmox-kernel-helper')
        self.lab.start_daemon()
        self.assertFalse(self.lab.bus.properties()['AutoSync'])

    def test_autosync_off_tells_everybody_who_looks_why_and_the_way_on(self):
        self.start()
        self.assertEqual(self.bus.properties()['AutoSyncReason'], '')
        self.lab.settings(auto_sync=False)
        self.bus.run(lambda: 'AutoSync=yes' in self.bus.properties()['AutoSyncReason'])
        self.lab.path('etc/bootsync/bootsyncd.conf').unlink()
        self.lab.add_package('proxmox-kernel-helper')
        self.bus.run(lambda: 'remove it' in self.bus.properties()['AutoSyncReason'])
        done = subprocess.run([lab.program('BOOTCTL_PVE'), 'status'], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env=dict(self.lab.environment(),
                                       DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))
        self.assertRegex(done.stdout, r'(?m)^Automatic sync: +off \(the package proxmox-kernel-helper')
        self.assertEqual(self.bus.log().count('AutoSync is off: the package'), 1)

    def test_pin_with_autosync_off_is_stored_and_waits_for_a_refresh(self):
        self.start(auto_sync=False)
        self.bus.refresh()
        job, = self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.assertEqual(job, '/')
        self.assertEqual(self.bus.properties()['PinnedKernel'], self.OLD)
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), ['proxmox-*'])
        self.bus.refresh()
        self.assertEqual(self.lab.default_patterns(self.ESPS[0]), [f'proxmox-{self.OLD}.conf'])

    def test_what_is_dirty_is_synced_before_the_daemon_leaves(self):
        self.start(settle_sec=30)
        lab.wait_until(self.synced(self.OLD, self.NEW), what='first sync')
        self.bus.wait_idle()
        self.lab.write('etc/kernel/cmdline', 'root=/dev/sdy1\n')
        self.lab.stop_daemon()
        for uuid in self.ESPS:
            self.assertEqual({e['options'] for e in self.lab.entries(uuid).values()},
                             {'root=/dev/sdy1'})

    def test_a_package_run_is_one_sync_at_its_end(self):
        self.start()
        lab.wait_until(self.synced(self.OLD, self.NEW), what='first sync')
        self.bus.wait_idle()
        self.bus.drain()
        self.bus.signals.clear()
        before = [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS]
        with open(self.lab.path('var/lib/dpkg/lock-frontend'), 'w') as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            for version in '6.8.12-5-pve', '6.8.12-6-pve':
                self.lab.add_kernel(version)
                self.bus.run(lambda: 'package run' in self.bus.properties()['InSyncReason'])
            with self.assertRaises(AssertionError):
                self.bus.run(lambda: self.bus.seen('JobNew'), timeout=3)
            self.assertEqual(before, [self.lab.snapshot(self.lab.esp(u)) for u in self.ESPS])
        lab.wait_until(self.synced('6.8.12-6-pve', '6.8.12-5-pve', self.NEW, self.OLD),
                       what='sync at the end of the package run')
        self.bus.wait_idle()
        self.bus.drain()
        self.assertEqual(len(self.bus.seen('JobNew')), 1)

    def test_the_last_words_of_a_good_refresh_are_in_the_properties(self):
        self.start(auto_sync=False)
        self.bus.refresh()
        manager = self.bus.properties()
        self.assertEqual((manager['LastRefreshResult'], manager['InSync'], manager['Redundancy']),
                         ('done', True, 'redundant'))
        self.assertEqual(manager['DefaultKernel'], self.NEW)
        self.assertGreater(manager['LastRefreshUSec'], 1_600_000_000_000_000)
        for uuid, esp in self.bus.esps().items():
            self.assertEqual((esp['State'], esp['Loader'], esp['Kernels']),
                             ('in-sync', 'systemd-boot', [self.NEW, self.OLD]), uuid)
            self.assertEqual((esp['Present'], esp['LastError']), (True, ''), uuid)
            self.assertGreater(esp['SizeBytes'], esp['FreeBytes'])
            self.assertGreater(esp['LastSyncUSec'], 1_600_000_000_000_000)

    def test_verify_on_the_bus_marks_the_esp_and_refresh_repairs_it(self):
        self.start(auto_sync=False)
        self.bus.refresh()
        Refresh.flip_a_byte(self)
        try:
            self.bus.call('Verify', arguments=(self.bus.options(wait=True),))
        except CallError as e:
            self.assertEqual(e.name, ERROR + 'VerifyFailed')
        states = {u: e['State'] for u, e in self.bus.esps().items()}
        self.assertEqual(states, {self.ESPS[0]: 'outdated', self.ESPS[1]: 'in-sync'})
        self.bus.refresh()
        self.assert_synced()

    def test_a_second_round_of_an_esp_gets_the_token_that_the_first_one_had(self):
        """It would wait for ever for a token that was not given up."""
        self.start(auto_sync=False)
        self.bus.refresh()
        self.lab.stop_daemon()
        self.lab.start_daemon('--test-hook=place:3:stop')  # 1 and 2: before and after the image
        for stem in ('vmlinuz', 'initrd.img'):
            self.lab.write_boot(f'{stem}-{self.NEW}', self.lab.bytes(MIB))
        replies = []
        self.bus.call_async('Refresh', '(a{sv})', (
            self.bus.options(esps=[self.ESPS[0]], wait=True),), replies.append)
        pid, = self.bus.run(self.lab.stopped_worker_pids, what='hook')
        # The worker has the token, and nothing to do with this entry any more.
        (self.lab.esp(self.ESPS[0]) / f'loader/entries/proxmox-{self.OLD}.conf').unlink()
        os.kill(pid, signal.SIGCONT)
        self.bus.run(lambda: replies, what='the end of the second round')
        self.assertNotIsInstance(replies[0], CallError)
        self.assert_synced(self.ESPS[0])


if __name__ == '__main__':
    lab.main()
