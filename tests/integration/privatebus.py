# SPDX-License-Identifier: LGPL-2.1-or-later
"""A message bus of a test's own, a bootsyncd on it, and a client that speaks D-Bus through GIO."""

import signal
import subprocess
import time

from gi.repository import Gio, GLib

NAME = 'org.bootsync1'
ROOT_PATH = '/org/bootsync1'
MANAGER = NAME + '.Manager'
ESP = NAME + '.Esp'
JOB = NAME + '.Job'
KSM = NAME + '.Ksm'
KSM_PATH = ROOT_PATH + '/ksm'
BOOT = NAME + '.Boot'
BOOT_PATH = ROOT_PATH + '/boot'
ERROR = NAME + '.Error.'

CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
  </policy>
</busconfig>
'''


# A daemon that a test ends is ended by others.
CRASHES = [-number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL,
                                  signal.SIGSEGV, signal.SIGSYS)]


class CallError(Exception):
    """A D-Bus error, with its name."""

    def __init__(self, error):
        self.name = Gio.DBusError.get_remote_error(error) or f'{error.domain}'
        Gio.DBusError.strip_remote_error(error)
        super().__init__(f'{self.name}: {error.message}')
        self.message = error.message


def end(process, timeout, what):
    """Ask a process of ours to end, and see that it does."""
    process.terminate()
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f'{what} did not end within {timeout} s') from None


def complain_of_sanitizer(text):
    """A finding of a sanitizer in a program's messages is a failure, whatever its exit status."""
    if 'Sanitizer:' in text or 'runtime error:' in text:
        raise AssertionError(text)


class PrivateBus:
    def __init__(self, directory):
        directory.mkdir()
        self.directory = directory
        self.daemon = None
        self.signals = []  # (path, interface, member, arguments) as they came
        (directory / 'bus.conf').write_text(CONFIG.format(socket=directory / 'socket'))
        self.start()

    def start(self):
        with open(self.directory / 'dbus-daemon.log', 'a') as log:
            self.process = subprocess.Popen(
                ['dbus-daemon', f'--config-file={self.directory / "bus.conf"}', '--nofork',
                 '--print-address'],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        # Without its GUID, which is another one after start().
        self.address = self.process.stdout.readline().strip().split(',guid=')[0]
        self.connection = self.connect()
        # Signals are delivered by run(), in the order of the replies to call_async().
        self.connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE,
                                         self._on_signal)

    def connect(self):
        return Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)

    def crash(self):
        """The bus is gone, and everybody has lost his connection; start() brings it back."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        try:
            if self.daemon and self.daemon.poll() is None:
                self.stop_daemon()
            for log in self.directory.glob('daemon-*.log'):
                complain_of_sanitizer(log.read_text(errors='replace'))
            if self.daemon and self.daemon.poll() in CRASHES:
                raise AssertionError(f'bootsyncd ended with {self.daemon.poll()}:\n{self.log()}')
        finally:
            self.connection.close_sync(None)
            end(self.process, 30, 'dbus-daemon')
            self.process.stdout.close()

    # The daemon

    def start_daemon(self, command, environment):
        number = len(list(self.directory.glob('daemon-*.log'))) + 1
        self.log_path = self.directory / f'daemon-{number}.log'
        with open(self.log_path, 'w') as log:
            self.daemon = subprocess.Popen(
                command, env=dict(environment, DBUS_SYSTEM_BUS_ADDRESS=self.address),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self.name_has_owner():
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f'bootsyncd did not take its name:\n{self.log()}')
            time.sleep(0.02)
        return self.daemon

    def stop_daemon(self, expect=0, timeout=60):
        status = end(self.daemon, timeout, 'bootsyncd')
        if status != expect:
            raise AssertionError(f'bootsyncd ended with {status}:\n{self.log()}')

    def log(self):
        return self.log_path.read_text(errors='replace')

    def name_has_owner(self):
        reply = self.connection.call_sync(
            'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'NameHasOwner',
            GLib.Variant('(s)', (NAME,)), None, Gio.DBusCallFlags.NONE, 30000, None)
        return reply.unpack()[0]

    def owner(self):
        """The daemon's unique name."""
        return self.connection.call_sync(
            'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'GetNameOwner',
            GLib.Variant('(s)', (NAME,)), None, Gio.DBusCallFlags.NONE, 30000, None).unpack()[0]

    # Calls. The result is the tuple of the reply, unpacked.

    def call(self, method, signature='(a{sv})', arguments=None, path=ROOT_PATH, interface=MANAGER,
             timeout=120):
        arguments = arguments if arguments is not None else ({},)
        try:
            reply = self.connection.call_sync(
                NAME, path, interface, method, GLib.Variant(signature, arguments), None,
                Gio.DBusCallFlags.NONE, timeout * 1000, None)
        except GLib.Error as e:
            raise CallError(e) from None
        return reply.unpack()

    def refresh(self, **options):
        """Refresh and wait. Option names have '_' for '-'."""
        return self.call('Refresh', arguments=(self.options(wait=True, **options),))

    @staticmethod
    def options(**options):
        types = {bool: 'b', str: 's', list: 'as', tuple: 'as'}
        return {key.replace('_', '-'): GLib.Variant(types[type(value)], value)
                for key, value in options.items()}

    def call_async(self, method, signature, arguments, done, path=ROOT_PATH, interface=MANAGER):
        """Call; run() will call @done(reply tuple, or CallError)."""
        def finish(connection, result):
            try:
                done(connection.call_finish(result).unpack())
            except GLib.Error as e:
                done(CallError(e))
        self.connection.call(NAME, path, interface, method, GLib.Variant(signature, arguments),
                             None, Gio.DBusCallFlags.NONE, 120000, None, finish)

    def properties(self, path=ROOT_PATH, interface=MANAGER):
        return self.call('GetAll', '(s)', (interface,), path, 'org.freedesktop.DBus.Properties')[0]

    def objects(self):
        return self.call('GetManagedObjects', '()', (),
                         interface='org.freedesktop.DBus.ObjectManager')[0]

    def esps(self):
        """FAT UUID -> properties (and 'path') of each Esp object."""
        return {interfaces[ESP]['Uuid']: dict(interfaces[ESP], path=path)
                for path, interfaces in self.objects().items() if ESP in interfaces}

    def introspect(self, path=ROOT_PATH):
        xml = self.call('Introspect', '()', (), path, 'org.freedesktop.DBus.Introspectable')[0]
        return Gio.DBusNodeInfo.new_for_xml(xml)

    # Signals

    def _on_signal(self, _connection, _sender, path, interface, member, arguments):
        self.signals.append((path, interface, member, arguments.unpack()))

    def seen(self, member, interface=None):
        return [s for s in self.signals if s[2] == member and interface in (None, s[1])]

    def run(self, condition, timeout=60, what='signal'):
        """Deliver signals and replies until @condition() holds, and return what it gave."""
        context = GLib.MainContext.default()
        deadline = time.monotonic() + timeout
        while True:
            while context.iteration(False):
                pass
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f'{what}: not within {timeout} s; log:\n{self.log()}')
            time.sleep(0.01)

    def drain(self):
        """Deliver what the bus has sent so far."""
        self.connection.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus',
                                  'org.freedesktop.DBus.Peer', 'Ping', None, None,
                                  Gio.DBusCallFlags.NONE, 30000, None)
        context = GLib.MainContext.default()
        while context.iteration(False):
            pass

    def wait_no_job(self, timeout=60):
        self.run(lambda: not any(JOB in i for i in self.objects().values()), timeout,
                 'end of all jobs')

    def wait_idle(self, timeout=60):
        """Until the daemon has no job and its last refresh has ended."""
        self.run(lambda: self.properties()['LastRefreshResult']
                 and not any(JOB in i for i in self.objects().values()), timeout, 'end of all jobs')

    def removed_jobs(self, kind=None):
        """JobRemoved signals so far: (id, path, type, result, error name, message)."""
        return [s[3] for s in self.seen('JobRemoved') if kind in (None, s[3][2])]
