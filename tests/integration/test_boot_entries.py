#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The firmware's boot entries of the ESPs are kept: what a reboot has lost is put back, and what a person
has changed stays. Every write to a variable is counted."""

import struct
import time

import lab
from efivars import GLOBAL, GONE, PARTITIONS, SD_BOOT, VARIABLES, UefiCase, Writes, load_option, text
from lab import LabCase
from privatebus import BOOT, BOOT_PATH, CallError

WHOSE = 5  # of an entry as the bus has it
MEMORY = 'var/lib/bootsync/boot-entries'
# Only the daemon and its workers see that.
IN_NAMESPACE = 'unshare', '--mount', '--propagation=private', 'sh', '-ec'


def order(*numbers):
    return struct.pack(f'<{len(numbers)}H', *numbers)


class Kept(UefiCase):
    def prepare(self):
        super().prepare()
        self.set('Boot0002', load_option('proxmox two', PARTITIONS[0], SD_BOOT))
        self.set('Boot0001', load_option('proxmox one', PARTITIONS[1], SD_BOOT))
        self.set('BootOrder', order(1, 7, 2))
        self.set('BootCurrent', order(7))
        self.first, self.second, self.windows = (self.get(f'Boot000{n}') for n in (1, 2, 7))
        self.daemon = ()

    def first_boot(self):
        self.lab.new_boot()
        self.start()
        self.assertIn('number=2', self.remembered('number=2'))

    def start(self):
        self.lab.start_daemon(prefix=self.daemon)
        self.bus = self.lab.bus
        self.bus.wait_idle()
        self.bus.run(lambda: self.boot()['Firmware'] != 'unknown', what="the firmware's word")

    def stop(self):
        self.lab.stop_daemon()
        lab.wait_until(lambda: not self.bus.name_has_owner(), what='the end of the name')

    def remembered(self, word, is_there=True):
        path = self.lab.path(MEMORY)
        self.bus.run(lambda: path.exists() and (word in path.read_text()) == is_there, what=word)
        return path.read_text()

    def reboot(self, *changes):
        """The firmware makes these changes meanwhile."""
        self.stop()
        for change in changes:
            change()
        self.lab.new_boot()
        self.writes = Writes(self.lab.path(VARIABLES))
        self.addCleanup(self.writes.close)
        self.start()

    def word(self, word):
        self.bus.run(lambda: word in self.boot()['EntriesWord'], what=f'{word}: {self.boot()["EntriesWord"]}')

    def quiet(self):
        """Nothing more is written, whatever is asked for."""
        try:
            self.bus.refresh()
        except CallError as error:  # of a disk that is away
            self.assertEqual(error.name, 'org.bootsync1.Error.EspMissing')
        self.bus.wait_idle()
        time.sleep(0.3)
        self.bus.drain()
        return self.writes.take()

    def warnings(self, kind):
        return [w for w in self.bus.properties()['Warnings'] if w[0] == kind]

    def test_without_a_change_nothing_is_written(self):
        self.first_boot()
        self.reboot()
        self.assertEqual(self.quiet(), [])
        self.assertEqual((self.boot()['EntriesKept'], self.boot()['EntriesWord']), ('keep', ''))

    def test_a_dropped_entry_comes_back_byte_for_byte_in_two_writes(self):
        self.first_boot()
        self.reboot(lambda: self.delete('Boot0001'), lambda: self.set('BootOrder', order(7, 2)))
        self.word('set the boot order')
        self.assertEqual(self.quiet(), ['Boot0001', 'BootOrder'])
        self.assertEqual((self.get('Boot0001'), self.order()), (self.first, [1, 7, 2]))
        self.assertEqual(self.get('Boot0007'), self.windows)
        self.assertIn('put Boot0001', self.boot()['EntriesWord'])
        shown = self.bootctl('boot', 'status', status=0)
        self.assertNotIn('BootFFFF', shown.out)

    def test_doubles_go_behind_the_order_and_the_order_among_ours_comes_back(self):
        self.first_boot()
        self.reboot(lambda: self.set('Boot0003', load_option('UEFI OS', PARTITIONS[1], SD_BOOT)),
                    lambda: self.set('BootOrder', order(3, 2, 7, 1)))
        self.word('deleted Boot0003')
        self.assertEqual(self.quiet(), ['BootOrder', '-Boot0003'])
        self.assertEqual(self.order(), [1, 7, 2])
        self.assertEqual(self.get('Boot0007'), self.windows)

    def test_the_entry_of_a_listed_esp_whose_disk_is_dead_comes_back_and_no_other(self):
        self.set('Boot0005', load_option('another', GONE, SD_BOOT))
        self.first_boot()
        node = self.lab.path(f'dev/disk/by-partuuid/{PARTITIONS[0]}')
        self.reboot(lambda: self.delete('Boot0002'), lambda: self.delete('Boot0005'),
                    lambda: self.lab.esp(self.ESPS[0]).unlink(), node.unlink)
        self.word('put Boot0002')
        self.assertEqual(self.quiet(), ['Boot0002'])
        self.assertEqual((self.get('Boot0002'), self.get('Boot0005')), (self.second, None))
        self.assertEqual(self.order(), [1, 7, 2])
        self.assertEqual({e[0]: e[WHOSE] for e in self.boot()['Entries']}, {1: 'ours', 2: 'ours', 7: 'foreign'})

    def test_what_a_person_removes_or_reorders_while_the_host_runs_stays_so(self):
        self.first_boot()
        self.delete('Boot0002')
        self.set('BootOrder', order(7, 1))
        self.remembered('number=2', False)
        self.reboot()
        self.assertEqual(self.quiet(), [])
        self.assertEqual((self.get('Boot0002'), self.order()), (None, [7, 1]))

    def test_a_firmware_that_drops_it_again_is_told_of_and_not_fought(self):
        def drop():
            self.delete('Boot0001')
            self.set('BootOrder', order(7, 2))
        self.first_boot()
        self.reboot(drop)
        self.word('set the boot order')
        self.reboot(drop)
        self.bus.run(lambda: self.warnings('firmware-undoes'), what='the warning')
        self.assertEqual(self.quiet(), [])
        _, severity, subject, sentence, action = self.warnings('firmware-undoes')[0]
        self.assertEqual((severity, subject, action), ('warning', self.ESPS[1], 'bootctl-pve reinit'))
        self.assertIn('EFI\\BOOT', sentence)
        self.set('Boot0004', load_option('proxmox', PARTITIONS[1], SD_BOOT))
        self.bus.run(lambda: not self.warnings('firmware-undoes'), what='the end of it')

    def test_there_is_one_repair_in_a_boot_and_the_next_does_the_rest(self):
        self.first_boot()
        self.reboot(lambda: self.delete('Boot0001'))
        self.word('put Boot0001')
        self.assertEqual(self.quiet(), ['Boot0001'])
        self.stop()
        self.set('Boot0003', load_option('double', PARTITIONS[0], SD_BOOT))
        self.writes.take()
        self.start()
        self.word('waits for the next boot')
        self.assertEqual(self.quiet(), [])
        self.reboot()
        self.word('deleted Boot0003')
        self.assertEqual(self.quiet(), ['-Boot0003'])

    def test_a_memory_that_is_lost_damaged_or_newer_means_no_repair(self):
        for content in None, 'garbage\n', 'boot-entries version=9 boot-id=0\n':
            with self.subTest(content=content):
                self.set('Boot0001', load_option('proxmox one', PARTITIONS[1], SD_BOOT))
                self.first_boot()
                forget = self.lab.path(MEMORY).unlink
                self.reboot(lambda: self.delete('Boot0001'),
                            lambda: self.lab.write(MEMORY, content) if content else forget())
                self.remembered('number=1', False)
                self.assertEqual(self.quiet(), [])
                self.stop()

    def test_with_entries_init_or_without_autosync_nothing_is_repaired_or_remembered(self):
        for sync, entries, kept in (('yes', 'Entries=init', 'init'), ('yes', 'Entries=off', 'off'),
                                    ('no', '', 'init')):
            with self.subTest(entries=entries):
                self.lab.settings(auto_sync=True)
                self.set('Boot0001', load_option('proxmox one', PARTITIONS[1], SD_BOOT))
                self.first_boot()
                config = f'[Sync]\nAutoSync={sync}\nSettleSec=0\n[Firmware]\n{entries}\n'
                self.reboot(lambda: self.delete('Boot0001'),
                            lambda: self.lab.write('etc/bootsync/bootsyncd.conf', config))
                self.assertEqual(self.boot()['EntriesKept'], kept)
                self.bus.run(lambda: not self.lab.path(MEMORY).exists(), what='forgetting')
                self.assertEqual(self.quiet(), [])
                self.stop()

    def test_a_private_daemon_repairs_nothing(self):
        self.first_boot()
        self.stop()
        self.delete('Boot0001')
        self.lab.new_boot()
        writes = Writes(self.lab.path(VARIABLES))
        self.addCleanup(writes.close)
        before = self.lab.read(MEMORY)
        self.bootctl('refresh')
        self.assertIn('made by init and reinit only', self.bootctl('boot', 'status').out)
        self.assertEqual((writes.take(), self.lab.read(MEMORY)), ([], before))

    def check_refused(self, code_words, action):
        self.bus.run(lambda: self.warnings('boot-entries-not-kept'), what='the warning')
        _, severity, _, sentence, mends = self.warnings('boot-entries-not-kept')[0]
        self.assertEqual(severity, 'warning')
        self.assertIn(code_words, sentence)
        self.assertIn('EFI\\BOOT', sentence)
        self.assertTrue(mends.startswith(action), mends)
        self.assertIn(code_words, self.boot()['EntriesWord'])
        self.assertEqual(self.quiet(), [])
        self.assertEqual([e[0] for e in self.boot()['Entries']], [2, 7])

    def test_read_only_variables_are_told_of_and_repaired_when_they_are_none_any_more(self):
        variables = self.lab.path(VARIABLES)
        self.first_boot()
        self.daemon = (*IN_NAMESPACE, f'mount --bind {variables} {variables}; '
                       f'mount -o remount,bind,ro {variables}; exec "$@"', 'sh')
        self.reboot(lambda: self.delete('Boot0001'))
        self.check_refused('read-only', 'mount -o remount,rw')
        self.stop()
        self.daemon = ()
        self.start()
        self.word('put Boot0001')
        self.assertEqual(self.quiet(), ['Boot0001'])
        self.assertEqual(self.warnings('boot-entries-not-kept'), [])

    def test_a_full_memory_of_the_firmware_is_told_of_and_the_next_boot_tries_again(self):
        variables, copy = self.lab.path(VARIABLES), self.lab.path('copy')
        self.first_boot()
        self.daemon = (*IN_NAMESPACE, f'cp -a {variables} {copy}; mount -t tmpfs -o nr_inodes='
                       f'$(($(ls {copy} | wc -l) + 1)) none {variables}; cp {copy}/* {variables}; '
                       'exec "$@"', 'sh')
        self.reboot(lambda: self.delete('Boot0001'))
        self.check_refused('full', 'bootctl-pve reinit')
        self.daemon = ()
        self.reboot()
        self.word('put Boot0001')
        self.assertEqual(self.quiet(), ['Boot0001'])


class NoVariables(LabCase):
    """No efivarfs, no UEFI: nothing to keep, and nothing to complain of."""

    def check(self, firmware):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.wait_idle()
        bus.run(lambda: bus.properties(BOOT_PATH, BOOT)['Firmware'] == firmware, what=firmware)
        bus.refresh()
        self.assertEqual([w for w in bus.properties()['Warnings'] if 'firmware' in w[0] or 'entries' in w[0]], [])
        self.bootctl('boot', 'status', status=0)

    def test_without_efivarfs(self):
        self.lab.path('sys/firmware/efi').mkdir(parents=True)
        self.check('uefi')

    def test_with_a_legacy_bios(self):
        self.check('bios')
        self.assertFalse(self.lab.path(MEMORY).exists())


if __name__ == '__main__':
    lab.main()
