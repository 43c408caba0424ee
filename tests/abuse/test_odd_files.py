#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever stands in the place of a file that the daemon reads (a pipe, a device, a directory, a
loop of links, a file without end, one that cannot be read, one that changes meanwhile): it answers,
its memory is bounded, every ESP boots as before, and all is well once the file is.

There are some 400 cases, of which as many as fit into $ABUSE_SEC / 4 are tried, in an order by chance:
in the long run all of them. The seed is printed; BOOTSYNC_SEED repeats it."""

import errno
import itertools
import os
import random
import shutil
import socket
import stat
import threading
import time

import abuse
from abuse import AbuseCase
from measure import Measure, figure
from mounts import mount, umount
from privatebus import ERROR, CallError

ANSWER_SEC = 20
SECONDS = float(os.environ.get('ABUSE_SEC', '60')) / 4
SEED = int(os.environ.get('BOOTSYNC_SEED', str(random.SystemRandom().randrange(2 ** 32))))
KERNEL = AbuseCase.NEW
FILES = (f'boot/vmlinuz-{KERNEL}', f'boot/initrd.img-{KERNEL}', 'boot/memtest86+x64.efi',
         'etc/kernel/proxmox-boot-uuids', 'etc/kernel/proxmox-boot-manual-kernels',
         'etc/kernel/proxmox-boot-pin', 'etc/kernel/next-boot-pin', 'etc/kernel/cmdline',
         'etc/default/grub', 'etc/default/grub.d/x.cfg',
         'etc/default/grub.d/proxmox-kernel-pin.cfg', 'etc/apt/apt.conf.d/76pveconf',
         'var/lib/dpkg/status', 'var/lib/dpkg/updates/0001',
         'etc/bootsync/bootsyncd.conf', 'etc/bootsync/bootsyncd.conf.d/x.conf',
         f'var/lib/bootsync/esp-{AbuseCase.ESPS[0]}.manifest', 'var/lib/bootsync/next-boot',
         'var/lib/bootsync/cmdline', 'var/lib/bootsync/one-shot', 'var/lib/bootsync/ksm',
         'run/bootsync/root.lock', f'run/bootsync/esp-{AbuseCase.ESPS[0]}.lock',
         'run/bootsync/host.lock', 'run/bootsync/ksm-restored', 'proc/cmdline')
DIRECTORIES = ('boot', 'etc/kernel', 'etc/default/grub.d', 'etc/bootsync',
               'etc/bootsync/bootsyncd.conf.d', 'var/lib/dpkg', 'var/lib/dpkg/updates',
               'var/lib/bootsync', 'run/bootsync', 'dev/disk/by-uuid')


def binary(path):
    path.write_bytes(bytes(range(256)) * 16)


def crlf(path):
    path.write_bytes(b'AAAA-0001\r\n6.8.12-4-pve\r\n[Sync]\r\nroot=/dev/sda1\r\n\r\n')


def long_lines(path):
    path.write_bytes((b'x' * 1024 * 1024 + b'\n') * 3)


def fifo(path):
    os.mkfifo(path)


def unix_socket(path):
    with socket.socket(socket.AF_UNIX) as s:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            s.bind(path.name)
        finally:
            os.chdir(here)


def dangling(path):
    path.symlink_to('nothing/here')


def loop(path):
    path.symlink_to(path.name)


def out(path):
    path.symlink_to('../' * 40 + 'etc/passwd')


def directory(path):
    path.mkdir()
    (path / 'x').write_text('x')


def zeros(path):
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))


def terminal(path):
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(5, 0))


def disk(path):
    os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(7, 255))


def huge(path):
    with open(path, 'wb') as f:
        f.truncate(2 ** 42)


KINDS = (binary, crlf, long_lines, fifo, unix_socket, dangling, loop, out, directory, zeros,
         terminal, disk, huge)
INSTEAD_OF_DIRECTORIES = (binary, fifo, dangling, loop, out, zeros)


def put(kind, path):
    """Instead of a file that the daemon may have made anew meanwhile, as it does with its locks."""
    while True:
        try:
            kind(path)
            return
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.EADDRINUSE):
                raise
            path.unlink(missing_ok=True)


class Change(threading.Thread):
    """A file that is written, cut and replaced all the time."""

    def __init__(self, path):
        super().__init__()
        self.path, self.over, self.count = path, threading.Event(), 0

    def run(self):
        for number in itertools.count():
            if self.over.wait(0.001):
                self.count = number
                return
            if number % 3 == 0:
                self.path.write_bytes(b'x' * 50000)
            elif number % 3 == 1:
                os.truncate(self.path, 0)
            else:
                new = self.path.with_name(self.path.name + '.dpkg-new')
                new.write_bytes(b'6.8.12-4-pve\n' * number)
                new.rename(self.path)


def in_time(names, kinds):
    """Pairs in an order by chance, as long as there is time."""
    pairs = list(itertools.product(names, kinds))
    random.Random(SEED).shuffle(pairs)
    deadline = time.monotonic() + SECONDS
    for number, pair in enumerate(pairs):
        if time.monotonic() > deadline:
            figure(f'{number} of {len(pairs)} cases, seed {SEED}')
            return
        yield pair
    figure(f'all of {len(pairs)} cases')


class OddFiles(AbuseCase):
    def prepare(self):
        super().prepare()
        self.lab.write('etc/kernel/proxmox-boot-pin', self.OLD + '\n')
        self.lab.write('boot/memtest86+x64.efi', self.lab.bytes(4096))
        self.bus.refresh()

    def put_away(self, name):
        """Gives what puts it back."""
        path, kept = self.lab.path(name), self.lab.path('kept')
        path.parent.mkdir(parents=True, exist_ok=True)
        was_there = os.path.lexists(path)
        if was_there:
            path.rename(kept)

        def put_back():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if was_there:
                kept.rename(path)
        return put_back

    def ask_everything(self, context):
        """Each call is answered, by a result or by an error of ours."""
        for method, arguments in (('Refresh', (self.bus.options(wait=True),)),
                                  ('Verify', (self.bus.options(wait=True),)), ('Plan', ({},)),
                                  ('ListKernels', ({},))):
            try:
                self.bus.call(method, arguments=arguments, timeout=ANSWER_SEC)
            except CallError as error:
                self.assertTrue(error.name.startswith(ERROR), f'{context}, {method}: {error}')
                self.assertNotRegex(error.message, r'[\x00-\x08\x0b-\x1f\x7f]', context)
        self.bus.properties()
        self.bus.esps()

    def judge(self, context):
        for uuid in self.ESPS:
            self.assertEqual([p for p in self.lab.complete(uuid) if 'root=' not in p], [],
                             f'{context}: {uuid}')

    def assert_well(self, context):
        self.bus.refresh()
        self.assertTrue(self.bus.properties()['InSync'], context)
        self.assert_synced()

    def remember(self, name):
        """A file that stands for a kernel is one, as far as anybody knows."""
        path = self.lab.path(name)
        if name.startswith('boot/') and path.is_file() and path.stat().st_size < 2 ** 30:
            self.lab.write_boot(path.name, path.read_bytes())

    def test_each_file_by_each_kind(self):
        # Three long lines are 3 MiB, which stand in memory as text and, kept for the file's next
        # rewriting, as lines, those of the reading before among them.
        with Measure(self.bus, 'odd files', growth_kib=10 * 1024):
            for name, kind in in_time(FILES, KINDS):
                with self.subTest(file=name, kind=kind.__name__):
                    context = f'{kind.__name__} for {name}'
                    put_back = self.put_away(name)
                    try:
                        put(kind, self.lab.path(name))
                        self.remember(name)
                        self.ask_everything(context)
                        self.judge(context)
                    finally:
                        put_back()
            self.assert_well('afterwards')

    def test_each_directory_by_each_kind(self):
        with Measure(self.bus, 'odd directories'):
            for name, kind in in_time(DIRECTORIES, INSTEAD_OF_DIRECTORIES):
                with self.subTest(file=name, kind=kind.__name__):
                    context = f'{kind.__name__} for {name}'
                    put_back = self.put_away(name)
                    try:
                        put(kind, self.lab.path(name))
                        self.ask_everything(context)
                    finally:
                        put_back()
                    self.judge(context)
            self.assert_well('afterwards')

    def test_a_daemon_starts_whatever_the_files_are(self):
        for kind in KINDS:
            with self.subTest(kind=kind.__name__):
                self.lab.stop_daemon()
                back = []
                try:
                    for name in FILES:
                        back.append(self.put_away(name))
                        kept = self.lab.path('kept')
                        if os.path.lexists(kept):
                            kept.rename(self.lab.path(f'kept-{len(back)}'))
                        put(kind, self.lab.path(name))
                        self.remember(name)
                    self.start_daemon()
                    self.ask_everything(kind.__name__)
                    self.judge(kind.__name__)
                    self.lab.stop_daemon()
                finally:
                    for number, put_back in enumerate(back, 1):
                        kept = self.lab.path(f'kept-{number}')
                        if os.path.lexists(kept):
                            kept.rename(self.lab.path('kept'))
                        put_back()
                self.start_daemon()
                self.assert_well(kind.__name__)

    def test_files_that_change_while_they_are_read(self):
        with Measure(self.bus, 'changing files'):
            for name in FILES:
                if name.startswith(('run/', 'boot/')):
                    continue  # locks are not read; a kernel that changes is a test of its own
                put_back = self.put_away(name)
                change = Change(self.lab.path(name))
                change.start()
                try:
                    self.ask_everything(f'{name} changes')
                finally:
                    change.over.set()
                    change.join()
                    put_back()
                self.judge(f'{name} changed')
            self.assert_well('afterwards')

    def test_files_that_cannot_be_read(self):
        """Reading the memory of a process from address 0 is an error of input and output."""
        for name in FILES:
            if name.startswith('run/'):
                continue
            path = self.lab.path(name)
            with self.subTest(file=name):
                there = path.exists()
                path.parent.mkdir(parents=True, exist_ok=True)
                if not there:
                    path.touch()
                mount('--bind', f'/proc/{os.getpid()}/mem', path)
                try:
                    self.ask_everything(f'{name} cannot be read')
                finally:
                    umount(path)
                    if not there:
                        path.unlink()
                self.judge(f'{name} could not be read')
        self.assert_well('afterwards')


if __name__ == '__main__':
    abuse.main(private_mounts=True)
