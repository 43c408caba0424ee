#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An ESP with more files than anybody needs: it costs the daemon next to nothing, nobody else waits,
and the ESP is called failed, with the reason and what to do, and not in sync."""

import os
import time
from pathlib import Path

import abuse
from abuse import AbuseCase
from measure import SANITIZERS, Measure, figure
from privatebus import CallError

FULL, GOOD = AbuseCase.ESPS
CPU_SEC = 0.3 * (20 if SANITIZERS else 1)  # of the daemon, for a look
LOOKS = 5
PLAN_TIMES = 50  # a plan of 2000 steps is made in one go, which takes some ms
ENTRY = ('title x\nversion 6.2.1-1-pve\noptions root=/dev/sda1\n'
         'linux /EFI/proxmox/6.2.1-1-pve/vmlinuz\ninitrd /EFI/proxmox/6.2.1-1-pve/initrd.img\n')


def cpu_sec(pid):
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class ManyFiles(AbuseCase):
    def fill(self, name, count):
        """@count files on the ESP by the format @name, with the text of an entry."""
        one = self.lab.path('one')
        one.write_text(ENTRY)
        for number in range(count):
            path = self.lab.esp(FULL) / name.format(number)
            path.parent.mkdir(exist_ok=True)
            os.link(one, path)

    def look(self, what, method='Plan'):
        """Gives the reply or the error of the last of some looks. They are short: how long anybody
        waits is bounded by the daemon's time on the CPU, more surely than by a few samples."""
        pid = self.bus.daemon.pid
        options = self.bus.options(wait=True) if method == 'Verify' else {}
        begun, reply = cpu_sec(pid), None
        with Measure(self.bus, what, samples=1, times=PLAN_TIMES):
            for _ in range(LOOKS):
                started = time.monotonic()
                try:
                    reply = self.bus.call(method, arguments=(options,))
                except CallError as error:
                    reply = error
                wall = time.monotonic() - started
        spent = (cpu_sec(pid) - begun) / LOOKS
        figure(f'{what}: {spent:.3f} s of CPU a look, of {wall:.1f} s')
        self.assertLess(spent, CPU_SEC, what)
        return reply

    def assert_failed(self, where):
        esp = self.bus.esps()[FULL]
        self.assertEqual(esp['State'], 'failed')
        for word in (FULL, where, '2048 files', 'remove'):
            self.assertIn(word, esp['LastError'])
        self.assertFalse(self.bus.properties()['InSync'])
        self.assertEqual(self.bus.esps()[GOOD]['State'], 'in-sync')

    def assert_too_many(self, name, count, where):
        self.fill(name, count)
        before = self.lab.snapshot(self.lab.esp(FULL))
        (_, action, text, _), = self.look(f'{count} of {name}')[0]
        self.assertEqual(action, 'problem')
        self.assertIn(where, text)
        self.assert_failed(where)

        self.lab.add_kernel('6.8.12-5-pve')
        with self.assertRaises(CallError) as caught:
            self.bus.refresh()
        self.assertIn(FULL, caught.exception.message)
        self.assert_failed(where)
        self.assert_synced(GOOD, versions=[self.OLD, self.NEW, '6.8.12-5-pve'])
        self.assertEqual(before, self.lab.snapshot(self.lab.esp(FULL)))

        for path in list(self.lab.esp(FULL).rglob('*')):
            if path.is_file() and path.stat().st_nlink > 1:
                path.unlink()
                if path.parent.parent.name == 'proxmox':
                    path.parent.rmdir()
        self.bus.refresh()
        self.assertTrue(self.bus.properties()['InSync'])
        self.assert_synced(versions=[self.OLD, self.NEW, '6.8.12-5-pve'])

    def test_10000_entries_like_ours(self):
        self.assert_too_many('loader/entries/proxmox-6.2.{}-1-pve.conf', 10000, '/loader/entries')

    def test_21845_entries_of_somebody_else(self):
        self.assert_too_many('loader/entries/other-{}.conf', 21845, '/loader/entries')

    def test_10000_directories_like_ours(self):
        self.assert_too_many('EFI/proxmox/6.2.{0}-1-pve/vmlinuz-6.2.{0}-1-pve',
                             10000, '/EFI/proxmox')

    def test_10000_kernels_in_the_root(self):
        self.assert_too_many('vmlinuz-6.2.{}-1-pve', 10000, "'/'")

    def test_10000_files_that_no_boot_loader_reads_are_no_reason_to_fail(self):
        self.fill('loader/entries/{}.txt', 10000)
        self.look('10000 of loader/entries/*.txt')
        self.assertEqual(self.bus.esps()[FULL]['State'], 'in-sync')

    def test_2000_directories_are_within_bounds_and_refreshed_away(self):
        for number in range(2000):
            (self.lab.esp(FULL) / f'EFI/proxmox/6.2.{number}-1-pve').mkdir()
        steps, = self.look('2000 directories')
        self.assertGreaterEqual(len([s for s in steps if s[1] == 'remove-kernel']), 2000)
        error = self.look('2000 directories, verified', 'Verify')
        self.bus.wait_idle()
        self.assertLess(len(self.bus.esps()[FULL]['LastError']), 4096, error)
        self.assertIn('more', self.bus.esps()[FULL]['LastError'])
        self.bus.refresh()
        self.assert_synced()


if __name__ == '__main__':
    abuse.main()
