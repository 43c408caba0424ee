# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that bootctl-pve prints with --json is described by docs/bootctl-pve.schema.json: each verb
is run in each format, by a strict reading of the schema that allows nothing that it does not name;
and nothing that it names may be missing in all of the outputs."""

import json
import os
import re
import select
import subprocess
import sys
import unittest
from pathlib import Path

import jsonschema

import tap
from lab import Lab, program
from test_client_ksm import GUESTS, SHELL, units
from test_client_usage import HALF, IN_SYNC, PARTITIONS, ClientCase
from test_fleet import make_hosts

SOURCE = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((SOURCE / 'docs/bootctl-pve.schema.json').read_text())
DEFS = SCHEMA['$defs']
KINDS = DEFS['envelope']['properties']['kind']['enum']
FORMATS = ('--json', '--json=short', '--json=pretty')

# (kind, member) of all outputs of this run.
seen = set()
verbs_run = set()


def strict(node):
    """A copy in which an object has no members but those that are named."""
    if isinstance(node, list):
        return [strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: strict(value) for key, value in node.items()}
    if node.get('type') == 'object' and 'properties' in node:
        result.setdefault('additionalProperties', False)
    return result


STRICT = strict(SCHEMA)


def of_event(node, value):
    """The one of several events that @value is."""
    return next(e for e in node['oneOf'] if e['properties']['event']['const'] == value['event'])


def look(name, node, value):
    """Remember what of @node, which is called @name, is in @value."""
    if '$ref' in node:
        name = node['$ref'].rsplit('/', 1)[1]
        look(name, DEFS[name], value)
    elif 'oneOf' in node:
        look(f'{name}.{value["event"]}', of_event(node, value), value)
    elif 'items' in node:
        for item in value:
            look(name, node['items'], item)
    elif isinstance(node.get('additionalProperties'), dict):
        for item in value.values():
            look(name, node['additionalProperties'], item)
    else:
        for key, part in node.get('properties', {}).items():
            if key in value:
                seen.add((name, key))
                look(f'{name}.{key}', part, value[key])


def described(name, node):
    if '$ref' in node:
        return set()  # it has a name of its own
    if 'oneOf' in node:
        return set().union(*(described(f'{name}.{e["properties"]["event"]["const"]}', e)
                             for e in node['oneOf']))
    if 'items' in node:
        return described(name, node['items'])
    if isinstance(node.get('additionalProperties'), dict):
        return described(name, node['additionalProperties'])
    properties = node.get('properties', {})
    return {(name, key) for key in properties}.union(
        *(described(f'{name}.{key}', part) for key, part in properties.items()))


def check(kind, text, form):
    """The data in @text, which were asked for by the option @form."""
    value = json.loads(text)
    jsonschema.Draft202012Validator(STRICT).validate(value)
    if form != '--json':
        assert list(value) == ['schema', 'kind', 'data'], value
        assert (value['schema'], value['kind']) == (2, kind), value
        assert (text.count('\n') == 1) == (form == '--json=short'), text
        value = value['data']
    # Among all kinds, bare data would be valid as any of them.
    jsonschema.Draft202012Validator({**STRICT['$defs'][kind], '$defs': STRICT['$defs']}).validate(
        value)
    look(kind, DEFS[kind], value)
    return value


class Described(ClientCase):
    """With the answers of fake_daemon.py."""

    def verb(self, kind, *words, fake=None, arguments=(), run=None):
        verbs_run.add(' '.join(words))
        values = []
        for form in FORMATS:
            with self.subTest(words=words, form=form):
                done = (run or self.run_private)(*words, *arguments, form, fake=fake)
                values.append(check(kind, done.stdout, form))
        self.assertEqual(values[1:], values[:1] * 2)  # the same data in each format
        return values[0]

    def test_what_is_shown(self):
        fake = {'esps': HALF, 'partitions': PARTITIONS, 'removed': ['AAAA-BBBB'],
                'manager': {'Warnings': [('esp-full', 'warning', 'AAAA-BBBB', 'It is full.', '')]},
                'plan': [('AAAA-BBBB', 'copy', 'a', 7)],
                'history': [(3, 'refresh', 5, 9, 'daemon', 'done', '', 'Copied 1 kernel.', 7,
                             [('AAAA-BBBB', True, 1, ['6.8.12-4-pve'], [], 7, '')])],
                'jobs': [[4, 'refresh', 'running', {'EspProgress': [('AAAA-BBBB', 1, 7)]}]]}
        self.verb('status', 'status', fake=fake)
        self.verb('doctor', 'doctor', fake=fake)
        self.verb('esps', 'esp', 'list', fake=fake)
        self.verb('candidates', 'esp', 'candidates', fake=fake)
        self.verb('kernels', 'kernel', 'list', fake=fake)
        self.verb('boot', 'boot', 'status', fake={'boot': {
            'BootOrder': [1], 'EspsWithoutEntry': ['AAAA-BBBB'],
            'Entries': [(1, 'proxmox', 'aa-01', '/dev/sda', '\\x', 'ours', True, True)]}})
        self.verb('secure-boot', 'secure-boot', 'status', fake={'boot': {
            'Keys': [('dkms', 'DKMS', 'aa', 1, '/var/lib/dkms/mok.pub')], 'KeyDigests': [('dbx', 3)],
            'SignedFiles': [('AAAA-BBBB', '/x', True, 'A', 'B', 1, 'shim', True, 'it is signed')],
            'RefusedModules': [('6.8.12-4-pve', '/y', 'zfs-dkms', 'nobody has signed it')],
            'SecureBootPackages': [('shim-signed', True)]}})
        self.verb('secure-boot-plan', 'secure-boot', 'plan', fake={'esps': HALF})
        self.verb('plan', 'refresh', arguments=['--dry-run'], fake=fake)
        self.verb('history', 'history', fake=fake)
        for arguments in [], ['--dry-run']:
            self.verb('clean', 'clean', arguments=arguments, fake=fake)
        self.verb('remove', 'esp', 'remove', arguments=['AAAA-BBBB'], fake={'entries': ['Boot0003']})

    def test_ksm(self):
        fake = {'ksm': {'Processes': [*GUESTS, SHELL], 'Counters': {'full_scans': 1},
                        'Tunables': {'sleep_millisecs': '20'},
                        'Units': units(['loaded', 'active', 'enabled'],
                                       ['not-found', 'inactive', ''])}}
        self.verb('ksm', 'ksm', 'status', fake=fake)
        self.verb('ksm', 'ksm', 'status', fake={'ksm': {'Supported': False}})

    CHANGES = [['refresh'], ['verify'], ['format', '/dev/x'], ['init', '/dev/x'], ['reinit'],
               ['kernel', 'add', 'v'], ['kernel', 'remove', 'v'], ['kernel', 'pin', 'v'],
               ['kernel', 'unpin'], ['ksm', 'enable'], ['ksm', 'disable'], ['ksm', 'unmerge'],
               ['ksm', 'set', 'a=1'], ['secure-boot', 'convert', '--yes']]

    @staticmethod
    def split(words):
        n = 2 if words[0] in ('kernel', 'ksm', 'secure-boot') else 1
        return words[:n], words[n:]

    def test_what_becomes_of_a_change(self):
        for words in self.CHANGES:
            verb, arguments = self.split(words)
            # All verbs write the one kind; of one, each way to end is tried.
            fakes = [{'esps': HALF, 'result': ['partial', 'a.b', 'Some.']}]
            if words == ['refresh']:
                fakes += [{'esps': IN_SYNC}, {'path': '/'},
                          {'esps': HALF, 'result': ['failed', 'a.b', 'None.']}]
            for fake in fakes:
                value = self.verb('job', *verb, arguments=arguments, fake=fake)
                self.assertNotIn('job', value)

    def on_bus(self, *arguments, fake=None):
        return self.run_client(*arguments, fake=fake)

    def start_on_bus(self, **fake):
        self.start_bus()
        daemon = subprocess.Popen([self.env['BOOTSYNC_DAEMON'], '--bus'], stdout=subprocess.PIPE,
                                  text=True, env=dict(self.env, FAKE=json.dumps(fake)))
        self.addCleanup(daemon.stdout.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        while daemon.stdout.readline().strip() != 'ready':
            pass

    def test_jobs_that_nobody_waits_for(self):
        self.start_on_bus(esps=IN_SYNC, seconds=600)
        for words in self.CHANGES:
            verb, arguments = self.split(words)
            value = self.verb('job', *verb, arguments=[*arguments, '--no-block'], run=self.on_bus)
            self.assertEqual((value['result'], value['job']), ('started', 1))

    def test_check(self):
        self.start_on_bus(esps=IN_SYNC, manager={'Redundancy': 'redundant'})
        self.assertEqual(self.verb('check', 'check', run=self.on_bus)['state'], 'OK')
        self.assertEqual(self.verb('check', 'check')['state'], 'UNKNOWN')

    def test_cancel(self):
        self.start_on_bus(jobs=[[4, 'refresh', 'running']])
        value = self.verb('job', 'cancel', run=self.on_bus)
        self.assertEqual(value['result'], 'done')


class Real(unittest.TestCase):
    """With bootsyncd."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.lab.add_kernel('6.8.12-4-pve')
        self.lab.add_kernel('6.5.13-5-pve', initrd=None)
        for uuid in 'AAAA-0001', 'BBBB-0002':
            self.lab.add_esp(uuid)
        self.lab.write('etc/kernel/proxmox-boot-uuids', 'AAAA-0001\nBBBB-0002\nCCCC-0003\n')

    def verb(self, kind, *arguments):
        return [check(kind, self.lab.bootctl(*arguments, form).out, form) for form in FORMATS]

    def test_a_host_before_and_after_a_refresh(self):
        self.assertGreater(len(self.verb('plan', 'refresh', '--dry-run')[0]), 5)
        self.verb('job', 'refresh')
        status = self.verb('status', 'status')[0]
        self.assertEqual([e['state'] for e in status['esps']], ['in-sync', 'in-sync', 'missing'])
        self.assertGreater(len(status['warnings']), 0)
        self.verb('esps', 'esp', 'list')
        self.verb('candidates', 'esp', 'candidates')
        self.verb('kernels', 'kernel', 'list')
        self.verb('history', 'history')
        self.verb('job', 'kernel', 'pin', '6.8.12-4-pve')
        self.verb('job', 'verify')
        self.verb('job', 'format', '/dev/null')
        self.assertEqual(self.verb('clean', 'clean', '--dry-run')[0]['removed'], ['CCCC-0003'])
        for uuid, form in zip(('CCCC-0003', 'BBBB-0002', 'AAAA-0001'), FORMATS):
            done = self.lab.bootctl('esp', 'remove', uuid, '--force', form)
            check('remove', done.out, form)

    def test_several_hosts(self):
        env = {**self.lab.environment(), **make_hosts(self.lab.path('tmp'), pve1=self.lab.root)}
        for form in FORMATS:
            done = subprocess.run([program('BOOTCTL_PVE'), '-H', 'pve1,gone', 'status', form],
                                  env=env, stdout=subprocess.PIPE, text=True, timeout=60)
            value = check('hosts', done.stdout, form)
            self.assertEqual([host['exit'] for host in value.values()], [3, 255])
            check('status', json.dumps(value['pve1']['answer']) + '\n',
                  '--json=short' if form != '--json' else form)

    def test_events(self):
        verbs_run.add('monitor')
        self.lab.settings(auto_sync=False)
        bus = self.lab.start_bus()
        env = dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        self.lab.start_daemon()
        for form in FORMATS[:2]:
            monitor = subprocess.Popen([program('BOOTCTL_PVE'), 'monitor', form], text=True,
                                       env=env, stdout=subprocess.PIPE)
            self.addCleanup(monitor.stdout.close)
            self.addCleanup(monitor.wait)
            self.addCleanup(monitor.terminate)
            events = set()
            # It is there once it tells of a change; a job gives one.
            while not {'JobNew', 'JobRemoved', 'PropertiesChanged'} <= events:
                bus.refresh(esps=['AAAA-0001'])
                events |= self.read_events(monitor, form)
            self.lab.stop_daemon()
            while 'DaemonEnded' not in events:
                events |= self.read_events(monitor, form)
            self.lab.start_daemon()
            while 'DaemonStarted' not in events:
                events |= self.read_events(monitor, form)

    def read_events(self, monitor, form):
        events = set()
        while select.select([monitor.stdout], [], [], 0.5)[0]:
            line = monitor.stdout.readline()
            events.add(check('event', line, form)['event'])
        return events


class Schema(unittest.TestCase):
    def test_it_is_a_valid_schema_of_its_draft(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        jsonschema.Draft202012Validator.check_schema(STRICT)
        self.assertEqual(SCHEMA['$schema'], 'https://json-schema.org/draft/2020-12/schema')

    def test_each_kind_is_described_and_may_grow(self):
        self.assertLessEqual(set(KINDS), set(DEFS))
        self.assertEqual([e['properties']['kind']['const'] for e in DEFS['envelope']['oneOf']],
                         KINDS)
        self.assertEqual([e['$ref'] for e in DEFS['bare']['anyOf']],
                         [f'#/$defs/{kind}' for kind in KINDS])
        self.assertNotIn('"additionalProperties": false', json.dumps(SCHEMA))

    def test_what_has_no_description_is_not_valid_by_the_strict_reading(self):
        clean = {'dry_run': True, 'removed': []}
        for value, good in [(clean, True), ({**clean, 'more': 1}, False),
                            ({'schema': 2, 'kind': 'clean', 'data': clean}, True),
                            ({'schema': 2, 'kind': 'clean', 'data': {**clean, 'x': 1}}, False),
                            ({'schema': 2, 'kind': 'status', 'data': clean}, False),
                            ({'schema': 3, 'kind': 'clean', 'data': clean}, False)]:
            self.assertEqual(jsonschema.Draft202012Validator(STRICT).is_valid(value), good, value)
        later = {'schema': 2, 'kind': 'clean', 'data': {**clean, 'more': 1}}
        self.assertTrue(jsonschema.Draft202012Validator(SCHEMA).is_valid(later))


class TheWhole(unittest.TestCase):
    """Named so that it comes last."""

    def test_every_verb_was_run_and_every_member_was_seen(self):
        done = subprocess.run([program('BOOTCTL_PVE'), '--help'], stdout=subprocess.PIPE,
                              text=True, check=True, timeout=60)
        verbs = re.findall(r'(?m)^  ([a-z-]+(?: [a-z-]+)*)', done.stdout.partition('Options:')[0])
        # What these print is journalctl's, Prometheus's, a mail, and help.
        self.assertEqual(set(verbs) - verbs_run, {'logs', 'metrics', 'alert', 'help'})
        self.assertEqual(set().union(*(described(name, DEFS[name]) for name in DEFS
                                       if name not in ('envelope', 'bare'))) - seen, set())


if __name__ == '__main__':
    if not os.access(os.environ.get('BOOTCTL_PVE', ''), os.X_OK):
        sys.exit('$BOOTCTL_PVE must name the client; "meson test" sets it')
    tap.main()
