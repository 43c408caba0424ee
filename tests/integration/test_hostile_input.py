#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that nobody would write and calls that nobody should make: each gets an answer, none a
crash, and no file outside the root is touched. The seed is printed; BOOTSYNC_SEED repeats it."""

import os
import random
import re
import stat
from pathlib import Path

import lab
from lab import LabCase
from privatebus import CallError, ERROR, JOB
from gi.repository import GLib

CASES = 500
SEED = int(os.environ.get('BOOTSYNC_SEED', '20240612'))
FILES = ('etc/kernel/proxmox-boot-uuids', 'etc/kernel/proxmox-boot-manual-kernels',
         'etc/kernel/proxmox-boot-pin', 'etc/kernel/next-boot-pin', 'etc/kernel/cmdline',
         'etc/bootsync/bootsyncd.conf', 'var/lib/dpkg/status', 'var/lib/dpkg/updates/0001',
         'var/lib/bootsync/cmdline', 'var/lib/bootsync/esp-AAAA-0001.manifest')
ARGUMENTS_MAX = 16 * 1024  # of a call, in bytes
WORDS = [b'AAAA-0001', b'bbbb-0002', b'6.8.12-4-pve', b'6.5.13-5-pve', b'9.9.9-1-pve',
         b'../../etc/passwd', b'root=/dev/sda1', b'[Sync]', b'AutoSync=no', b'AutoSync=perhaps',
         b'SettleSec=-1', b'SettleSec=99999999999999999999',
         b'Package: proxmox-kernel-6.8.12-4-pve-signed', b'Package:',
         b'Status: install ok installed', b'Status: purge', b'v1', b'v2', b'v3', b' continued',
         b'file path=../x inode=1 size=2 mtime=3 ctime=4 esp-size=5 esp-mtime=6',
         b'# comment', b'\xff\xfe\x00', b'%s%n%s', b'"', b'\x1b[31mred\x1b[0m',
         b'proxmox-kernel-6.8', b'*', b'\xe2\x80\xae']
ENDS = (b'\n', b'\r\n', b'\n\n', b' \n', b'\t', b'\0', b'')


def hostile(rng):
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randbytes(rng.randrange(3000))
    if kind == 1:
        return b'A' * (1024 * 1024) + rng.choice(ENDS)
    if kind == 2:
        return b'\0' * rng.randrange(1, 5000)
    if kind == 3:
        return b''
    return b''.join(rng.choice(WORDS) + rng.choice(ENDS) for _ in range(rng.randrange(40)))


class Hostile(LabCase):
    def setUp(self):
        super().setUp()
        print(f'# seed {SEED}')
        self.rng = random.Random(SEED)

    def spoil(self):
        """One to three files get hostile content. Gives their names."""
        names = self.rng.sample(FILES, self.rng.randrange(1, 4))
        for name in names:
            self.lab.write(name, hostile(self.rng))
        return names

    def assert_answer(self, result, case):
        context = f'case {case}, seed {SEED}\n{result.out[:2000]}\n{result.err[:4000]}'
        self.assertIn(result.status, (0, 1, 3), context)
        self.assertNotRegex(result.out + result.err, r'[\x00-\x08\x0b-\x1f\x7f]', context)

    def test_client_answers_whatever_the_files_hold(self):
        self.bootctl('refresh')
        before = self.lab.digests(self.lab.esp(self.ESPS[0]))
        for case in range(CASES):
            self.spoil()
            if case % 5:
                result = self.lab.bootctl('kernel', 'list', '--json')
            else:
                result = self.lab.bootctl('refresh', '--dry-run')
            self.assert_answer(result, case)
        self.assertEqual(before, self.lab.digests(self.lab.esp(self.ESPS[0])))

    def test_refresh_leaves_esps_bootable_whatever_the_files_hold(self):
        self.bootctl('refresh')
        for case in range(60):
            self.spoil()
            self.assert_answer(self.lab.bootctl('refresh'), case)
            for uuid in self.ESPS:
                self.assertEqual([p for p in self.lab.complete(uuid) if 'root=' not in p], [],
                                 f'case {case}, seed {SEED}')

    def pss(self):
        text = Path(f'/proc/{self.lab.bus.daemon.pid}/smaps_rollup').read_text()
        return int(re.search(r'^Pss:\s+(\d+) kB', text, re.M)[1])

    def test_one_daemon_lives_through_all_of_it_with_bounded_memory(self):
        self.lab.settings(auto_sync=False, settle_sec=0)
        daemon = self.lab.start_daemon()
        bus = self.lab.bus
        early = None
        for case in range(CASES):
            names = self.spoil()
            if case % 25 == 0:
                try:
                    bus.refresh()
                except CallError as e:
                    self.assertTrue(e.name.startswith(ERROR), f'case {case}: {e}')
            kernels, = bus.call('ListKernels')
            self.assertIsNone(daemon.poll(),
                              f'case {case}, {names}, seed {SEED}\n{bus.log()[-4000:]}')
            self.assertTrue(all(len(k) == 4 for k in kernels))
            bus.properties()
            if case == 100:
                early = self.pss()
        late = self.pss()
        print(f'# Pss: {early} kB after 100 cases, {late} kB after {CASES}')
        self.assertLess(late, early + 8 * 1024)
        self.lab.stop_daemon()


class HostileCalls(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.bus = self.lab.bus

    def refused(self, names, method, signature, arguments, **where):
        if len(GLib.Variant(signature, arguments).get_data_as_bytes().get_data()) > ARGUMENTS_MAX:
            names = ['org.freedesktop.DBus.Error.LimitsExceeded']
        with self.assertRaises(CallError, msg=f'{method}{arguments!r:.200}') as caught:
            self.bus.call(method, signature, arguments, **where)
        self.assertIn(caught.exception.name, [ERROR + n if '.' not in n else n for n in names])
        self.assertLess(len(caught.exception.message), 1000)
        self.assertNotRegex(caught.exception.message, r'[\x00-\x1f\x7f]')
        self.assertIsNone(self.bus.daemon.poll())

    def test_hostile_versions_are_refused_by_a_typed_error(self):
        for version in ('', '.', '..', '../../etc/passwd', '/etc/passwd', '6.8.12-4-pve/../..',
                        'a\nb', '\x1b[31m', '6.8.12-4-pve\u202e', 'x' * 1024 * 1024, 'x' * 10000, '1' * 129,
                        '-6.8', '6.8.12-4-pve.dpkg-new', '*'):
            for method, signature, arguments in (
                    ('AddKernel', '(sa{sv})', (version, {})),
                    ('RemoveKernel', '(sa{sv})', (version, {})),
                    ('PinKernel', '(ssa{sv})', (version, 'permanent', {})),
                    ('Refresh', '(a{sv})', (self.bus.options(new_kernel=version),))):
                with self.subTest(method=method, version=version[:40]):
                    self.refused(['InvalidVersion'], method, signature, arguments)

    def test_a_kernel_that_is_not_there_is_refused(self):
        self.refused(['NoSuchKernel'], 'AddKernel', '(sa{sv})', ('9.9.9-9-pve', {}))
        self.refused(['NoSuchKernel'], 'PinKernel', '(ssa{sv})', ('9.9.9-9-pve', 'permanent', {}))
        self.refused(['NoSuchKernel'], 'Refresh', '(a{sv})',
                     (self.bus.options(new_kernel='9.9.9-9-pve'),))

    def test_hostile_esps_are_refused_by_a_typed_error(self):
        for uuid in ('', 'A', '..', '../../etc', '/', '/dev/', '/dev/..', 'DEAD-BEEF', '\x1b[31m',
                     '\u202e', 'x' * 10000, 'x' * 1024 * 1024,
                     'AAAA-0001/../BBBB-0002', '\n'):
            for method in ('Refresh', 'Verify', 'Plan', 'DescribePlan'):
                with self.subTest(method=method, uuid=uuid[:40]):
                    self.refused(['NoSuchEsp'], method, '(a{sv})', (self.bus.options(esps=[uuid]),))
            for method in ('RemoveEsp', 'GetEsp'):
                with self.subTest(method=method, uuid=uuid[:40]):
                    self.refused(['NoSuchEsp'], method, '(sa{sv})', (uuid, {}))
        for count, name in (256, 'NoSuchEsp'), (257, 'InvalidOption'), (50000, ''):
            self.refused([name], 'Refresh', '(a{sv})',
                         (self.bus.options(esps=['DEAD-BEEF'] * count),))

    def test_what_is_no_partition_is_refused_by_a_typed_error(self):
        dev = self.lab.path('dev')
        (dev / 'loop1').symlink_to('loop2')
        (dev / 'loop2').symlink_to('loop1')
        (dev / 'out').symlink_to('../' * 40 + 'dev/sda1')
        (dev / 'file').write_bytes(bytes(4096))
        os.mkfifo(dev / 'fifo')
        os.mknod(dev / 'device', 0o600 | stat.S_IFBLK, os.makedev(7, 255))
        before = self.lab.snapshot(dev)
        for device in ('', '.', '/', 'x', 'sda1', '/dev', '/dev/', '/dev/disk', '/dev/absent',
                       '../../dev/sda', '/dev/../../../dev/sda1', '/dev/loop1', '/dev/out',
                       '/dev/file', '/dev/file/', '/dev/fifo', '/dev/device', str(dev / 'file'),
                       str(dev / 'device'), '/etc/kernel/cmdline', '/dev/a\nb', '/dev/\x1b[31m',
                       '/dev/\u202e', '-1', '--help', '/dev/' + 'x' * 1024 * 1024, '/dev/' + 'x' * 10000,
                       '/dev' + '/.' * 5000, '/dev/' + '../dev/' * 1000):
            wait = self.bus.options(wait=True)
            for method, signature, arguments in (
                    ('FormatEsp', '(sa{sv})', (device, wait)),
                    ('FormatEsp', '(sa{sv})', (device, self.bus.options(force=True, wait=True))),
                    ('InitEsp', '(ssa{sv})', (device, 'auto', wait)),
                    ('InitEsp', '(ssa{sv})', (device, 'grub', wait))):
                with self.subTest(method=method, device=device[:40]):
                    self.refused(['NotAPartition'], method, signature, arguments)
        self.assertEqual(self.lab.snapshot(dev), before)
        self.assertEqual(self.lab.listed_esps(), list(self.ESPS))

    def test_a_refused_partition_is_told_as_data_too(self):
        for device in '/dev/absent', '/etc/kernel/cmdline', '/dev/disk':
            for verb in 'format', 'init':
                answer = self.lab.bootctl('--json', verb, device)
                self.assertEqual(answer.status, 1, answer.err)
                self.assertEqual((answer.json['result'], answer.json['error']),
                                 ('failed', 'org.bootsync1.Error.NotAPartition'))
                self.assertIn(answer.json['message'], answer.err)

    def test_unknown_loaders_are_refused(self):
        for loader in ('', 'none', 'Auto', 'lilo', 'grub ', 'x' * 10000, 'x' * 100000):
            self.refused(['InvalidOption'], 'InitEsp', '(ssa{sv})', ('/dev/sda1', loader, {}))

    def test_unknown_options_are_refused(self):
        for method, signature, arguments in (
                ('Refresh', '(a{sv})', ()), ('Verify', '(a{sv})', ()),
                ('ProbePartitions', '(a{sv})', ()), ('Plan', '(a{sv})', ()),
                ('DescribePlan', '(a{sv})', ()),
                ('ListKernels', '(a{sv})', ()), ('ListPartitions', '(a{sv})', ()),
                ('ListCandidates', '(a{sv})', ()), ('ListHistory', '(a{sv})', ()),
                ('FormatEsp', '(sa{sv})', ('/dev/sda1',)),
                ('InitEsp', '(ssa{sv})', ('/dev/sda1', 'auto')),
                ('RemoveEsp', '(sa{sv})', ('AAAA-0001',)), ('GetEsp', '(sa{sv})', ('AAAA-0001',)),
                ('ReinitEsps', '(a{sv})', ()), ('CleanEsps', '(a{sv})', ()),
                ('AddKernel', '(sa{sv})', (self.OLD,)),
                ('RemoveKernel', '(sa{sv})', (self.OLD,)),
                ('PinKernel', '(ssa{sv})', (self.OLD, 'permanent')),
                ('UnpinKernel', '(sa{sv})', ('all',))):
            for key in ('no-such-option', '', 'Wait', 'x' * 10000, 'x' * 100000):
                with self.subTest(method=method, key=key[:40]):
                    self.refused(['InvalidOption'], method, signature,
                                 (*arguments, {key: GLib.Variant('b', True)}))

    def test_options_of_a_wrong_type_are_refused(self):
        values = {'wait': [('s', 'true'), ('i', 1), ('as', []), ('v', GLib.Variant('b', True))],
                  'verify': [('s', 'yes'), ('t', 1)],
                  'esps': [('s', self.ESPS[0]), ('ao', ['/']), ('ay', b'x'), ('aas', [])],
                  'new-kernel': [('as', [self.OLD]), ('b', True), ('o', '/')]}
        for key, variants in values.items():
            for signature, value in variants:
                with self.subTest(key=key, type=signature):
                    self.refused(['InvalidOption'], 'Refresh', '(a{sv})',
                                 ({key: GLib.Variant(signature, value)},))

    def test_unknown_scopes_are_refused(self):
        for scope in ('', 'all', 'Permanent', 'next_boot', 'x' * 10000, 'x' * 100000):
            self.refused(['InvalidOption'], 'PinKernel', '(ssa{sv})', (self.OLD, scope, {}))
        for scope in ('', 'permanent', 'ALL'):
            self.refused(['InvalidOption'], 'UnpinKernel', '(sa{sv})', (scope, {}))

    def test_wrong_signatures_objects_and_members_are_refused_by_the_standard_errors(self):
        std = 'org.freedesktop.DBus.Error.'
        self.refused([std + 'InvalidArgs'], 'Refresh', '(s)', ('x',))
        self.refused([std + 'InvalidArgs'], 'Refresh', '()', ())
        self.refused([std + 'UnknownMethod'], 'Format', '(a{sv})', ({},))
        for path in ('/org/bootsync1/job/999999', '/org/bootsync1/job/18446744073709551616',
                     '/org/bootsync1/job/x', '/org/bootsync1/job/01'):
            self.refused([std + 'UnknownObject', std + 'UnknownMethod'], 'Cancel', '(a{sv})', ({},),
                         path=path, interface=JOB)
        self.refused([std + 'PropertyReadOnly', std + 'AccessDenied'], 'Set', '(ssv)',
                     ('org.bootsync1.Manager', 'AutoSync', GLib.Variant('b', True)),
                     interface='org.freedesktop.DBus.Properties')

    def test_the_daemon_is_well_after_all_that(self):
        self.test_options_of_a_wrong_type_are_refused()
        self.bus.refresh()
        self.assert_synced()
        self.lab.stop_daemon()


class Symlinks(LabCase):
    """Nothing below the root leads out of it."""

    def prepare(self):
        super().prepare()
        self.outside = Path(str(self.lab.root) + '.outside')
        self.outside.mkdir()
        self.addCleanup(lambda: lab.shutil.rmtree(self.outside))
        (self.outside / 'victim').write_text('outside\n')
        self.before = lab.Lab.snapshot(self.outside)

    def link(self, name, target):
        path = self.lab.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            os.rename(path, str(path) + '.moved')
        else:
            path.unlink(missing_ok=True)
        path.symlink_to(target)

    def assert_untouched(self):
        self.assertEqual(lab.Lab.snapshot(self.outside), self.before)
        self.assertEqual((self.outside / 'victim').read_text(), 'outside\n')

    def test_links_in_etc_kernel_do_not_lead_out(self):
        for name in ('etc/kernel/proxmox-boot-pin', 'etc/kernel/proxmox-boot-manual-kernels',
                     'etc/kernel/cmdline', 'etc/apt/apt.conf.d/76pveconf'):
            self.link(name, self.outside / 'victim')
        for arguments in (('refresh',), ('kernel', 'pin', self.OLD, '--yes'),
                          ('kernel', 'add', self.OLD, '--yes'), ('kernel', 'unpin', '--yes')):
            self.lab.bootctl(*arguments)
        self.assert_untouched()

    def test_a_whole_directory_that_is_a_link_does_not_lead_out(self):
        for name in ('var/lib/bootsync', 'etc/apt/apt.conf.d', 'run/bootsync'):
            self.link(name, self.outside)
        self.lab.bootctl('refresh')
        self.assert_untouched()

    def test_a_link_with_many_dots_does_not_lead_out(self):
        self.link('etc/kernel/proxmox-boot-manual-kernels',
                  '../' * 40 + str(self.outside / 'victim').lstrip('/'))
        self.lab.bootctl('kernel', 'add', self.OLD, '--yes')
        self.assert_untouched()

    def test_links_on_an_esp_do_not_lead_out(self):
        esp = self.lab.esp(self.ESPS[0])
        os.rename(esp / 'loader/entries', esp / 'loader/moved')
        (esp / 'loader/entries').symlink_to(self.outside)
        result = self.lab.bootctl('refresh')
        self.assertIn(result.status, (1, 3))
        self.assert_untouched()
        self.assert_synced(self.ESPS[1])

    def test_a_link_in_place_of_a_kernel_on_an_esp_is_not_written_through(self):
        directory = self.lab.esp(self.ESPS[0]) / 'EFI/proxmox' / self.NEW
        directory.mkdir()
        (directory / f'vmlinuz-{self.NEW}').symlink_to(self.outside / 'victim')
        (directory / f'initrd.img-{self.NEW}.new').symlink_to(self.outside / 'victim')
        self.lab.bootctl('refresh')
        self.assert_untouched()

    def test_an_esp_that_is_a_link_out_of_the_root_is_not_written(self):
        uuid = 'CCCC-0003'
        (self.outside / 'loader').mkdir()
        (self.outside / 'loader/loader.conf').write_text('timeout 3\n')
        (self.outside / 'EFI/proxmox').mkdir(parents=True)
        self.before = lab.Lab.snapshot(self.outside)
        self.lab.esp(uuid).symlink_to(self.outside)
        self.lab.list_esps(*self.ESPS, uuid)
        self.bootctl('refresh', status=3)
        self.assert_untouched()
        self.assert_synced()

    def test_a_kernel_in_boot_that_links_out_of_the_root_is_not_copied(self):
        self.lab.add_kernel('6.8.12-9-pve')
        self.link('boot/initrd.img-6.8.12-9-pve', self.outside / 'victim')
        self.lab.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertNotIn('6.8.12-9-pve', self.lab.kernels_on(uuid))
        self.assert_synced()

    def test_fifos_and_directories_in_place_of_files_do_not_hang(self):
        for name in ('etc/kernel/proxmox-boot-pin', 'etc/kernel/next-boot-pin',
                     'boot/initrd.img-6.8.12-9-pve'):
            self.lab.path(name).unlink(missing_ok=True)
            os.mkfifo(self.lab.path(name))
        self.lab.path('etc/kernel/proxmox-boot-manual-kernels').mkdir()
        self.bootctl('refresh', timeout=60)
        self.assert_synced()


if __name__ == '__main__':
    lab.main()
