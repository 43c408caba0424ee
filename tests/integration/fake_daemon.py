# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for bootsyncd at the other end of the client's socket, or with --bus on the system bus,
and answers as $FAKE (a JSON object) says, so that a test can have answers that a healthy daemon
rarely gives:

    auto_sync   AutoSync
    esps        [[UUID, state, last error], …]
    partitions  rows of ListPartitions
    described   name -> reply of GetPartition; for others, that nothing is known
    jobs        [[number, type, state], …]
    ksm         {property: value, "Counters": …, "Tunables": …, "Units": …, "Processes": …}
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
from pathlib import Path

from gi.repository import Gio, GLib

ROOT_PATH = '/org/bootsync1'
FAKE = json.loads(os.environ.get('FAKE', '{}'))
JOB_PATH = ROOT_PATH + '/job/1'
KSM = {'Supported': True, 'RunState': 'running', 'AtBoot': False, 'SavedBytes': 0,
       'MetadataBytes': 0, 'ProfitBytes': 0, 'CpuUSec': 0, 'CpuShare': 0.0, 'Counters': {},
       'Tunables': {}, 'Units': [], 'Processes': [], **FAKE.get('ksm', {})}

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
  <method name="GetPartition"><arg type="s" direction="in"/>
    <arg type="a{sv}" direction="in"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
    <arg type="s" direction="out"/><arg type="s" direction="out"/><arg type="s" direction="out"/>
    <arg type="s" direction="out"/><arg type="t" direction="out"/></method>
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


def contract(name):
    """As bootsyncd has it."""
    path = Path(__file__).resolve().parents[2] / f'dbus/org.bootsync1.{name}.xml'
    return Gio.DBusNodeInfo.new_for_xml(path.read_text()).interfaces[0]


def record(*entry):
    with open(os.environ['FAKE_LOG'], 'a') as log:
        log.write(json.dumps(entry) + '\n')


class Daemon:
    def __init__(self, bus):
        self.loop = GLib.MainLoop()
        self.bus = bus
        self.bus.connect('closed', lambda *_: self.loop.quit())
        for xml in MANAGER_XML, OBJECT_MANAGER_XML:
            interface = Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0]
            self.bus.register_object(ROOT_PATH, interface, self.on_call, self.on_property, None)
        self.ksm = contract('Ksm')
        self.bus.register_object(ROOT_PATH + '/ksm', self.ksm, self.on_call, self.on_ksm_property,
                                 None)
        for number, _, _ in FAKE.get('jobs', []):
            self.bus.register_object(f'{ROOT_PATH}/job/{number}', contract('Job'), self.on_call,
                                     None, None)

    def take_name(self):
        self.bus.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                           'RequestName', GLib.Variant('(su)', ('org.bootsync1', 0)), None,
                           Gio.DBusCallFlags.NONE, -1, None)

    def on_property(self, _bus, _sender, _path, _interface, name):
        return {'AutoSync': GLib.Variant('b', FAKE.get('auto_sync', False)),
                'RunningKernel': GLib.Variant('s', '6.8.12-4-pve'),
                'FromTheFuture': GLib.Variant('a(ii)', [(1, 2)])}[name]

    def on_ksm_property(self, _bus, _sender, _path, _interface, name):
        return GLib.Variant(self.ksm.lookup_property(name).signature, KSM[name])

    def objects(self):
        jobs = {f'{ROOT_PATH}/job/{number}': {'org.bootsync1.Job': {
            'Id': GLib.Variant('t', number), 'Type': GLib.Variant('s', kind),
            'State': GLib.Variant('s', state)}} for number, kind, state in FAKE.get('jobs', [])}
        return jobs | {f'{ROOT_PATH}/esp/{i}': {'org.bootsync1.Esp': {
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

    def on_call(self, _bus, _sender, path, _interface, method, arguments, invocation):
        if method == 'GetManagedObjects':
            invocation.return_value(GLib.Variant('(a{oa{sa{sv}}})', (self.objects(),)))
            return
        interactive = bool(invocation.get_message().get_flags()
                           & Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION)
        record(method, [path] if method == 'Cancel' else arguments.unpack(), interactive)
        if method == 'ListKernels':
            invocation.return_value(GLib.Variant('(a(ssasb))', ([
                ('6.8.12-4-pve', 'complete', ['running', 'newest'], True),
                ('6.5.13-5-pve', 'initrd-missing', [], False)],)))
        elif method == 'Plan':
            invocation.return_value(GLib.Variant('(a(ssst))', ([],)))
        elif method == 'ListPartitions':
            invocation.return_value(GLib.Variant('(a(ssssttsb))', (FAKE.get('partitions', []),)))
        elif method == 'GetPartition':
            name = arguments.unpack()[0]
            found = FAKE.get('described', {}).get(name, [name, '', '', '', '', '', 0])
            invocation.return_value(GLib.Variant('(sssssst)', found))
        elif method in FAKE.get('refused', {}):
            invocation.return_dbus_error(*FAKE['refused'][method])
        elif method.startswith('Get'):
            signature = self.ksm.lookup_method(method).out_args[0].signature
            invocation.return_value(GLib.Variant(f'({signature})', (KSM[method[3:]],)))
        elif 'error' in FAKE:
            invocation.return_dbus_error(*FAKE['error'])
        elif method == 'Cancel':
            invocation.return_value(None)
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


def connect(system_bus):
    flags = Gio.DBusConnectionFlags
    if system_bus:
        return Gio.DBusConnection.new_for_address_sync(
            os.environ['DBUS_SYSTEM_BUS_ADDRESS'],
            flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
    return Gio.DBusConnection.new_sync(
        Gio.Socket.new_from_fd(3).connection_factory_create_connection(), Gio.dbus_generate_guid(),
        flags.AUTHENTICATION_SERVER | flags.AUTHENTICATION_ALLOW_ANONYMOUS
        | flags.DELAY_MESSAGE_PROCESSING, None, None)


if __name__ == '__main__':
    record('started', sys.argv[1:], os.getsid(0) == os.getpid())
    print('stray output of the daemon', flush=True)
    on_bus = sys.argv[1:] == ['--bus']
    daemon = Daemon(connect(on_bus))
    if on_bus:
        daemon.take_name()
        print('ready', flush=True)
    else:
        daemon.bus.start_message_processing()
    daemon.loop.run()
    time.sleep(FAKE.get('linger', 0))
    record('ended')
