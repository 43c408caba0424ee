#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shell tool gets wrong, each as a claim that holds here, and what happens when a worker
is killed or hangs at any point. ESPs are directories; where space matters, small file systems."""

import os
import re
import signal
import subprocess
import time
from typing import NamedTuple, Optional

import lab
from lab import CMDLINE, MIB, LabCase
from privatebus import CallError, ERROR


class FullEsp(LabCase):
    """Point 4: a full ESP must not lose the initrd in use, nor stop the other ESPs."""

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version, image=MIB, initrd=3 * MIB)
        self.lab.add_esp(self.ESPS[0], size=12 * MIB)
        self.lab.add_esp(self.ESPS[1])
        self.bootctl('refresh')

    def test_point_4_full_esp_keeps_its_initrd_and_the_other_esp_is_synced(self):
        before = self.lab.digests(self.lab.esp(self.ESPS[0]))
        for version in (self.OLD, self.NEW):
            self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(8 * MIB))
        result = self.bootctl('refresh', status=3)
        after = self.lab.digests(self.lab.esp(self.ESPS[0]))
        self.assertEqual({k: v for k, v in before.items() if 'initrd' in k},
                         {k: v for k, v in after.items() if 'initrd' in k})
        self.assert_complete()
        self.assert_synced(self.ESPS[1])
        self.assertIn(self.ESPS[0], result.out + result.err)

    def test_full_esp_is_named_with_nospace_on_the_bus(self):
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(11 * MIB))
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        with self.assertRaises(CallError) as caught:
            self.lab.bus.refresh(esps=[self.ESPS[0]])
        self.assertEqual(caught.exception.name, ERROR + 'NoSpace')
        self.assertNotEqual(self.lab.bus.esps()[self.ESPS[0]]['LastError'], '')
        self.assert_complete()

    def test_old_kernels_make_room_before_the_copy(self):
        self.lab.remove_kernel(self.OLD)
        self.lab.add_kernel('6.8.12-5-pve', image=MIB, initrd=4 * MIB)
        self.bootctl('refresh')
        self.assert_synced(versions=[self.NEW, '6.8.12-5-pve'])

    def fill(self, leave):
        """Take all space on the first ESP but @leave bytes."""
        filler = self.lab.esp(self.ESPS[0]) / 'filler'
        filler.unlink(missing_ok=True)
        vfs = os.statvfs(filler.parent)
        filler.write_bytes(b'x' * max(0, vfs.f_bavail * vfs.f_frsize - leave))
        return filler

    def test_an_esp_with_any_amount_of_space_left_stays_bootable(self):
        results = set()
        for leave in range(0, 5 * MIB, MIB // 2):
            for version in (self.OLD, self.NEW):
                self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(MIB + leave // 4))
            filler = self.fill(leave)
            with self.subTest(leave=leave):
                results.add(self.lab.bootctl('refresh').status)
                self.assert_complete()
                self.assert_synced(self.ESPS[1])
        self.assertEqual(results, {0, 3})
        filler.unlink()
        for version in (self.OLD, self.NEW):
            self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(3 * MIB))
        self.bootctl('refresh')
        self.assert_synced()

    def test_space_that_is_taken_during_the_copy_leaves_all_old_or_all_new(self):
        before = self.lab.digests(self.lab.esp(self.ESPS[0]))
        subprocess.run(['mount', '-o', f'remount,size={48 * MIB}', self.lab.esp(self.ESPS[0])],
                       check=True, timeout=60)
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon('--test-hook=stage:1:stop')
        bus, replies = self.lab.bus, []
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(24 * MIB))
        bus.call_async('Refresh', '(a{sv})', (bus.options(esps=[self.ESPS[0]], wait=True),),
                       replies.append)
        pid, = bus.run(self.lab.stopped_worker_pids, what='hook')
        filler = self.fill(0)
        os.kill(pid, signal.SIGCONT)
        bus.run(lambda: replies)
        filler.unlink()
        if isinstance(replies[0], CallError):
            self.assertEqual(replies[0].name, ERROR + 'NoSpace')
            self.assertEqual(before, self.lab.digests(self.lab.esp(self.ESPS[0])))
        else:  # the space was reserved in advance
            self.assert_synced(self.ESPS[0])


class Points(LabCase):
    def test_point_5_an_unreadable_package_database_removes_no_kernel(self):
        self.bootctl('refresh')
        for version in ('6.8.12-5-pve', '6.8.12-6-pve'):
            self.lab.add_kernel(version)
        status = self.lab.path('var/lib/dpkg/status')
        for name, damage in {
                'missing': status.unlink,
                'empty': lambda: self.lab.write('var/lib/dpkg/status', ''),
                'garbage': lambda: self.lab.write('var/lib/dpkg/status', b'\0\xff' * 2500),
                'directory': lambda: (status.unlink(), status.mkdir())}.items():
            with self.subTest(database=name):
                damage()
                self.lab.bootctl('refresh')
                for uuid in self.ESPS:
                    self.assertLessEqual({self.OLD, self.NEW}, self.lab.kernels_on(uuid))
                self.assert_complete()

    def test_point_6_an_older_kernel_from_a_hook_is_synced_and_kept_until_the_next_boot(self):
        older = '6.2.16-20-pve'
        self.lab.add_kernel(older, package=False)
        self.bootctl('refresh')
        self.assert_synced(versions=[self.OLD, self.NEW])
        self.bootctl('refresh', '--new-kernel', older)
        self.assert_synced(versions=[older, self.OLD, self.NEW])
        self.bootctl('refresh')
        self.assert_synced(versions=[older, self.OLD, self.NEW])
        self.lab.new_boot()
        self.bootctl('refresh')
        self.assert_synced(versions=[self.OLD, self.NEW])

    def test_point_7_all_esps_missing_is_a_failure_of_refresh_and_of_status(self):
        for uuid in self.ESPS:
            self.lab.take_away(uuid)
        self.bootctl('refresh', status=1)
        self.bootctl('status', status=1)

    def missing_esp(self):
        """The first ESP is gone; the list also holds a line that is none of ours."""
        self.lab.take_away(self.ESPS[0])
        self.lab.write('etc/kernel/proxmox-boot-uuids',
                       '# mine\n' + ''.join(uuid + '\n' for uuid in self.ESPS))

    def test_point_8_a_dry_clean_writes_nothing(self):
        self.missing_esp()
        before = self.lab.snapshot(self.lab.path('etc'))
        result = self.bootctl('clean', '--dry-run', '--json')
        self.assertEqual(result.json, {'dry_run': True, 'removed': [self.ESPS[0]]})
        self.assertEqual(self.lab.snapshot(self.lab.path('etc')), before)

    def test_point_8_clean_forgets_missing_esps_and_nothing_else(self):
        self.missing_esp()
        self.assertIn(self.ESPS[0], self.bootctl('clean').out)
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-uuids'), f'# mine\n{self.ESPS[1]}\n')
        self.assertEqual(self.bootctl('clean', '--json').json, {'dry_run': False, 'removed': []})
        self.bootctl('refresh')
        self.assert_synced(self.ESPS[1])

    def test_point_8_clean_is_refused_where_every_disk_looks_gone(self):
        before = self.lab.read('etc/kernel/proxmox-boot-uuids')
        for uuid in self.ESPS:
            self.lab.take_away(uuid)
        self.assertIn('/dev/disk/by-uuid', self.bootctl('clean', status=1).err)
        self.lab.path('dev/disk/by-uuid').rmdir()
        self.assertIn('/dev/disk/by-uuid', self.bootctl('clean', status=1).err)
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-uuids'), before)

    def test_a_cleaned_esp_leaves_the_bus(self):
        self.missing_esp()
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.wait_idle()
        self.assertEqual(set(bus.esps()), set(self.ESPS))
        self.assertEqual(bus.call('CleanEsps'), ([self.ESPS[0]],))
        self.assertEqual(set(bus.esps()), {self.ESPS[1]})

    def test_point_9_a_pin_to_a_kernel_without_initrd_is_refused(self):
        self.bootctl('refresh')
        self.lab.add_kernel('6.8.12-5-pve', initrd=None)
        for scope in ((), ('--next-boot',)):
            result = self.bootctl('kernel', 'pin', '6.8.12-5-pve', *scope, '--yes', status=1)
            self.assertIn('6.8.12-5-pve', result.err)
        self.assertFalse(self.lab.path('etc/kernel/proxmox-boot-pin').exists())
        self.assertFalse(self.lab.path('etc/kernel/next-boot-pin').exists())
        self.assert_synced()

    def test_point_9_a_pin_file_that_names_a_kernel_without_initrd_is_not_the_default(self):
        self.lab.add_kernel('6.8.12-5-pve', initrd=None)
        self.lab.write('etc/kernel/proxmox-boot-pin', '6.8.12-5-pve\n')
        self.lab.bootctl('refresh')
        self.assert_complete()
        for uuid in self.ESPS:
            self.assertEqual(self.lab.kernels_on(uuid), {self.OLD, self.NEW})

    def test_point_11_versions_are_compared_whole_not_as_substrings_or_patterns(self):
        self.bootctl('refresh')
        stale = ['8.12-4-pve', '6.8.12-4', '6.8.12-4-pve+', '6-8.12-4-pve', '6.5.13-5-pve-dbg']
        for version in stale:
            for uuid in self.ESPS:
                directory = self.lab.esp(uuid) / 'EFI/proxmox' / version
                directory.mkdir()
                for stem in ('vmlinuz', 'initrd.img'):
                    (directory / f'{stem}-{version}').write_bytes(b'stale')
                (self.lab.esp(uuid) / f'loader/entries/proxmox-{version}.conf').write_text(
                    f'title Stale\nversion {version}\noptions root=/dev/x\n'
                    f'linux /EFI/proxmox/{version}/vmlinuz-{version}\n'
                    f'initrd /EFI/proxmox/{version}/initrd.img-{version}\n')
        self.bootctl('refresh')
        self.assert_synced()

    def test_point_13_a_changed_initrd_is_the_only_file_that_is_written(self):
        self.bootctl('refresh')
        before = self.lab.snapshot(self.lab.esp(self.ESPS[0]))
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(123456))
        self.bootctl('refresh')
        after = self.lab.snapshot(self.lab.esp(self.ESPS[0]))
        changed = {name for name in before.keys() | after.keys()
                   if before.get(name) != after.get(name)
                   and not (self.lab.esp(self.ESPS[0]) / name).is_dir()}
        self.assertEqual(changed, {f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'})
        self.assert_synced()

    def test_point_13_touching_a_source_without_changing_it_writes_nothing(self):
        self.bootctl('refresh')
        before = self.lab.snapshot(self.lab.esp(self.ESPS[0]))
        os.utime(self.lab.path(f'boot/initrd.img-{self.NEW}'))
        self.bootctl('refresh')
        self.assertEqual(before, self.lab.snapshot(self.lab.esp(self.ESPS[0])))

    def test_point_13_many_new_initrds_at_once_make_one_refresh_not_one_each(self):
        versions = [f'6.8.12-{n}-pve' for n in range(5, 11)]
        for version in versions:
            self.lab.add_kernel(version)
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '\n'.join(versions) + '\n')
        self.lab.settings(settle_sec=2)
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.lab.bus.drain()
        self.lab.bus.signals.clear()
        for version in versions:
            self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(200000))
            time.sleep(0.3)
        lab.wait_until(lambda: not any(self.lab.difference(u, [self.OLD, self.NEW, *versions])
                                       for u in self.ESPS), what='sync')
        self.lab.bus.wait_idle()
        self.lab.bus.drain()
        self.assertLessEqual(len(self.lab.bus.removed_jobs('refresh')), 2)

    def test_point_14_an_edit_in_the_boot_menu_is_not_frozen_into_entries(self):
        self.bootctl('refresh')
        self.lab.path('etc/kernel/cmdline').unlink()
        self.lab.write('proc/cmdline', f'initrd=\\EFI\\x {CMDLINE} single\n')
        self.lab.add_kernel('6.8.12-5-pve')
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual({e['options'] for e in self.lab.entries(uuid).values()}, {CMDLINE})

    def test_point_14_no_root_anywhere_does_not_stop_the_kernels_that_have_entries(self):
        self.bootctl('refresh')
        self.lab.write('etc/kernel/cmdline', 'quiet\n')
        self.lab.write('proc/cmdline', 'quiet\n')
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(99999))
        self.lab.bootctl('refresh')
        self.assert_synced()


class Files(LabCase):
    def test_point_15_nothing_is_made_in_tmp_and_nothing_that_others_may_write(self):
        for directory in ('tmp', 'var/tmp'):
            self.lab.path(directory).mkdir(parents=True)
        umask = os.umask(0)
        try:
            self.bootctl('refresh')
            self.bootctl('kernel', 'pin', self.OLD, '--yes')
            self.bootctl('kernel', 'unpin', '--yes')
        finally:
            os.umask(umask)
        for directory in ('tmp', 'var/tmp'):
            self.assertEqual(list(self.lab.path(directory).iterdir()), [])
        made = [path for top in ('run', 'var/lib/bootsync', 'etc/kernel', 'etc/apt')
                for path in self.lab.path(top).rglob('*')]
        self.assertGreater(len(made), 5)
        for path in made:
            self.assertEqual(path.stat().st_mode & 0o022, 0, path)

    LEFT = [f'{directory}/.file.bootsync-abcdef' for directory in
            ('etc/kernel', 'etc/default/grub.d', 'etc/apt/apt.conf.d', 'boot/grub',
             'var/lib/bootsync', 'run/bootsync')]
    FOREIGN = ['etc/kernel/.file.other-abcdef', 'etc/.file.bootsync-abcdef']

    def leave(self):
        for name in self.LEFT + self.FOREIGN:
            self.lab.write(name, 'half')

    def assert_left(self, names):
        self.assertEqual([name for name in self.LEFT + self.FOREIGN
                          if self.lab.path(name).exists()], names)

    def test_what_a_killed_daemon_has_left_is_removed_when_one_starts_on_the_bus(self):
        self.lab.settings(auto_sync=False)
        self.leave()
        self.lab.start_daemon()
        self.lab.bus.wait_no_job()
        self.assert_left(self.FOREIGN)

    def test_what_a_killed_daemon_has_left_is_removed_by_a_sync_and_by_no_look(self):
        self.leave()
        self.bootctl('status', status=3)
        self.bootctl('refresh', '--dry-run')
        self.assert_left(self.LEFT + self.FOREIGN)
        self.bootctl('refresh')
        self.assert_left(self.FOREIGN)


class Call(NamedTuple):
    """A line of strace: NAME(FD<PATH>REST = RESULT<RESULT_PATH>."""
    name: str
    fd: Optional[str]
    path: Optional[str]
    rest: str
    result: Optional[str]
    result_path: Optional[str]


class TwoAtOnce(LabCase):
    """Point 12: a lock, and an order that survives a power cut."""

    def test_point_12_two_refreshes_at_once_both_end_well(self):
        for number in range(5):
            for version in (self.OLD, self.NEW):
                self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(MIB + number))
            command = [lab.program('BOOTCTL_PVE'), f'--root={self.lab.root}', 'refresh']
            children = [subprocess.Popen(
                command, env=self.lab.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
            output = [child.communicate(timeout=120)[0] for child in children]
            self.assertEqual([child.returncode for child in children], [0, 0], output)
            self.assert_synced()

    def trace(self):
        """The system calls of each worker during a refresh: pid -> [Call]."""
        traces = self.lab.trace('openat,openat2,close,rename,renameat,renameat2,fsync,fdatasync,'
                                'syncfs,unlinkat', 'refresh')
        pattern = re.compile(r'^(\w+)\((?:(AT_FDCWD|\d+)<([^>]*)>)?(.*?)'
                             r'(?: = (-?\d+)(?:<([^>]*)>)?.*)?$')
        workers = {}
        for pid, lines in traces.items():
            matches = (pattern.match(line) for line in lines if str(self.lab.esp('')) in line)
            workers[pid] = [Call(*match.groups()) for match in matches if match]
        return {pid: calls for pid, calls in workers.items()
                if any(c.name.startswith('rename') for c in calls)}

    def test_system_calls_of_a_replacement_are_in_the_order_that_survives_a_power_cut(self):
        """rename, fsync(dir), fsync(file), syncfs, fsync(root), and only then close the file that
        was replaced, which is held open since before the rename."""
        self.bootctl('refresh')
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(MIB))
        workers = self.trace()
        self.assertEqual(len(workers), len(self.ESPS))
        for calls in workers.values():
            self.check_order(calls)

    def check_order(self, calls):
        def after(start, name, path):
            for i in range(start + 1, len(calls)):
                if (calls[i].name, calls[i].path) == (name, path):
                    return i
            self.fail(f'no {name}({path}) after call {start}:\n' + '\n'.join(map(str, calls)))

        root = next(c.path for c in calls if c.name == 'syncfs')
        final = f'{root}/EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        rename = next(i for i, c in enumerate(calls)
                      if c.name.startswith('rename') and f'initrd.img-{self.NEW}.new' in c.rest)
        staged = after(-1, 'fsync', final + '.new')
        self.assertLess(staged, rename, 'placed before its content was on the disk')

        directory = after(rename, 'fsync', os.path.dirname(final))
        content = after(directory, 'fsync', final)
        sync = after(content, 'syncfs', root)
        barrier = after(sync, 'fsync', root)

        # The replaced file: a descriptor opened on its name before the rename, and still open.
        opened = {}
        for c in calls[:rename]:
            if c.name == 'close':
                opened.pop(c.fd, None)
            elif c.name.startswith('open') and c.result_path == final:
                opened[c.result] = c
        self.assertTrue(opened, 'the replaced file is not held open')
        released = next(i for i in range(rename, len(calls))
                        if calls[i].name == 'close' and calls[i].fd in opened)
        self.assertGreater(released, barrier, 'the replaced file was let go before the barrier')

        last = max(i for i, c in enumerate(calls) if c.name.startswith(('rename', 'unlink')))
        after(after(last, 'syncfs', root), 'fsync', root)

    def test_what_a_killed_worker_placed_is_made_durable_before_it_is_believed(self):
        """The second rename is done and no barrier followed: all looks well, but may be in the page
        cache only. The next refresh copies nothing, and still ends with a barrier; the one after
        that has nothing left to do."""
        self.bootctl('refresh')
        self.lab.write('etc/kernel/cmdline', lab.CMDLINE + ' changed\n')
        self.bootctl('refresh', status=1, daemon_options=['--test-hook=entry:4:kill'])

        for expected in (len(self.ESPS), 0):
            traces = self.lab.trace('syncfs,renameat', 'refresh')
            flushed = [pid for pid, lines in traces.items()
                       if any(line.startswith('syncfs(') for line in lines)]
            self.assertEqual(len(flushed), expected, traces)
            self.assert_synced()

    def test_entries_are_placed_after_a_barrier_behind_the_kernel_files(self):
        workers = self.trace()
        self.assertEqual(len(workers), len(self.ESPS))
        for calls in workers.values():
            renames = [i for i, c in enumerate(calls) if c.name.startswith('rename')]
            kernel = max(i for i in renames if 'initrd.img-' in calls[i].rest)
            entry = min(i for i in renames if '.conf' in calls[i].rest)
            self.assertLess(kernel, entry)
            self.assertIn('syncfs', [c.name for c in calls[kernel:entry]])

    def test_a_kernel_that_leaves_loses_its_entry_first(self):
        self.bootctl('refresh')
        self.lab.remove_kernel(self.OLD)
        self.lab.add_kernel('6.8.12-5-pve')
        workers = self.trace()
        self.assertEqual(len(workers), len(self.ESPS))
        for calls in workers.values():
            removed = [c.rest for c in calls
                       if c.name == 'unlinkat' and self.OLD in c.rest and c.result == '0']
            self.assertIn('.conf', removed[0], removed)


class Killed(LabCase):
    """A worker that dies at any step leaves every ESP bootable, and the next refresh mends it."""

    def change(self):
        self.bootctl('refresh')
        for version in (self.OLD, self.NEW):
            self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(300000))
        self.lab.write('etc/kernel/cmdline', 'root=/dev/changed\n')
        self.lab.write('etc/kernel/proxmox-boot-pin', self.OLD + '\n')
        self.lab.add_kernel('6.8.12-5-pve')
        self.lab.add_kernel('6.8.12-6-pve')
        self.lab.remove_kernel(self.NEW)

    def kill_at(self, point, at_least):
        """Kill the worker at the first, the second … occurrence of @point, until there is none."""
        self.change()
        for number in range(1, 40):
            result = self.lab.bootctl(
                'refresh', daemon_options=[f'--test-hook={point}:{number}:kill'])
            with self.subTest(number=number):
                self.assert_complete()
            if result.status == 0:
                break
            self.assertEqual(result.status, 1)
        else:
            self.fail('a refresh that is not killed does not end well')
        self.assertGreater(number, at_least)
        self.bootctl('refresh')
        self.assert_synced(versions=[self.OLD, '6.8.12-5-pve', '6.8.12-6-pve'])

    def test_killed_while_staging(self):
        self.kill_at('stage', 3)

    def test_killed_while_placing(self):
        self.kill_at('place', 3)

    def test_killed_while_placing_entries(self):
        self.kill_at('entry', 2)

    def test_killed_while_removing(self):
        self.kill_at('remove', 1)

    def test_a_killed_worker_is_an_error_that_names_the_esp(self):
        result = self.bootctl('refresh', status=1, daemon_options=['--test-hook=stage:1:kill'])
        self.assertIn(self.ESPS[0], result.out + result.err)

    def test_a_worker_that_cannot_be_started_is_an_error_that_says_why(self):
        worker = self.lab.path('worker')
        self.lab.settings(auto_sync=False)
        for content, mode, why in (('text', 0o755, 'Exec format error'),
                                   ('text', 0o644, 'Permission denied'),
                                   ('#!/nowhere/sh', 0o755, 'No such file or directory')):
            with self.subTest(why=why):
                worker.write_text(content + '\n')
                worker.chmod(mode)
                self.lab.start_daemon(f'--worker={worker}')
                with self.assertRaises(CallError) as caught:
                    self.lab.bus.refresh(esps=[self.ESPS[0]])
                self.assertIn(why, caught.exception.message)
                self.assertIn(self.ESPS[0], caught.exception.message)
                self.lab.stop_daemon()


class Stuck(LabCase):
    """A worker that hangs and cannot be killed: its ESP is left aside, nothing else suffers."""

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon('--test-deadline-percent=1', '--test-no-kill',
                              '--test-hook=entry:1:stop')
        self.bus = self.lab.bus

    def hang(self):
        with self.assertRaises(CallError) as caught:
            self.bus.refresh(esps=[self.ESPS[0]])
        self.assertEqual(self.bus.esps()[self.ESPS[0]]['State'], 'stuck')
        # One that looks at the disks may not be done yet.
        self.bus.run(lambda: len(self.lab.worker_pids()) == 1, what='the end of all but the stuck')
        return caught.exception

    def test_a_hanging_worker_ends_its_job_as_a_timeout_and_its_esp_is_stuck(self):
        self.assertIn(self.hang().name, (ERROR + 'Timeout', ERROR + 'Failed', ERROR + 'EspMissing'))
        self.assert_no_second_worker()

    def assert_no_second_worker(self):
        before = self.lab.worker_pids()
        with self.assertRaises(CallError):
            self.bus.refresh(esps=[self.ESPS[0]])
        self.assertEqual(self.lab.worker_pids(), before)

    def test_the_daemon_answers_while_a_worker_hangs(self):
        self.hang()
        started = time.monotonic()
        self.assertEqual(self.bus.properties()['InSync'], False)
        self.assertLess(time.monotonic() - started, 2)

    def test_a_stuck_esp_comes_back_when_its_worker_ends_at_last(self):
        self.hang()
        pid, = self.lab.worker_pids()
        self.lab.stop_daemon()
        self.assertEqual(self.lab.worker_pids(), [pid])
        self.lab.start_daemon()
        with self.assertRaises(CallError):
            self.bus.refresh(esps=[self.ESPS[0]])
        self.assertEqual(self.bus.esps()[self.ESPS[0]]['State'], 'stuck')
        self.bus.refresh(esps=[self.ESPS[1]])
        self.assert_synced(self.ESPS[1])
        self.lab.end_worker(pid)
        self.bus.refresh()
        self.assert_synced()
        self.assertEqual({e['State'] for e in self.bus.esps().values()}, {'in-sync'})


if __name__ == '__main__':
    lab.main(private_mounts=True)
