#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A next-boot pin ends once, at the daemon's first start in a later boot, and never before."""

import os
import time

import lab
from lab import LabCase

PIN = 'etc/kernel/next-boot-pin'
RECORD = 'var/lib/bootsync/next-boot'


class NextBoot(LabCase):
    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)
        self.lab.settings(auto_sync=True)
        self.lab.write('proc/stat', f'cpu 0\nbtime {int(time.time()) - 3600}\n')
        self.lab.start_bus()

    def start(self):
        self.lab.start_daemon('--debug')
        self.lab.bus.wait_idle()

    def restart(self, boot=False):
        self.lab.stop_daemon()
        if boot:
            self.lab.new_boot()
            self.lab.write('proc/stat', f'cpu 0\nbtime {int(time.time()) + 10}\n')
        self.start()

    def pin(self, version):
        self.lab.bus.call('PinKernel', '(ssa{sv})',
                          (version, 'next-boot', self.lab.bus.options(wait=True)))

    def assert_pinned(self, version):
        self.assertEqual(self.lab.read(PIN).strip(), version)
        self.assertEqual(self.lab.bus.properties()['NextBootKernel'], version)
        for uuid in self.ESPS:
            self.assertEqual(self.lab.default_patterns(uuid), [f'proxmox-{version}.conf'])

    def assert_ended(self):
        self.assertFalse(self.lab.path(PIN).exists())
        self.assertFalse(self.lab.path(RECORD).exists())
        self.assertEqual(self.lab.bus.properties()['NextBootKernel'], '')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.default_patterns(uuid), ['proxmox-*'])

    def test_pin_survives_restarts_in_its_boot_and_ends_once_in_the_next(self):
        self.start()
        self.pin(self.OLD)
        for _ in range(3):
            self.restart()
            self.assert_pinned(self.OLD)
        self.restart(boot=True)
        self.assert_ended()
        self.assertEqual([job[3] for job in self.lab.bus.removed_jobs('refresh')][-1:], ['done'])

    def test_end_of_a_pin_is_one_refresh(self):
        self.start()
        self.pin(self.OLD)
        self.lab.bus.wait_idle()
        before = len(self.lab.bus.removed_jobs('refresh'))
        self.restart(boot=True)
        self.assert_ended()
        time.sleep(1)  # the echo of the daemon's own change would have come by now
        self.lab.bus.wait_idle()
        jobs = self.lab.bus.removed_jobs('refresh')[before:]
        self.assertEqual([job[3] for job in jobs], ['done'])

    def test_pin_set_again_in_the_next_boot_lasts_for_the_one_after_it(self):
        self.start()
        self.pin(self.OLD)
        self.restart(boot=True)
        self.assert_ended()
        self.pin(self.OLD)
        self.restart()
        self.assert_pinned(self.OLD)
        self.restart(boot=True)
        self.assert_ended()

    def test_pin_of_another_tool_is_adopted_in_mid_boot_and_ends_in_the_next(self):
        self.lab.write(PIN, self.OLD + '\n')
        self.start()
        self.assert_pinned(self.OLD)
        self.assertTrue(self.lab.path(RECORD).exists())
        self.restart(boot=True)
        self.assert_ended()

    def test_pin_of_another_tool_from_before_this_boot_is_spent_at_the_first_start(self):
        self.lab.write(PIN, self.OLD + '\n')
        os.utime(self.lab.path(PIN), (1000000000, 1000000000))
        self.start()
        self.assert_ended()

    def test_unknown_boot_spends_nothing(self):
        self.start()
        self.pin(self.OLD)
        self.lab.stop_daemon()
        self.lab.path('proc/sys/kernel/random/boot_id').unlink()
        self.start()
        self.assert_pinned(self.OLD)

    def test_torn_record_spends_no_pin_of_this_boot(self):
        self.start()
        self.pin(self.OLD)
        self.lab.stop_daemon()
        self.lab.write(RECORD, b'v1\npin vers')
        self.start()
        self.assert_pinned(self.OLD)

    def test_private_daemon_never_ends_a_pin(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.lab.new_boot()
        self.bootctl('refresh')
        self.assertTrue(self.lab.path(PIN).exists())
        self.start()
        self.assert_ended()

    def test_end_is_synced_with_autosync_off_too(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.lab.settings(auto_sync=False)
        self.lab.new_boot()
        self.start()
        self.assert_ended()

    def test_unpin_forgets_the_record(self):
        self.start()
        self.pin(self.OLD)
        self.assertTrue(self.lab.path(RECORD).exists())
        self.lab.bus.call('UnpinKernel', '(sa{sv})',
                          ('next-boot', self.lab.bus.options(wait=True)))
        self.assert_ended()


if __name__ == '__main__':
    lab.main()
