#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The worker by itself: plan text in, reports and files out. The test plays the daemon at the other
end of the socket; the ESP is a directory. $BOOTSYNC_WORKER names the program."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import tap
from strace import strace_lines

MIB = 1024 * 1024
UUID = 'ABCD-0123'
VERSION = '6.8.12-4-pve'
DIRECTORY = f'EFI/proxmox/{VERSION}'
IMAGE = f'{DIRECTORY}/vmlinuz-{VERSION}'
INITRD = f'{DIRECTORY}/initrd.img-{VERSION}'
ENTRY = f'loader/entries/proxmox-{VERSION}.conf'
LOADER_CONF = 'loader/loader.conf'
TIMEOUT = 60
WORKER = os.environ['BOOTSYNC_WORKER']
# The sanitizer's own memory says nothing about the worker's.
SANITIZED = b'__asan_init' in Path(WORKER).read_bytes()
PLAN_FD, REPORTS_FD, LOCK_FD = 3, 4, 5


def setUpModule():
    # The worker's descriptors must be free in the child, so nothing of ours may be there.
    while os.open('/dev/null', os.O_RDONLY) < 10:
        pass


def escape(value):
    return ''.join(chr(b) if 0x20 < b < 0x7f and b != ord('%') else f'%{b:02X}'
                   for b in str(value).encode())


def record(verb, **fields):
    return ' '.join([verb] + [f'{key.replace("_", "-")}={escape(value)}'
                              for key, value in fields.items()]) + '\n'


def parse(line):
    verb, *fields = line.rstrip('\n').split(' ')
    fields = dict(field.split('=', 1) for field in fields)
    return SimpleNamespace(verb=verb, **{key: unquote(value) for key, value in fields.items()})


def plan(*steps):
    return record('bootsync-plan', version=2, esp=UUID) + ''.join(steps) + 'end\n'


def stage_text(path, text):
    return record('stage-text', path=path, text=text)


def place(path):
    return record('place', path=path)


TOKEN, BARRIER, SCAN = record('token'), record('barrier'), record('scan')


def snapshot(directory):
    result = {}
    for path in sorted(directory.rglob('*')):
        st = path.lstat()
        result[str(path.relative_to(directory))] = (st.st_ino, st.st_size, st.st_mtime_ns,
                                                    st.st_ctime_ns)
    return result


def stat_of(pid):
    """State, parent and so on."""
    return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()


class Running:
    """A worker that was started, and the daemon's end of its socket."""

    def __init__(self, text, arguments, prefix=(), lock=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket = ours
        self.socket.settimeout(TIMEOUT)
        self.reports = []
        with tempfile.TemporaryFile() as file, theirs:
            file.write(text.encode())
            file.seek(0)
            descriptors = {PLAN_FD: file.fileno(), REPORTS_FD: theirs.fileno()}
            if lock is not None:
                descriptors[LOCK_FD] = lock
            self.child = start([*prefix, WORKER, *arguments], descriptors)

    def receive(self):
        """The next report, or None when the worker has closed its end."""
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            return None
        if not data:
            return None
        assert data.endswith(b'\n') and data.count(b'\n') == 1, data
        report = parse(data.decode())
        self.reports.append(report)
        return report

    def receive_until(self, verb):
        while report := self.receive():
            if report.verb == verb:
                return report
        raise AssertionError(f'no {verb} among {self.reports}')

    def send(self, word):
        self.socket.send(word.encode())

    def frozen(self, pid=None):
        """Wait until the hook has stopped it, or its child @pid has stopped."""
        deadline = time.monotonic() + TIMEOUT
        while stat_of(pid or self.child.pid)[0] != 'T':
            if time.monotonic() > deadline or self.child.poll() is not None:
                raise AssertionError(f'not stopped; {self.reports}')
            time.sleep(0.01)

    def signal(self, number):
        os.kill(self.child.pid, number)

    def finish(self, commit=True):
        """Receive to the end. Gives status, reports, and error and message if it failed."""
        while report := self.receive():
            if report.verb == 'waiting' and commit:
                self.send('commit')
        return self.end()

    def end(self):
        error = self.child.communicate(timeout=TIMEOUT)[1]
        self.socket.close()
        failed = [r for r in self.reports if r.verb == 'failed']
        return SimpleNamespace(status=self.child.returncode, reports=self.reports, stderr=error,
                               error=failed[0].error if failed else None,
                               message=failed[0].message if failed else None)

    def close(self):
        """For a test that failed half-way."""
        self.socket.close()
        if self.child.poll() is None:
            self.child.kill()
            self.child.communicate()


def start(command, descriptors, **kwargs):
    """Start @command with @descriptors: number in the child -> descriptor here."""
    def arrange():
        for number, fd in descriptors.items():
            os.dup2(fd, number)

    env = dict(os.environ)
    if command[0] != WORKER:  # the leak check does not work under a tracer
        env['ASAN_OPTIONS'] = 'detect_leaks=0'
    kwargs.setdefault('stdout', subprocess.PIPE)
    return subprocess.Popen(command, env=env, preexec_fn=arrange, pass_fds=tuple(descriptors),
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **kwargs)


class WorkerCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix='bootsync-worker.'))
        self.addCleanup(shutil.rmtree, self.root)
        self.esp = self.root / 'dev/disk/by-uuid' / UUID
        for directory in (self.root / 'boot', self.esp / 'EFI/proxmox',
                          self.esp / 'loader/entries'):
            directory.mkdir(parents=True)
        self.put(LOADER_CONF, 'timeout 3\ndefault proxmox-*\n')

    def put(self, path, content):
        file = self.esp / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def source(self, name, content):
        (self.root / 'boot' / name).write_bytes(content)
        return name

    def stamp(self, source):
        st = (self.root / 'boot' / source).stat()
        return {'inode': st.st_ino, 'size': st.st_size, 'mtime': st.st_mtime_ns,
                'ctime': st.st_ctime_ns}

    def stage(self, path, source):
        return record('stage', path=path, source=f'boot/{source}', **self.stamp(source))

    def check(self, path, source, **trust):
        return record('check', path=path, source=f'boot/{source}', **self.stamp(source), **trust)

    def known(self, verb, path, **change):
        st = (self.esp / path).stat()
        return record(verb, **{'path': path, 'esp_size': st.st_size, 'esp_mtime': st.st_mtime_ns,
                               **change})

    def start(self, *steps, hook=None, prefix=()):
        arguments = [f'--root={self.root}'] + ([f'--hook={hook}'] if hook else [])
        running = Running(plan(*steps), arguments, prefix)
        self.addCleanup(running.close)
        return running

    def run_plan(self, *steps, **kwargs):
        return self.start(*steps, **kwargs).finish()

    def assert_done(self, result):
        self.assertEqual((result.status, result.message, result.stderr), (0, None, ''))
        self.assertEqual(result.reports[-1].verb, 'done')

    def assert_failed(self, result, error, *words):
        self.assertEqual((result.status, result.error), (1, error), result.message)
        self.assertEqual(result.reports[-1].verb, 'failed')
        for word in (UUID, *words):
            self.assertIn(word, result.message)

    def text(self, path):
        return (self.esp / path).read_text()

    def leftovers(self):
        return [str(path.relative_to(self.esp)) for path in self.esp.rglob('*.new')]


class ByHand(WorkerCase):
    def run_with(self, *arguments, text=None, reports=True, prefix=()):
        descriptors = {}
        with contextlib.ExitStack() as stack:
            if text is not None:
                file = stack.enter_context(tempfile.TemporaryFile())
                file.write(text.encode())
                file.seek(0)
                descriptors[PLAN_FD] = file.fileno()
            output = stack.enter_context(tempfile.TemporaryFile('w+'))
            if reports:
                descriptors[REPORTS_FD] = output.fileno()
            child = start([*prefix, WORKER, *arguments], descriptors)
            out, err = child.communicate(timeout=TIMEOUT)
            output.seek(0)
            lines = output.read()
        return SimpleNamespace(status=child.returncode, out=out, err=err, lines=lines)

    def test_help_and_version_need_no_descriptor(self):
        result = self.run_with('--help', reports=False)
        self.assertEqual((result.status, result.err), (0, ''))
        self.assertIn('--hook=POINT:N:ACTION', result.out)
        result = self.run_with('--version', reports=False)
        self.assertRegex(result.out, r'^bootsync-worker \d+\.\d+')

    def test_bad_arguments_give_status_2(self):
        for arguments in (['--nonsense'], ['argument'], ['--hook=stage'], ['--hook=stage:0:kill'],
                          ['--hook=nowhere:1:kill'], ['--hook=place:1:sleep'],
                          ['--hook=place:x:kill']):
            with self.subTest(arguments=arguments):
                result = self.run_with(*arguments, text=plan())
                self.assertEqual((result.status, result.lines), (2, ''))
                self.assertNotEqual(result.err, '')

    def test_no_plan_gives_status_2_and_a_sentence(self):
        result = self.run_with()
        self.assertEqual((result.status, result.lines), (2, ''))
        self.assertIn('descriptor 3', result.err)

    def test_text_that_is_no_plan_gives_status_2_and_touches_nothing(self):
        before = snapshot(self.esp)
        for text in ('', 'nonsense\n', plan().replace('version=2', 'version=3'),
                     plan(stage_text('x', 'y')).removesuffix('end\n'),
                     plan(stage_text('../x', 'y')), plan(record('format', path='x'))):
            with self.subTest(text=text):
                result = self.run_with(f'--root={self.root}', text=text)
                self.assertEqual((result.status, result.lines), (2, ''))
                self.assertIn('descriptor 3', result.err)
        self.assertEqual(snapshot(self.esp), before)

    def test_nobody_to_report_to_gives_status_2(self):
        result = self.run_with(f'--root={self.root}', text=plan(), reports=False)
        self.assertEqual(result.status, 2)
        self.assertIn('descriptor 4', result.err)

    def test_without_a_socket_reports_are_lines_and_the_token_is_granted_at_once(self):
        steps = stage_text(LOADER_CONF, 'timeout 5\n'), TOKEN, place(LOADER_CONF), BARRIER
        result = self.run_with(f'--root={self.root}', text=plan(*steps))
        self.assertEqual((result.status, result.err), (0, ''))
        verbs = [parse(line).verb for line in result.lines.splitlines()]
        self.assertEqual(verbs, ['started', 'step', 'progress', 'progress', 'step', 'waiting',
                                 'step', 'placed', 'step', 'done'])
        self.assertEqual(self.text(LOADER_CONF), 'timeout 5\n')

    def test_every_step_is_announced_by_its_index(self):
        result = self.run_plan(record('mkdir', path='a'), BARRIER, SCAN)
        self.assert_done(result)
        self.assertEqual([r.index for r in result.reports if r.verb == 'step'], ['0', '1', '2'])
        self.assertEqual(result.reports[0].verb, 'started')

    def test_missing_esp_is_reported_by_name(self):
        shutil.rmtree(self.esp)
        self.assert_failed(self.run_plan(SCAN), 'EspMissing')

    def test_missing_root_is_reported_by_name(self):
        shutil.rmtree(self.root)
        self.root.mkdir()
        self.root = self.root / 'absent'
        self.addCleanup(setattr, self, 'root', self.root.parent)
        self.assert_failed(self.run_plan(SCAN), 'Failed', str(self.root))

    def test_what_is_neither_partition_nor_directory_is_no_esp(self):
        shutil.rmtree(self.esp)
        self.esp.write_bytes(b'')
        self.assert_failed(self.run_plan(SCAN), 'NotAnEsp')

    def test_esp_that_another_process_works_on_is_busy(self):
        fd = os.open(self.esp, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        fcntl.flock(fd, fcntl.LOCK_EX)
        self.assert_failed(self.run_plan(SCAN), 'Busy')

    def test_second_worker_on_the_same_esp_is_refused_until_the_first_has_ended(self):
        first = self.start(TOKEN)
        first.receive_until('waiting')
        self.assert_failed(self.run_plan(SCAN), 'Busy')
        first.send('commit')
        self.assert_done(first.finish())
        self.assert_done(self.run_plan(SCAN))


class Looking(WorkerCase):
    def files(self, result):
        return {r.path: r for r in result.reports if r.verb == 'file'}

    def test_scan_reports_space_loader_and_files_with_the_text_of_entries(self):
        self.put(IMAGE, 'kernel')
        self.put(ENTRY, 'title x\nlinux /a\xe9 %\n')
        self.put('EFI/BOOT/BOOTX64.EFI', 'x')
        result = self.run_plan(SCAN)
        self.assert_done(result)
        space = next(r for r in result.reports if r.verb == 'space')
        self.assertEqual((space.loader, space.dirty), ('systemd-boot', '0'))
        self.assertGreaterEqual(int(space.size), int(space.free))
        self.assertGreater(int(space.cluster), 0)
        files = self.files(result)
        self.assertEqual(sorted(files), sorted(['EFI/BOOT/BOOTX64.EFI', 'EFI/proxmox', DIRECTORY,
                                                IMAGE, 'loader',
                                                LOADER_CONF, 'loader/entries', ENTRY]))
        self.assertEqual(files[ENTRY].text, 'title x\nlinux /a\xe9 %\n')
        self.assertEqual(files[LOADER_CONF].text, 'timeout 3\ndefault proxmox-*\n')
        self.assertEqual((files[IMAGE].type, files[IMAGE].size, files[IMAGE].verdict),
                         ('file', '6', 'unchecked'))
        self.assertEqual(int(files[IMAGE].mtime), (self.esp / IMAGE).stat().st_mtime_ns)
        self.assertFalse(hasattr(files[IMAGE], 'text'))

    def test_known_text_is_not_sent_again_unless_it_changed(self):
        self.put(ENTRY, 'title x\n')
        result = self.run_plan(self.known('known', ENTRY),
                               self.known('known', LOADER_CONF, esp_size=1), SCAN)
        files = self.files(result)
        self.assertEqual(files[ENTRY].verdict, 'trusted')
        self.assertFalse(hasattr(files[ENTRY], 'text'))
        self.assertEqual(files[LOADER_CONF].text, 'timeout 3\ndefault proxmox-*\n')

    def test_check_tells_trusted_equal_and_differs_and_nothing_of_what_is_absent(self):
        data = os.urandom(3 * MIB + 7)
        self.source('same', data)
        self.source('other', data[:-1] + bytes([data[-1] ^ 1]))
        self.source('short', data[:-1])
        for name in ('same', 'other', 'short', 'trusted'):
            self.put(f'{DIRECTORY}/{name}', data)
        st = (self.esp / DIRECTORY / 'trusted').stat()
        trust = {'esp_size': st.st_size, 'esp_mtime': st.st_mtime_ns, 'trust': 1}
        result = self.run_plan(*(self.check(f'{DIRECTORY}/{name}', name)
                                 for name in ('same', 'other', 'short')),
                               self.check(f'{DIRECTORY}/trusted', 'other', **trust),
                               self.check(f'{DIRECTORY}/absent', 'same'))
        self.assert_done(result)
        files = {Path(path).name: file for path, file in self.files(result).items()}
        self.assertEqual({name: file.verdict for name, file in files.items()},
                         {'same': 'equal', 'other': 'differs', 'short': 'differs',
                          'trusted': 'trusted'})

    def test_check_of_a_source_that_is_not_the_planned_one_fails(self):
        self.put(IMAGE, 'abc')
        self.source('vmlinuz', b'abc')
        step = self.check(IMAGE, 'vmlinuz')
        self.source('vmlinuz', b'abd')
        result = self.run_plan(step)
        self.assertEqual((result.status, result.error), (1, 'SourceChanged'))
        self.assertIn('changed while it was being read; it will be tried again', result.message)
        self.assertIn('/boot/vmlinuz', result.message)

    def test_probe_of_an_esp_in_sync_opens_no_content_and_writes_nothing(self):
        self.put(ENTRY, 'title x\n')
        self.put(IMAGE, 'kernel')
        self.put(INITRD, 'initrd')
        steps = [self.known('known', ENTRY), self.known('known', LOADER_CONF), SCAN]
        for path in (IMAGE, INITRD):
            self.source(Path(path).name, b'whatever')
            st = (self.esp / path).stat()
            steps.append(self.check(path, Path(path).name, esp_size=st.st_size,
                                    esp_mtime=st.st_mtime_ns, trust=1))
        before = snapshot(self.esp)
        trace = self.root / 'trace'
        result = self.run_plan(*steps, prefix=['strace', '-o', trace,
                                               '-e', 'trace=open,openat,openat2'])
        self.assert_done(result)
        self.assertEqual(snapshot(self.esp), before)
        opened = [line for line in trace.read_text().splitlines()
                  if re.search(r'vmlinuz|initrd|\.conf"', line) and 'O_PATH' not in line
                  and 'openssl' not in line]
        self.assertEqual(opened, [])
        self.assertIn(f'"{IMAGE}"', trace.read_text())

    def test_keep_accepts_what_was_seen_and_fails_for_anything_else(self):
        self.put(IMAGE, 'kernel')
        self.assert_done(self.run_plan(self.known('keep', IMAGE)))
        self.assert_failed(self.run_plan(self.known('keep', IMAGE, esp_size=5)), 'Failed', IMAGE)
        self.assert_failed(self.run_plan(self.known('keep', IMAGE, esp_mtime=1)), 'Failed', IMAGE)
        step = self.known('keep', IMAGE)
        (self.esp / IMAGE).unlink()
        self.assert_failed(self.run_plan(step), 'Failed', IMAGE)


class Writing(WorkerCase):
    def setUp(self):
        super().setUp()
        self.image, self.initrd = os.urandom(MIB + 5), os.urandom(18 * MIB + 1)
        self.source('vmlinuz', self.image)
        self.source('initrd.img', self.initrd)

    def sync_steps(self):
        return (record('mkdir', path=DIRECTORY), BARRIER, self.stage(IMAGE, 'vmlinuz'),
                self.stage(INITRD, 'initrd.img'), stage_text(ENTRY, 'title new\n'), TOKEN, BARRIER,
                place(IMAGE), place(INITRD), BARRIER, place(ENTRY), BARRIER,
                stage_text(LOADER_CONF, 'default x\n'), place(LOADER_CONF), BARRIER)

    def put_old(self):
        for path in (IMAGE, INITRD, ENTRY):
            self.put(path, 'old')
        self.put(LOADER_CONF, 'old')

    def assert_all_new(self):
        self.assertEqual((self.esp / IMAGE).read_bytes(), self.image)
        self.assertEqual((self.esp / INITRD).read_bytes(), self.initrd)
        self.assertEqual(self.text(ENTRY), 'title new\n')
        self.assertEqual(self.text(LOADER_CONF), 'default x\n')
        self.assertEqual(self.leftovers(), [])

    def assert_all_old(self):
        for path in (IMAGE, INITRD, ENTRY, LOADER_CONF):
            self.assertEqual(self.text(path), 'old')

    def test_plan_is_carried_out_on_an_empty_esp_and_over_old_files(self):
        self.assert_done(self.run_plan(*self.sync_steps()))
        self.assert_all_new()
        self.put_old()
        self.assert_done(self.run_plan(*self.sync_steps()))
        self.assert_all_new()

    def test_placed_reports_tell_stat_and_step(self):
        result = self.run_plan(*self.sync_steps())
        placed = {r.path: r for r in result.reports if r.verb == 'placed'}
        self.assertEqual({path: r.index for path, r in placed.items()},
                         {IMAGE: '7', INITRD: '8', ENTRY: '10', LOADER_CONF: '13'})
        for path, report in placed.items():
            st = (self.esp / path).stat()
            self.assertEqual((int(report.size), int(report.mtime)), (st.st_size, st.st_mtime_ns))
            self.assertEqual(st.st_mode & 0o7777, 0o600)
        source = (self.root / 'boot/initrd.img').stat()
        self.assertEqual((self.esp / INITRD).stat().st_mtime_ns,
                         source.st_mtime_ns // 2000000000 * 2000000000)

    def test_progress_counts_what_is_written_and_read_back_every_8_mib(self):
        result = self.run_plan(self.stage(INITRD.replace(f'{VERSION}/', ''), 'initrd.img'))
        self.assert_done(result)
        told = [0, *(int(r.bytes) for r in result.reports if r.verb == 'progress')]
        self.assertEqual(told[-1], 2 * len(self.initrd))
        steps = [after - before for before, after in zip(told, told[1:])]
        # As it comes, but for the rest of what is written and of what is read.
        self.assertEqual(sum(step >= 8 * MIB for step in steps), 4)
        self.assertLessEqual(len(steps), 6)
        self.assertLess(max(steps), 12 * MIB)

    def test_nothing_is_placed_before_the_token_is_granted(self):
        self.put_old()
        worker = self.start(*self.sync_steps())
        worker.receive_until('waiting')
        time.sleep(0.3)
        self.assert_all_old()
        self.assertEqual(sorted(self.leftovers()),
                         sorted(f'{path}.new' for path in (IMAGE, INITRD, ENTRY)))
        worker.send('commit')
        self.assert_done(worker.finish())
        self.assert_all_new()

    def assert_canceled(self, result):
        self.assert_failed(result, 'Canceled')
        self.assertEqual(self.leftovers(), [])

    def test_stop_while_it_waits_cancels_and_clears_what_was_staged(self):
        self.put_old()
        for stop in (lambda w: w.send('stop'), lambda w: w.signal(signal.SIGTERM)):
            worker = self.start(*self.sync_steps())
            worker.receive_until('waiting')
            stop(worker)
            self.assert_canceled(worker.finish())
            self.assert_all_old()

    def test_stop_in_the_middle_of_a_copy_cancels_and_clears_what_was_staged(self):
        self.put_old()
        for stop in (lambda w: w.send('stop'), lambda w: w.signal(signal.SIGTERM)):
            worker = self.start(*self.sync_steps(), hook='stage:3:stop')
            worker.frozen()
            self.assertLess(os.path.getsize(self.esp / f'{INITRD}.new'), len(self.initrd))
            stop(worker)
            worker.signal(signal.SIGCONT)
            result = worker.finish()
            self.assert_canceled(result)
            self.assertEqual(max(int(r.bytes) for r in result.reports if r.verb == 'progress'),
                             2 * len(self.image) + 8 * MIB)
            self.assert_all_old()

    def test_stop_between_a_place_and_its_barrier_finishes_the_group_and_no_more(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='place:2:stop')
        worker.receive_until('waiting')
        worker.send('commit')
        worker.frozen()
        self.assertEqual((self.esp / IMAGE).read_bytes(), self.image)
        self.assertEqual(self.text(INITRD), 'old')
        worker.send('stop')
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGCONT)
        result = worker.finish()
        self.assert_canceled(result)
        self.assertEqual((self.esp / INITRD).read_bytes(), self.initrd)
        self.assertEqual((self.text(ENTRY), self.text(LOADER_CONF)), ('old', 'old'))
        # The barrier, too, was carried out.
        self.assertIn('9', [r.index for r in result.reports if r.verb == 'step'])

    def test_daemon_that_is_gone_before_the_token_cancels(self):
        self.put_old()
        worker = self.start(*self.sync_steps())
        worker.receive_until('waiting')
        worker.socket.close()
        self.assertEqual(worker.end().status, 1)
        self.assert_all_old()
        self.assertEqual(self.leftovers(), [])

    def test_daemon_that_goes_while_it_copies_cancels(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='stage:3:stop')
        worker.frozen()
        worker.socket.close()
        worker.signal(signal.SIGCONT)
        self.assertEqual(worker.end().status, 1)
        self.assert_all_old()
        self.assertEqual(self.leftovers(), [])

    def test_daemon_that_goes_after_the_token_lets_the_plan_be_carried_to_its_end(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='place:2:stop')
        worker.receive_until('waiting')
        worker.send('commit')
        worker.frozen()
        worker.socket.close()
        worker.signal(signal.SIGCONT)
        self.assertEqual(worker.end().status, 0)
        self.assert_all_new()

    def test_source_that_changes_during_the_copy_fails_and_leaves_nothing(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='stage:3:stop')
        worker.frozen()
        with open(self.root / 'boot/initrd.img', 'r+b') as file:
            file.write(b'changed')
        worker.signal(signal.SIGCONT)
        result = worker.finish()
        self.assertEqual((result.status, result.error), (1, 'SourceChanged'))
        self.assertIn('/boot/initrd.img', result.message)
        self.assertIn('changed while it was being read; it will be tried again', result.message)
        self.assertEqual(self.leftovers(), [])
        self.assert_all_old()

    def test_source_that_is_replaced_since_the_plan_is_not_copied(self):
        steps = self.sync_steps()
        (self.root / 'boot/initrd.img').rename(self.root / 'boot/moved')
        self.source('initrd.img', self.initrd)
        result = self.run_plan(*steps)
        self.assertEqual((result.status, result.error), (1, 'SourceChanged'))
        self.assertEqual(self.leftovers(), [])

    def test_what_is_optional_may_fail_and_what_is_behind_the_next_scan_is_done(self):
        optional = 'EFI/proxmox/memtest86+x64.efi'
        self.source('memtest', b'memtest')
        steps = (*self.sync_steps(), record('optional'), self.stage(optional, 'memtest'), BARRIER,
                 place(optional), BARRIER, SCAN)
        (self.root / 'boot/memtest').write_bytes(b'another')
        result = self.run_plan(*steps)
        self.assert_done(result)
        warnings = [r for r in result.reports if r.verb == 'warning']
        self.assertEqual([r.error for r in warnings], ['SourceChanged'])
        self.assertIn('/boot/memtest', warnings[0].message)
        self.assertFalse((self.esp / optional).exists())
        self.assertEqual(self.leftovers(), [])
        self.assertIn('space', [r.verb for r in result.reports])
        self.assert_all_new()

    def test_an_optional_step_that_fails_after_another_was_placed_leaves_no_leftover(self):
        optional = 'EFI/proxmox/memtest86+x64.efi'
        self.source('memtest', b'memtest')
        self.put('EFI/file', 'in the way')
        result = self.run_plan(TOKEN, record('optional'), self.stage(optional, 'memtest'), BARRIER,
                               place(optional), self.stage('EFI/other', 'memtest'),
                               self.stage('EFI/file/x', 'memtest'))
        self.assert_done(result)
        self.assertEqual(self.text(optional), 'memtest')
        self.assertEqual(self.leftovers(), [])

    def test_disk_that_gives_back_something_else_is_found_before_anything_is_placed(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='stage:1:stop')
        worker.frozen()
        with open(self.esp / f'{IMAGE}.new', 'r+b') as file:
            file.seek(MIB)
            file.write(bytes([self.image[MIB] ^ 1]))
        worker.signal(signal.SIGCONT)
        self.assert_failed(worker.finish(), 'VerifyFailed', IMAGE)
        self.assertEqual(self.leftovers(), [])
        self.assert_all_old()

    def test_full_esp_fails_at_once_and_keeps_what_it_has(self):
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=12m', 'test', self.esp], check=True)
        self.addCleanup(subprocess.run, ['umount', self.esp], check=True)
        self.put_old()
        result = self.run_plan(*self.sync_steps())
        self.assert_failed(result, 'NoSpace', INITRD)
        self.assertEqual(max(int(r.bytes) for r in result.reports if r.verb == 'progress'),
                         2 * len(self.image))
        self.assertEqual(self.leftovers(), [])
        self.assert_all_old()

    def test_leftover_of_another_run_is_neither_written_over_nor_removed_unasked(self):
        self.put(f'{IMAGE}.new', 'left')
        self.assert_failed(self.run_plan(self.stage(IMAGE, 'vmlinuz')), 'Failed', f'{IMAGE}.new')
        self.assertEqual(self.text(f'{IMAGE}.new'), 'left')
        clear = record('clear', path=f'{IMAGE}.new')
        self.assert_done(self.run_plan(clear, BARRIER, self.stage(IMAGE, 'vmlinuz'), TOKEN,
                                       place(IMAGE), BARRIER))
        self.assertEqual((self.esp / IMAGE).read_bytes(), self.image)
        self.assert_done(self.run_plan(clear))

    def test_clear_refuses_what_is_no_leftover(self):
        self.put(IMAGE, 'live')
        self.assert_failed(self.run_plan(record('clear', path=IMAGE)), 'Failed', IMAGE)
        self.assertEqual(self.text(IMAGE), 'live')

    def test_only_what_this_plan_staged_is_placed(self):
        self.put(IMAGE, 'live')
        self.put(f'{IMAGE}.new', 'left')
        self.assert_failed(self.run_plan(TOKEN, place(IMAGE), BARRIER), 'Failed', IMAGE)
        self.assertEqual((self.text(IMAGE), self.text(f'{IMAGE}.new')), ('live', 'left'))

    def test_removal_takes_entry_and_kernel_files_and_leaves_foreign_ones(self):
        self.put_old()
        self.put(f'{INITRD}.new', 'half')
        steps = (TOKEN, record('remove-entry', path=ENTRY), BARRIER,
                 record('remove-kernel', path=DIRECTORY), BARRIER)
        self.assert_done(self.run_plan(*steps))
        self.assertFalse((self.esp / DIRECTORY).exists())
        self.assertFalse((self.esp / ENTRY).exists())
        self.put_old()
        self.put(f'{DIRECTORY}/notes', 'mine')
        self.assert_done(self.run_plan(*steps))
        self.assertEqual([p.name for p in (self.esp / DIRECTORY).iterdir()], ['notes'])
        self.assert_done(self.run_plan(*steps))

    def test_symlink_on_the_esp_leads_nowhere(self):
        outside = self.root / 'outside'
        outside.mkdir()
        (self.esp / 'EFI/proxmox').rmdir()
        (self.esp / 'EFI/proxmox').symlink_to(outside)
        for step in (record('mkdir', path=DIRECTORY), self.stage('EFI/proxmox/x', 'vmlinuz'),
                     record('remove-kernel', path='EFI/proxmox/x')):
            self.assertEqual(self.run_plan(step).error, 'Failed')
        self.assertEqual(list(outside.iterdir()), [])

    def test_kill_while_staging_leaves_the_old_files_and_no_lock(self):
        self.put_old()
        worker = self.start(*self.sync_steps(), hook='stage:4:kill')
        result = worker.finish()
        self.assertEqual(result.status, -signal.SIGKILL)
        self.assert_all_old()
        clears = [record('clear', path=path) for path in self.leftovers()]
        self.assertEqual(len(clears), 2)
        self.assert_done(self.run_plan(TOKEN, *clears, BARRIER, *self.sync_steps()))
        self.assert_all_new()

    def test_hooks_strike_at_their_points(self):
        for hook, image, entry in (('place:1', 'old', 'old'), ('place:2', 'new', 'old'),
                                   ('entry:1', 'new', 'old'), ('entry:2', 'new', 'new')):
            with self.subTest(hook=hook):
                for path in self.leftovers():
                    (self.esp / path).unlink()
                self.put_old()
                self.assertEqual(self.run_plan(*self.sync_steps(), hook=f'{hook}:kill').status,
                                 -signal.SIGKILL)
                self.assertEqual(self.text(IMAGE) == 'old' if image == 'old' else
                                 (self.esp / IMAGE).read_bytes() == self.image, True)
                self.assertEqual(self.text(ENTRY), 'old' if entry == 'old' else 'title new\n')

    def test_remove_hook_strikes_before_and_after(self):
        for hook, there in (('remove:1', True), ('remove:2', False)):
            self.put_old()
            self.assertEqual(self.run_plan(TOKEN, record('remove-kernel', path=DIRECTORY), BARRIER,
                                           hook=f'{hook}:kill').status, -signal.SIGKILL)
            self.assertEqual((self.esp / DIRECTORY).exists(), there)

    def test_memory_does_not_grow_with_what_is_copied(self):
        self.source('large', bytes(100 * MIB))
        for hook in ('stage:11:stop', 'stage:13:stop'):  # while writing; after the read-back
            worker = self.start(self.stage('large', 'large'), hook=hook)
            worker.frozen()
            rollup = Path(f'/proc/{worker.child.pid}/smaps_rollup').read_text()
            pss = int(re.search(r'^Pss:\s+(\d+) kB', rollup, re.M).group(1)) * 1024
            worker.signal(signal.SIGCONT)
            self.assert_done(worker.finish())
            (self.esp / 'large.new').unlink()
            self.assertLess(pss, (64 if SANITIZED else 16) * MIB)


class Ksm(WorkerCase):
    """A directory as /sys, and a kernel that is played: run is a FIFO that is full, so that who
    writes to it waits, as it does while the kernel unmerges."""
    UNMERGE = record('ksm-unmerge', force=0)

    def setUp(self):
        super().setUp()
        self.sysfs = self.root / 'sys/kernel/mm/ksm'
        self.sysfs.mkdir(parents=True)
        self.run_file = self.sysfs / 'run'
        self.run_file.write_text('1\n')
        self.set_sharing(1024)

    def set_sharing(self, pages):
        file = self.root / 'pages_sharing.new'
        file.write_text(f'{pages}\n')
        file.chmod(0o444)
        file.rename(self.sysfs / 'pages_sharing')

    def fill_run(self):
        self.run_file.unlink()
        os.mkfifo(self.run_file)
        fifo = os.open(self.run_file, os.O_RDWR | os.O_NONBLOCK)
        self.addCleanup(os.close, fifo)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(fifo, bytes(size))
        return fifo

    def start(self, *steps, lock=None):
        text = record('bootsync-plan', version=2) + ''.join(steps) + 'end\n'
        running = Running(text, [f'--root={self.root}'], lock=lock)
        self.addCleanup(running.close)
        return running

    def assert_failed(self, result, error, *words):
        self.assertEqual((result.status, result.error), (1, error), result.message)
        for word in words:
            self.assertIn(word, result.message)

    def writer(self, worker):
        """The one child of @worker, once it waits in its write."""
        worker.receive_until('progress')
        children = []
        for pid in filter(str.isdecimal, os.listdir('/proc')):
            with contextlib.suppress(OSError):  # it has ended
                if stat_of(pid)[1] == str(worker.child.pid):
                    children.append(int(pid))
        self.assertEqual(len(children), 1)
        return children[0]

    def is_locked(self, path):
        with open(path) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def test_values_are_set_in_their_order(self):
        (self.sysfs / 'sleep_millisecs').write_text('20\n')
        self.assert_done(self.run_plan(record('ksm-set', path='sleep_millisecs', text='50'),
                                       record('ksm-set', path='run', text='0')))
        self.assertEqual((self.sysfs / 'sleep_millisecs').read_text(), '50')
        self.assertEqual(self.run_file.read_text(), '0')

    def test_a_value_that_cannot_be_set_ends_the_plan(self):
        set_run = record('ksm-set', path='run', text='0')
        self.assert_failed(self.run_plan(record('ksm-set', path='smart_scan', text='1'), set_run),
                           'Failed', 'smart_scan')
        self.assert_failed(self.run_plan(record('ksm-set', path='run', text='2'), set_run),
                           'InvalidOption', "'run'", "'2'")
        self.assertEqual(self.run_file.read_text(), '1\n')
        self.assertEqual(sorted(os.listdir(self.sysfs)), ['pages_sharing', 'run'])

    def test_a_name_that_leads_out_of_the_directory_is_no_plan(self):
        for name in ('../ksm/run', '/etc/passwd', '.', ''):
            result = self.run_plan(record('ksm-set', path=name, text='0'))
            self.assertEqual((result.status, result.reports), (2, []))
        self.assertEqual(self.run_file.read_text(), '1\n')

    def test_who_gains_is_reported_process_by_process(self):
        for pid, name, pages, cgroup in ((7, 'sh', 0, '/'),
                                         (12, 'kvm', 30, '/qemu.slice/100.scope'),
                                         (13, 'a\x1bb', 50, '/user.slice')):
            profit = f'ksm_rmap_items 3\nksm_process_profit {pages * 4000}'
            directory = self.root / f'proc/{pid}'
            directory.mkdir(parents=True)
            for file, text in (('comm', name), ('ksm_merging_pages', pages), ('ksm_stat', profit),
                               ('cgroup', f'0::{cgroup}')):
                (directory / file).write_text(f'{text}\n')
        result = self.run_plan(record('ksm-processes'))
        self.assert_done(result)
        processes = [parse(r.text) for r in result.reports if r.verb == 'process']
        page = os.sysconf('SC_PAGESIZE')
        self.assertEqual([(p.verb, p.pid, p.vmid, p.merged, p.profit) for p in processes],
                         [('process', '13', '0', str(50 * page), '200000'),
                          ('process', '12', '100', str(30 * page), '120000')])
        self.assertEqual([p.name for p in processes], ['a?b', 'kvm'])

    def test_an_unmerge_reports_also_while_nothing_moves_and_is_done_when_nothing_is_merged(self):
        fifo = self.fill_run()
        worker = self.start(self.UNMERGE)
        for _ in range(3):
            self.assertEqual(worker.receive_until('progress').bytes, '0')
        self.set_sharing(256)
        while worker.receive_until('progress').bytes == '0':
            pass
        self.assertEqual(int(worker.reports[-1].bytes), 768 * os.sysconf('SC_PAGESIZE'))
        self.set_sharing(0)
        os.read(fifo, 4096)
        self.assert_done(worker.finish())

    def test_an_unmerge_that_is_told_to_stop_leaves_no_writer_and_says_what_is_still_merged(self):
        self.fill_run()
        for how, argument in (('send', 'stop'), ('signal', signal.SIGTERM)):
            worker = self.start(self.UNMERGE)
            writer = self.writer(worker)
            getattr(worker, how)(argument)
            self.assert_failed(worker.finish(), 'Canceled', '4 MiB')
            self.assertFalse(Path(f'/proc/{writer}').exists())

    def test_a_writer_that_the_kernel_kills_is_told_by_a_worker_that_lives(self):
        self.fill_run()
        worker = self.start(self.UNMERGE)
        os.kill(self.writer(worker), signal.SIGKILL)
        self.assert_failed(worker.finish(), 'InsufficientMemory', '4 MiB')

    def test_a_killed_worker_takes_its_writer_along_which_keeps_the_lock_until_it_is_gone(self):
        self.fill_run()
        path = self.root / 'lock'
        with open(path, 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            worker = self.start(self.UNMERGE, lock=lock.fileno())
        writer = self.writer(worker)
        os.kill(writer, signal.SIGSTOP)
        worker.frozen(writer)  # as one whom the kernel does not let go
        worker.signal(signal.SIGKILL)
        status, locked = worker.child.wait(TIMEOUT), self.is_locked(path)
        os.kill(writer, signal.SIGCONT)
        self.assertEqual((status, locked), (-signal.SIGKILL, True))
        deadline = time.monotonic() + TIMEOUT
        while self.is_locked(path):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


class Order(WorkerCase):
    """The system calls, in the order that survives a power cut."""
    CALLS = ('openat,openat2,close,write,fsync,fdatasync,sync_file_range,syncfs,rename,renameat,renameat2,unlink,'
             'unlinkat,fcntl,fadvise64,pread64')

    def trace(self, *steps):
        """Every call of the worker that succeeded: name, path and rest of its arguments, result."""
        path = self.root / 'trace'
        result = self.run_plan(*steps, prefix=['strace', '-f', '-y', '-s', '300', '-o', path,
                                               '-e', 'trace=' + self.CALLS])
        self.assert_done(result)
        calls = []
        for line in strace_lines(path):
            if match := re.match(r'\d+ +(\w+)\((.*)\)\s+= (\d+)', line):
                calls.append(SimpleNamespace(name=match[1], arguments=match[2],
                                             result=int(match[3]), line=line))
        return calls

    def find(self, calls, start, name, *words):
        """Index of the first call of @name from @start on whose arguments have all @words."""
        for i in range(start, len(calls)):
            if calls[i].name.startswith(name) and all(w in calls[i].arguments for w in words):
                return i
        self.fail(f'no {name} {words} after {start}:\n' + '\n'.join(c.line for c in calls[start:]))

    def opened(self, calls, before, path):
        """The last descriptor opened for @path before @before."""
        return max((i, calls[i].result) for i in range(before)
                   if calls[i].name.startswith('openat') and f'"{path}"' in calls[i].arguments
                   and 'O_PATH' not in calls[i].arguments)[1]

    def root_word(self):
        return f'<{self.esp}>'

    def barrier(self, calls, start):
        return self.find(calls, self.find(calls, start, 'syncfs', self.root_word()), 'fsync',
                         self.root_word())

    def test_replaced_file_is_closed_only_after_the_barrier(self):
        self.put(IMAGE, 'old')
        self.source('vmlinuz', b'new')
        calls = self.trace(self.stage(IMAGE, 'vmlinuz'), TOKEN, place(IMAGE), BARRIER)
        rename = self.find(calls, 0, 'rename', f'vmlinuz-{VERSION}.new')
        old, new = self.opened(calls, rename, IMAGE), self.opened(calls, rename, f'{IMAGE}.new')
        directory = self.find(calls, rename, 'fsync', f'<{self.esp}/{DIRECTORY}>')
        content = self.find(calls, directory, 'fsync', f'{new}<{self.esp}/{IMAGE}>')
        barrier = self.barrier(calls, content)
        closes = [self.find(calls, rename, 'close', f'{fd}<') for fd in (old, new)]
        self.assertGreater(min(closes), barrier)
        # What is free now is on the disk, too.
        self.barrier(calls, max(closes))

    def test_staged_file_is_synced_and_read_back_past_the_cache_before_it_is_placed(self):
        self.source('vmlinuz', b'x' * (17 * MIB))
        calls = self.trace(record('mkdir', path=DIRECTORY), self.stage(IMAGE, 'vmlinuz'), TOKEN,
                           place(IMAGE), BARRIER)
        staged = f'<{self.esp}/{IMAGE}.new>'
        rename = self.find(calls, 0, 'rename', f'vmlinuz-{VERSION}.new')
        written = [i for i, c in enumerate(calls) if c.name == 'write' and staged in c.arguments]
        strides = [i for i, c in enumerate(calls) if c.name == 'sync_file_range'
                   and staged in c.arguments and c.arguments.endswith('SYNC_FILE_RANGE_WRITE')]
        self.assertEqual([sum(calls[i].result for i in written if i < stride) for stride in strides],
                         [size * MIB for size in (2, 4, 6, 8, 10, 12, 14, 16, 17)])
        sync = self.find(calls, strides[-1], 'fsync', staged)
        self.assertLess(self.find(calls, sync, 'fsync', f'<{self.esp}/{DIRECTORY}>'), rename)

        # Each byte is read past the cache after it was waited for, and most of them meanwhile.
        arrived, read = 0, {}
        for i, call in enumerate(calls[:rename]):
            if staged not in call.arguments:
                continue
            if call.name == 'sync_file_range' and 'WAIT_BEFORE' in call.arguments:
                arrived = sum(int(word) for word in call.arguments.split(', ')[1:3])
            elif call.name == 'pread64':
                offset = int(call.arguments.split(', ')[-1])
                self.assertLessEqual(offset + call.result, arrived)
                self.assertNotIn(offset, read)
                read[offset] = call.result, i
        self.assertEqual(sum(size for size, _ in read.values()), 17 * MIB)
        self.assertGreaterEqual(sum(size for size, i in read.values() if i < written[-1]), 12 * MIB)
        self.assertTrue(any('O_DIRECT' in c.arguments or 'DONTNEED' in c.arguments
                            for c in calls[:min(i for _, i in read.values())]
                            if staged in c.arguments))

    def test_new_directory_is_synced_into_its_parents(self):
        shutil.rmtree(self.esp / 'EFI')
        calls = self.trace(record('mkdir', path='EFI/proxmox'))
        root = self.find(calls, 0, 'fsync', self.root_word())
        self.find(calls, root, 'fsync', f'<{self.esp}/EFI>')

    def test_removed_kernel_is_let_go_after_the_barrier_and_its_entry_before(self):
        for path in (IMAGE, INITRD, ENTRY):
            self.put(path, 'old')
        calls = self.trace(TOKEN, record('remove-entry', path=ENTRY), BARRIER,
                           record('remove-kernel', path=DIRECTORY), BARRIER)
        entry = self.find(calls, 0, 'unlinkat', Path(ENTRY).name)
        entry_fd = self.opened(calls, entry, ENTRY)
        synced = self.find(calls, entry, 'fsync', f'<{self.esp}/loader/entries>')
        closed = self.find(calls, synced, 'close', f'{entry_fd}<')
        self.assertNotIn('syncfs', [c.name for c in calls[synced:closed]])
        files = self.find(calls, self.barrier(calls, closed), 'unlinkat', Path(IMAGE).name)
        files = self.find(calls, files, 'unlinkat', Path(INITRD).name)
        fds = [self.opened(calls, files, path) for path in (IMAGE, INITRD, DIRECTORY)]
        directory = self.find(calls, files, 'fsync', f'<{self.esp}/{DIRECTORY}>')
        rmdir = self.find(calls, directory, 'unlinkat', f'"{VERSION}"', 'AT_REMOVEDIR')
        barrier = self.barrier(calls, self.find(calls, rmdir, 'fsync', f'<{self.esp}/EFI/proxmox>'))
        closes = [self.find(calls, files, 'close', f'{fd}<') for fd in fds]
        self.assertGreater(min(closes), barrier)
        self.barrier(calls, max(closes))

    def test_plan_without_a_last_barrier_gets_one(self):
        calls = self.trace(stage_text(LOADER_CONF, 'new'), TOKEN, place(LOADER_CONF))
        self.barrier(calls, self.find(calls, 0, 'rename', 'loader.conf.new'))

    def test_failure_within_a_group_ends_with_a_barrier(self):
        path = self.root / 'trace'
        result = self.run_plan(stage_text(LOADER_CONF, 'new'), TOKEN, place(LOADER_CONF),
                               place(ENTRY), BARRIER,
                               prefix=['strace', '-y', '-o', path, '-e',
                                       'trace=rename,renameat,renameat2,syncfs,close'])
        self.assert_failed(result, 'Failed', ENTRY)
        self.assertEqual(self.text(LOADER_CONF), 'new')
        text = path.read_text()
        rename = text.index('rename')
        old = re.search(r'close\((\d+)<[^>]*loader\.conf>\(deleted\)|close\((\d+)<[^>]*loader\.conf'
                        r' \(deleted\)>', text[rename:])
        self.assertIsNotNone(old, text)
        self.assertIn('syncfs', text[rename:rename + old.start()])


if __name__ == '__main__':
    tap.main(private_mounts=True)
