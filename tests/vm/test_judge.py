# SPDX-License-Identifier: LGPL-2.1-or-later
"""What judges the ESPs of the VM lab, on small FATs made by hand."""

import random
import socket
import struct
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / 'integration')]

import loaders  # noqa: E402
import nbdlog  # noqa: E402
from disk import Disk, tool  # noqa: E402
from fat import Fat, FatError  # noqa: E402
from nbdlog import RECORD, REQUEST, Flush, Recording, Server, Write  # noqa: E402
from tap import main  # noqa: E402
from writelog import (  # noqa: E402
    BLOCK, NO_LOADER, SECTOR, Blocks, BlockWrite, GrubInitJudge, InitJudge, Judge, State,
    Trial, subsets)

SIZE = 300 << 20  # of a sparse image
BEGINNING = 2 << 20  # all that is written is there
OLD = (b'1' * BLOCK, b'2' * BLOCK, b'3' * 100)
NEW = (b'4' * BLOCK, b'5' * BLOCK, b'6' * 200)
ENTRY = b'options %s\nlinux /EFI/proxmox/1.0/vmlinuz-1.0\ninitrd /EFI/proxmox/1.0/initrd.img-1.0\n'
KERNEL, STAGED = 'EFI/proxmox/1.0/vmlinuz-1.0', 'EFI/proxmox/1.0/vmlinuz-1.0.new'

GRUB_CFG = '''if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="%s"
fi
function gfxmode {
	set gfxpayload="${1}"
}
menuentry 'Proxmox GNU/Linux' --class os $menuentry_id_option 'gnulinux-simple-X' {
	linux	/vmlinuz-2.0 root=/dev/sda ro quiet
	initrd	/initrd.img-2.0
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-X' {
	menuentry 'Linux 2.0' --class os $menuentry_id_option 'gnulinux-2.0-advanced-X' {
		linux	/vmlinuz-2.0 root=/dev/sda ro quiet
		initrd	/initrd.img-2.0
	}
	menuentry 'Linux 1.0' --class os $menuentry_id_option 'gnulinux-1.0-advanced-X' {
		linux	/vmlinuz-1.0 root=/dev/sda ro
		initrd	/initrd.img-1.0
	}
}
'''


class Partition(Disk):
    """A FAT and nothing around it."""

    @classmethod
    def formatted(cls, path):
        esp = cls.blank(path, 'esp', SIZE)
        esp.esp_offset, esp.esp_size = 0, SIZE
        tool('mkfs.fat', '-F32', '-s', BLOCK // SECTOR, path)
        return esp

    @property
    def _drive(self):
        return str(self.path)


class Case(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)


class EspCase(Case):
    def setUp(self):
        super().setUp()
        self.esp = Partition.formatted(self.directory / 'esp')


class SystemdBoot(EspCase):
    def setUp(self):
        super().setUp()
        for version in ('9.0', '10.0'):
            self.esp.write(f'loader/entries/proxmox-{version}.conf',
                           f'linux /{version}/vmlinuz\ninitrd /{version}/initrd\n'
                           'options x y\n'.encode())
        self.default('proxmox-*')

    def default(self, pattern):
        self.esp.write('loader/loader.conf', f'default {pattern}\n'.encode())

    def choice(self):
        return tuple(loaders.systemd_boot(Fat(self.esp)))

    def test_a_pattern_takes_the_newest(self):
        self.assertEqual(self.choice(), ('10.0/vmlinuz', '10.0/initrd', 'x y'))

    def test_a_pin_takes_its_entry(self):
        self.default('proxmox-9.0.conf')
        self.assertEqual(self.choice(), ('9.0/vmlinuz', '9.0/initrd', 'x y'))

    def test_an_entry_without_a_kernel_is_none(self):
        self.esp.write('loader/entries/proxmox-11.0.conf', b'')
        self.assertEqual(self.choice()[0], '10.0/vmlinuz')

    def test_a_default_that_leads_nowhere_is_told(self):
        self.default('proxmox-8.0.conf')
        self.assertRaisesRegex(FatError, 'leads to none', self.choice)

    def test_a_loader_conf_that_is_not_there_is_told(self):
        tool('mdel', '-i', self.esp._drive, '::/loader/loader.conf')
        self.assertRaises(FatError, self.choice)

    def test_a_long_name_without_its_own_slot_is_no_name(self):
        fat = Fat(self.esp)
        slot = fat.slot('loader/entries/proxmox-10.0.conf')
        with open(self.esp.path, 'r+b') as f:
            f.seek(slot.position)
            f.write(b'OTHER   CON')
        self.assertEqual([s.name for s in fat.slots('loader/entries')][-1], 'OTHER.CON')
        self.assertEqual(self.choice()[0], '9.0/vmlinuz')


class Grub(EspCase):
    def choice(self, default, cut=0):
        text = (GRUB_CFG % default).encode()
        self.esp.write('grub/grub.cfg', text[:len(text) - cut])
        return tuple(loaders.grub(Fat(self.esp)))

    def test_a_number_takes_that_entry(self):
        expected = ('vmlinuz-2.0', 'initrd.img-2.0', 'root=/dev/sda ro quiet')
        self.assertEqual(self.choice('0'), expected)
        self.assertEqual(self.choice('1>0'), expected)

    def test_an_id_takes_an_entry_in_its_submenu(self):
        self.assertEqual(self.choice('gnulinux-advanced-X>gnulinux-1.0-advanced-X'),
                         ('vmlinuz-1.0', 'initrd.img-1.0', 'root=/dev/sda ro'))

    def test_the_next_boot_goes_by_grubenv(self):
        env = loaders.GRUB_ENV_MARK + b'next_entry=gnulinux-advanced-X>gnulinux-1.0-advanced-X\n'
        self.esp.write('grub/grubenv', env.ljust(1024, b'#'))
        self.assertEqual(self.choice('0')[0], 'vmlinuz-1.0')
        self.esp.write('grub/grubenv', env.replace(b'gnulinux', b'unknown').ljust(1024, b'#'))
        self.assertRaises(FatError, self.choice, '0')

    def test_a_grubenv_without_its_mark_or_an_entry_is_none(self):
        for env in (b'next_entry=1>1\n', loaders.GRUB_ENV_MARK + b'next_entry=\n',
                    loaders.GRUB_ENV_MARK):
            self.esp.write('grub/grubenv', env.ljust(1024, b'#'))
            self.assertEqual(self.choice('0')[0], 'vmlinuz-2.0')

    def test_an_unknown_id_is_told(self):
        with self.assertRaisesRegex(FatError, 'not in the menu'):
            self.choice('gnulinux-3.0')

    def test_a_menu_that_is_cut_is_told(self):
        for cut in (2, 10, 60):
            with self.assertRaises(FatError):
                self.choice('0', cut)


def differences(before, after):
    """The writes that make one image of the other, a sector each."""
    return [Write(at, after[at:at + SECTOR]) for at in range(0, len(after), SECTOR)
            if before[at:at + SECTOR] != after[at:at + SECTOR]]


class Init(EspCase):
    LOADER = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')
    KNOWN = {'systemd-bootx64.efi': [b'loader'], 'BOOTX64.EFI': [b'loader'],
             'vmlinuz-1.0': [b'kernel'], 'vmlinuz-2.0': [b'kernel'], 'initrd.img-1.0': [b'initrd'],
             'initrd.img-2.0': [b'initrd']}

    def verdict(self, judge):
        return judge.verdict(State.of_file(self.esp.path, judge.blocks))

    def systemd_boot(self):
        return self.verdict(InitJudge(loaders.systemd_boot, self.KNOWN, ['ro'], self.LOADER))

    def test_it_may_have_no_loader_and_then_it_boots(self):
        self.assertEqual(self.systemd_boot().boot, NO_LOADER)
        self.esp.write('EFI/proxmox/1.0/initrd.img-1.0', b'initrd')
        self.esp.write(self.LOADER[0], b'')
        self.esp.write('loader/entries/proxmox-1.0.conf', ENTRY % b'ro')
        self.assertEqual(self.systemd_boot().boot, NO_LOADER)
        self.esp.write(KERNEL, b'kernel')
        self.esp.write(self.LOADER[1], b'loader')
        self.esp.write('loader/loader.conf', b'default proxmox-*\n')
        self.assertEqual(self.systemd_boot().boot.loader, ((self.LOADER[1], 0),))

    def test_a_loader_without_an_entry_or_a_default_is_told(self):
        self.esp.write(self.LOADER[1], b'loader')
        self.assertIn('no loader', self.systemd_boot().problem)
        self.esp.write('loader/loader.conf', b'default proxmox-*\n')
        self.assertIn('entries', self.systemd_boot().problem)

    def test_an_incomplete_loader_or_kernel_is_told(self):
        self.esp.write(self.LOADER[0], b'load')
        self.assertIn('systemd-bootx64.efi is incomplete', self.systemd_boot().problem)
        self.esp.write(self.LOADER[0], b'loader')
        self.esp.write('EFI/proxmox/1.0/initrd.img-1.0', b'initrd')
        self.esp.write('loader/loader.conf', b'default proxmox-*\n')
        self.esp.write(KERNEL, b'kern')
        self.esp.write('loader/entries/proxmox-1.0.conf', ENTRY % b'ro')
        self.assertIn('vmlinuz-1.0 is incomplete', self.systemd_boot().problem)

    def test_grub_has_a_menu_that_leads_somewhere_as_soon_as_it_is_there(self):
        judge = GrubInitJudge(loaders.grub, self.KNOWN, ['root=/dev/sda ro quiet'],
                              ['EFI/proxmox/grubx64.efi', 'EFI/BOOT/BOOTX64.EFI'])
        self.assertEqual(self.verdict(judge).boot, NO_LOADER)
        self.esp.write('EFI/proxmox/grubx64.efi', b'half')
        self.assertIn('grub', self.verdict(judge).problem)
        self.esp.write('grub/grub.cfg', (GRUB_CFG % 0).encode())
        self.assertIn('no vmlinuz-2.0', self.verdict(judge).problem)
        self.esp.write('vmlinuz-2.0', b'kernel')
        self.esp.write('initrd.img-2.0', b'initrd')
        self.assertEqual(self.verdict(judge).boot.linux, ('vmlinuz-2.0', 0))
        self.esp.write('EFI/BOOT/BOOTX64.EFI', b'half')
        self.assertIn('EFI/BOOT', self.verdict(judge).problem)
        self.esp.write('EFI/BOOT/grub.cfg', b'configfile $prefix/grub.cfg\n')
        self.assertEqual(self.verdict(judge).boot.linux, ('vmlinuz-2.0', 0))


class Trials(EspCase):
    """A kernel is staged, then its name is made to lead to it."""

    def setUp(self):
        super().setUp()
        self.esp.write('loader/loader.conf', b'default proxmox-*\n')
        self.esp.write('loader/entries/proxmox-1.0.conf', ENTRY % b'ro')
        self.esp.write(KERNEL, b''.join(OLD))
        self.esp.write('EFI/proxmox/1.0/initrd.img-1.0', b'initrd')
        base = self.image()
        self.esp.write(STAGED, b''.join(NEW))
        staged = self.image()
        Fat(self.esp).share(STAGED, KERNEL)
        self.stage, self.place = differences(base, staged), differences(staged, self.image())
        self.base = self.directory / 'base'
        self.base.write_bytes(base)

    def image(self):
        with open(self.esp.path, 'rb') as f:
            return f.read(BEGINNING)

    def trial(self, *events, options='ro', loader=()):
        log = self.directory / 'log'
        log.write_bytes(b''.join(
            RECORD.pack(b'F', e.late, 0) if isinstance(e, Flush) else
            RECORD.pack(b'W', e.offset, len(e.data)) + e.data for e in events))
        known = {'vmlinuz-1.0': [b''.join(OLD), b''.join(NEW)], 'initrd.img-1.0': [b'initrd']}
        return Trial(Recording(self.base, log, 0, BEGINNING),
                     Judge(loaders.systemd_boot, known, [options], loader))

    def test_a_flush_before_the_name_leaves_nothing_bad(self):
        trial = self.trial(*self.stage, Flush(0), *self.place, Flush(0))
        self.assertEqual((trial.tally.bad, len(trial.log.intervals)), (0, 2))
        self.assertEqual({boot.linux[1] for boot in trial.tally.boots}, {0, 1})

    def test_a_flush_that_came_too_early_is_found(self):
        self.assertGreater(self.trial(*self.stage, Flush(1), *self.place).tally.bad, 0)

    def test_subsets_without_a_flush_are_found(self):
        trial = self.trial(*self.stage, *self.place)
        self.assertGreater(trial.tally.bad, 100)
        self.assertEqual(trial.tally.images['prefixes'], len(trial.log.writes) + 1)

    def test_a_wrong_order_is_found_by_a_prefix(self):
        trial = self.trial(*(event for write in (*self.place, *self.stage)
                             for event in (write, Flush(0))))
        self.assertGreater(trial.tally.bad, 0)

    def test_a_torn_write_is_found(self):
        image = self.base.read_bytes()
        at = image.index(OLD[0])
        self.base.write_bytes(image[:at] + bytes(len(OLD[0])) + image[at + len(OLD[0]):])
        whole = Write(at, OLD[0])  # the base boots only with all of it
        trial = self.trial(whole, Flush(0))
        self.assertEqual(dict(trial.tally.images), {'prefixes': 2, 'torn': 2, 'subsets': 2})
        self.assertEqual(trial.tally.bad, 4)

    def test_a_byte_of_the_last_block_counts(self):
        at = self.base.read_bytes().index(OLD[2])
        write = Write(at, b'x' * SECTOR)
        self.assertEqual(self.trial(write, Flush(0)).tally.bad, 2)
        beyond = Write(at + SECTOR, b'x' * SECTOR)
        self.assertEqual(self.trial(beyond, Flush(0)).tally.bad, 0)

    def test_options_that_nobody_wrote_are_found(self):
        self.assertEqual(self.trial(options='rw').tally.bad, 1)

    def test_a_loader_that_is_not_complete_is_found(self):
        self.assertEqual(self.trial(loader=[STAGED]).tally.bad, 1)

    def test_what_was_there_first_and_last_is_told(self):
        trial = self.trial(*self.stage, Flush(0), *self.place, Flush(0))
        self.assertEqual((trial.first.boot.linux[1], trial.last.boot.linux[1]), (0, 1))


class Writes(unittest.TestCase):
    def test_parts_of_a_block_are_laid_over_each_other(self):
        blocks, before = Blocks(), random.Random(1).randbytes(4 * BLOCK)
        state = State(lambda n: before[n * BLOCK:(n + 1) * BLOCK])
        expected = bytearray(before)
        for offset, size in ((512, 512), (1024, 512), (512, 1024), (3584, 5120), (0, 8192),
                             (4096, 512)):
            data = random.Random(offset + size).randbytes(size)
            state = state.after([BlockWrite(Write(offset, data), blocks)])
            expected[offset:offset + size] = data
        self.assertEqual(b''.join(state[n] for n in range(4)), expected)

    def test_few_writes_give_all_subsets_and_many_give_others_each_time(self):
        rng = random.Random(1)
        self.assertEqual(len(set(subsets(5, 200, rng))), 32)
        self.assertEqual(len(set(subsets(40, 200, rng))), 200)


class Client:
    """The least that speaks NBD."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.take(18)
        self.socket.sendall(struct.pack('>I8sII', 3, nbdlog.OPTION_MAGIC, nbdlog.GO, 0))
        self.take(20 + 12 + 20)

    def take(self, size):
        data = b''
        while len(data) < size:
            data += self.socket.recv(size - len(data))
        return data

    @staticmethod
    def request(kind, offset=0, size=0, data=b''):
        return REQUEST.pack(nbdlog.REQUEST_MAGIC, 0, kind, 7, offset, size or len(data)) + data

    def ask(self, *requests):
        self.socket.sendall(b''.join(requests))
        return [struct.unpack('>IIQ', self.take(16)) for _ in requests]


class Recorder(Case):
    def setUp(self):
        super().setUp()
        self.disk = nbdlog.RecordedDisk.blank(self.directory / 'disk.raw', 'disk', 1 << 20)
        self.disk.esp_offset, self.disk.esp_size = 4096, 1 << 19
        self.disk.backend()
        self.client = Client(self.directory / 'disk.nbd')
        self.addCleanup(self.disk.close)
        self.addCleanup(self.client.socket.close)

    def test_what_is_written_is_on_the_disk_and_in_the_record(self):
        with self.disk.recorded() as recording:
            answers = self.client.ask(write(8192, b'a' * 512))
            answers += self.client.ask(self.client.request(nbdlog.FLUSH), write(512, b'b' * 512))
        self.client.ask(write(8192, b'c' * 512))
        self.assertEqual({error for _, error, _ in answers}, {0})
        self.assertEqual(list(recording.events()), [Write(4096, b'a' * 512), Flush(0)])
        self.assertEqual(recording.base.read_bytes(), bytes(1 << 19))
        image = self.disk.path.read_bytes()
        self.assertEqual((image[8192:8704], image[512:1024]), (b'c' * 512, b'b' * 512))

    def test_a_flush_covers_no_write_that_was_not_answered(self):
        with self.disk.recorded() as recording:
            self.client.ask(write(8192, b'a' * 512))
            self.client.ask(write(4096, b'b' * 512), self.client.request(nbdlog.FLUSH))
        self.assertEqual(list(recording.events())[-1], Flush(1))

    def test_what_is_not_offered_is_refused(self):
        trim = 4
        self.assertEqual(self.client.ask(self.client.request(trim, 0, 512))[0][1], nbdlog.INVALID)

    def error(self, request):
        return self.client.ask(request)[0][1]

    def test_a_disk_fails_at_the_first_byte_too_many_where_they_count_and_then_everywhere(self):
        server = self.disk.server
        server.fail_after(1024, lambda kind, offset: kind == nbdlog.WRITE and offset >= 8192)
        healthy = [write(0, b'a' * 4096), write(8192, b'b' * 512), write(16384, b'c' * 512),
                   self.client.request(nbdlog.FLUSH)]
        self.assertEqual([self.error(request) for request in healthy], [0] * 4)
        self.assertFalse(server.failing)
        for request in (write(8192, b'd' * 512), write(0, b'd' * 512),
                        self.client.request(nbdlog.READ, 0, 512), self.client.request(nbdlog.FLUSH)):
            self.assertEqual(self.error(request), nbdlog.IO_ERROR)
        self.assertTrue(server.failing)
        self.assertNotIn(b'd', self.disk.path.read_bytes())
        server.fail_after(None)
        self.assertEqual(self.error(write(8192, b'e' * 512)), 0)
        self.assertIn(b'e' * 512, self.disk.path.read_bytes())


def write(offset, data):
    return Client.request(nbdlog.WRITE, offset, data=data)


if __name__ == '__main__':
    main()
