#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How far a job is, for what it waits, and what is wanted and not on the ESPs yet, as a client on the
bus sees it."""

import os
import signal
import threading
import time

import lab
from lab import MIB, LabCase
from privatebus import JOB, ROOT_PATH

BIG = '6.8.12-9-pve'
IMAGE, INITRD = 8 * MIB, 40 * MIB


class Progress(LabCase):
    def start(self, *options):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon(*options)
        self.bus = self.lab.bus
        self.bus.wait_no_job()

    def job(self, path):
        return self.bus.properties(path, JOB)

    def changes(self, path, name):
        """Every value of the property that was told, in order."""
        return [s[3][1][name] for s in self.bus.seen('PropertiesChanged')
                if s[0] == path and name in s[3][1]]

    def stop_in_mid_copy(self):
        """A refresh whose workers have copied one file each and stand still; its path, their pids."""
        job, = self.bus.call('Refresh')
        pids = lab.wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS)
                              and self.lab.stopped_worker_pids(), what='hook')
        # A daemon that has little of the machine takes in later what they had reported before.
        lab.wait_until(lambda: all(done > 0 for _, done, _ in self.job(job)['EspProgress'])
                       and ': copying ' in self.job(job)['Message'], what='what both have reported')
        return job, pids

    def let_go(self, job, pids):
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        removed = self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job])
        self.assertEqual(removed[0][3], 'done')

    def test_bytes_go_up_to_their_total_and_are_those_of_the_esps(self):
        self.lab.add_kernel(BIG, image=IMAGE, initrd=INITRD)
        self.start('--test-hook=stage:2:stop')
        job, pids = self.stop_in_mid_copy()
        at = self.job(job)
        esps = {esp['Uuid']: esp['path'] for esp in self.bus.esps().values()}

        self.assertEqual(sorted(at['Esps']), sorted(esps.values()))
        self.assertEqual(sorted(uuid for uuid, _, _ in at['EspProgress']), sorted(self.ESPS))
        self.assertEqual(sum(done for _, done, _ in at['EspProgress']), at['BytesDone'])
        self.assertEqual(sum(total for _, _, total in at['EspProgress']), at['BytesTotal'])
        # Written and read back, on each.
        self.assertGreaterEqual(at['BytesTotal'], 2 * len(self.ESPS) * (IMAGE + INITRD))
        self.assertLess(at['BytesTotal'], 2 * len(self.ESPS) * (IMAGE + INITRD + 2 * MIB))
        self.assertTrue(0 < at['BytesDone'] < at['BytesTotal'], at)
        self.assertEqual(at['WaitingFor'], '')
        self.assertRegex(at['Message'], r'^(AAAA-0001|BBBB-0002): copying (vmlinuz|initrd\.img)-')

        # A rate is measured over a quarter of a second at least; some disks take all in less.
        time.sleep(0.3)
        self.let_go(job, pids)
        done, total = self.changes(job, 'BytesDone'), self.changes(job, 'BytesTotal')
        self.assertEqual(done, sorted(done))
        self.assertEqual((total[-1], done[-1]), (at['BytesTotal'], at['BytesTotal']))
        self.assertGreater(max(self.changes(job, 'Rate')), 0)
        self.assertEqual(self.changes(job, 'Progress')[-1], 100)
        for parts in self.changes(job, 'EspProgress'):
            self.assertLessEqual({uuid for uuid, _, _ in parts}, set(self.ESPS))

    def test_only_what_has_changed_is_told(self):
        self.start()
        job, = self.bus.call('Refresh')
        self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job])
        told = [s[3] for s in self.bus.seen('PropertiesChanged') if s[0] == job]
        self.assertTrue(told)
        last = {}
        for interface, changed, invalidated in told:
            self.assertEqual((interface, invalidated), (JOB, []))
            self.assertTrue(0 < len(changed) < 8, changed)
            for name, value in changed.items():
                # A file may be told of again, and that the disk is waited for.
                if name not in ('Esps', 'Message', 'EspProgress'):
                    self.assertNotEqual(last.get(name), value, name)
            last |= changed

    def test_a_job_of_named_esps_works_on_them_alone_and_one_that_waits_names_the_one_before(self):
        self.start('--test-hook=stage:2:stop')
        job, pids = self.stop_in_mid_copy()
        second, = self.bus.call('Verify')
        third, = self.bus.call('Refresh', arguments=(self.bus.options(esps=[self.ESPS[1]]),))
        number = {path: path.rsplit('/', 1)[1] for path in (job, second, third)}
        esps = {esp['Uuid']: esp['path'] for esp in self.bus.esps().values()}

        self.assertEqual(self.job(second)['WaitingFor'], f'job {number[job]}')
        self.assertEqual(sorted(self.job(second)['Esps']), sorted(esps.values()))
        self.assertEqual(self.job(third)['WaitingFor'], f'job {number[second]}')
        self.assertEqual(self.job(third)['Esps'], [esps[self.ESPS[1]]])
        self.assertEqual((self.job(third)['BytesTotal'], self.job(third)['EspProgress']), (0, []))

        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        self.bus.wait_no_job()
        self.bus.drain()
        self.assertEqual(self.changes(third, 'WaitingFor'), [''])
        total = self.changes(second, 'BytesTotal')[-1]
        self.assertEqual(self.changes(second, 'BytesDone')[-1], total)
        # Each file of both kernels is read on both ESPs, and its source.
        self.assertGreaterEqual(total, 2 * 2 * 2 * (64 + 256) * 1024)

    def test_what_is_stored_is_pending_until_a_refresh_has_brought_it_to_the_esps(self):
        self.start()
        self.assertEqual(set(self.pending()) & {f'add {self.OLD}', f'add {self.NEW}'},
                         {f'add {self.OLD}', f'add {self.NEW}'})
        self.bus.refresh()
        self.assertEqual(self.pending(), [])

        self.assertEqual(self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {})),
                         ('/',))
        self.assertEqual(self.pending(), [f'default {self.OLD}'])
        self.bus.wait_no_job()
        self.assertEqual(self.pending(), [f'default {self.OLD}'])
        self.bus.refresh()
        self.assertEqual(self.pending(), [])
        self.assertEqual(self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {})),
                         ('/',))
        self.assertEqual(self.pending(), [])
        self.bus.drain()
        told = [s[3][1]['Pending'] for s in self.bus.seen('PropertiesChanged')
                if s[0] == ROOT_PATH and 'Pending' in s[3][1]]
        self.assertIn([f'default {self.OLD}'], told)
        self.assertEqual(told[-1], [])

    def pending(self):
        return self.bus.properties()['Pending']

    def test_a_job_that_takes_long_leaves_lines_in_a_log(self):
        result = self.run_slowly('refresh')
        self.assertEqual(result.status, 0, result.err)
        # It is printed after three seconds, wherever a slow machine is by then.
        self.assertRegex(result.err, r'\Ajob 1 refresh  \d+ %  .*(copying|reading|waiting for the disk)\b.*\n\Z')
        self.assertIn('In sync', result.out)

    def test_a_quiet_job_leaves_none(self):
        result = self.run_slowly('refresh', '-q')
        self.assertEqual((result.status, result.out, result.err), (0, '', ''))
        self.assert_synced()

    def run_slowly(self, *arguments):
        """The workers stand still for four seconds."""
        def let_go():
            pids = lab.wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS)
                                  and self.lab.stopped_worker_pids(), what='hook')
            time.sleep(4)
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        helper = threading.Thread(target=let_go)
        helper.start()
        try:
            return self.bootctl(*arguments, daemon_options=['--test-hook=stage:2:stop'])
        finally:
            helper.join()


if __name__ == '__main__':
    lab.main()
