#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Frontends in two languages drive the daemon with nothing but the bus: GDBus and busctl."""

import os
import signal
import subprocess
import time
from select import select

from gi.repository import Gio, GLib

import lab
from lab import MIB, LabCase, wait_until
from privatebus import CallError, ERROR, ESP, JOB, MANAGER, NAME, ROOT_PATH

REFRESH_AND_WAIT = ('call', NAME, ROOT_PATH, MANAGER, 'Refresh', 'a{sv}', '1', 'wait', 'b', 'true')


class Frontend(LabCase):
    def prepare(self):
        self.lab.add_kernel(self.OLD)
        self.lab.add_kernel(self.NEW, initrd=96 * MIB)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.bus = self.lab.bus
        self.bus.run(lambda: not any(JOB in i for i in self.bus.objects().values()),
                     what='end of the first look')
        self.bus.drain()
        self.bus.signals.clear()

    def changes(self, interface):
        """Properties that PropertiesChanged told of: [(path, changed)]."""
        return [(path, arguments[1]) for path, _, _, arguments in self.bus.seen('PropertiesChanged')
                if arguments[0] == interface]

    def progress(self):
        return [changed['Progress'] for _, changed in self.changes(JOB) if 'Progress' in changed]

    def test_gdbus_client_sees_a_refresh_from_its_beginning_to_its_end(self):
        replies = []
        # JobRemoved is subscribed to already: a short job may end before the reply.
        self.bus.call_async('Refresh', '(a{sv})', ({},), replies.append)
        self.bus.run(lambda: replies)
        job = replies[0][0]
        removed = self.bus.run(self.bus.removed_jobs, timeout=120)
        self.assertEqual([r[:5] for r in removed],
                         [(int(job.rsplit('/', 1)[1]), job, 'refresh', 'done', '')])
        self.assertRegex(removed[0][5], r'\ACopied 2 kernels \(.* to 2 ESPs in .*, removed none\.\Z')
        self.assert_synced()

    def test_progress_is_seen_and_only_grows(self):
        self.bus.call('Refresh')
        self.bus.run(self.bus.removed_jobs, timeout=120)
        steps = self.progress()
        self.assertEqual(steps, sorted(steps))
        self.assertTrue([p for p in steps if 0 < p < 100], steps)

    def test_progress_comes_at_most_four_times_a_second(self):
        started = time.monotonic()
        self.bus.call('Refresh')
        self.bus.run(self.bus.removed_jobs, timeout=120)
        steps = set(self.progress())
        self.assertLessEqual(len(steps), 4 * (time.monotonic() - started) + 3, steps)

    def test_jobnew_and_interfacesadded_come_before_the_reply(self):
        order = []
        self.bus.call_async('Refresh', '(a{sv})', ({},), lambda reply: order.append(reply[0]))
        self.bus.run(lambda: order)
        job = order[0]
        new = [s for s in self.bus.seen('JobNew') if s[3][1] == job]
        added = [s for s in self.bus.seen('InterfacesAdded') if s[3][0] == job]
        self.assertEqual(len(new), 1)
        self.assertEqual(new[0][3], (int(job.rsplit('/', 1)[1]), job, 'refresh'))
        self.assertEqual(len(added), 1)
        self.assertIn(JOB, added[0][3][1])
        self.assertEqual(added[0][0], ROOT_PATH)
        self.bus.run(self.bus.removed_jobs, timeout=120)

    def test_a_job_is_an_object_while_it_runs_and_gone_when_it_was_removed(self):
        job, = self.bus.call('Refresh')
        properties = self.bus.properties(job, JOB)
        self.assertEqual((properties['Type'], properties['StartedByUid'], properties['Id']),
                         ('refresh', os.getuid(), int(job.rsplit('/', 1)[1])))
        self.assertIn(properties['State'], ('queued', 'running'))
        self.assertIn(job, self.bus.objects())
        self.bus.run(self.bus.removed_jobs, timeout=120)
        self.bus.run(lambda: [s for s in self.bus.seen('InterfacesRemoved') if s[3][0] == job])
        self.assertNotIn(job, self.bus.objects())
        with self.assertRaises(CallError):
            self.bus.properties(job, JOB)

    def test_object_manager_lists_the_esps(self):
        esps = self.bus.esps()
        self.assertEqual(set(esps), set(self.ESPS))
        for uuid, esp in esps.items():
            self.assertTrue(esp['path'].startswith(ROOT_PATH + '/esp/'), esp['path'])
            self.assertEqual(self.bus.properties(esp['path'], ESP)['Uuid'], uuid)

    def test_an_esp_that_joins_or_leaves_the_list_is_announced(self):
        self.lab.add_esp('CCCC-0003')
        added = self.bus.run(
            lambda: [s for s in self.bus.seen('InterfacesAdded') if ESP in s[3][1]])
        self.assertEqual(added[0][3][1][ESP]['Uuid'], 'CCCC-0003')
        self.lab.list_esps(*self.ESPS)
        self.bus.run(lambda: [s for s in self.bus.seen('InterfacesRemoved')
                              if s[3] == (added[0][3][0], [ESP]) or
                              (s[3][0] == added[0][3][0] and ESP in s[3][1])])
        self.assertEqual(set(self.bus.esps()), set(self.ESPS))

    def test_properties_changed_tells_the_new_state(self):
        self.bus.refresh()
        self.bus.drain()
        last = {}
        for _, changed in self.changes(MANAGER):
            last.update(changed)
        self.assertEqual((last['InSync'], last['LastRefreshResult'], last['Redundancy']),
                         (True, 'done', 'redundant'))
        states = [changed['State'] for _, changed in self.changes(ESP) if 'State' in changed]
        self.assertIn('syncing', states)
        self.assertEqual(states[-1], 'in-sync')

    def test_what_was_signalled_is_what_can_be_read(self):
        """A client that never reads again must not be left with an old value."""
        known = {(path, name): values for path, interfaces in self.bus.objects().items()
                 for name, values in interfaces.items() if name == ESP}
        known[ROOT_PATH, MANAGER] = self.bus.properties()
        self.bus.refresh()
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.bus.refresh()

        def agree():
            self.bus.drain()
            for path, _, _, (name, changed, gone) in self.bus.seen('PropertiesChanged'):
                self.assertEqual(gone, [])
                if (path, name) in known:
                    known[path, name].update(changed)
            self.bus.signals.clear()
            return all(values == self.bus.properties(*where) for where, values in known.items())
        # The pin file's change makes the daemon look once more, all by itself.
        self.bus.run(agree, timeout=20, what='agreement')

    def test_a_signal_of_the_host_or_an_esp_carries_only_what_has_changed(self):
        self.bus.refresh()
        self.bus.wait_idle()
        self.bus.drain()
        known = {(path, name): values for path, interfaces in self.bus.objects().items()
                 for name, values in interfaces.items() if name == ESP}
        known[ROOT_PATH, MANAGER] = self.bus.properties()
        self.bus.signals.clear()
        self.lab.add_kernel('6.8.12-9-pve')
        self.bus.refresh()
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.bus.wait_idle()
        self.bus.drain()
        told = 0
        for path, _, _, (name, changed, _) in self.bus.seen('PropertiesChanged'):
            if (path, name) in known:
                values = known[path, name]
                self.assertTrue(changed)
                self.assertEqual([key for key in changed if values.get(key) == changed[key]], [])
                values.update(changed)
                told += 1
        self.assertGreater(told, 4)

    def test_a_second_refresh_joins_the_one_that_waits(self):
        jobs = [self.bus.call('Refresh')[0] for _ in range(4)]
        self.assertLessEqual(len(set(jobs)), 2, jobs)
        self.bus.run(lambda: len(self.bus.removed_jobs()) == len(set(jobs)), timeout=120)
        self.assert_synced()

    def test_a_job_survives_its_caller(self):
        other = self.bus.connect()
        reply = other.call_sync(NAME, ROOT_PATH, MANAGER, 'Refresh', GLib.Variant('(a{sv})', ({},)),
                                None, Gio.DBusCallFlags.NONE, 30000, None)
        other.close_sync(None)
        job, = reply.unpack()
        removed, = self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job], timeout=120)
        self.assertEqual(removed[3], 'done')

    def test_cancel_ends_a_job_as_canceled_and_leaves_every_esp_bootable(self):
        self.bus.refresh()
        for version in (self.OLD, self.NEW):
            self.lab.write_boot(f'initrd.img-{version}', self.lab.bytes(96 * MIB))
        job, = self.bus.call('Refresh')
        self.bus.call('Cancel', path=job, interface=JOB)
        result = self.bus.run(
            lambda: [r for r in self.bus.removed_jobs() if r[1] == job], timeout=120)[0]
        self.assertEqual((result[3], result[4]), ('canceled', ERROR + 'Canceled'))
        self.assert_complete()
        self.bus.refresh()
        self.assert_synced()

    def busctl(self, *arguments, status=0):
        child = subprocess.run(
            ['busctl', f'--address={self.bus.address}', '--timeout=120', *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        self.assertEqual(child.returncode, status, child.stdout + child.stderr)
        return child.stdout.strip() if status == 0 else child.stderr.strip()

    def test_busctl_call_refreshes_and_waits(self):
        reply = self.busctl(*REFRESH_AND_WAIT)
        self.assertRegex(reply, r'^o "/org/bootsync1/job/\d+"$')
        self.assert_synced()

    def test_busctl_gets_a_failure_as_an_error(self):
        for uuid in self.ESPS:
            self.lab.take_away(uuid)
        error = self.busctl(*REFRESH_AND_WAIT, status=1)
        self.assertRegex(error, 'AAAA-0001|ESP')

    def test_busctl_sees_the_progress_of_a_refresh(self):
        with subprocess.Popen(
                ['busctl', f'--address={self.bus.address}', '--json=short', 'monitor', NAME],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True) as monitor:
            # Not every version says when it has begun; calls that it should see are then seen.
            wait_until(lambda: self.bus.properties() and select([monitor.stdout], [], [], 0)[0],
                       what='busctl monitor')
            self.busctl(*REFRESH_AND_WAIT)
            seen = []
            for line in monitor.stdout:
                seen.append(line)
                if '"JobRemoved"' in line:
                    break
            monitor.send_signal(signal.SIGTERM)
        self.assertTrue([line for line in seen if '"JobNew"' in line])
        self.assertTrue([line for line in seen if '"Progress"' in line and JOB in line
                         and 'PropertiesChanged' in line])

    def test_busctl_reads_properties_and_the_tree(self):
        reply = self.busctl('get-property', NAME, ROOT_PATH, MANAGER, 'AutoSync')
        self.assertEqual(reply, 'b false')
        tree = self.busctl('tree', '--list', NAME).splitlines()
        for esp in self.bus.esps().values():
            self.assertIn(esp['path'], tree)


if __name__ == '__main__':
    lab.main()
