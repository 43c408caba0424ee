#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a sync, a verify and a refresh with nothing to do cost, in what can be counted: processes,
mounts, bytes read and written, flushes. Never in time."""

import re
from collections import Counter

import lab
from lab import MIB, LabCase
from strace import strace_lines, traced

STARTS = 'clone,clone3,fork,vfork'
MOUNTS = 'mount,umount2,fsopen,fsmount,move_mount,mount_setattr,unshare'
READS = 'read,pread64,readv,preadv,preadv2'
WRITES = 'write,pwrite64,writev,pwritev,pwritev2,copy_file_range,sendfile,splice'
FLUSHES = 'fsync,fdatasync,syncfs,sync'
CALLS = f'{STARTS},{MOUNTS},{READS},{WRITES},{FLUSHES},execve,execveat,getdents64'

# A stride of 2 MiB is written out while the one before it is read back; so there are many, and a
# rest that is no block.
IMAGE, INITRD = MIB + 512, 17 * MIB + 77
TEXTS = 64 * 1024  # more than all entries and loader.conf of an ESP have


class Trace:
    """The calls of daemon and workers that succeeded, as (pid, name, path of the descriptor, what it
    gave)."""

    def __init__(self, output):
        self.calls = []
        for line in strace_lines(output):
            match = re.match(r'(\d+) +(\w+)\((?:\d+<([^>]*)>)?.* = (\d+)', line)
            if match and 'CLONE_THREAD' not in line:  # which is no process
                self.calls.append((match[1], match[2], match[3] or '', int(match[4])))

    def named(self, names, below=''):
        """Of these names, and of a path with @below in it."""
        names = names.split(',')
        return [call for call in self.calls if call[1] in names and str(below) in call[2]]

    def bytes(self, names, below):
        """Bytes that each file below @below was read or written, whatever process did it; what is
        staged counts as what it is to become."""
        count = Counter()
        for _pid, _name, path, size in self.named(names, below):
            count[path.removesuffix('.new')] += size
        return +count


class Costs(LabCase):
    ESPS = ('AAAA-0001', 'BBBB-0002')
    VERSIONS = ('6.8.12-1-pve', '6.8.12-2-pve', '6.8.12-3-pve')

    def prepare(self):
        for version in self.VERSIONS:
            self.lab.add_kernel(version, IMAGE, INITRD)
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '\n'.join(self.VERSIONS) + '\n')
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)
        self.lab.settings(auto_sync=False)
        # The sanitizers' leak check does not work under a tracer.
        self.lab.start_daemon(prefix=['env', 'ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0'])
        self.wait_outdated()

    def wait_outdated(self):
        """Until the daemon has seen it by itself, so that no look of its own is counted."""
        bus = self.lab.bus
        bus.run(lambda: {esp['State'] for esp in bus.esps().values()} == {'outdated'},
                what='look at each ESP')
        bus.wait_no_job()

    def trace(self, method='Refresh'):
        bus, output = self.lab.bus, self.lab.path('trace')
        with traced(bus.daemon.pid, output, '-y', '-s', '0', '-e', 'trace=' + CALLS):
            bus.call(method, arguments=(bus.options(wait=True),))
        return Trace(output)

    def sizes(self, directory):
        """Of the kernel files below it, by their path."""
        return {str(path): path.stat().st_size for path in directory.rglob('*-pve')
                if path.is_file()}

    def assert_workers(self, trace, for_each_esp):
        started = len(self.ESPS) * for_each_esp
        self.assertEqual(len(trace.named(STARTS)), started, trace.named(STARTS))
        self.assertEqual(len(trace.named('execve,execveat')), started)
        self.assertEqual(trace.named(MOUNTS), [])

    def assert_sources_are_read(self, trace, times):
        """By each ESP's worker so often; all but once they come out of memory."""
        boot = self.sizes(self.lab.path('boot'))
        self.assertEqual(trace.bytes(READS, self.lab.path('boot')),
                         {path: size * times * len(self.ESPS) for path, size in boot.items()})

    def test_first_sync_writes_and_reads_back_each_byte_once(self):
        trace = self.trace()
        self.assert_synced(versions=self.VERSIONS)
        self.assert_workers(trace, 2)  # one looks, one syncs
        self.assert_sources_are_read(trace, 2)  # to be copied, and to be compared
        for uuid in self.ESPS:
            esp = self.lab.esp(uuid)
            kernels = self.sizes(esp)
            self.assertEqual(len(kernels), 2 * len(self.VERSIONS))
            for names, times in ((WRITES, 1), (READS, 1)):
                moved = trace.bytes(names, esp)
                self.assertEqual({path: moved.pop(path, 0) for path in kernels}, kernels, names)
                self.assertLess(moved.total(), TEXTS)

    def test_first_sync_flushes_a_disk_no_more_often_than_its_order_takes(self):
        trace = self.trace()
        self.assert_synced(versions=self.VERSIONS)
        for uuid in self.ESPS:
            esp = self.lab.esp(uuid)
            texts = len(list(esp.rglob('proxmox-*.conf')))
            self.assertEqual(texts, len(self.VERSIONS))
            # A file: itself and its directory when it is staged and when it is placed. A directory:
            # its parent. Then barriers, each of two flushes of the whole or of four.
            most = 4 * (2 * len(self.VERSIONS) + texts) + len(self.VERSIONS) + 3 * 4
            flushes = trace.named(FLUSHES, esp)
            self.assertLessEqual(len(flushes), most)
            self.assertTrue(flushes)

    def test_refresh_with_nothing_to_do_lists_each_directory_once(self):
        self.lab.bus.refresh()
        trace = self.trace()
        self.assert_workers(trace, 1)
        for uuid in self.ESPS:
            esp = self.lab.esp(uuid)
            self.assertEqual(trace.bytes(READS, esp), {})
            self.assertEqual(trace.bytes(WRITES, esp), {})
            self.assertEqual(trace.named(FLUSHES, esp), [])
            # The last call of a listing gives nothing.
            lists = Counter(path for _, _, path, size in trace.named('getdents64', esp) if size > 0)
            self.assertEqual(set(lists.values()), {1}, lists)
        self.assertEqual(trace.bytes(READS, self.lab.path('boot')), {})

    def test_verify_reads_both_sides_once(self):
        self.lab.bus.refresh()
        trace = self.trace('Verify')
        self.assert_workers(trace, 1)
        self.assert_sources_are_read(trace, 1)
        for uuid in self.ESPS:
            esp = self.lab.esp(uuid)
            kernels, read = self.sizes(esp), trace.bytes(READS, esp)
            self.assertEqual({path: read.pop(path, 0) for path in kernels}, kernels)
            self.assertLess(read.total(), TEXTS)
            self.assertEqual(trace.bytes(WRITES, esp), {})

    def test_one_changed_initrd_costs_its_bytes(self):
        self.lab.bus.refresh()
        self.lab.write_boot(f'initrd.img-{self.VERSIONS[1]}', self.lab.bytes(INITRD + 1))
        self.wait_outdated()
        trace = self.trace()
        self.assert_synced(versions=self.VERSIONS)
        self.assert_workers(trace, 2)
        for uuid in self.ESPS:
            written = trace.bytes(WRITES, self.lab.esp(uuid))
            self.assertEqual([size for path, size in written.items() if 'initrd.img' in path],
                             [INITRD + 1])
            self.assertEqual([path for path in written if 'vmlinuz' in path], [])


if __name__ == '__main__':
    lab.main()
