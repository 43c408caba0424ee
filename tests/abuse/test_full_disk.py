#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""No room where the daemon writes: /etc/kernel, /var/lib/bootsync, /run. What was there stays whole,
the caller is told, no file is left half written, every ESP boots, and all is well when there is room."""

import shutil

import abuse
from abuse import AbuseCase
from measure import Measure, figure
from mounts import mount, umount
from privatebus import ERROR, CallError

NEW = '6.8.12-5-pve'
JOB_TIMES = 50  # a job reads its files and makes its plan in one go, and most of the samples are of jobs


class FullDisk(AbuseCase):
    def prepare(self):
        super().prepare()
        self.told = 0

    def make_small(self, name):
        """A small file system with what is there. The daemon is started anew on it."""
        path, kept = self.lab.path(name), self.lab.path('kept')
        self.lab.stop_daemon()
        path.mkdir(parents=True, exist_ok=True)
        shutil.copytree(path, kept)
        mount('-t', 'tmpfs', '-o', 'size=256k', 'small', path)
        self.addCleanup(umount, path)
        shutil.copytree(kept, path, dirs_exist_ok=True)
        self.start_daemon()
        self.bus.refresh()
        return path

    def fill(self, path):
        with open(path / 'ballast', 'wb', buffering=0) as f:
            try:
                while True:
                    f.write(b'x' * 4096)
            except OSError:
                pass

    def try_all(self):
        """Everything that writes. An error is one of ours that says why."""
        for method, signature, arguments in (
                ('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {})),
                ('PinKernel', '(ssa{sv})', (self.OLD, 'next-boot', {})),
                ('AddKernel', '(sa{sv})', (self.OLD, {})),
                ('RemoveKernel', '(sa{sv})', (self.OLD, {})),
                ('UnpinKernel', '(sa{sv})', ('all', {})),
                ('Refresh', '(a{sv})', (self.bus.options(wait=True),)),
                ('Refresh', '(a{sv})', (self.bus.options(wait=True, new_kernel=NEW),)),
                ('Verify', '(a{sv})', (self.bus.options(wait=True),))):
            try:
                self.bus.call(method, signature, arguments, timeout=60)
            except CallError as error:
                self.told += 1
                self.assertTrue(error.name.startswith(ERROR), f'{method}: {error}')
                figure(f'{method}: {error.name[len(ERROR):]}: {error.message[:120]}')

    def assert_all_well(self, path, before):
        """@before: what was in the files when there was no room yet."""
        after = {p.name: p.read_bytes() for p in path.glob('*') if p.is_file()}
        self.assertEqual([n for n in after if n.endswith('.new') or '.bootsync-' in n], [])
        for name, data in before.items():
            self.assertTrue(name not in after or after[name] or not data,
                            f'{name} was cut to nothing')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.complete(uuid), [], uuid)

    def run_full(self, name):
        path = self.make_small(name)
        before = {p.name: p.read_bytes() for p in path.glob('*') if p.is_file()}
        self.fill(path)
        self.lab.add_kernel(NEW)
        with Measure(self.bus, f'{name} is full', times=JOB_TIMES, samples=1):
            self.try_all()
        self.assert_all_well(path, before)
        self.lab.stop_daemon()
        self.start_daemon()
        self.assert_all_well(path, before)

        (path / 'ballast').unlink()
        self.bus.call('UnpinKernel', '(sa{sv})', ('all', {}))
        self.bus.wait_no_job()
        self.bus.refresh()
        self.assertTrue(self.bus.properties()['InSync'])
        self.assert_synced(versions=[self.OLD, self.NEW, NEW])
        self.assert_all_well(path, {})

    def test_etc_kernel_is_full(self):
        self.run_full('etc/kernel')
        self.assertGreater(self.told, 0)

    def test_var_lib_bootsync_is_full(self):
        self.run_full('var/lib/bootsync')

    def test_run_is_full(self):
        self.run_full('run')


if __name__ == '__main__':
    abuse.main(private_mounts=True)
