#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that has run out of something: inotify instances and watches, space in /run, a /etc that
may be written. What can still be done is done, and what cannot is said."""

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
