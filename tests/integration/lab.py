# SPDX-License-Identifier: LGPL-2.1-or-later
"""A throw-away host: a root below a temporary directory, ESPs that are directories in it, programs
of this build that work on it, and a judge that says whether an ESP would boot.

Nothing here knows how bootsync does its work; a test says what it did to the host and asks the
judge. Only processes that were started here are ended, by pid. KEEP_LAB=1 keeps the directory."""

import contextlib
import fnmatch
import hashlib
import json
import os
import random
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace

from privatebus import PrivateBus, complain_of_sanitizer, end
from tap import main  # noqa: F401 (the tests call lab.main)

MIB = 1024 * 1024
CMDLINE = 'root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet'


def program(variable):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError(f'${variable} must name a program; "meson test" sets it')
    return path


def wait_until(condition, timeout=60, what='condition', interval=0.05):
    """Poll until @condition() is true, and return what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'{what}: not within {timeout} s')
        time.sleep(interval)


def start_fake_systemd(test, directory, environment):
    """Until @test has ended, fake_systemd.py is on the bus of @environment, as the files in @directory say."""
    child = subprocess.Popen([sys.executable, Path(__file__).with_name('fake_systemd.py'), directory],
                             stdin=subprocess.DEVNULL, env=environment)
    test.addCleanup(end, child, 30, 'the fake systemd')
    wait_until((directory / 'systemd-ready').exists, what='fake systemd')


def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def parse_keys(text):
    """Key and rest of each line of a loader entry or loader.conf, in order, without comments."""
    lines = (line.strip().split(None, 1) for line in text.splitlines())
    return [(w[0], w[1] if len(w) > 1 else '') for w in lines if w and not w[0].startswith('#')]


class Lab:
    def __init__(self, name='bootsync-lab.'):
        self.root = Path(tempfile.mkdtemp(prefix=name))
        self.random = random.Random(1)
        self.known = {}  # name of a boot file -> digests of every content it ever had
        self.packages = {'base-files': 'install ok installed'}
        self.bus = None
        self.mounts = []
        self.strays = set()  # workers of daemons that were stopped
        for directory in ('boot', 'etc/kernel', 'var/lib/dpkg/updates', 'proc/sys/kernel/random',
                          'dev/disk/by-uuid', 'run', 'etc/apt/apt.conf.d', 'etc/default'):
            (self.root / directory).mkdir(parents=True)
        self.write('proc/sys/kernel/osrelease', '6.8.12-4-pve\n')
        self.write('proc/cmdline', 'BOOT_IMAGE=/vmlinuz-6.8.12-4-pve root=/dev/sda3 ro\n')
        self.write('etc/kernel/cmdline', CMDLINE + '\n')
        self.new_boot()
        self._write_status()

    def close(self):
        try:
            if self.bus:
                self.bus.close()
        finally:
            for pid in self.strays | set(self.worker_pids()):
                self.end_worker(pid)
            for mount in reversed(self.mounts):
                subprocess.run(['umount', mount], check=True, timeout=60)
            if os.environ.get('KEEP_LAB') == '1':
                print(f'# kept: {self.root}')
            else:
                shutil.rmtree(self.root)

    # Files

    def path(self, name):
        return self.root / name

    def read(self, name):
        return self.path(name).read_bytes().decode(errors='surrogateescape')

    def write(self, name, content):
        """Replace a file as a careful program does, by rename."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        temporary = path.with_name(path.name + '.new')
        temporary.write_bytes(data)
        os.rename(temporary, path)

    def settings(self, auto_sync=True, settle_sec=0):
        self.write('etc/bootsync/bootsyncd.conf',
                   f'[Sync]\nAutoSync={"yes" if auto_sync else "no"}\nSettleSec={settle_sec}\n')

    def new_boot(self):
        """Another boot id, as after a reboot, which also empties /run."""
        self.write('proc/sys/kernel/random/boot_id',
                   '{:08x}-0000-4000-8000-{:012x}\n'.format(self.random.getrandbits(32),
                                                            self.random.getrandbits(48)))
        for child in self.path('run').iterdir():
            shutil.rmtree(child)

    # Kernels and packages

    def write_boot(self, name, data):
        """Replace a file in /boot as initramfs-tools does, and remember its digest."""
        self.known.setdefault(name, set()).add(hashlib.sha256(data).hexdigest())
        self.write('boot/' + name, data)

    def bytes(self, size):
        return self.random.randbytes(size)

    def add_kernel(self, version, image=64 * 1024, initrd=256 * 1024, package=True):
        """Install a kernel; @image or @initrd None: that file is missing."""
        if package:
            self.add_package(f'proxmox-kernel-{version}-signed')
        for stem, size in (('vmlinuz', image), ('initrd.img', initrd)):
            if size is not None:
                self.write_boot(f'{stem}-{version}', self.bytes(size))

    def remove_kernel(self, version):
        self.packages.pop(f'proxmox-kernel-{version}-signed', None)
        self._write_status()
        for stem in ('vmlinuz', 'initrd.img'):
            self.path(f'boot/{stem}-{version}').unlink(missing_ok=True)

    def add_package(self, name, status='install ok installed'):
        self.packages[name] = status
        self._write_status()

    def _write_status(self):
        self.write('var/lib/dpkg/status', ''.join(
            f'Package: {name}\nStatus: {status}\nPriority: optional\n'
            f'Maintainer: Test <t@example.org>\nArchitecture: amd64\nVersion: 1.0\n'
            f'Description: test\n a longer text\n .\n and its end\n\n'
            for name, status in sorted(self.packages.items())))

    # ESPs

    def esp(self, uuid):
        return self.path('dev/disk/by-uuid') / uuid

    def add_esp(self, uuid, loader='systemd-boot', size=None, listed=True):
        """An ESP as `init` leaves it; @size in bytes: a file system of its own (needs mount)."""
        esp = self.esp(uuid)
        esp.mkdir()
        if size is not None:
            subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'lab', esp], check=True,
                           timeout=60)
            self.mounts.append(esp)
        if loader == 'systemd-boot':
            for directory in ('EFI/proxmox', 'EFI/systemd', 'EFI/BOOT', 'loader/entries'):
                (esp / directory).mkdir(parents=True)
            (esp / 'EFI/systemd/systemd-bootx64.efi').write_bytes(self.bytes(4096))
            (esp / 'loader/loader.conf').write_text('timeout 3\ndefault proxmox-*\n')
        elif loader == 'grub':
            (esp / 'EFI/proxmox').mkdir(parents=True)
            (esp / 'EFI/proxmox/grubx64.efi').write_bytes(self.bytes(4096))
            (esp / 'grub').mkdir()
            (esp / 'grub/grub.cfg').write_text('# menu\n')
        if listed:
            self.list_esps(*self.listed_esps(), uuid)
        return esp

    def listed_esps(self):
        path = self.path('etc/kernel/proxmox-boot-uuids')
        return path.read_text().split() if path.exists() else []

    def list_esps(self, *uuids):
        self.write('etc/kernel/proxmox-boot-uuids', ''.join(u + '\n' for u in sorted(uuids)))

    def take_away(self, uuid):
        """The disk is gone. Its content is kept for bring_back()."""
        os.rename(self.esp(uuid), self.path('away-' + uuid))

    def bring_back(self, uuid):
        os.rename(self.path('away-' + uuid), self.esp(uuid))

    # The judge

    def entries(self, uuid):
        """Name of each loader entry of a kernel on the ESP -> its keys."""
        return {path.name: dict(parse_keys(path.read_text()))
                for path in sorted((self.esp(uuid) / 'loader/entries').glob('proxmox-*.conf'))}

    def default_patterns(self, uuid):
        text = (self.esp(uuid) / 'loader/loader.conf').read_text()
        return [value for key, value in parse_keys(text) if key == 'default']

    def complete(self, uuid, known=None):
        """Why the ESP might not boot: every entry must point at a kernel and an initrd that are
        there with a content that /boot once had (or that is in @known), and the default must
        resolve. An empty list means that it boots."""
        esp, known, problems = self.esp(uuid), known or self.known, []
        entries = self.entries(uuid)
        for name, keys in entries.items():
            for key in ('linux', 'initrd'):
                path = esp / keys.get(key, '/absent').lstrip('/')
                if not path.is_file():
                    problems.append(f'{name}: {key} {keys.get(key)} is not there')
                elif sha256(path) not in known.get(path.name, ()):
                    problems.append(f'{name}: {key} {path.name} is neither old nor new')
            if 'root=' not in keys.get('options', ''):
                problems.append(f'{name}: options without root=')
        patterns = self.default_patterns(uuid)
        if not patterns:
            problems.append('loader.conf has no default')
        elif not any(fnmatch.fnmatch(name.lower(), patterns[-1].lower()) for name in entries):
            problems.append(f'default {patterns[-1]} matches none of {sorted(entries)}')
        return problems

    def kernels_on(self, uuid):
        """The versions that have an entry on the ESP."""
        return {name[len('proxmox-'):-len('.conf')] for name in self.entries(uuid)}

    def difference(self, uuid, versions):
        """What keeps the ESP from holding exactly @versions, each as /boot has it."""
        esp, problems = self.esp(uuid), self.complete(uuid)
        if self.kernels_on(uuid) != set(versions):
            problems.append(f'entries for {sorted(self.kernels_on(uuid))}')
        expected = {f'EFI/proxmox/{v}/{stem}-{v}'
                    for v in versions for stem in ('vmlinuz', 'initrd.img')}
        found = {str(p.relative_to(esp)) for p in (esp / 'EFI/proxmox').glob('*/*')}
        if found != expected:
            problems.append(f'too much: {sorted(found - expected)}, '
                            f'missing: {sorted(expected - found)}')
        for path in sorted(found & expected):
            if sha256(esp / path) != sha256(self.path('boot') / Path(path).name):
                problems.append(f'{path} is not as in /boot')
        problems += [f'leftover {p}' for p in esp.rglob('*.new')]
        return problems

    @staticmethod
    def snapshot(directory):
        """Inode, size and times of everything below @directory: equal if nothing was written."""
        result = {}
        for path in sorted(Path(directory).rglob('*')):
            st = path.lstat()
            result[str(path.relative_to(directory))] = (
                st.st_ino, st.st_size, st.st_mtime_ns, st.st_ctime_ns)
        return result

    @staticmethod
    def digests(directory):
        return {str(path.relative_to(directory)): sha256(path)
                for path in sorted(Path(directory).rglob('*'))
                if stat.S_ISREG(path.lstat().st_mode)}

    # Programs

    def environment(self, daemon_options=()):
        env = dict(os.environ, LC_ALL='C.UTF-8')
        # A small quarantine, or memory that the sanitizer keeps back looks like a leak.
        env.setdefault('ASAN_OPTIONS', 'quarantine_size_mb=1')
        if daemon_options:
            wrapper = self.path('bootsyncd.sh')
            wrapper.write_text('#!/bin/sh\nexec "{}" {} "$@"\n'.format(
                program('BOOTSYNC_DAEMON'), ' '.join(f"'{o}'" for o in daemon_options)))
            wrapper.chmod(0o755)
            env['BOOTSYNC_DAEMON'] = str(wrapper)
        return env

    def bootctl(self, *arguments, daemon_options=(), prefix=(), timeout=120):
        """Run bootctl-pve on this root with a daemon of its own. Gives status, out, err, and json
        if --json was asked for."""
        command = [*prefix, program('BOOTCTL_PVE'), f'--root={self.root}', *arguments]
        env = self.environment(daemon_options)
        if prefix:  # the leak check does not work under a tracer
            env['ASAN_OPTIONS'] += ':detect_leaks=0'
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors='replace') as child:
            try:
                out, err = child.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
        complain_of_sanitizer(err)
        parsed = json.loads(out) if '--json' in arguments and out else None
        return SimpleNamespace(status=child.returncode, out=out, err=err, json=parsed)

    def trace(self, calls, *arguments):
        """Run bootctl-pve and give the system calls of each process it led to: pid -> [line]."""
        directory = Path(tempfile.mkdtemp(dir=self.root))
        result = self.bootctl(*arguments, prefix=['strace', '-ff', '-y', '-s', '0', '-o',
                                                  str(directory / 'trace'), '-e', 'trace=' + calls])
        if result.status != 0:
            raise AssertionError(f'{arguments}: status {result.status}\n{result.err}')
        return {path.suffix[1:]: path.read_text(errors='replace').splitlines()
                for path in directory.iterdir()}

    def start_bus(self):
        if not self.bus:
            self.bus = PrivateBus(self.path('bus'))
        return self.bus

    def start_daemon(self, *options, prefix=()):
        """Start bootsyncd on the private bus and wait until it owns its name."""
        state = self.path('var/lib/bootsync')  # as StateDirectory= of the unit has it
        if not state.parent.exists() or state.parent.is_dir():
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [*prefix, program('BOOTSYNC_DAEMON'), f'--root={self.root}',
                   f'--worker={program("BOOTSYNC_WORKER")}', *options]
        return self.start_bus().start_daemon(command, self.environment())

    def stop_daemon(self, expect=0, timeout=60):
        self.strays |= set(self.worker_pids())
        self.bus.stop_daemon(expect, timeout)

    def worker_pids(self):
        """The pids in the locks of this root that are workers on this root."""
        result = []
        for lock in self.path('run/bootsync').glob('*.lock'):
            if not stat.S_ISREG(lock.lstat().st_mode):
                continue  # what a test has put there
            with open(lock, 'rb') as f:
                text = f.read(16).decode(errors='replace').strip()
            if text.isdigit() and self._is_worker(int(text)):
                result.append(int(text))
        return result

    def stopped_worker_pids(self):
        """Those that a test hook has stopped."""
        result = []
        for pid in self.worker_pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                state = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
                if state == 'T':
                    result.append(pid)
        return result

    def _is_worker(self, pid):
        try:
            words = Path(f'/proc/{pid}/cmdline').read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return b'worker' in words and bytes(self.root) in words

    def end_worker(self, pid):
        """SIGKILL, and wait until the kernel says that the worker is gone. It says so to the daemon
        in the same instant; the process looks gone in /proc earlier."""
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self._is_worker(pid):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                if not select.select([pidfd], [], [], 60)[0]:
                    raise AssertionError(f'worker {pid} did not end within 60 s')
        finally:
            os.close(pidfd)


class LabCase(unittest.TestCase):
    """A test with a host of two systemd-boot ESPs and two kernels, nothing synced yet."""
    maxDiff = None
    ESPS = ('AAAA-0001', 'BBBB-0002')
    OLD, NEW = '6.5.13-5-pve', '6.8.12-4-pve'
    LAB_NAME = 'bootsync-lab.'

    def setUp(self):
        self.lab = Lab(self.LAB_NAME)
        self.addCleanup(self.lab.close)
        self.prepare()

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)

    def bootctl(self, *arguments, status=0, **kwargs):
        result = self.lab.bootctl(*arguments, **kwargs)
        self.assertEqual(result.status, status,
                         f'bootctl-pve {" ".join(arguments)}\n{result.out}\n{result.err}')
        return result

    def assert_synced(self, *uuids, versions=None):
        for uuid in uuids or self.ESPS:
            self.assertEqual(self.lab.difference(uuid, versions or (self.OLD, self.NEW)), [], uuid)

    def assert_complete(self, *uuids):
        for uuid in uuids or self.ESPS:
            self.assertEqual(self.lab.complete(uuid), [], uuid)
