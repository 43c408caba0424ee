# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands in for bootsyncd at the other end of the client's socket, or with --bus on the system bus,
and answers as $FAKE (a JSON object) says, so that a test can have answers that a healthy daemon
rarely gives:

    auto_sync   AutoSync
    manager     {property: value}
    pending     Pending; without it the daemon is one that does not know it yet
    esps        [[UUID, state, last error], …], each may have {property: value} besides
    kernels     rows of ListKernels
    plan        rows of Plan
    history     rows of ListHistory
    removed     UUIDs that CleanEsps returns
    entries     of the firmware, that RemoveEsp returns
    described_plan  rows of DescribePlan
    disks       rows of disks of ListCandidates
    partitions  rows of ListPartitions
    described   name -> reply of GetPartition; for others, that nothing is known
    jobs        [[number, type, state], …], each may have {property: value} besides
    boot        {property: value} of the object of what boots
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
import re
import sys
import time
from pathlib import Path

from gi.repository import Gio, GLib

ROOT_PATH = '/org/bootsync1'
FAKE = json.loads(os.environ.get('FAKE', '{}'))
JOB_PATH = ROOT_PATH + '/job/1'
MESSAGE = 'Copying \x1b[1m'
KSM = {'Supported': True, 'RunState': 'running', 'AtBoot': False, 'SavedBytes': 0,
       'MetadataBytes': 0, 'ProfitBytes': 0, 'CpuUSec': 0, 'CpuShare': 0.0, 'Counters': {},
       'Tunables': {}, 'Units': [], 'Processes': [], **FAKE.get('ksm', {})}

OBJECT_MANAGER_XML = '''<node><interface name="org.freedesktop.DBus.ObjectManager">
  <method name="GetManagedObjects"><arg type="a{oa{sa{sv}}}" direction="out"/></method>
</interface></node>'''


KERNELS = [('6.8.12-4-pve', 'complete', ['running', 'newest'], True),
           ('6.5.13-5-pve', 'initrd-missing', [], False)]
# What a property is that nobody has set.
STEPS = [('Install shim', 'it is there', '', True),
         ('Convert ESP', 'it has no shim', 'bootctl-pve secure-boot convert', False)]
NOTHING = {'s': '', 'b': False, 't': 0, 'u': 0, 'as': []}
FUTURE = '<property name="FromTheFuture" type="a(ii)" access="read"/></interface>'


def contract(name, more=None):
    """As bootsyncd has it; @more in the place of its end."""
    path = Path(__file__).resolve().parents[2] / f'dbus/org.bootsync1.{name}.xml'
    xml = path.read_text().replace('</interface>', more or '</interface>')
    if 'pending' not in FAKE:
        xml = re.sub(r'<property name="Pending".*?</property>', '', xml, flags=re.S)
    return Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0]


def record(*entry):
    with open(os.environ['FAKE_LOG'], 'a') as log:
        log.write(json.dumps(entry) + '\n')


class Daemon:
    def __init__(self, bus):
        self.loop = GLib.MainLoop()
        self.bus = bus
        self.bus.connect('closed', lambda *_: self.loop.quit())
        self.manager, self.esp = contract('Manager', FUTURE), contract('Esp')
        objects = Gio.DBusNodeInfo.new_for_xml(OBJECT_MANAGER_XML).interfaces[0]
        for interface in self.manager, objects:
            self.bus.register_object(ROOT_PATH, interface, self.on_call, self.on_property, None)
        self.ksm = contract('Ksm')
        self.has_job = False
        self.bus.register_object(ROOT_PATH + '/ksm', self.ksm, self.on_call, self.on_ksm_property,
                                 None)
        self.boot = contract('Boot')
        self.bus.register_object(ROOT_PATH + '/boot', self.boot, self.on_call,
                                 self.on_boot_property, None)
        for number, *_ in FAKE.get('jobs', []):
            self.bus.register_object(f'{ROOT_PATH}/job/{number}', contract('Job'), self.on_call,
                                     None, None)

    def take_name(self):
        self.bus.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                           'RequestName', GLib.Variant('(su)', ('org.bootsync1', 0)), None,
                           Gio.DBusCallFlags.NONE, -1, None)

    def on_property(self, _bus, _sender, _path, _interface, name):
        values = {'AutoSync': FAKE.get('auto_sync', False), 'RunningKernel': '6.8.12-4-pve',
                  'Pending': FAKE.get('pending', []), 'FromTheFuture': [(1, 2)],
                  **FAKE.get('manager', {})}
        signature = self.manager.lookup_property(name).signature
        return GLib.Variant(signature, values.get(name, NOTHING.get(signature, [])))

    def on_job_property(self, _bus, _sender, _path, _interface, name):
        signature = contract('Job').lookup_property(name).signature
        known = {'Id': 1, 'Type': 'refresh', 'State': 'running', 'Progress': 50, 'Message': MESSAGE}
        return GLib.Variant(signature, known.get(name, {'s': '', 'a': []}.get(signature[0], 0)))

    def on_boot_property(self, _bus, _sender, _path, _interface, name):
        signature = self.boot.lookup_property(name).signature
        values = {'Firmware': 'uefi', 'Loader': 'systemd-boot', 'SecureBoot': 'disabled',
                  'BootCurrent': -1, **FAKE.get('boot', {})}
        return GLib.Variant(signature, values.get(name, NOTHING.get(signature, [])))

    def on_ksm_property(self, _bus, _sender, _path, _interface, name):
        return GLib.Variant(self.ksm.lookup_property(name).signature, KSM[name])

    def objects(self):
        job, jobs = contract('Job'), {}
        for number, kind, state, *more in FAKE.get('jobs', []):
            values = {'Id': number, 'Type': kind, 'State': state, **(more[0] if more else {})}
            jobs[f'{ROOT_PATH}/job/{number}'] = {'org.bootsync1.Job': {
                name: GLib.Variant(job.lookup_property(name).signature, value)
                for name, value in values.items()}}
        esps = {}
        for i, (uuid, state, error, *more) in enumerate(FAKE.get('esps', [])):
            values = {'Uuid': uuid, 'State': state, 'LastError': error, **(more[0] if more else {})}
            esps[f'{ROOT_PATH}/esp/{i}'] = {'org.bootsync1.Esp': {
                name: GLib.Variant(self.esp.lookup_property(name).signature, value)
                for name, value in values.items()}}
        boot = {p.name: self.on_boot_property(None, None, None, None, p.name)
                for p in self.boot.properties}
        return jobs | esps | {f'{ROOT_PATH}/boot': {'org.bootsync1.Boot': boot}}

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
            invocation.return_value(GLib.Variant('(a(ssasb))', (FAKE.get('kernels', KERNELS),)))
        elif method == 'DescribePlan':
            invocation.return_value(GLib.Variant('(a(sa(ssst)a(ssss)ttasas))',
                                                 (FAKE.get('described_plan', []),)))
        elif method == 'Plan':
            invocation.return_value(GLib.Variant('(a(ssst))', (FAKE.get('plan', []),)))
        elif method == 'ListHistory':
            invocation.return_value(GLib.Variant('(a(tsttssssta(sbuasasts)))',
                                                 (FAKE.get('history', []),)))
        elif method == 'SecureBootPlan':
            invocation.return_value(GLib.Variant('(a(sssb))', (FAKE.get('steps', STEPS),)))
        elif method == 'CleanEsps':
            invocation.return_value(GLib.Variant('(as)', (FAKE.get('removed', []),)))
        elif method == 'RemoveEsp' and method not in FAKE.get('refused', {}):
            invocation.return_value(GLib.Variant('(sas)', (arguments.unpack()[0],
                                                           FAKE.get('entries', []))))
        elif method == 'ListPartitions':
            invocation.return_value(GLib.Variant('(a(ssssttsb))', (FAKE.get('partitions', []),)))
        elif method == 'ListCandidates':
            rows = [(device, disk, part_uuid, 'Model', 'Serial', fs_type, 'LABEL' if fs_type else '',
                     in_use, size, free, listed, not (listed or in_use), 'Because.' if in_use else '',
                     [] if listed or in_use else [f'bootctl-pve init {device}'])
                    for device, disk, part_uuid, fs_type, size, free, in_use, listed
                    in FAKE.get('partitions', [])]
            invocation.return_value(GLib.Variant('(a(ssssssssttbbsas)a(ss))', (
                rows, FAKE.get('disks', []))))
        elif method == 'GetEsp':
            invocation.return_value(GLib.Variant('(os)', (ROOT_PATH + '/esp/x',
                                                          arguments.unpack()[0])))
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
                                        'Message': GLib.Variant('s', MESSAGE)}, [])
        if not self.has_job:
            self.bus.register_object(JOB_PATH, contract('Job'), self.on_call, self.on_job_property,
                                     None)
        self.has_job = True
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
