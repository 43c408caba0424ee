#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that hangs and cannot be killed, as on a dying disk: the daemon leaves its ESP aside and
goes on as if nothing were, and takes the ESP back when the worker ends at last."""

import os
import signal
import statistics
import threading
import time

import lab
from lab import LabCase
from privatebus import CallError, ERROR, ESP, MANAGER, ROOT_PATH

GOOD, BAD = 'AAAA-0001', 'BBBB-0002'
CALLS = 50
ROUNDS = 20
LIMIT_MS = 10


class StuckCase(LabCase):
    """The hook of the daemon stops every worker that comes to its point, but only one ESP is out of
    date, so only its worker does. Deadlines are a fiftieth: 2.2 s until an ESP is stuck."""
    ESPS = (GOOD, BAD)
    OPTIONS = ('--test-deadline-percent=2', '--test-no-kill')

    def prepare(self):
        super().prepare()
        self.bootctl('refresh')

    def entry(self, uuid):
        return self.lab.esp(uuid) / f'loader/entries/proxmox-{self.OLD}.conf'

    def start(self, hook, auto_sync=True):
        self.lab.settings(auto_sync)
        self.lab.start_daemon(*self.OPTIONS, f'--test-hook={hook}')
        self.bus = self.lab.bus
        if auto_sync:
            self.bus.wait_idle()

    def states(self):
        return {uuid: esp['State'] for uuid, esp in self.bus.esps().items()}

    def hang(self):
        """Take an entry off the one ESP and refresh. Gives the pid of the worker that hangs."""
        self.entry(BAD).unlink()
        return self.refresh_and_hang()

    def refresh_and_hang(self):
        self.bus.drain()
        self.bus.signals.clear()
        with self.assertRaises(CallError) as caught:
            self.bus.refresh()
        self.assertEqual(caught.exception.name, ERROR + 'Timeout')
        self.assertIn(BAD, caught.exception.message)
        self.bus.run(lambda: self.bus.removed_jobs('refresh'))
        self.assertEqual([job[3] for job in self.bus.removed_jobs('refresh')], ['partial'])
        self.assertEqual(self.states(), {GOOD: 'in-sync', BAD: 'stuck'})
        pid, = self.lab.worker_pids()
        self.addCleanup(self.lab.strays.add, pid)
        return pid

    def assert_back(self):
        self.bus.run(lambda: self.states()[BAD] not in ('stuck', 'unknown', 'syncing'),
                     what='the ESP is back')
        self.bus.wait_idle()
        self.assertEqual(self.states(), {GOOD: 'in-sync', BAD: 'in-sync'})
        self.assertTrue(self.bus.properties()['InSync'])
        self.assert_synced()


class Answers(StuckCase):
    def answer_times_ms(self, path=ROOT_PATH, interface=MANAGER):
        times = []
        for _ in range(CALLS):
            started = time.monotonic()
            self.bus.properties(path, interface)
            times.append((time.monotonic() - started) * 1000)
        return times

    def test_status_is_answered_in_less_than_10_ms_while_a_worker_hangs(self):
        self.start('stage:1:stop')
        self.hang()
        for path, interface in ((ROOT_PATH, MANAGER), (self.bus.esps()[BAD]['path'], ESP)):
            # The machine has other users: a daemon that waits for the worker is late every time,
            # one that is kept from a CPU is not.
            for _ in range(ROUNDS):
                times = self.answer_times_ms(path, interface)
                print(f'# GetAll of {interface}, {CALLS} calls: median '
                      f'{statistics.median(times):.2f} ms, max {max(times):.2f} ms')
                if max(times) < LIMIT_MS:
                    break
                time.sleep(0.3)
            self.assertLess(max(times), LIMIT_MS, interface)
        self.assertEqual(self.states(), {GOOD: 'in-sync', BAD: 'stuck'})

    def test_status_is_answered_before_the_deadline_of_the_worker_too(self):
        self.start('stage:1:stop')
        self.entry(BAD).unlink()
        self.bus.call('Refresh')
        lab.wait_until(self.lab.worker_pids, what='worker')
        slowest = 0
        while self.states()[BAD] != 'stuck':
            slowest = max(slowest, statistics.median(self.answer_times_ms()))
        print(f'# slowest median of {CALLS} calls until the ESP was stuck: {slowest:.2f} ms')
        self.assertLess(slowest, LIMIT_MS)


class LeftAside(StuckCase):
    def test_the_other_esp_is_brought_into_sync_meanwhile(self):
        self.start('stage:3:stop')  # an entry is staged at 1 and 2; the worker of GOOD ends there
        self.entry(GOOD).unlink()
        (self.lab.esp(BAD) / f'EFI/proxmox/{self.OLD}/initrd.img-{self.OLD}').unlink()
        self.hang()
        self.assert_synced(GOOD)

    def test_a_job_during_the_hang_starts_no_second_worker_and_serves_the_other_esp(self):
        self.start('stage:7:stop')  # two files and an entry are staged at 1 to 6
        (self.lab.esp(BAD) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}').write_bytes(b'')
        (self.lab.esp(BAD) / f'EFI/proxmox/{self.OLD}/initrd.img-{self.OLD}').write_bytes(b'')
        (self.lab.esp(BAD) / f'EFI/proxmox/{self.OLD}/vmlinuz-{self.OLD}').write_bytes(b'')
        pid = self.hang()
        for _ in range(2):
            self.entry(GOOD).unlink()
            self.assertEqual(self.refresh_and_hang(), pid)
            self.assert_synced(GOOD)

    def test_its_disk_may_go_and_come_while_the_worker_hangs(self):
        self.start('place:2:stop')
        pid = self.hang()
        for step in (self.lab.take_away, self.lab.bring_back):
            step(BAD)
            self.assertEqual(self.refresh_and_hang(), pid)
        self.lab.end_worker(pid)
        self.assert_back()

    def test_an_esp_that_leaves_the_list_meanwhile_is_forgotten_when_its_worker_ends(self):
        self.start('place:2:stop')
        pid = self.hang()
        self.lab.list_esps(GOOD)
        self.bus.refresh()
        self.lab.end_worker(pid)
        self.bus.run(lambda: self.states() == {GOOD: 'in-sync'}, what='the ESP is forgotten')
        self.lab.list_esps(GOOD, BAD)
        self.bus.run(lambda: self.states() == {GOOD: 'in-sync', BAD: 'in-sync'}, what='its return')


class Back(StuckCase):
    """The late exit of the worker brings the ESP back, without anybody's asking."""

    def test_late_exit_of_a_worker_killed_while_staging_brings_the_esp_back(self):
        self.start('stage:1:stop')
        entry = self.entry(BAD).read_bytes()
        pid = self.hang()
        self.assertTrue(list(self.lab.esp(BAD).rglob('*.new')))
        # The next worker would stop at the same hook, so there must be nothing to stage.
        self.entry(BAD).write_bytes(entry)
        self.lab.end_worker(pid)
        self.assert_back()

    def test_late_exit_of_a_worker_killed_while_committing_brings_the_esp_back(self):
        self.start('place:2:stop')
        pid = self.hang()
        self.lab.end_worker(pid)
        self.assert_back()

    def test_a_worker_that_goes_on_at_last_brings_the_esp_back(self):
        self.start('place:1:stop')
        pid = self.hang()
        os.kill(pid, signal.SIGCONT)
        self.assert_back()

    def test_without_autosync_the_esp_is_only_looked_at(self):
        self.start('stage:1:stop', auto_sync=False)
        pid = self.hang()
        self.lab.end_worker(pid)
        self.bus.run(lambda: self.states()[BAD] == 'outdated', what='the look')
        self.assertFalse(self.bus.properties()['InSync'])


class Restarted(StuckCase):
    """The daemon is stopped and started again, without hook, while the worker of the former one
    still hangs and holds the lock of its ESP."""

    def restart(self, hook='stage:1:stop'):
        """Gives the pid of the worker."""
        self.start(hook)
        pid = self.hang()
        self.entry(GOOD).unlink()
        for _ in range(2):
            self.lab.stop_daemon()
            self.assertEqual(self.lab.worker_pids(), [pid])
            self.lab.start_daemon()
            self.bus.wait_idle()
            self.assertEqual(self.states(), {GOOD: 'in-sync', BAD: 'stuck'})
            self.assertEqual(self.bus.properties()['LastRefreshResult'], 'partial')
            self.assertEqual(self.refresh_and_hang(), pid)
        self.assert_synced(GOOD)
        return pid

    def test_a_stop_waits_for_a_worker_that_ends_in_a_moment(self):
        self.start('stage:1:stop')
        pid = self.hang()
        timer = threading.Timer(1, os.kill, (pid, signal.SIGCONT))
        timer.start()
        self.addCleanup(timer.join)
        self.bus.stop_daemon()
        self.assertEqual(self.lab.worker_pids(), [])

    def test_the_esp_is_stuck_without_a_second_worker_until_the_old_one_is_killed(self):
        self.lab.end_worker(self.restart())
        self.assert_back()

    def test_an_old_worker_that_goes_on_while_staging_ends_by_itself(self):
        os.kill(self.restart(), signal.SIGCONT)
        self.assert_back()

    def test_an_old_worker_that_goes_on_while_committing_ends_by_itself(self):
        os.kill(self.restart('place:1:stop'), signal.SIGCONT)
        self.assert_back()


if __name__ == '__main__':
    lab.main()
