#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The floors of the house: a file includes only its own floor or a lower one, so that each floor
can be read, linked and tested without those above it. docs/ARCHITECTURE.md draws the picture."""

import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

from tap import main  # noqa: E402

SOURCE = Path(__file__).parent.parent.parent

# Each floor and those it may include, itself among them.
MAY_INCLUDE = {
    'common': {'common'},
    'core': {'core', 'common'},
    'sys': {'sys', 'core', 'common'},
    'blocking': {'blocking', 'sys', 'core', 'common'},
    'worker': {'worker', 'blocking', 'sys', 'core', 'common'},
    'engine': {'engine', 'sys', 'core', 'common'},
    'bus': {'bus', 'engine', 'sys', 'core', 'common'},
    'main': {'main', 'bus', 'engine', 'sys', 'core', 'common'},
    'client': {'client', 'common'},
}
# Libraries that only some floors may know.
LIBRARIES = {
    'systemd/': {'common', 'engine', 'bus', 'main', 'client'},
    'openssl/': {'blocking'},
    'blkid/': {'blocking'},
    'libmount/': {'blocking'},
    'libfdisk/': {'blocking'},
    'efivar/': {'blocking'},
    'json-c/': {'client'},
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def floor_of(path):
    parts = path.relative_to(SOURCE).parts
    if parts[0] == 'daemon':
        return 'main' if len(parts) == 2 else parts[1]
    return parts[0]


def sources():
    return sorted(p for directory in ('common', 'daemon', 'client')
                  for p in (SOURCE / directory).rglob('*.[ch]'))


def includes(path):
    """(text, whether it is one of ours) of each #include, in order."""
    return [(m[1] or m[2], bool(m[1])) for m in INCLUDE.finditer(path.read_text())]


def resolve(path, text):
    """The file that a quoted include means, as the compiler finds it."""
    for directory in (path.parent, SOURCE, SOURCE / 'daemon'):
        if (directory / text).is_file():
            return (directory / text).resolve()
    return None


class Loaders(unittest.TestCase):
    def test_a_third_boot_loader_is_a_folder_and_one_line_of_the_table(self):
        """tests/unit/core/third-loader compiles the core floor with it; here: nothing else is new."""
        table = 'core/loader/loader-table.h'
        third = SOURCE / 'tests/unit/core/third-loader'

        def lines(path):
            return re.findall(r'X\(\w+, \w+\)', path.read_text())
        self.assertEqual(lines(third / 'loader-table.h'), [*lines(SOURCE / 'daemon' / table),
                                                'X(NONESUCH, nonesuch)'])
        self.assertEqual(sorted(str(p.relative_to(third)) for p in third.rglob('*.[ch]')),
                         ['loader-table.h', 'nonesuch/nonesuch-loader.c', 'test-third-loader.c'])

    def test_nobody_asks_which_loader_an_esp_has(self):
        asks = {str(p.relative_to(SOURCE)) for p in sources()
                if re.search(r'ESP_LOADER_(?!(?:NONE|CONF|DIR|MAX|INVALID)\b)[A-Z]', p.read_text())}
        self.assertEqual(asks, set())


class Floors(unittest.TestCase):
    def test_every_source_file_stands_on_a_known_floor(self):
        self.assertGreater(len(sources()), 50)
        self.assertEqual({floor_of(p) for p in sources()} - MAY_INCLUDE.keys(), set())

    def test_no_include_points_upward(self):
        wrong = []
        for path in sources():
            for text, ours in includes(path):
                target = resolve(path, text) if ours else None
                if ours and not target:
                    wrong.append(f'{path}: "{text}" is not there')
                elif target and floor_of(target) not in MAY_INCLUDE[floor_of(path)]:
                    wrong.append(f'{path}: "{text}" points upward')
        self.assertEqual(wrong, [])

    def test_includes_carry_their_floor(self):
        """An include of another floor must show which; the client's own files may go without."""
        wrong = [f'{path}: "{text}"' for path in sources() for text, ours in includes(path)
                 if ours and '/' not in text and floor_of(path) not in ('client', 'main', 'worker')]
        self.assertEqual(wrong, [])

    def test_libraries_are_known_only_to_the_floors_that_may_wait_for_them(self):
        wrong = [f'{path}: <{text}>' for path in sources() for text, ours in includes(path)
                 for library, floors in LIBRARIES.items()
                 if not ours and text.startswith(library) and floor_of(path) not in floors]
        self.assertEqual(wrong, [])

    def test_a_source_file_includes_its_own_header_first(self):
        """So that a header that does not stand alone is found."""
        wrong = []
        for path in sources():
            header = path.with_suffix('.h')
            own = [text for text, ours in includes(path) if ours and resolve(path, text) == header]
            if path.suffix == '.c' and own and includes(path)[0][0] != own[0]:
                wrong.append(str(path))
        self.assertEqual(wrong, [])


if __name__ == '__main__':
    main()
