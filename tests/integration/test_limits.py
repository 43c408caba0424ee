#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What bootsync does not do: write or read without need, start more workers than ESPs, work on one
ESP after the other, wake up while there is nothing to do, lose a change that comes just before it
is told to end."""

import os
import re
import signal
import time

import lab
from lab import MIB, LabCase
from privatebus import CallError
from strace import strace_lines, traced

IDLE_SEC = 60
ATTACH_SEC = 1  # attaching and detaching interrupt the call that waits, which is then made again


class NothingToDo(LabCase):
    """A daemon on the bus, in sync, and its second refresh."""
    LOOKS = 'open,openat,openat2,read,pread64,readv,preadv,mmap,execve,execveat'
    CHANGES = ('write,pwrite64,writev,pwritev,copy_file_range,sendfile,splice,fallocate,ftruncate,'
               'rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,link,linkat,'
               'utimensat,fsync,fdatasync,syncfs,sync')

    def prepare(self):
        super().prepare()
        # The sanitizers' leak check does not work under a tracer.
        self.lab.start_daemon('--debug', prefix=[
            'env', 'ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0'])
        self.bus = self.lab.bus
        self.bus.wait_idle()
        self.assert_synced()

    def snapshots(self):
        """Of everything but the daemon's log and the run directory, where its lock files are."""
        paths = [self.lab.esp(uuid) for uuid in self.ESPS]
        paths += [self.lab.path(name) for name in ('boot', 'dev', 'etc', 'var')]
        return [self.lab.snapshot(path) for path in paths]

    def trace(self):
        """The lines of strace of a refresh: daemon and workers."""
        output = self.lab.path('trace')
        with traced(self.bus.daemon.pid, output, '-y', '-s', '0',
                    '-e', f'trace={self.LOOKS},{self.CHANGES}'):
            self.bus.refresh()
        lines = strace_lines(output)
        self.assertTrue([line for line in lines if 'proxmox-boot-uuids' in line], 'nothing traced')
        return lines

    @staticmethod
    def calls(lines, names):
        pattern = re.compile(r'^\d+ +(?:' + names.replace(',', '|') + r')\(')
        return [line for line in lines if pattern.match(line) and ' = -1 ' not in line]

    def test_writes_nothing(self):
        before = self.snapshots()
        lines = self.trace()
        self.assertEqual(before, self.snapshots())
        esps = str(self.lab.esp(''))
        self.assertEqual([line for line in self.calls(lines, self.CHANGES) if esps in line], [])

    def test_opens_no_file_on_an_esp_and_no_kernel_or_initrd_in_boot(self):
        lines = self.calls(self.trace(), self.LOOKS)
        esps = str(self.lab.esp(''))
        opened = [line for line in lines if 'O_PATH' not in line and 'O_DIRECTORY' not in line
                  and (esps in line or re.search(r'(vmlinuz|initrd\.img)-', line))]
        self.assertEqual(opened, [])
        self.assertTrue([line for line in lines if esps in line], 'no worker has looked')

    def test_starts_one_worker_for_each_esp(self):
        log_size = len(self.bus.log())
        started = self.calls(self.trace(), 'execve,execveat')
        self.assertEqual(len(started), len(self.ESPS), started)
        reports = self.bus.log()[log_size:]
        for uuid in self.ESPS:
            self.assertEqual(reports.count(f"ESP '{uuid}': started"), 1, reports)


class SideBySide(LabCase):
    """The order of the workers' reports, as the daemon logs them with --debug."""
    ESPS = ('AAAA-0001', 'BBBB-0002', 'CCCC-0003')

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version, initrd=40 * MIB)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)

    def reports(self):
        """(ESP, report) in the order they came."""
        self.lab.start_daemon('--debug')
        self.lab.bus.wait_idle()
        self.assert_synced()
        return re.findall(r"^bootsyncd: ESP '([^']+)': ([a-z]+)", self.lab.bus.log(), re.M)

    def test_esps_are_staged_at_the_same_time_and_committed_one_after_the_other(self):
        reports = self.reports()
        staging = {uuid: (reports.index((uuid, 'progress')), reports.index((uuid, 'waiting')))
                   for uuid in self.ESPS}
        print(f'# first progress and end of the staging, as line numbers: {staging}')
        self.assertLess(max(first for first, _ in staging.values()),
                        min(last for _, last in staging.values()),
                        'an ESP was staged before another one had begun')

        commits = []
        for uuid in self.ESPS:
            first = reports.index((uuid, 'placed'))
            commits.append((first, reports.index((uuid, 'done'), first), uuid))
        commits.sort()
        print(f'# first placed file and end: {commits}')
        for (_, end, uuid), (begin, _, other) in zip(commits, commits[1:]):
            self.assertLess(end, begin, f'{other} was committed before {uuid} was done')


class Idle(LabCase):
    def test_no_system_call_in_60_seconds_when_in_sync(self):
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.assert_synced()
        time.sleep(3)  # what settles: the echo of its own writes
        output = self.lab.path('trace')
        with traced(self.lab.bus.daemon.pid, output, '-ttt'):
            time.sleep(ATTACH_SEC)
            begin = time.time()
            time.sleep(IDLE_SEC)
            end = time.time()
        lines = strace_lines(output)
        self.assertRegex(lines[-1], 'epoll_p?wait2?.*detached', lines)
        calls = [line for line in lines if begin < float(line.split()[1]) < end]
        print(f'# system calls in {IDLE_SEC} s: {len(calls)}')
        self.assertEqual(calls, [])


class NoChangeIsLost(LabCase):
    """`echo … >/etc/kernel/cmdline; reboot` is complete, and so is what comes within the time that
    a change has to settle."""

    def change(self, number):
        options = f'root=/dev/changed{number}'
        with open(self.lab.path('etc/kernel/cmdline'), 'w') as file:
            file.write(options + '\n')
        return options

    def assert_saved(self, options):
        for uuid in self.ESPS:
            self.assertEqual({entry['options'] for entry in self.lab.entries(uuid).values()},
                             {options}, uuid)
        self.assert_synced()

    def test_a_change_just_before_sigterm_is_on_both_esps_when_it_has_ended(self):
        for number in range(10):
            self.lab.start_daemon()
            self.lab.bus.wait_idle()
            options = self.change(number)
            self.lab.stop_daemon(expect=0)
            self.assert_saved(options)

    def test_a_change_that_is_noticed_together_with_sigterm_is_not_lost(self):
        for number in range(5):
            daemon = self.lab.start_daemon()
            self.lab.bus.wait_idle()
            os.kill(daemon.pid, signal.SIGSTOP)
            options = self.change(number)
            daemon.terminate()
            os.kill(daemon.pid, signal.SIGCONT)
            self.assertEqual(daemon.wait(60), 0, self.lab.bus.log())
            self.assert_saved(options)

    def test_a_change_during_a_refresh_is_not_lost(self):
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(20 * MIB))
        self.lab.bus.call('Refresh')
        lab.wait_until(self.lab.worker_pids, what='worker', interval=0.005)
        options = self.change(0)
        self.lab.stop_daemon(expect=0)
        self.assert_saved(options)

    def test_a_dry_run_between_a_change_and_sigterm_loses_nothing(self):
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        options = self.change(0)
        self.assertTrue(self.lab.bus.call('Plan')[0])
        self.lab.stop_daemon(expect=0)
        self.assert_saved(options)

    def assert_saved_soon(self, options):
        lab.wait_until(lambda: all(entry['options'] == options for uuid in self.ESPS
                                   for entry in self.lab.entries(uuid).values()), what='sync')
        self.lab.bus.wait_idle()
        self.assert_saved(options)

    def test_a_refused_call_after_a_change_does_not_hide_it(self):
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        options = self.change(0)
        with self.assertRaises(CallError):
            self.lab.bus.call('PinKernel', '(ssa{sv})', ('1.2.3', 'permanent', {}))
        self.assert_saved_soon(options)

    def test_a_refresh_of_one_esp_after_a_change_does_not_hide_it_from_the_other(self):
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        options = self.change(0)
        self.lab.bus.refresh(esps=[self.ESPS[0]])
        self.assert_saved_soon(options)

    def test_without_autosync_sigterm_syncs_nothing(self):
        self.bootctl('refresh')
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.lab.bus.run(lambda: self.lab.bus.properties()['InSync'], what='the first look')
        self.change(0)
        self.lab.stop_daemon(expect=0)
        self.assert_saved(lab.CMDLINE)


if __name__ == '__main__':
    lab.main()
