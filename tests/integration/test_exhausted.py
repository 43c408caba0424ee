#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that has run out of something: inotify instances and watches, space in /run, a /etc that
may be written. What can still be done is done, and what cannot is said."""

import os
import subprocess

import lab
from lab import LabCase
from privatebus import ERROR, CallError

LATER = '6.8.12-5-pve'
POLL = '--test-deadline-percent=5'  # a look every 3 s
REFUSED = 'No inotify'


class Inotify(LabCase):
    """The limits are those of a user namespace, so that nobody else on this machine meets them."""

    def start(self, name, value):
        # The leak check's tracer cannot trace its parent within the namespace.
        self.daemon = self.lab.start_daemon(POLL, prefix=[
            'env', 'ASAN_OPTIONS=quarantine_size_mb=1:detect_leaks=0',
            'unshare', '--user', '--map-root-user',
            'sh', '-c', f'echo {value} >/proc/sys/user/{name}; exec "$@"', 'sh'])
        self.bus = self.lab.bus
        self.bus.wait_idle()

    def allow(self, name, value):
        subprocess.run(['nsenter', f'--target={self.daemon.pid}', '--user',
                        '--preserve-credentials',
                        'sh', '-c', f'echo {value} >/proc/sys/user/{name}'], check=True, timeout=60)

    def watching(self):
        properties = self.bus.properties()
        return properties['Watching'], properties['WatchingReason']

    def assert_new_kernel_comes(self, version):
        self.lab.add_kernel(version)
        self.bus.run(lambda: not any(self.lab.difference(uuid, (self.OLD, self.NEW, version))
                                     for uuid in self.ESPS), what=f'kernel {version}')
        self.bus.wait_idle()

    def assert_said_once(self, words):
        self.assertEqual(self.bus.log().count(words), 1, self.bus.log())

    def test_without_an_instance_a_new_kernel_is_synced_all_the_same_and_the_limit_is_named(self):
        self.start('max_inotify_instances', 0)
        state, reason = self.watching()
        self.assertEqual(state, 'timer')
        self.assertIn('fs.inotify.max_user_instances', reason)
        self.assert_new_kernel_comes(LATER)
        self.assert_said_once(REFUSED)

    def test_without_watches_a_new_kernel_is_synced_all_the_same_and_the_limit_is_named(self):
        self.start('max_inotify_watches', 1)
        state, reason = self.watching()
        self.assertEqual(state, 'timer')
        self.assertIn('fs.inotify.max_user_watches', reason)
        self.assert_new_kernel_comes(LATER)
        self.assert_said_once(REFUSED)

    def test_a_disk_that_is_plugged_in_is_noticed_by_the_timer_too(self):
        self.lab.take_away(self.ESPS[1])
        self.start('max_inotify_instances', 0)
        self.lab.bring_back(self.ESPS[1])
        self.bus.run(lambda: not self.lab.difference(self.ESPS[1], (self.OLD, self.NEW)),
                     what='the ESP on that disk')
        self.bus.wait_idle()

    def test_when_there_are_watches_again_inotify_is_used_again(self):
        for name in 'max_inotify_instances', 'max_inotify_watches':
            with self.subTest(limit=name):
                self.start(name, 0)
                self.allow(name, 1000)
                self.bus.run(lambda: self.watching() == ('inotify', ''), what='inotify')
                self.bus.drain()
                told = [s[3][1].get('Watching') for s in self.bus.seen('PropertiesChanged')]
                self.assertIn('inotify', told)
                self.assert_said_once(REFUSED)
                self.assert_said_once('watched by inotify again')
                self.lab.stop_daemon()

    def test_a_directory_that_was_replaced_and_cannot_be_watched_again_is_polled(self):
        self.start('max_inotify_watches', 1000)
        self.assertEqual(self.watching(), ('inotify', ''))
        self.allow('max_inotify_watches', 1)
        new = self.lab.path('new-boot')
        new.mkdir()
        for path in self.lab.path('boot').iterdir():
            (new / path.name).write_bytes(path.read_bytes())
        self.lab.path('boot').rename(self.lab.path('old-boot'))
        new.rename(self.lab.path('boot'))
        self.bus.run(lambda: self.watching()[0] == 'timer', what='the timer')
        self.assertIn("'/boot'", self.watching()[1])
        self.bus.wait_idle()
        self.assert_new_kernel_comes(LATER)

    def test_status_shows_the_timer_and_why(self):
        self.start('max_inotify_instances', 0)
        done = subprocess.run([lab.program('BOOTCTL_PVE'), 'status'], text=True, timeout=60,
                              env=dict(self.lab.environment(),
                                       DBUS_SYSTEM_BUS_ADDRESS=self.bus.address),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertRegex(done.stdout, r'(?m)^Watching files: +timer \(.*max_user_instances.*\.\)$')


class FullRun(LabCase):
    """What a package hook hands over reaches the ESPs, whatever can be written down of it."""
    OLDER = '6.2.16-20-pve'

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.lab.add_kernel(self.OLDER, package=False)

    def mount_run(self, options):
        run = self.lab.path('run')
        subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'lab', run], check=True, timeout=60)
        self.lab.mounts.append(run)
        return run

    def fill_run(self):
        filler = self.mount_run('size=64k') / 'filler'
        with open(filler, 'wb', buffering=0) as file:
            with self.assertRaises(OSError):
                while file.write(bytes(4096)):
                    pass
        return filler

    def assert_kept(self):
        self.assert_synced(versions=[self.OLDER, self.OLD, self.NEW])

    def test_a_private_daemon_brings_a_new_kernel_to_the_esps(self):
        self.fill_run()
        done = self.bootctl('refresh', '--new-kernel', self.OLDER)
        self.assert_kept()
        self.assertRegex(done.err, f"new-kernels.*'{self.OLDER}'.*No space left")

    def test_the_daemon_keeps_a_new_kernel_in_mind_until_it_can_write_it_down(self):
        filler = self.fill_run()
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.refresh(new_kernel=self.OLDER)
        self.assert_kept()
        self.assertEqual(bus.log().count(f"'{self.OLDER}'"), 1, bus.log())
        bus.refresh()
        self.assert_kept()
        self.assertEqual(bus.log().count(f"'{self.OLDER}'"), 1, bus.log())

        filler.unlink()
        bus.refresh()
        self.lab.stop_daemon()
        self.lab.start_daemon()
        self.lab.bus.refresh()
        self.assert_kept()

    def test_without_inodes_a_daemon_that_has_its_locks_goes_on(self):
        run = self.mount_run('nr_inodes=32')
        self.bootctl('refresh')
        for number in range(64):
            try:
                (run / f'filler{number}').touch()
            except OSError:
                break
        else:
            self.fail('inodes without end')
        self.bootctl('refresh', '--new-kernel', self.OLDER)
        self.assert_kept()

    def test_without_the_lock_nothing_is_written_and_the_lock_is_named(self):
        before = [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS]
        self.mount_run('nr_inodes=2,mode=755')
        done = self.bootctl('refresh', '--new-kernel', self.OLDER, status=1)
        self.assertRegex(done.err, 'lock.*/run/bootsync.*No space left')
        self.assertEqual(before, [self.lab.snapshot(self.lab.esp(uuid)) for uuid in self.ESPS])


class NoManifest(LabCase):
    """What is remembered of an ESP is only remembered: whether it can be written decides nothing."""

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)

    def mount(self, *options):
        path = self.lab.path('var/lib/bootsync')
        path.mkdir(exist_ok=True)
        subprocess.run(['mount', *options, path], check=True, timeout=60)
        if 'remount,bind,ro' not in options:
            self.lab.mounts.append(path)
        return path

    def start_read_only(self):
        self.lab.start_daemon()
        self.bus = self.lab.bus
        self.bus.refresh()
        path = str(self.lab.path('var/lib/bootsync'))
        self.mount('-o', 'bind', path)
        self.mount('-o', 'remount,bind,ro', path)

    def damage(self):
        """Flip a bit, as the disk may do: neither size nor time tells."""
        path = self.lab.esp(self.ESPS[0]) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        st = path.stat()
        with open(path, 'r+b') as file:
            byte = file.read(1)[0]
            file.seek(0)
            file.write(bytes([byte ^ 1]))
        os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))

    def test_a_manifest_that_cannot_be_removed_stops_no_sync(self):
        self.start_read_only()
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(300000))
        self.bus.refresh()
        self.assert_synced()
        self.assertIn('manifest', self.bus.log())

    def test_a_manifest_that_cannot_be_replaced_hides_no_damage(self):
        self.start_read_only()
        self.damage()
        with self.assertRaises(CallError):
            self.bus.call('Verify', arguments=(self.bus.options(wait=True),))
        self.bus.refresh()
        self.assert_synced()

    def test_a_manifest_for_which_there_is_no_space_hides_no_damage(self):
        path = self.mount('-t', 'tmpfs', '-o', 'size=64k', 'lab')
        self.bootctl('refresh')
        with open(path / 'filler', 'wb', buffering=0) as file:
            with self.assertRaises(OSError):
                while file.write(bytes(4096)):
                    pass
        self.damage()
        self.bootctl('verify', status=3)
        self.bootctl('refresh')
        self.assert_synced()


class ReadOnly(LabCase):
    """What is already as it is wanted takes no write."""
    DIRECTORIES = ('etc', 'var')

    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.bus = self.lab.bus
        self.bus.refresh()

    def seal(self):
        for name in self.DIRECTORIES:
            path = self.lab.path(name)
            for options in 'bind', 'remount,bind,ro':
                subprocess.run(['mount', '-o', options, path, path], check=True, timeout=60)
                if options == 'bind':
                    self.lab.mounts.append(path)

    def call(self, method, signature='(a{sv})', arguments=({},)):
        with self.subTest(call=method, arguments=arguments):
            return self.bus.call(method, signature, arguments)[0]

    def test_unpin_without_a_pin_is_no_error(self):
        self.seal()
        for scope in 'all', 'next-boot':
            self.assertEqual(self.call('UnpinKernel', '(sa{sv})', (scope, {})), '/')

    def test_verbs_that_have_nothing_to_change_are_no_error(self):
        self.bus.call('AddKernel', '(sa{sv})', (self.OLD, {}))
        for scope in 'permanent', 'next-boot':
            self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, scope, {}))
        self.bus.refresh()
        self.seal()
        self.assertEqual(self.call('AddKernel', '(sa{sv})', (self.OLD, {})), '/')
        for scope in 'permanent', 'next-boot':
            self.assertEqual(self.call('PinKernel', '(ssa{sv})', (self.OLD, scope, {})), '/')
        self.assertEqual(self.call('CleanEsps'), [])
        with self.subTest(call='Refresh'):
            self.bus.refresh()
        self.assertNotIn('Cannot', self.bus.log())

    def test_a_change_is_refused_by_name(self):
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))
        self.seal()
        for method, argument in ('AddKernel', self.OLD), ('UnpinKernel', 'all'):
            with self.assertRaises(CallError) as caught:
                self.bus.call(method, '(sa{sv})', (argument, {}))
            self.assertEqual(caught.exception.name, ERROR + 'ReadOnly')


if __name__ == '__main__':
    lab.main(private_mounts=True)
