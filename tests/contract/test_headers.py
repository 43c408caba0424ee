#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every header compiles alone. $COMPILER is the command that the build uses, with its arguments."""

import os
import shlex
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / 'integration'))

from tap import main  # noqa: E402

SOURCE = Path(__file__).parent.parent.parent
HEADERS = sorted(p for d in ('common', 'daemon', 'client') for p in (SOURCE / d).rglob('*.h'))


def compile_alone(header):
    """What the compiler says to a file that includes nothing but @header, twice."""
    text = f'#include "{header}"\n#include "{header}"\nint nothing;\n'
    command = [*shlex.split(os.environ['COMPILER']), '-std=gnu17', '-D_GNU_SOURCE',
               '-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter',
               '-Wno-missing-field-initializers', f'-I{SOURCE}', f'-I{SOURCE}/daemon',
               '-x', 'c', '-']
    child = subprocess.run(command, input=text, text=True, capture_output=True, timeout=120)
    return child.stderr if child.returncode else ''


class Headers(unittest.TestCase):
    def test_every_header_compiles_alone(self):
        self.assertGreater(len(HEADERS), 20)
        with ThreadPoolExecutor(2) as pool:
            for header, errors in zip(HEADERS, pool.map(compile_alone, HEADERS)):
                with self.subTest(header=str(header.relative_to(SOURCE))):
                    self.assertEqual(errors, '')

    def test_every_header_has_a_licence_a_guard_and_a_purpose(self):
        for header in HEADERS:
            lines = header.read_text().splitlines()
            with self.subTest(header=str(header.relative_to(SOURCE))):
                self.assertIn('SPDX-License-Identifier: LGPL-2.1-or-later', lines[0])
                self.assertEqual(lines[1], '#pragma once')
                self.assertTrue(lines[3].startswith('/* '), 'no sentence of purpose')


if __name__ == '__main__':
    main()
