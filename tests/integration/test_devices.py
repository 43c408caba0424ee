#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which device is formatted or set up: the one that was asked about, whatever a name leads to by
then. The disks are loop devices, so this needs root."""

import fcntl
import os
import subprocess

import lab
import test_polkit
from disks import Disk, number_of, show
from lab import LabCase
from privatebus import CallError, ERROR

BY_ID = '/dev/disk/by-id/mine'


class TwoDisks(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.first = self.disk('sda', model='Lab Disk', serial='FIRST')
        self.second = self.disk('sdb', model="$(id) <b>'); Format", serial='\u202eSECOND')
        self.link('sda1')

    def disk(self, *arguments, **kwargs):
        disk = Disk(self.lab, *arguments, **kwargs)
        self.addCleanup(disk.detach)
        return disk

    def link(self, name, path=BY_ID, prefix='../../'):
        """Let @path lead to @name, as it pleases whoever may change it."""
        link = self.lab.path(path[1:])
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(prefix + name)

    def assert_error(self, name, method, signature, arguments):
        with self.assertRaises(CallError) as caught:
            self.bus.call(method, signature, arguments)
        self.assertEqual(caught.exception.name, ERROR + name, caught.exception)
        return str(caught.exception)

    def hold_the_queue(self):
        """No job begins until the descriptor is closed."""
        path = self.lab.path('run/bootsync/root.lock')
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd


class AsRoot(TwoDisks):
    def prepare(self):
        super().prepare()
        self.bus = self.lab.start_bus()
        self.lab.start_daemon('--debug')
        self.bus.call('ProbePartitions', arguments=(self.bus.options(wait=True),))

    def format(self, name, wait=True, **options):
        return self.bus.call('FormatEsp', '(sa{sv})', (name, self.bus.options(wait=wait, **options)))

    def describe(self, name):
        return self.bus.call('GetPartition', '(sa{sv})', (name, {}))

    def test_a_partition_is_formatted_by_any_of_its_names(self):
        self.format(BY_ID)
        self.assertEqual((self.first.content(), self.second.content()), ('vfat', ''))

    def test_a_link_that_leads_elsewhere_by_the_time_of_the_job_changes_nothing(self):
        before, lock = self.second.digest(), self.hold_the_queue()
        self.format(BY_ID, wait=False)
        self.link('sdb1')
        os.close(lock)
        self.bus.wait_no_job()
        self.assertEqual(self.first.content(), 'vfat')
        self.assertEqual(self.second.digest(), before)

    def test_another_disk_that_takes_the_place_of_the_one_that_was_named_is_left_alone(self):
        lock = self.hold_the_queue()
        self.format('/dev/sda1', wait=False)
        self.first.detach()
        self.first.attach()
        before = self.first.digest()
        os.close(lock)
        self.bus.run(lambda: self.bus.removed_jobs('format'))
        (_, _, _, result, error, message), = self.bus.removed_jobs('format')
        self.assertEqual((result, error), ('failed', ERROR + 'DeviceChanged'), message)
        self.assertIn("'/dev/sda1'", message)
        self.assertEqual(self.first.digest(), before)
        self.format('/dev/sda1')
        self.assertEqual(self.first.content(), 'vfat')

    def test_calls_for_one_device_by_two_names_share_a_job(self):
        lock = self.hold_the_queue()
        jobs = {self.format(name, wait=False) for name in ('/dev/sda1', BY_ID, '/dev//sda1')}
        other = self.format('/dev/sdb1', wait=False)
        os.close(lock)
        self.bus.wait_no_job()
        self.assertEqual(len(jobs), 1)
        self.assertNotIn(other, jobs)

    def test_an_esp_whose_uuid_leads_to_another_device_is_not_set_up(self):
        self.format('/dev/sda1')
        uuid = subprocess.run(['blkid', '-p', '-s', 'UUID', '-o', 'value', self.first.partition],
                              check=True, capture_output=True, text=True).stdout.strip()
        twin = self.lab.path('twin.raw')
        with open(self.first.partition, 'rb') as source, open(twin, 'wb') as target:
            target.write(source.read())
        # A device that no look finds, as one that was plugged in a moment ago.
        loop = subprocess.run(['losetup', '-f', '--show', twin], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.addCleanup(subprocess.run, ['losetup', '-d', loop], check=True)
        os.mknod(self.lab.path('dev/twin'), 0o60600, os.stat(loop).st_rdev)
        self.link('twin', path=f'/dev/disk/by-uuid/{uuid}')
        before = twin.read_bytes()
        message = self.assert_error('DeviceChanged', 'InitEsp', '(ssa{sv})',
                                    ('/dev/sda1', 'systemd-boot', self.bus.options(wait=True)))
        self.assertIn(uuid, message)
        self.assertEqual(twin.read_bytes(), before)

    def test_what_a_name_leads_to_is_told_with_model_and_serial_number(self):
        size = 260 * lab.MIB
        self.assertEqual(self.describe(BY_ID),
                         ('/dev/sda1', '/dev/sda', 'Lab Disk', 'FIRST', '', '', size))
        self.assertEqual(self.describe('/dev/sdb1'),
                         ('/dev/sdb1', '/dev/sdb', '??id? ?b???? Format', '???SECOND', '', '', size))
        self.first.detach()
        self.first.attach()
        self.assertEqual(self.describe(BY_ID), ('/dev/sda1', '', '', '', '', '', 0))

    def test_candidates_are_told_with_label_and_the_commands_that_make_them_esps(self):
        subprocess.run(['mkfs.ext4', '-q', '-L', "my 'data'", self.second.partition], check=True)
        self.bus.call('ProbePartitions', arguments=(self.bus.options(wait=True),))
        rows, disks = self.bus.call('ListCandidates')
        found = {row[0]: row[1:] for row in rows}
        self.assertEqual(found['/dev/sda1'][-2:], (
            '', ['bootctl-pve format /dev/sda1', 'bootctl-pve init /dev/sda1']))
        self.assertEqual(found['/dev/sdb1'][4:6], ('ext4', 'my ?data?'))
        self.assertEqual(found['/dev/sdb1'][2], '??id? ?b???? Format')
        self.assertIn("holds data already ('ext4')", found['/dev/sdb1'][-2])
        self.assertEqual(disks, [('/dev/sda', "'/dev/sda' has no ESP"),
                                 ('/dev/sdb', "'/dev/sdb' has no ESP")])
        self.format('/dev/sda1')
        self.bus.call('ProbePartitions', arguments=(self.bus.options(wait=True),))
        rows, disks = self.bus.call('ListCandidates')
        self.assertEqual(rows[0][-2:], ('', ['bootctl-pve init /dev/sda1']))
        self.assertIn("has an ESP, '/dev/sda1', that is not on the list", disks[0][1])

    def root_on(self, *partitions):
        """The root of this host is an array of these partitions."""
        number = (60, 77)  # for experiments
        show(self.lab, 'md0', '../../virtual/block/', number)
        for name in partitions:
            self.lab.path(f'sys/devices/virtual/block/md0/slaves/{name}').mkdir(parents=True)
        self.lab.write('proc/self/mountinfo',
                       '30 1 %u:%u / / rw shared:1 - ext4 /dev/md0 rw\n' % number)

    def root_disks_without_esp(self):
        return {w[2]: w[3:] for w in self.bus.properties()['Warnings'] if w[0] == 'root-disk-without-esp'}

    def test_disks_of_the_root_are_candidates_first_and_told_of_while_they_have_no_esp(self):
        self.root_on('sdb1')
        self.bus.call('ProbePartitions', arguments=(self.bus.options(wait=True),))
        rows, disks = self.bus.call('ListCandidates')
        self.assertEqual([row[0] for row in rows], ['/dev/sdb1', '/dev/sda1'])
        self.assertEqual(dict(disks)['/dev/sdb'], "'/dev/sdb' carries the root (array md0), and has no "
                                                  'ESP; the host cannot boot from it')
        self.assertEqual(self.root_disks_without_esp(), {}, 'nobody has asked for ESPs here')

        self.format('/dev/sda1')
        uuid = subprocess.run(['blkid', '-p', '-s', 'UUID', '-o', 'value', self.first.partition],
                              check=True, capture_output=True, text=True).stdout.strip()
        self.lab.path('etc/kernel/proxmox-boot-uuids').write_text(uuid + '\n')
        self.link('sda1', f'/dev/disk/by-uuid/{uuid}')  # the daemon looks by itself
        found = lab.wait_until(self.root_disks_without_esp, what='a warning')
        self.assertEqual(list(found), ['/dev/sdb'])
        self.assertIn("Disk '/dev/sdb' carries the root (array md0) but has no synced ESP",
                      found['/dev/sdb'][0])

    def test_names_that_lead_out_of_dev_are_refused_and_not_followed(self):
        slow = self.lab.path('slow')
        slow.mkdir()
        os.mknod(slow / 'part', 0o60600, os.stat(self.first.partition).st_rdev)
        self.link('slow', path='/dev/slow', prefix='../')
        self.link('dev/slow/part', path='/dev/chain', prefix='../')
        self.link('/proc/self/fd', path='/dev/fd', prefix='')
        os.mkfifo(self.lab.path('dev/fifo'))
        before = self.first.digest()
        for name in ('/slow/part', '/dev/slow/part', '/dev/chain', '/dev/../slow/part', '/dev/fd/0',
                     '/dev/../etc/kernel/cmdline', '/proc/self/fd/0', '/dev/fifo'):
            wait = self.bus.options(wait=True, force=True)
            self.assert_error('NotAPartition', 'FormatEsp', '(sa{sv})', (name, wait))
            self.assert_error('NotAPartition', 'InitEsp', '(ssa{sv})', (name, 'grub', {}))
            self.assert_error('NotAPartition', 'GetPartition', '(sa{sv})', (name, {}))
        self.assertEqual(self.first.digest(), before)


class AsStranger(TwoDisks, test_polkit.PolkitCase):
    """In the order in which polkit is asked."""

    def prepare(self):
        super().prepare()
        self.bus.call('ProbePartitions', arguments=(self.bus.options(wait=True),))

    def format(self, name):
        return self.start('FormatEsp', '(sa{sv})', [name, {}])

    def assert_all_as_it_was(self, before):
        self.assertEqual([disk.digest() for disk in (self.first, self.second)], before)

    def test_the_dialog_shows_what_is_meant_and_rules_can_go_by_it(self):
        self.start_polkit()
        self.call('FormatEsp', '(sa{sv})', [BY_ID, {}])
        self.call('InitEsp', '(ssa{sv})', ['/dev/sdb1', 'grub', {}])
        first, second = (question['details'] for question in self.asked(2))
        self.assertEqual(first, {
            'device': '/dev/sda1', 'size': '260.0 MiB', 'content': 'holds nothing',
            'disk': "/dev/sda, 'Lab Disk' with the serial number 'FIRST'", 'model': 'Lab Disk',
            'serial': 'FIRST', 'number': '%u:%u' % number_of(self.first.partition),
            'diskseq': str(self.first.diskseq), 'force': 'no',
            'polkit.message': 'Format $(device) ($(size), $(content)) on the disk $(disk)?'})
        self.assertEqual((second['loader'], second['model'], second['serial']),
                         ('grub', '??id? ?b???? Format', '???SECOND'))
        self.assertEqual(second['polkit.message'],
                         'Set up $(device) ($(size), $(content)) on the disk $(disk) as an EFI '
                         'System Partition?')

    def test_a_link_that_leads_elsewhere_after_the_question_is_another_question(self):
        before = [disk.digest() for disk in (self.first, self.second)]
        self.start_polkit(format_esp='late')
        child = self.format(BY_ID)
        question, = self.asked(1)
        self.assertEqual(question['details']['device'], '/dev/sda1')
        self.link('sdb1')
        self.put('late', {question['id']: 'yes'})
        again = self.asked(2)[-1]
        self.assertEqual(again['details']['device'], '/dev/sdb1')
        self.put('late', {again['id']: 'no'})
        self.assert_refused(self.finish(child), 'format-esp')
        self.assert_all_as_it_was(before)

    def test_another_disk_after_the_question_is_another_question(self):
        self.start_polkit(format_esp='late')
        child = self.format('/dev/sda1')
        question, = self.asked(1)
        self.first.detach()
        self.first.attach()
        before = [disk.digest() for disk in (self.first, self.second)]
        self.put('late', {question['id']: 'yes'})
        again = self.asked(2)[-1]
        self.assertNotEqual(again['details']['diskseq'], question['details']['diskseq'])
        self.assertEqual(again['details']['disk'], 'that was not looked at')
        self.put('late', {again['id']: 'no'})
        self.assert_refused(self.finish(child), 'format-esp')
        self.assert_all_as_it_was(before)

    def test_what_polkit_says_yes_to_is_formatted(self):
        before = self.second.digest()
        self.start_polkit(format_esp='yes')
        self.assert_done(self.finish(self.format(BY_ID)))
        self.bus.wait_no_job()
        self.assertEqual(self.first.content(), 'vfat')
        self.assertEqual(self.second.digest(), before)


class Traced(TwoDisks):
    def test_a_name_is_followed_within_dev_and_the_device_is_opened_by_its_own(self):
        self.lab.path('slow').mkdir()
        self.link('slow', path='/dev/slow', prefix='../')
        trace = self.lab.path('trace')
        for name in '/slow/part', '/dev/slow/part', '/dev/../slow/part':
            self.lab.bootctl('format', name, prefix=['strace', '-ff', '-s', '0', '-o', str(trace),
                                                     '-e', 'trace=%file'])
            named = [line for path in self.lab.root.glob('trace.*')
                     for line in path.read_text(errors='replace').splitlines() if '/slow' in line
                     or 'slow/' in line]
            self.assertEqual([line for line in named if ' = -1 EXDEV' not in line], [])


if __name__ == '__main__':
    lab.main()
