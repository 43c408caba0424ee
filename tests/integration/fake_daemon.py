# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for bootsyncd at the other end of the client's socket, and answers as $FAKE (a JSON
object) says, so that a test can have answers that a healthy daemon rarely gives:

    auto_sync   AutoSync
    esps        [[UUID, state, last error], …]
    partitions  rows of ListPartitions
    error       [D-Bus error name, message] of every call that starts a job
    refused     {method: [D-Bus error name, message]}
    path        "/": such calls return no job
    result      [result, error name, message] of the job; null: the daemon dies in mid-job
    early       the job ends before the call is answered
    seconds     how long the job takes otherwise
    linger      how many seconds the daemon stays after its peer is gone

What it was asked is appended to the file $FAKE_LOG, a JSON list a line: first "started", its own
arguments, and whether it has a session of its own; then method, arguments, and whether it may ask
for a password; "ended". It prints a line on stdout, where a daemon should print none."""

import json
import os
import sys
import time

from gi.repository import Gio, GLib

ROOT_PATH = '/org/bootsync1'
FAKE = json.loads(os.environ.get('FAKE', '{}'))
JOB_PATH = ROOT_PATH + '/job/1'

MANAGER_XML = '''<node><interface name="org.bootsync1.Manager">
  <method name="Refresh"><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method>
  <method name="Verify"><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method>
  <method name="ProbePartitions"><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="AddKernel"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="RemoveKernel"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="PinKernel"><arg type="s" direction="in"/><arg type="s" direction="in"/>
    <arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method>
  <method name="UnpinKernel"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="FormatEsp"><arg type="s" direction="in"/><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="InitEsp"><arg type="s" direction="in"/><arg type="s" direction="in"/>
    <arg type="a{sv}" direction="in"/><arg type="o" direction="out"/></method>
  <method name="ReinitEsps"><arg type="a{sv}" direction="in"/>
    <arg type="o" direction="out"/></method>
  <method name="ListPartitions"><arg type="a{sv}" direction="in"/>
    <arg type="a(ssssttsb)" direction="out"/></method>
  <method name="ListKernels"><arg type="a{sv}" direction="in"/>
    <arg type="a(ssasb)" direction="out"/></method>
  <method name="Plan"><arg type="a{sv}" direction="in"/>
    <arg type="a(ssst)" direction="out"/></method>
  <property name="AutoSync" type="b" access="read"/>
  <property name="RunningKernel" type="s" access="read"/>
  <property name="FromTheFuture" type="a(ii)" access="read"/>
</interface></node>'''

OBJECT_MANAGER_XML = '''<node><interface name="org.freedesktop.DBus.ObjectManager">
  <method name="GetManagedObjects"><arg type="a{oa{sa{sv}}}" direction="out"/></method>
</interface></node>'''


def record(*entry):
    with open(os.environ['FAKE_LOG'], 'a') as log:
        log.write(json.dumps(entry) + '\n')


class Daemon:
    def __init__(self, fd):
        stream = Gio.Socket.new_from_fd(fd).connection_factory_create_connection()
        self.loop = GLib.MainLoop()
        self.bus = Gio.DBusConnection.new_sync(
            stream, Gio.dbus_generate_guid(),
            Gio.DBusConnectionFlags.AUTHENTICATION_SERVER
            | Gio.DBusConnectionFlags.AUTHENTICATION_ALLOW_ANONYMOUS
            | Gio.DBusConnectionFlags.DELAY_MESSAGE_PROCESSING, None, None)
        self.bus.connect('closed', lambda *_: self.loop.quit())
        for xml in MANAGER_XML, OBJECT_MANAGER_XML:
            interface = Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0]
            self.bus.register_object(ROOT_PATH, interface, self.on_call, self.on_property, None)
        self.bus.start_message_processing()

    def on_property(self, _bus, _sender, _path, _interface, name):
        return {'AutoSync': GLib.Variant('b', FAKE.get('auto_sync', False)),
                'RunningKernel': GLib.Variant('s', '6.8.12-4-pve'),
                'FromTheFuture': GLib.Variant('a(ii)', [(1, 2)])}[name]

    def objects(self):
        return {f'{ROOT_PATH}/esp/{i}': {'org.bootsync1.Esp': {
            'Uuid': GLib.Variant('s', uuid), 'State': GLib.Variant('s', state),
            'LastError': GLib.Variant('s', error)}}
            for i, (uuid, state, error) in enumerate(FAKE.get('esps', []))}

    def emit(self, path, interface, member, signature, *arguments):
        self.bus.emit_signal(None, path, interface, member, GLib.Variant(signature, arguments))

    def end_job(self):
        result = FAKE.get('result', ['done', '', ''])
        if result is None:
            os._exit(1)
        self.emit(ROOT_PATH, 'org.bootsync1.Manager', 'JobRemoved', '(tossss)', 1, JOB_PATH,
                  'refresh', *result)
        return False

    def on_call(self, _bus, _sender, _path, _interface, method, arguments, invocation):
        if method == 'GetManagedObjects':
            invocation.return_value(GLib.Variant('(a{oa{sa{sv}}})', (self.objects(),)))
            return
        interactive = bool(invocation.get_message().get_flags()
                           & Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
        record(method, arguments.unpack(), interactive)
        if method == 'ListKernels':
            invocation.return_value(GLib.Variant('(a(ssasb))', ([
                ('6.8.12-4-pve', 'complete', ['running', 'newest'], True),
                ('6.5.13-5-pve', 'initrd-missing', [], False)],)))
        elif method == 'Plan':
            invocation.return_value(GLib.Variant('(a(ssst))', ([],)))
        elif method == 'ListPartitions':
            invocation.return_value(GLib.Variant('(a(ssssttsb))', (FAKE.get('partitions', []),)))
        elif method in FAKE.get('refused', {}):
            invocation.return_dbus_error(*FAKE['refused'][method])
        elif 'error' in FAKE:
            invocation.return_dbus_error(*FAKE['error'])
        elif FAKE.get('path') == '/':
            invocation.return_value(GLib.Variant('(o)', ('/',)))
        else:
            self.start_job(invocation)

    def start_job(self, invocation):
        # Another job's end must not be taken for ours.
        self.emit(ROOT_PATH, 'org.bootsync1.Manager', 'JobRemoved', '(tossss)', 7,
                  ROOT_PATH + '/job/7', 'refresh', 'failed', 'x.y', 'Another job.')
        self.emit(ROOT_PATH, 'org.bootsync1.Manager', 'JobNew', '(tos)', 1, JOB_PATH, 'refresh')
        if FAKE.get('early'):
            self.end_job()
        else:
            GLib.timeout_add(int(1000 * FAKE.get('seconds', 0.1)), self.end_job)
        self.emit(JOB_PATH, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', '(sa{sv}as)',
                  'org.bootsync1.Job', {'Progress': GLib.Variant('u', 50),
                                        'Message': GLib.Variant('s', 'Copying \x1b[1m')}, [])
        invocation.return_value(GLib.Variant('(o)', (JOB_PATH,)))


if __name__ == '__main__':
    record('started', sys.argv[1:], os.getsid(0) == os.getpid())
    print('stray output of the daemon', flush=True)
    Daemon(3).loop.run()
    time.sleep(FAKE.get('linger', 0))
    record('ended')
