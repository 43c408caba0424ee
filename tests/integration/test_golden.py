# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people see, letter by letter: the files in golden/ hold the output of `status` for each
state of a host and its ESPs, and of the verbs that show tables for terminals of several kinds.
After an intended change run this with GOLDEN_UPDATE=1 and read the difference.

bootsyncd itself gives the states that a host can be brought into; fake_daemon.py the others."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

import golden
import tap
from golden import block, on_terminal, stable
from lab import Lab
from test_client_usage import CLIENT, PARTITIONS, ClientCase

MIB = 1024 * 1024
OLD, NEW = '6.5.13-5-pve', '6.8.12-4-pve'
USEC = 1764500000 * 1000000
known = set()  # golden files that a test has looked at


class GoldenCase(unittest.TestCase):
    maxDiff = None

    def compare(self, name, text):
        known.add(f'{name}.txt')
        difference = golden.difference(name, text)
        if difference:
            self.fail(f'{name} is not as it was (GOLDEN_UPDATE=1 takes it over):\n{difference}')


class Real(GoldenCase):
    """States that bootsyncd itself is brought into."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        for version in OLD, NEW:
            self.lab.add_kernel(version)

    def add_esps(self, *uuids):
        for uuid in uuids:
            self.lab.add_esp(uuid, size=64 * MIB)
        self.lab.bootctl('refresh')

    def check(self, name, replaced=()):
        done = self.lab.bootctl('status')
        text = stable(done.out, [(str(self.lab.root), '/host'), *replaced])
        self.compare(name, block('--root=/host status', done.status, text))

    def test_redundant(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        self.check('redundant')

    def test_single(self):
        self.add_esps('AAAA-0001')
        self.check('single')

    def test_degraded_since_an_esp_is_outdated(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        (self.lab.esp('BBBB-0002') / f'EFI/proxmox/{NEW}/initrd.img-{NEW}').unlink()
        self.check('degraded-outdated')

    def test_degraded_since_an_esp_is_missing(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        self.lab.list_esps('AAAA-0001', 'BBBB-0002', 'CCCC-0003')
        self.check('degraded-missing')

    def test_unbootable(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        for uuid in 'AAAA-0001', 'BBBB-0002':
            shutil.rmtree(self.lab.esp(uuid) / 'EFI')
        self.check('unbootable')

    def test_unmanaged(self):
        self.check('unmanaged')

    def test_no_esp_on_the_list(self):
        self.lab.list_esps()
        self.check('no-esp')

    def test_empty_boot(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        for version in OLD, NEW:
            self.lab.remove_kernel(version)
        self.check('empty-boot')

    def test_warnings_of_several_kinds(self):
        self.add_esps('AAAA-0001', 'BBBB-0002')
        self.lab.write('etc/kernel/cmdline', 'quiet\n')
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', 'not a version!\n')
        self.lab.write('etc/kernel/proxmox-boot-pin', OLD + '\n')
        pinned = int(time.time()) - 2 * 86400
        os.utime(self.lab.path('etc/kernel/proxmox-boot-pin'), (pinned, pinned))
        self.lab.add_kernel('6.9.1-1-pve', initrd=None)
        self.check('warnings', [(time.strftime('%F %R', time.gmtime(pinned)), '2025-11-30 10:53')])


def esp(i, state='in-sync', error='', **more):
    uuid = f'{i:04X}-AAAA'
    return [uuid, state, error, {
        'Device': f'/dev/nvme{i}n1p2', 'Disk': f'/dev/nvme{i}n1',
        'PartUuid': f'0b2f9a4e-5c1d-4e8f-9a70-{i:012x}', 'Present': state != 'missing',
        'Loader': 'systemd-boot', 'LoaderVersion': '252.39-1', 'State': state,
        'Kernels': [NEW, OLD], 'DefaultKernel': NEW, 'SizeBytes': 511 * MIB,
        'FreeBytes': 320 * MIB, 'LastSyncUSec': USEC, 'LastVerifyUSec': 0, **more}]


def host(redundancy, reason, esps, **more):
    return {'esps': esps, 'manager': {
        'Redundancy': redundancy, 'RedundancyReason': reason,
        'InSync': redundancy in ('redundant', 'single'), 'InSyncReason': '', 'Version': '1',
        'DefaultKernel': NEW, 'WantedKernel': NEW, 'AutoSync': True, 'Watching': 'inotify',
        'Cmdline': 'root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet intel_iommu=on iommu=pt',
        'CmdlineSource': 'file',
        'LastRefreshUSec': USEC, 'LastRefreshResult': 'done', **more}}


FAILED = esp(2, 'failed', 'I/O error', Why="ESP '0002-AAAA' cannot be read: Input/output error; "
             'look at its disk', Action='journalctl -u bootsyncd')
STUCK = esp(3, 'stuck', Why="the worker of ESP '0003-AAAA' does not end; it is left aside until it "
            'does', Action='dmesg')
OUTDATED = esp(4, 'outdated', Kernels=[OLD], DefaultKernel=OLD,
               Why=f'kernel {NEW} is not there', Action='bootctl-pve refresh')
STATES = {
    'syncing': host('syncing', 'Some ESPs are being brought into sync.',
                    [esp(1), esp(2, 'syncing', Kernels=[OLD], DefaultKernel=OLD)]),
    'degraded-failed': host('degraded', "ESP '0002-AAAA' is not in sync (failed).",
                            [esp(1), FAILED]),
    'degraded-stuck': host('degraded', "ESP '0003-AAAA' is not in sync (stuck).",
                           [esp(1), STUCK], LastRefreshResult='partial'),
    'unknown': host('unknown', 'The ESPs were not looked at yet.',
                    [esp(1, 'unknown', SizeBytes=0, Kernels=[], DefaultKernel=''),
                     esp(2, 'unknown', SizeBytes=0, Kernels=[], DefaultKernel='')],
                    DefaultKernel='', LastRefreshUSec=0, LastRefreshResult=''),
    'every-warning': host('degraded', "ESP '0004-AAAA' is not in sync (outdated).",
                          [esp(1), OUTDATED], PinnedKernel=OLD, NextBootKernel=NEW,
                          WantedKernel=OLD, Watching='timer', WatchingReason='no inotify watches '
                          'are left', AutoSync=False, AutoSyncReason='bootsyncd.conf says so',
                          Warnings=[
                              ('esp-full', 'warning', '0004-AAAA', "ESP '0004-AAAA' is 95 % full",
                               'apt-get autoremove --purge'),
                              ('root-disk-without-esp', 'warning', '/dev/vdc', "Disk '/dev/vdc' "
                               'carries the root (pool rpool) but has no synced ESP', 'bootctl-pve '
                               'format /dev/vdc2 && bootctl-pve init /dev/vdc2'),
                              ('pin-old', 'note', OLD, f"the pinned kernel '{OLD}' is older than "
                               'the one that was installed last', 'bootctl-pve kernel unpin'),
                              ('files-unreadable', 'fault', '/etc/kernel', '/etc/kernel/cmdline: '
                               'Input/output error', '')]),
}
MANY_KERNELS = [f'6.{8 - i // 8}.{12 - i % 8}-{1 + i % 3}-pve' for i in range(64)]
# Labels are foreign text: a disk, a command line.
LABEL = 'F\u00fcr\u2192\U0001f5a5'
FOREIGN = host('redundant', 'Two ESPs \u2013 both good \u2026',
               [esp(1, Device=f'/dev/disk/by-label/{LABEL}'), esp(2)], Cmdline='root=LABEL=\u00dc')
TABLES = host('degraded', "ESP '0002-AAAA' is not in sync (failed), and ESP '0004-AAAA' is not "
              'either (outdated).', [esp(1), FAILED, OUTDATED, esp(5)])


class Shown(ClientCase, GoldenCase):
    """With the answers of fake_daemon.py."""

    def setUp(self):
        super().setUp()
        for name in ('COLUMNS', 'NO_COLOR', 'PAGER', 'LESS'):
            self.env.pop(name, None)
        self.env |= {'TZ': 'UTC', 'TERM': 'xterm', 'SYSTEMD_PAGER': 'cat'}
        (self.directory / 'host').symlink_to(self.root)

    def show(self, words, fake, columns=None, **env):
        """A block; on a terminal if it has @columns."""
        command = [CLIENT, '--root=host', *words.split()]
        env = dict(self.env, FAKE=json.dumps(fake), **env)
        if columns:
            status, text = on_terminal(command, env, columns, cwd=self.directory)
        else:
            status, text = self.run_piped(command, env)
        return block(words, status, stable(text))

    def run_piped(self, command, env):
        done = subprocess.run(command, env=env, cwd=self.directory, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
        return done.returncode, done.stdout.decode()

    def tables(self, fake, columns, **env):
        return ''.join(self.show(words, fake, columns, **env)
                       for words in ('status', 'esp list', 'kernel list'))

    def test_each_state(self):
        for name, fake in STATES.items():
            with self.subTest(name=name):
                self.compare(name, self.show('status', fake))

    def test_tables_in_terminals_of_several_widths(self):
        for columns in 60, 80, 120, 200:
            with self.subTest(columns=columns):
                text = self.tables(TABLES, columns, NO_COLOR='1')
                self.compare(f'columns-{columns}', text)
                self.assertEqual([line for line in text.splitlines()
                                  if len(line) > columns and not line.startswith('$')], [])

    def test_colours_and_where_they_are_not_wanted(self):
        plain = self.tables(TABLES, 80, NO_COLOR='1')
        self.assertEqual(self.tables(TABLES, 80, TERM='dumb'), plain)
        coloured = self.tables(TABLES, 80)
        self.compare('colours', coloured)
        self.assertNotIn('\\e', plain)
        self.assertEqual(re.sub(r'\\e\[\d*m', '', coloured), plain)

    def test_only_ascii_without_utf8(self):
        text = ''.join(self.show(words, FOREIGN, 80, NO_COLOR='1', LC_ALL='C')
                       for words in ('status', 'esp list', 'esp list --json=short'))
        self.assertTrue(text.isascii(), text)
        self.compare('c-locale', text)
        self.compare('utf8-locale', ''.join(self.show(words, FOREIGN, 80, NO_COLOR='1')
                                            for words in ('status', 'esp list --json=short')))

    def test_what_is_asked_for(self):
        self.compare('asked-for', ''.join(
            self.show(words, dict(TABLES, partitions=PARTITIONS), 60, NO_COLOR='1') for words in (
                'esp list --full', 'esp list --no-legend', 'esp list --output=uuid,state,why',
                'esp list --output=uuid,nonsense', 'kernel list --no-legend',
                'kernel list --output=version,bootable', 'esp candidates',
                'esp candidates --output=device,size_bytes --no-legend')))
        self.compare('nothing-there', ''.join(
            self.show(words, dict(host('unmanaged', '', []), kernels=[]), 60, NO_COLOR='1')
            for words in ('esp list', 'esp list --no-legend', 'kernel list',
                          'kernel list --no-legend', 'esp candidates',
                          'esp candidates --no-legend')))

    def test_what_the_doctor_says(self):
        version = self.run_client('--version').stdout.split()[1]

        def show(words, fake, *args, **env):
            fake = dict(fake, manager=dict(fake['manager'], Version=version))
            return self.show(words, fake, *args, **env).replace(version, 'VERSION')
        well = host('redundant', 'Both ESPs are in sync.', [esp(1), esp(2)])
        ill = dict(STATES['every-warning'], esps=[esp(1), OUTDATED, FAILED],
                   boot={'Firmware': 'uefi', 'SecureBoot': 'enabled',
                         'EspsWithoutEntry': ['0004-AAAA']})
        self.compare('doctor', show('doctor', well) + show('doctor', ill, 80, NO_COLOR='1')
                     + show('doctor --quiet --no-legend', ill, 60, NO_COLOR='1'))
        self.compare('doctor-colours', show('doctor', ill, 80))

    def test_many_esps_fit_a_screen(self):
        def many(n_bad):
            good = [esp(i, Kernels=MANY_KERNELS) for i in range(64 - n_bad)]
            bad = [esp(i, 'outdated', Kernels=MANY_KERNELS, Why='kernel 6.8 is not there',
                       Action='bootctl-pve refresh') for i in range(64 - n_bad, 64)]
            return host('degraded' if n_bad else 'redundant', '', good + bad)
        for n_bad in 0, 2, 64:
            with self.subTest(n_bad=n_bad):
                text = self.show('status', many(n_bad), 80, NO_COLOR='1')
                lines = text.rstrip('\n').splitlines()[1:]
                self.assertLess(len(lines), 24)
                self.assertEqual([line for line in lines if len(line) > 80], [])
                self.compare(f'many-{n_bad}', text)
                for words in 'status --full', 'status --no-legend':
                    self.assertEqual(self.show(words, many(n_bad), 80).count('-AAAA'), 64)
                self.assertEqual(self.show('status', many(n_bad)).count('-AAAA'), 64)

    def test_twelve_lines_of_esps_are_not_too_many(self):
        for n, rest in (12, False), (13, True):
            text = self.show('status', host('redundant', '', [esp(i) for i in range(n)]), 80)
            self.assertEqual('more ESPs are in sync' in text, rest)


class TheWhole(unittest.TestCase):
    """Named so that it comes last."""

    def test_there_is_no_golden_file_that_nobody_looks_at(self):
        self.assertEqual({path.name for path in golden.DIRECTORY.iterdir()} - known, set())


if __name__ == '__main__':
    if not os.access(CLIENT, os.X_OK):
        sys.exit('$BOOTCTL_PVE must name the client; "meson test" sets it')
    tap.main(private_mounts=True)
