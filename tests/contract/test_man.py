#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual says what is there: the rendered page org.bootsync1(5) all that the XML files say, the
others every option, verb and file of the programs, and nothing else. Links lead somewhere."""

import os
import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

from lab import LabCase, main, program  # noqa: E402

SOURCE = Path(__file__).parent.parent.parent
MAN = SOURCE / 'docs/man'
SAMPLE = SOURCE / 'docs/examples/bootsyncd.conf'
CONTRACT = sorted((SOURCE / 'dbus').glob('org.bootsync1.*.xml'))
LINES_MAX = 150
CLIENT_PAGES = ('bootctl-pve.8', 'bootctl-pve-boot.8', 'bootctl-pve-doctor.8', 'bootctl-pve-ksm.8', 'bootsync-monitoring.7')
OPTION = re.compile(r'(?<![\w-])--?[A-Za-z][a-z-]*')
CHARACTERS = {'-': '-', 'e': '\\', '&': '', '(aq': "'", '(dq': '"', '(ga': '`', '(ha': '^',
              '(ti': '~', '(->': '→'}


def plain(text):
    """The characters that a reader sees, and the macros, line by line."""
    text = re.sub(r'(?m)^\.\\".*\n|\\f.', '', text)
    return re.sub(r'\\(\(..|.)', lambda m: CHARACTERS[m[1]], text)


def words(text):
    return ' '.join(text.split())


class Page:
    def __init__(self, text):
        self.text = text
        self.sections = {}
        for part in re.split(r'(?m)^\.SH ', text)[1:]:
            title, _, body = part.partition('\n')
            self.sections[plain(title)] = body

    def items(self, section):
        """What stands behind each .TP of a section: term as it is written -> text."""
        body = re.sub(r'(?m)^\.SS .*\n', '', self.sections[section])
        return dict(part.partition('\n')[::2] for part in re.split(r'(?m)^\.TP\n', body)[1:])

    def options(self, section):
        return {option for term in self.items(section) for option in OPTION.findall(plain(term))}

    def examples(self):
        return [plain(code) for code in re.findall(r'(?ms)^\.EX\n(.*?)^\.EE', self.text)]


def page(name):
    return Page((MAN / name).read_text())


def rendered():
    return Page(subprocess.run([sys.executable, SOURCE / 'tools/render-dbus-man', '1', *CONTRACT],
                               stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout)


def help_of(variable, *arguments):
    return subprocess.run([program(variable), *arguments, '--help'], stdout=subprocess.PIPE,
                          text=True, check=True, timeout=60).stdout


def options_of(text):
    lines = re.findall(r'(?m)^ +(?:(-\w),? )?(--[a-z-]+)', text.partition('For tests')[0])
    return {option for line in lines for option in line if option}


class Rendered(unittest.TestCase):
    PAGE = rendered()
    INTERFACES = [node for path in CONTRACT
                  for node in ElementTree.parse(path).getroot().findall('interface')]

    @staticmethod
    def annotation(node, name):
        return next((a.get('value') for a in node.findall('annotation') if a.get('name') == name),
                    None)

    def members(self):
        """(interface, member, term in the page, text in the page) of all in the contract."""
        for interface in self.INTERFACES:
            items = self.PAGE.items('INTERFACE ' + interface.get('name').upper())
            for kind in ('method', 'signal', 'property'):
                for node in interface.findall(kind):
                    term, = [t for t in items if t.startswith(rf'\fB{node.get("name")}\fR')]
                    yield interface, node, plain(term), words(plain(items[term]))

    def test_every_member_of_every_interface_is_there_and_no_other(self):
        self.assertGreater(len(list(self.members())), 40)
        for interface in self.INTERFACES:
            items = self.PAGE.items('INTERFACE ' + interface.get('name').upper())
            expected = [n.get('name') for n in interface if n.tag != 'annotation']
            self.assertEqual(sorted(re.match(r'\w+', plain(term))[0] for term in items),
                             sorted(expected))

    def test_every_argument_and_property_is_there_with_its_type(self):
        for _, node, term, _ in self.members():
            given, returned = [], []
            for a in node.findall('arg'):
                (returned if a.get('direction') == 'out' else given).append(
                    f'{a.get("type")} {a.get("name")}')
            expected = f'{node.get("name")}({", ".join(given)})'
            if returned:
                expected += f' → ({", ".join(returned)})'
            if node.tag == 'property':
                self.assertRegex(term, rf'\A\w+ \({re.escape(node.get("type"))}[,)]')
            else:
                self.assertEqual(term, expected)

    def test_every_sentence_of_the_contract_is_there(self):
        for interface in self.INTERFACES:
            text = plain(self.PAGE.sections['INTERFACE ' + interface.get('name').upper()])
            doc = self.annotation(interface, 'org.gtk.GDBus.DocString')
            self.assertTrue(words(text).startswith(words(doc)))
        for _, node, _, text in self.members():
            doc = self.annotation(node, 'org.gtk.GDBus.DocString')
            self.assertTrue(text.replace('.br ', '').startswith(words(doc)), text)

    def test_every_call_that_asks_for_authorisation_says_for_which(self):
        for interface, node, _, text in self.members():
            action = self.annotation(node, 'org.bootsync1.PolkitAction')
            found = re.findall(r'Polkit action: (\S+)\.', text)
            self.assertEqual(found, [action] if action else [])

    def test_every_error_is_returned_by_somebody_and_described(self):
        table = (SOURCE / 'common/error.c').read_text()
        codes = dict(re.findall(r'\[(ERROR_\w+)\] = "(\w+)"', table))
        sources = re.sub(r'\[ERROR_\w+\] =', '', table)
        sources += ''.join(p.read_text() for p in (SOURCE / 'daemon').rglob('*.c'))
        used = {name for code, name in codes.items() if re.search(rf'\b{code}\b', sources)}

        self.assertGreater(len(codes), 20)
        self.assertEqual(used, set(codes.values()))
        self.assertEqual(set(re.findall(r'(?m)^\.TP\n\\fB(\w+)\\fR\n[A-Z].*\.$',
                                        self.PAGE.sections['ERRORS'])), used)


class Programs(unittest.TestCase):
    def test_the_client_has_the_verbs_of_its_page_with_their_options_and_no_others(self):
        overview = help_of('BOOTCTL_PVE')
        common = options_of(overview)
        verbs = re.findall(r'(?m)^  ([a-z-]+(?: [a-z]+)*)', overview.partition('Options:')[0])
        expected = {verb: options_of(help_of('BOOTCTL_PVE', *verb.split())) - common
                    for verb in verbs}
        found = {re.match(r'([a-z -]*[a-z])', plain(term))[1]: set(OPTION.findall(plain(term)))
                 for name in CLIENT_PAGES for term in page(name).items('VERBS')}

        self.assertIn('kernel pin', expected)
        self.assertIn('--next-boot', expected['kernel pin'])
        self.assertEqual(found, expected)

    def test_the_options_of_each_program_are_those_of_its_page(self):
        for name, variable in (('bootctl-pve.8', 'BOOTCTL_PVE'),
                               ('bootsync-worker.8', 'BOOTSYNC_WORKER'),
                               ('bootsyncd.8', 'BOOTSYNC_DAEMON')):
            with self.subTest(page=name):
                expected = options_of(help_of(variable))
                self.assertLessEqual({'--help', '-h', '--version', '--root'}, expected)
                self.assertEqual(page(name).options('OPTIONS'), expected)

    def test_the_members_of_json_are_those_that_the_client_writes(self):
        text = plain(page('bootctl-pve-json.5').sections['JSON'])
        written = {name for path in (SOURCE / 'client').rglob('*.c')
                   for name in re.findall(r'json_add\w*\(\w+, "(\w+)"', path.read_text())}
        self.assertGreater(len(written), 30)
        self.assertEqual(written - set(re.findall(r'\w+', text)), set())
        self.assertEqual({w for w in re.findall(r'[a-z]+(?:_[a-z]+)+', text)} - written, set())

    def test_the_reports_are_those_of_the_page(self):
        text = (SOURCE / 'daemon/core/wire/report.c').read_text()
        names = re.search(r'report_type_table\[\w*\] = {(.*?)};', text, re.S)[1]
        found = {name for term in page('bootsync-worker.8').items('REPORTS')
                 for name in re.findall(r'\\fB([a-z-]+)\\fR', term.replace(r'\-', '-'))}
        self.assertEqual(found, set(re.findall(r'"([a-z-]+)"', names)))

    # The fields of core/plan/plan as the page writes them.
    FIELDS = {'PATH': {'path'}, 'SOURCE': {'source'}, 'TEXT': {'text'}, 'LOADER': {'text'},
              'STAMP': {'stamp'}, 'ESP': {'esp-size', 'esp-mtime'}, 'FORCE': {'force'},
              'NO_FIELDS': set()}

    def actions(self):
        """{name: (its subject, its fields)} by the one table."""
        text = (SOURCE / 'daemon/core/plan/plan.c').read_text()
        rows = re.findall(r'\[PLAN_\w+\]\s*=\s*{\s*"([a-z-]+)",\s*PLAN_ON_(\w+),\s*([\w |]+),'
                          r'\s*(?:READS|WRITES|COPIES)\s*}', text)
        header = (SOURCE / 'daemon/core/plan/plan.h').read_text()
        enum = header.partition('_PLAN_ACTION_MAX')[0]
        self.assertEqual(len(rows), len(re.findall(r'(?m)^ +PLAN_\w+,', enum)))
        return {name: (subject, set().union(*(self.FIELDS[field] for field in fields.split(' | '))))
                for name, subject, fields in rows}

    def test_the_steps_of_a_plan_are_those_of_the_page_with_their_fields_and_subject(self):
        found = {}
        subject = 'ESP'
        for term, text in page('bootsync-worker.8').items('PLAN').items():
            start = re.match(r'With a device|With neither|Likewise', plain(text))
            if start:
                subject = 'DEVICE' if start[0] == 'With a device' else 'HOST'
            for step in re.split(r'(?=\\fB[a-z-]+\\fR)', term.replace(r'\-', '-'))[1:]:
                name, fields = re.match(r'\\fB([a-z-]+)\\fR([^[]*)', step).groups()
                found[name] = (subject, set(re.findall(r'[a-z0-9-]+', plain(fields))))
        self.assertEqual(found, {
            name: (subject if subject in ('ESP', 'DEVICE') else 'HOST', fields)
            for name, (subject, fields) in self.actions().items()})

    def test_the_settings_are_those_of_the_page(self):
        text = (SOURCE / 'daemon/core/conf/conf-file.c').read_text()
        found = set(self.settings())
        self.assertEqual(found, {key + '=' for key in re.findall(r'{ SECTION_\w+, "(\w+)", set_', text)})

    def test_the_sample_of_the_settings_has_each_key_commented_out(self):
        found = re.findall(r'(?m)^#(\w+=)', SAMPLE.read_text())
        self.assertEqual(found, self.settings())
        self.assertEqual(re.findall(r'(?m)^[^#\n].*', SAMPLE.read_text()), ['[Sync]', '[Firmware]', '[Alerts]'])

    def settings(self):
        return [plain(term) for section in ('[SYNC] SECTION', '[FIRMWARE] SECTION', '[ALERTS] SECTION')
                for term in page('bootsyncd.conf.5').items(section)]


class Pages(unittest.TestCase):
    PAGES = {path.name: path.read_text() for path in MAN.iterdir()}
    ALL = {**PAGES, 'org.bootsync1.5': Rendered.PAGE.text}

    def test_every_page_is_installed(self):
        build = (SOURCE / 'docs/meson.build').read_text()
        self.assertEqual(set(re.findall(r"'man/(\S+)'", build)), set(self.PAGES))

    def test_every_page_has_its_own_title_and_is_short(self):
        for name, text in self.ALL.items():
            title, section = re.search(r'(?m)^\.TH (\S+) (\d) ', text).groups()
            self.assertEqual(f'{plain(title)}.{section}'.lower(), name)
        for name, text in self.PAGES.items():
            self.assertLessEqual(len(text.splitlines()), LINES_MAX, name)

    def test_the_formatter_has_nothing_to_complain_of(self):
        env = dict(os.environ, LC_ALL='C.UTF-8', MANROFFSEQ='', MANWIDTH='80')
        for name, text in self.ALL.items():
            with self.subTest(page=name):
                child = subprocess.run(['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z',
                                        '-'], input=text, env=env, text=True,
                                       capture_output=True, timeout=60)
                self.assertEqual((child.returncode, child.stderr), (0, ''))
                self.assertIn('bootsync', child.stdout)

    def test_pages_refer_to_pages_that_are_there(self):
        for name, text in self.ALL.items():
            ours = re.findall(r'\b((?:boot(?:sync|ctl-pve)|org\.bootsync1)[a-z.-]*) ?\((\d)\)',
                              plain(text))
            self.assertGreater(len(ours), 1, name)
            self.assertEqual({'.'.join(o) for o in ours} - set(self.ALL), set(), name)

    def test_no_page_speaks_of_test_hooks(self):
        for name, text in self.ALL.items():
            self.assertNotRegex(plain(text), r'--(test-|hook)', name)

    def test_every_file_of_the_contract_is_described(self):
        names = dict(re.findall(r'(?m)^#define (PATH_\w+) +(.*)$',
                                (SOURCE / 'common/names.h').read_text()))

        def resolve(value):
            return ''.join(text if text else resolve(names[macro])
                           for text, macro in re.findall(r'"([^"]*)"|(PATH_\w+)', value))
        paths = {resolve(value) for value in names.values()}
        text = plain(self.PAGES['bootsync-files.5'])
        files = {p for p in paths if re.match(r'boot|etc/|var/lib|run/|dev/|proc/.*(cmd|osr)', p)}
        self.assertGreater(len(files), 15)
        self.assertEqual({p for p in files if f'/{p}' not in text}, set())

    def test_links_in_the_documents_lead_to_files(self):
        links = [(document, target)
                 for document in (SOURCE / 'README.md', *sorted((SOURCE / 'docs').glob('*.md')))
                 for target in re.findall(r'\]\(([^)\s]+)\)', document.read_text())
                 if not re.match(r'[a-z]+:|#', target)]
        self.assertGreater(len(links), 3)
        self.assertEqual([f'{document.name}: {target}' for document, target in links
                          if not (document.parent / target.partition('#')[0]).exists()], [])

    def test_the_tests_that_faults_are_tied_to_are_there(self):
        text = (SOURCE / 'docs/FAULTS.md').read_text()
        claims = set(re.findall(r'`([a-z0-9]+(?:_[a-z0-9]+){3,})`', text))
        scenarios = {'_'.join(words.split()) for words in re.findall(r'\*([a-z0-9 ]{20,})\*', text)}
        tests = [path for suffix in ('c', 'py') for path in (SOURCE / 'tests').rglob(f'*.{suffix}')]
        names = {path.stem for path in tests}
        code = '\n'.join(path.read_text() for path in tests)
        self.assertGreater(len(claims), 50)
        self.assertGreater(len(scenarios), 5)
        self.assertEqual({c for c in claims if not re.search(rf'\b(test_)?{c}\b', code)}, set())
        self.assertEqual({s for s in scenarios if s not in names}, set())


class Examples(LabCase):
    def run_example(self, command, **variables):
        return subprocess.run(command, env=dict(os.environ, **variables), cwd=self.lab.root,
                              capture_output=True, text=True, timeout=120)

    def test_the_calls_of_the_page_do_what_it_says(self):
        shell, python = rendered().examples()
        self.lab.add_kernel('6.8.12-4-pve')
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        bus = {'DBUS_SYSTEM_BUS_ADDRESS': self.lab.bus.address}

        done = self.run_example(['sh', '-ec', shell], **bus)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r'\Ab (true|false)\no "/org/bootsync1/job/\d+"\n\Z')
        done = self.run_example([sys.executable, '-c', python], **bus)
        self.assertEqual((done.returncode, done.stdout),
                         (0, 'done Everything is as it should be; nothing was written.\n'),
                         done.stderr)

    def test_the_sample_of_the_settings_is_understood_without_its_marks(self):
        self.lab.write('etc/bootsync/bootsyncd.conf',
                       re.sub(r'(?m)^#(\w+=)', r'\1', SAMPLE.read_text()))
        self.lab.start_daemon()
        self.assertTrue(self.lab.bus.properties()['AutoSync'])
        self.assertNotIn('bootsyncd.conf', self.lab.bus.log())

    def test_a_worker_can_be_run_by_hand_as_its_page_says(self):
        uuid = next(iter(self.ESPS))
        code, = page('bootsync-worker.8').examples()
        for old, new in (('/usr/libexec/bootsync-worker', program('BOOTSYNC_WORKER')),
                         ('/srv/lab', str(self.lab.root)), ('1111-AAAA', uuid)):
            self.assertIn(old, code)
            code = code.replace(old, new)
        done = self.run_example(['sh', '-ec', code])
        self.assertEqual(done.returncode, 0, done.stderr)
        reports = done.stdout.splitlines()
        self.assertEqual((reports[0], reports[-1]), ('started', 'done'))
        self.assertTrue(any(line.startswith('space size=') for line in reports), reports)


if __name__ == '__main__':
    main()
