#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The XML files in dbus/ are the contract: what every object of the running daemon says of itself
must be in them, and what is in them must be there."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

import lab  # noqa: E402
from lab import LabCase  # noqa: E402
from privatebus import BOOT, BOOT_PATH, ESP, JOB, KSM, KSM_PATH, MANAGER, ROOT_PATH, Gio  # noqa: E402

SOURCE = Path(__file__).parent.parent.parent
EMITS = 'org.freedesktop.DBus.Property.EmitsChangedSignal'
DOC = 'org.gtk.GDBus.DocString'
ACTION = 'org.bootsync1.PolkitAction'
STANDARD = {'org.freedesktop.DBus.' + name
            for name in ('Peer', 'Introspectable', 'Properties', 'ObjectManager')}


def contract(name):
    node = Gio.DBusNodeInfo.new_for_xml((SOURCE / 'dbus' / f'{name}.xml').read_text())
    interface, = node.interfaces
    return interface


def arguments(args):
    return [(a.name, a.signature) for a in args]


def members(interface):
    """What a client relies on: kind and name -> arguments, types, access, change signals."""
    result = {}
    for m in interface.methods:
        result['method', m.name] = arguments(m.in_args), arguments(m.out_args)
    for s in interface.signals:
        result['signal', s.name] = arguments(s.args)
    for p in interface.properties:
        # Without an annotation, a property emits its change with the value.
        emits = Gio.DBusAnnotationInfo.lookup(p.annotations, EMITS) or 'true'
        result['property', p.name] = p.signature, int(p.flags), emits
    return result


class Introspection(LabCase):
    def start(self, *options):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon(*options)
        self.bus = self.lab.bus

    def check(self, path, name):
        node = self.bus.introspect(path)
        ours = [i for i in node.interfaces if i.name not in STANDARD]
        self.assertEqual([i.name for i in ours], [name])
        self.assertEqual(members(ours[0]), members(contract(name)))

    def test_the_manager_is_as_its_contract_says(self):
        self.start()
        self.check(ROOT_PATH, MANAGER)

    def test_each_esp_is_as_its_contract_says(self):
        self.start()
        paths = [esp['path'] for esp in self.bus.esps().values()]
        self.assertEqual(len(paths), len(self.ESPS))
        for path in paths:
            self.check(path, ESP)

    def test_boot_is_as_its_contract_says(self):
        self.start()
        self.check(BOOT_PATH, BOOT)

    def test_ksm_is_as_its_contract_says(self):
        self.start()
        self.check(KSM_PATH, KSM)

    def test_a_job_that_runs_is_as_its_contract_says(self):
        self.start('--test-hook=stage:1:stop')
        job, = self.bus.call('Refresh')
        pids = lab.wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS)
                              and self.lab.stopped_worker_pids(), what='hook')
        self.check(job, JOB)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        self.bus.run(lambda: [r for r in self.bus.removed_jobs() if r[1] == job])

    def test_get_all_gives_every_property_of_the_contract_with_its_type(self):
        self.start()
        expected = {p.name for p in contract(MANAGER).properties}
        self.assertEqual(set(self.bus.properties()), expected)
        expected = {p.name for p in contract(KSM).properties}
        self.assertEqual(set(self.bus.properties(KSM_PATH, KSM)), expected)
        expected = {p.name for p in contract(BOOT).properties}
        self.assertEqual(set(self.bus.properties(BOOT_PATH, BOOT)), expected)
        expected = {p.name for p in contract(ESP).properties}
        for esp in self.bus.esps().values():
            self.assertEqual(set(self.bus.properties(esp['path'], ESP)), expected)

    def test_no_other_object_is_there(self):
        self.start()
        children = {n.path for n in self.bus.introspect(ROOT_PATH).nodes}
        self.assertLessEqual(children, {'boot', 'esp', 'job', 'ksm'} | {f'esp/{p}' for p in
                                                         (e['path'].rsplit('/', 1)[1]
                                                          for e in self.bus.esps().values())})


class Files(lab.unittest.TestCase):
    """What the files must hold whatever the daemon does."""
    INTERFACES = [contract(p.stem) for p in sorted((SOURCE / 'dbus').glob('org.bootsync1.*.xml'))]

    def test_there_is_a_file_for_each_interface_named_after_it(self):
        self.assertLessEqual({MANAGER, BOOT, ESP, JOB, KSM}, {i.name for i in self.INTERFACES})
        for path in (SOURCE / 'dbus').glob('org.bootsync1.*.xml'):
            self.assertEqual(contract(path.stem).name, path.stem)

    def test_every_interface_and_member_is_documented(self):
        for interface in self.INTERFACES:
            for node in (interface, *interface.methods, *interface.signals, *interface.properties):
                text = Gio.DBusAnnotationInfo.lookup(node.annotations, DOC)
                self.assertTrue(text and text.rstrip()[-1] in '.)', f'{interface.name}.{node.name}')

    def test_every_property_says_whether_it_emits_changes(self):
        for interface in self.INTERFACES:
            for p in interface.properties:
                emits = Gio.DBusAnnotationInfo.lookup(p.annotations, EMITS)
                # What nobody tells of is read from the kernel, when somebody asks.
                expected = ('false', 'const') if interface.name == KSM else ('true', 'const')
                self.assertIn(emits, expected, f'{interface.name}.{p.name}')

    def test_every_call_ends_in_options_and_those_that_change_something_name_an_action(self):
        for interface in self.INTERFACES:
            for m in interface.methods:
                self.assertEqual(arguments(m.in_args)[-1:], [('options', 'a{sv}')], m.name)
                action = Gio.DBusAnnotationInfo.lookup(m.annotations, ACTION)
                if not m.name.startswith(('List', 'Get')) and m.name != 'SecureBootPlan':
                    self.assertRegex(action or '', r'^org\.bootsync1\.[a-z-]+$', m.name)

    def test_every_action_is_in_names_h(self):
        names = (SOURCE / 'common/names.h').read_text()
        for interface in self.INTERFACES:
            for m in interface.methods:
                action = Gio.DBusAnnotationInfo.lookup(m.annotations, ACTION)
                if action:
                    self.assertIn(f'BUS_NAME "{action.removeprefix("org.bootsync1")}"', names)

    def test_no_type_that_is_hard_on_frontends_is_used(self):
        """No byte arrays and no nested dictionaries of variants in results."""
        for interface in self.INTERFACES:
            results = [a for m in interface.methods for a in m.out_args]
            for thing in results + list(interface.properties):
                self.assertNotIn('ay', thing.signature)
                self.assertNotIn('a{sv}', thing.signature)


if __name__ == '__main__':
    lab.main()
