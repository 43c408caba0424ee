#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the system reads of us: bus policy and activation, unit, journal catalog, polkit actions.
They agree with names.h and the contract both ways, and who reads them has no complaint.
$BOOTSYNCD_UNIT is the unit as it is installed."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from gi.repository import Gio, GLib

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

from tap import main  # noqa: E402

SOURCE = Path(__file__).parent.parent.parent
CATALOG = SOURCE / 'systemd/bootsync.catalog'
BUS_POLICY = SOURCE / 'dbus/org.bootsync1.conf'
ACTIVATION = SOURCE / 'dbus/org.bootsync1.service'
POLICY = SOURCE / 'policy/org.bootsync1.policy'
NAME = 'org.bootsync1'
EXPOSURE_MAX = 25  # tenths

# The daemon reads these and leaves them to others.
READ_ONLY = [Path('/boot'), Path('/etc/bootsync'), Path('/etc/default/grub'), Path('/var/lib/dkms'),
             Path('/var/lib/dpkg')]
WRITTEN = [Path('/boot/grub')]  # below those

# The standard configuration of the system bus and of polkit, in what matters here.
BUS = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="*"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <policy context="default">
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <include>{policy}</include>
</busconfig>
'''
# Every connection answers calls of org.freedesktop.DBus.Peer.
ANSWERER = '''import os
from gi.repository import Gio, GLib
flags = Gio.DBusConnectionFlags
bus = Gio.DBusConnection.new_for_address_sync(
    os.environ['BUS'], flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
bus.call_sync('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
              'RequestName', GLib.Variant('(su)', ('org.freedesktop.PolicyKit1', 4)), None, 0, -1,
              None)
print('ready', flush=True)
GLib.MainLoop().run()
'''


def names_of_header():
    """The macros of names.h -> their text, with the macros in it resolved."""
    text = re.sub(r' */\*.*', '', (SOURCE / 'common/names.h').read_text())
    defined = dict(re.findall(r'(?m)^#define (\w+) +(.*)$', text))

    def resolve(value):
        return ''.join(resolve(defined[macro]) if macro else text
                       for text, macro in re.findall(r'"([^"]*)"|(\w+)', value))
    return {name: resolve(value) for name, value in defined.items()}


NAMES = names_of_header()


def names(prefix):
    found = {value for name, value in NAMES.items() if name.startswith(prefix)}
    assert found, f'no {prefix} in names.h'
    return found


def run(*command, **options):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120, **options)


def doctype(path):
    return re.search(r'<!DOCTYPE (\w+) PUBLIC\s+"([^"]+)"', path.read_text()).groups()


class Polkit(unittest.TestCase):
    ACTIONS = ElementTree.parse(POLICY).getroot().findall('action')

    def test_the_actions_are_those_of_the_contract_and_of_the_code(self):
        annotated = {a.get('value') for path in SOURCE.glob('dbus/*.xml')
                     for a in ElementTree.parse(path).iter('annotation')
                     if a.get('name') == f'{NAME}.PolkitAction'}
        defined = [action.get('id') for action in self.ACTIONS]
        self.assertEqual(len(defined), len(set(defined)))
        self.assertEqual(set(defined), names('ACTION_'))
        self.assertEqual(annotated, names('ACTION_'))

    def test_each_action_says_what_it_is_about_and_asks_an_administrator(self):
        for action in self.ACTIONS:
            # What decides which disks are written to is asked for each time.
            active = ('auth_admin' if action.get('id').endswith(('-esp', '.convert-secure-boot'))
                      else 'auth_admin_keep')
            with self.subTest(action=action.get('id')):
                self.assertRegex(action.findtext('description'), r'\A[A-Z].*[^.]\Z')
                self.assertRegex(action.findtext('message'),
                                 r'\AAuthentication is required to .*\.\Z')
                self.assertEqual([(d.tag, d.text) for d in action.find('defaults')],
                                 [('allow_any', 'auth_admin'), ('allow_inactive', 'auth_admin'),
                                  ('allow_active', active)])

    def test_the_policy_is_a_policy_of_polkit(self):
        self.assertEqual(doctype(POLICY), (
            'policyconfig', '-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN'))


class Bus(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        directory = Path(temporary.name)
        directory.chmod(0o755)
        (directory / 'services').mkdir(mode=0o755)
        (directory / 'services' / ACTIVATION.name).write_text(ACTIVATION.read_text())
        (directory / 'bus.conf').write_text(BUS.format(
            socket=directory / 'socket', services=directory / 'services', policy=BUS_POLICY))
        self.bus = subprocess.Popen(
            ['dbus-daemon', f'--config-file={directory}/bus.conf', '--nofork', '--print-address'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.bus.stdout.close)
        self.addCleanup(self.bus.wait, 30)
        self.addCleanup(self.bus.terminate)
        self.address = self.bus.stdout.readline().strip()

    def call(self, *arguments, root=False):
        """Call as root or as somebody else. Returns what busctl says."""
        return self.busctl('call', *arguments, root=root)

    def busctl(self, *arguments, root=False):
        other = {'user': 65534, 'group': 65534, 'extra_groups': []}
        done = run('busctl', f'--address={self.address}', *arguments, cwd='/',
                   **({} if root or os.geteuid() != 0 else other))
        return done.stdout.strip()

    def own(self, **options):
        return self.call('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus',
                         'RequestName', 'su', NAME, '4', **options)

    def test_nobody_but_root_may_own_the_name(self):
        self.assertIn('Access denied', self.own())
        if os.geteuid() == 0:
            self.assertEqual(self.own(root=True), 'u 1')

    def test_everybody_may_call_and_a_call_activates_what_only_systemd_can_start(self):
        for interface, method in ((f'{NAME}.Manager', 'ListKernels'),
                                  ('org.freedesktop.DBus.Introspectable', 'Introspect')):
            said = self.call(NAME, '/org/bootsync1', interface, method)
            self.assertRegex(said, r'/bin/false|exited with status 1')
        said = self.call(f'{NAME}2', '/org/bootsync1', f'{NAME}.Manager', 'ListKernels')
        self.assertNotRegex(said, r'/bin/false|exited with status 1')

    def connect(self, name):
        """A connection of root, which owns that name if it may."""
        connection = Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.addCleanup(connection.close_sync, None)
        connection.call_sync(
            'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
            GLib.Variant('(su)', (name, 4)), None, 0, 30000, None)
        return connection

    def hears(self, connection, **options):
        """Address a signal to the connection, then call it. The signals and calls that it gets."""
        heard = []

        def record(_connection, message, incoming):
            if incoming and message.get_sender() != 'org.freedesktop.DBus':
                heard.append(message.get_member())
            return message
        number = connection.add_filter(record)
        name = connection.get_unique_name()
        self.busctl('emit', f'--destination={name}', '/x', 'a.b', 'Signal', **options)
        said = self.call(name, '/', 'org.freedesktop.DBus.Peer', 'Ping', **options)
        connection.remove_filter(number)
        self.assertEqual(said, '')
        return heard

    def test_nobody_but_root_may_send_the_daemon_a_signal(self):
        polkit, daemon = self.connect('org.freedesktop.PolicyKit1'), self.connect(NAME)
        self.assertEqual(self.hears(polkit), ['Signal', 'Ping'])
        self.assertEqual(self.hears(daemon), ['Ping'])
        self.assertEqual(self.hears(daemon, root=True), ['Signal', 'Ping'])

    def test_the_daemon_gets_the_answers_of_polkit(self):
        daemon = self.connect(NAME)
        polkit = subprocess.Popen(
            [sys.executable, '-c', ANSWERER], env=dict(os.environ, BUS=self.address), user=65534,
            group=65534, extra_groups=[], stdout=subprocess.PIPE, text=True, cwd='/')
        self.addCleanup(polkit.stdout.close)
        self.addCleanup(polkit.wait, 30)
        self.addCleanup(polkit.terminate)
        self.assertEqual(polkit.stdout.readline(), 'ready\n')
        call = ('org.freedesktop.PolicyKit1', '/', 'org.freedesktop.DBus.Peer')
        daemon.call_sync(*call, 'Ping', None, None, 0, 30000, None)
        with self.assertRaises(GLib.Error) as caught:
            daemon.call_sync(*call, 'Nonsense', None, None, 0, 30000, None)
        self.assertEqual(Gio.DBusError.get_remote_error(caught.exception),
                         'org.freedesktop.DBus.Error.UnknownMethod')

    def test_the_activation_names_the_unit_and_the_unit_the_bus_name(self):
        keys = dict(re.findall(r'(?m)^(\w+)=(.*)$', ACTIVATION.read_text()))
        self.assertEqual(keys, {'Name': NAMES['BUS_NAME'], 'Exec': '/bin/false', 'User': 'root',
                                'SystemdService': Path(os.environ['BOOTSYNCD_UNIT']).name})
        self.assertEqual(ACTIVATION.stem, keys['Name'])
        self.assertEqual(Unit.values('BusName'), [keys['Name']])

    def test_the_bus_policy_is_a_configuration_of_a_bus(self):
        ElementTree.parse(BUS_POLICY)
        self.assertEqual(doctype(BUS_POLICY), (
            'busconfig', '-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN'))


class Unit(unittest.TestCase):
    TEXT = Path(os.environ['BOOTSYNCD_UNIT']).read_text()

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        # With the program where it is built, as it need not be installed.
        self.unit = Path(temporary.name) / 'bootsyncd.service'
        self.unit.write_text(re.sub(r'(?m)^ExecStart=.*$',
                                    'ExecStart=' + os.environ['BOOTSYNC_DAEMON'], self.TEXT))

    @classmethod
    def values(cls, key):
        return [word for line in re.findall(rf'(?m)^{key}=(.*)$', cls.TEXT)
                for word in line.split()]

    def test_systemd_has_no_complaint(self):
        done = run('systemd-analyze', 'verify', '--man=no', self.unit)
        self.assertEqual((done.returncode, done.stdout), (0, ''))

    def test_the_sandbox_is_tight(self):
        done = run('systemd-analyze', 'security', '--offline=true', '--no-pager',
                   f'--threshold={EXPOSURE_MAX}', self.unit)
        verdict = re.search(r'Overall exposure level.*: ([\d.]+)', done.stdout)
        self.assertTrue(verdict, done.stdout)
        print(f'# exposure level {verdict[1]}, allowed {EXPOSURE_MAX / 10}')
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_daemon_may_write_what_it_writes_and_not_what_it_only_reads(self):
        writable = {Path(path.lstrip('-')) for path in self.values('ReadWritePaths')}
        writable |= {Path('/var/lib') / path for path in self.values('StateDirectory')}
        writable |= {Path('/run') / path for path in self.values('RuntimeDirectory')}

        def is_below(path, directories):
            return any(path == d or d in path.parents for d in directories)
        paths = {Path('/', path) for path in names('PATH_')
                 if re.match(r'(boot|etc|run|var)\b', path)}
        foreign = {path for path in paths
                   if is_below(path, READ_ONLY) and not is_below(path, WRITTEN)}
        self.assertGreater(len(foreign), 3)
        self.assertGreater(len(paths - foreign), 8)
        for path in paths - foreign:
            self.assertTrue(is_below(path, writable), f'{path} is read-only')
        for path in foreign - {Path('/boot')}:  # the boot loader's programs write there
            self.assertFalse(is_below(path, writable), f'{path} is writable')

    def test_descriptors_are_limited_to_what_the_daemon_needs(self):
        limit = int(re.search(r'(?m)^LimitNOFILE=(\d+)$', self.TEXT)[1])
        self.assertTrue(1024 < limit <= 4096, limit)

    def test_a_worker_that_hangs_holds_nothing_up_and_stays_known(self):
        for key, value in (('KillMode', 'process'), ('OOMPolicy', 'continue'),
                           ('RuntimeDirectoryPreserve', 'yes'), ('Type', 'notify')):
            self.assertEqual(self.values(key), [value])


class OtherUnits(unittest.TestCase):
    """Those that stand beside the daemon."""
    DIRECTORY = Path(os.environ['BOOTSYNCD_UNIT']).parent
    NAMES = ('bootsync-alert@.service', 'bootsync-metrics.service', 'bootsync-metrics.timer')

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        for name in self.NAMES:
            text = re.sub(r'(?m)^ExecStart=\S+', 'ExecStart=' + os.environ['BOOTCTL_PVE'],
                          self.text(name))
            (self.directory / name).write_text(text)

    def text(self, name):
        return (self.DIRECTORY / name).read_text()

    def values(self, name, key):
        return re.findall(rf'(?m)^{key}=(.*)$', self.text(name))

    def test_systemd_has_no_complaint(self):
        for name in self.NAMES:
            unit = self.directory / name.replace('@', '@degraded')
            with self.subTest(unit=name):
                if not unit.exists():
                    unit.write_text((self.directory / name).read_text())
                done = run('systemd-analyze', 'verify', '--man=no', unit)
                self.assertEqual((done.returncode, done.stdout), (0, ''))

    def test_their_sandboxes_are_as_tight_as_may_be(self):
        # A sendmail may need its privileges, /var and the network.
        for name, most in (('bootsync-metrics.service', 20), ('bootsync-alert@.service', 75)):
            with self.subTest(unit=name):
                done = run('systemd-analyze', 'security', '--offline=true', '--no-pager',
                           f'--threshold={most}', self.directory / name)
                self.assertRegex(done.stdout, 'Overall exposure level')
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_the_daemon_starts_the_alert_by_the_name_that_it_has(self):
        self.assertEqual(NAMES['ALERT_UNIT_PREFIX'], self.NAMES[0].removesuffix('.service'))
        self.assertEqual(self.values(self.NAMES[0], 'ExecStart'),
                         ['/usr/bin/bootctl-pve alert %i'])

    def test_nothing_runs_without_a_node_exporter_and_its_first_look_finds_a_new_file(self):
        service, timer = self.NAMES[1:]
        folder, = self.values(service, 'ConditionPathIsDirectory')
        self.assertEqual(self.values(timer, 'ConditionPathIsDirectory'), [folder])
        self.assertEqual(self.values(service, 'ExecStart'),
                         [f'/usr/bin/bootctl-pve metrics {folder}/bootsync.prom'])
        self.assertEqual(self.values(service, 'ReadWritePaths'), [f'-{folder}'])
        self.assertEqual(self.values(service, 'Before'), ['prometheus-node-exporter.service'])
        self.assertIn('prometheus-node-exporter.service', self.values(service, 'WantedBy')[0])
        self.assertIn('prometheus-node-exporter.service', self.values(timer, 'WantedBy')[0])


class Catalog(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        for directory in ('usr/lib', 'var/lib'):
            (self.root / directory / 'systemd/catalog').mkdir(parents=True)
        (self.root / 'usr/lib/systemd/catalog' / CATALOG.name).write_text(CATALOG.read_text())

    def journalctl(self, option):
        done = run('journalctl', f'--root={self.root}', '--no-pager', option)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_each_message_of_the_code_is_explained_and_no_other(self):
        self.assertEqual(self.journalctl('--update-catalog'), '')
        listed = [line.partition(' ')[0]
                  for line in self.journalctl('--list-catalog').splitlines()]
        self.assertEqual(len(listed), len(re.findall(r'(?m)^-- ', CATALOG.read_text())))
        self.assertEqual(set(listed), names('MSG_'))

    def test_each_kind_of_warning_has_its_message_and_each_such_message_its_kind(self):
        text = (SOURCE / 'common/warning.c').read_text()
        kinds = re.findall(r'(?m)^ +(WARNING_\w+),', (SOURCE / 'common/warning.h').read_text())
        messages = dict(re.findall(r'\[(WARNING_\w+)\] = \{\s*"[a-z-]+",\s*"[a-z]+",\s*(MSG_\w+)',
                                   text))
        self.assertGreater(len(kinds), 10)
        self.assertEqual(set(messages), set(kinds))
        self.assertEqual({m for m in NAMES if m.startswith('MSG_WARNING_')} - set(messages.values()),
                         {'MSG_WARNING_GONE'})
        for kind, message in messages.items():
            self.assertIn(f'-- {NAMES[message]}\n', CATALOG.read_text(), kind)

    def test_each_entry_has_a_subject_and_tells_what_to_do(self):
        for entry in re.split(r'(?m)^-- ', CATALOG.read_text())[1:]:
            head, _, text = entry.partition('\n\n')
            identifier, *lines = head.splitlines()
            with self.subTest(entry=identifier):
                keys = [line.partition(': ')[0] for line in lines]
                self.assertEqual(keys, ['Subject', 'Defined-By', 'Support', 'Documentation'])
                self.assertGreater(len(text.split()), 15)
                self.assertEqual(set(re.findall(r'@(\w+)@', entry))
                                 - names('FIELD_') - {'MESSAGE'}, set())


class Package(unittest.TestCase):
    def test_the_package_has_the_version_of_the_build(self):
        build = re.search(r"version : '(.*?)'", (SOURCE / 'meson.build').read_text())[1]
        package = re.match(r'bootsync \((.*?)\)', (SOURCE / 'debian/changelog').read_text())[1]
        self.assertEqual(package, build)


if __name__ == '__main__':
    main()
