#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bench's own arithmetic: what is compared with what, and what it counts as whose."""

import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / 'integration')]

import counts
import job
import meter
import report
from tap import main

ROOT = '/tmp/root'
ESP = f'{ROOT}/dev/disk/by-uuid/0001-0001'
SPIN = 'import time\nwhile time.process_time() < 0.3: pass'
SERVER = '''import subprocess, sys
for _ in sys.stdin:
    subprocess.run([sys.executable, '-c', sys.argv[1]])
    print(flush=True)
'''


class FakeMeter:
    """Costs that are said beforehand."""

    def cost(self, action, times):
        seconds = action()
        return {'seconds': seconds, 'cpu': 2 * seconds, 'times': times}


def measured(costs, times=None):
    """A job in whose rounds each way takes these seconds; and who came after whom."""
    order, left = [], {way: list(seconds) for way, seconds in costs.items()}

    def action(way):
        order.append(way)
        return left[way].pop(0)

    made = job.Job('name', 'what', {way: lambda way=way: action(way) for way in costs},
                   times=times or {})
    told = job.measure(made, FakeMeter(), len(costs[job.OURS]))
    return job.result(made, told), order


class Rounds(unittest.TestCase):
    def test_a_ratio_is_of_the_same_round(self):
        result, _ = measured({job.OURS: [1, 20, 3], 'cp': [1, 10, 1]})
        self.assertEqual(result['ratios']['cp']['seconds'], [1.5, 2, 2.5])
        self.assertEqual(result['ratios']['cp']['cpu'], [1.5, 2, 2.5])

    def test_nothing_is_divided_by_nothing(self):
        result, _ = measured({job.OURS: [1, 1], 'cp': [0, 1]})
        self.assertIsNone(result['ratios']['cp']['seconds'])

    def test_everybody_is_first_in_turn(self):
        _, order = measured({job.OURS: [1] * 3, 'a': [1] * 3, 'b': [1] * 3})
        self.assertEqual(order, [job.OURS, 'a', 'b', 'a', 'b', job.OURS, 'b', job.OURS, 'a'])

    def test_one_round_has_a_median_and_is_printed(self):
        result, _ = measured({job.OURS: [2], 'cp': [1]})
        self.assertEqual(list(result['ratios']['cp']['seconds']), [2, 2, 2])
        report.print_job(result)

    def test_some_actions_make_one_measurement(self):
        result, _ = measured({job.OURS: [2], 'cp': [1]}, {'cp': 5})
        self.assertEqual(result['costs']['cp']['times'], [5])


class Costs(unittest.TestCase):
    def test_the_cpu_of_a_client_and_of_a_child_of_a_server_is_counted(self):
        with subprocess.Popen([sys.executable, '-c', SERVER, SPIN], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as server:
            def action():
                server.stdin.write(b'\n')
                server.stdin.flush()
                server.stdout.readline()
                subprocess.run([sys.executable, '-c', SPIN], check=True)
            cost = meter.Meter(lambda: [server.pid]).cost(action)
            server.stdin.close()
        self.assertGreater(cost['cpu'], 0.55)
        self.assertLess(cost['cpu'], 2)

    def test_bytes_are_those_of_one_action_of_several(self):
        def action():
            subprocess.run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1M', 'count=8', 'status=none'],
                           check=True)
        cost = meter.Meter(lambda: []).cost(action, 4)
        self.assertAlmostEqual(cost['written'] / 2**20, 8, delta=0.1)
        self.assertAlmostEqual(cost['read'] / 2**20, 8, delta=0.5)

    def test_a_process_that_sleeps_is_woken_as_often_as_it_goes_to_sleep(self):
        with subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
            def wake():
                cat.stdin.write(b'x')
                cat.stdin.flush()
                cat.stdout.read(1)
                time.sleep(0.1)  # it has gone to sleep again
            wake()
            before = meter.wakeups(cat.pid)
            for _ in range(5):
                wake()
            self.assertAlmostEqual(meter.wakeups(cat.pid) - before, 5, delta=1)
            cat.stdin.close()

    def test_cpu_time_is_never_less_than_that_of_the_main_thread(self):
        self.assertGreater(meter.on_cpu_seconds(os.getpid()), 0)


class Counts(unittest.TestCase):
    def counted(self, *lines):
        counter = counts.Counter(f'{ROOT}/dev/disk/by-uuid', f'{ROOT}/boot')
        for line in lines:
            counter.add(line)
        return {what: count for what, count in counter.counts.items() if count}

    def test_bytes_belong_to_the_place_of_the_file(self):
        self.assertEqual(self.counted(
            f'7 read(5<{ROOT}/boot/vmlinuz>, ""..., 65536) = 60000',
            f'7 pwrite64(6<{ESP}/EFI/a.new>, ""..., 60000, 0) = 60000',
            f'7 read(5<{ESP}/EFI/a.new>, ""..., 65536) = 1000',
            '7 read(5</etc/passwd>, ""..., 65536) = 1000',
            f'7 write(6<{ESP}/EFI/b.new>, ""..., 9) = -1 ENOSPC (No space left on device)',
        ), {'boot read': 60000, 'ESP written': 60000, 'ESP read': 1000})

    def test_what_is_moved_or_mapped_is_read_and_written_too(self):
        self.assertEqual(self.counted(
            f'7 copy_file_range(5<{ROOT}/boot/vmlinuz>, NULL, 6<{ESP}/a>, NULL, 99, 0) = 98',
            f'7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 5<{ESP}/a>, 0) = 0x7f0000000000',
            '7 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000',
        ), {'boot read': 98, 'ESP written': 98, 'ESP read': 4096})

    def test_a_thread_is_no_fork(self):
        self.assertEqual(self.counted(
            '7 clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD} => {}, 88) = 9',
            '7 clone3({flags=CLONE_VM|CLONE_THREAD} => {}, 88) = 10',
            '7 vfork() = 11',
        ), {'forks': 2})

    def test_mounts_and_syncs_are_counted(self):
        self.assertEqual(self.counted(
            '7 mount(""..., ""..., ""..., MS_RDONLY, NULL) = 0',
            '7 mount(NULL, ""..., NULL, MS_REC|MS_SLAVE, NULL) = 0',
            '7 move_mount(4, ""..., AT_FDCWD, ""..., MOVE_MOUNT_F_EMPTY_PATH) = 0',
            '7 fsmount(4, 0, 0) = 5', f'7 fdatasync(6<{ESP}/a>) = 0', '7 fsync(6) = -1 EIO (I/O error)',
        ), {'mounts': 2, 'syncs': 1})

    def test_a_count_beyond_its_bounds_is_told(self):
        bounds = {'noop': {'forks': (1, 2), 'ESP written': (0, 0)}}
        told = counts.out_of_bounds({'noop': {'forks': 3, 'ESP written': 0}}, bounds)
        self.assertEqual(told, ['noop: forks is 3, not within 1 and 2'])
        self.assertEqual(counts.out_of_bounds({'noop': {'forks': 0, 'ESP written': 1}}, bounds),
                         ['noop: forks is 0, not within 1 and 2',
                          'noop: ESP written is 1, not within 0 and 0'])
        self.assertEqual(counts.out_of_bounds({'noop': {'forks': 2, 'ESP written': 0}}, bounds), [])


if __name__ == '__main__':
    main()
