#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measure of the house: how long, deep and wide a function may be, how long a file, that
comments are sentences, and that nothing goes in a circle: what does can only be understood, tested
and moved as a whole. tools/measure counts."""

import sys
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / 'integration'))
sys.dont_write_bytecode = True

from tap import main  # noqa: E402

FUNCTION_LINES_MAX = 60
NESTING_MAX = 4
PARAMETERS_MAX = 6
# For a thousand lines of code.
EXPORTS_MAX = 22
MODULES_MAX = 4.5

# Floors of which each .c has a unit test at its own place, as client/verb/esp.c has
# tests/unit/client/verb/test-esp.c; and the files that need none.
TESTED = {'client': 'client', 'daemon/engine': 'engine', 'daemon/worker': 'worker'}
WITHOUT_TEST_MAX = 5
WITHOUT_TEST = {
    'client/main.c': 'reads the options and runs the verb, which the bench of the tests does, too',
}


def load_measure():
    loader = SourceFileLoader('measure', str(TESTS.parent / 'tools/measure'))
    module = module_from_spec(spec_from_loader('measure', loader))
    loader.exec_module(module)
    return module


measure = load_measure()
SOURCES = measure.sources()
FUNCTIONS = [f for s in SOURCES for f in s.functions]


def name(path):
    return str(path.relative_to(measure.TOP))


def is_getter(function):
    """sd-bus says what one that reads a property takes."""
    return function.name.startswith('get_') and measure.floor_of(function.path) == 'daemon/bus'


class House(unittest.TestCase):
    def test_the_whole_tree_is_measured(self):
        self.assertGreater(len(SOURCES), 100)
        self.assertGreater(len(FUNCTIONS), 1000)

    def test_no_function_is_longer_than_a_screen(self):
        self.assertEqual([str(f) for f in FUNCTIONS if f.n_lines > FUNCTION_LINES_MAX], [])

    def test_no_function_nests_deeper_than_four(self):
        self.assertEqual([str(f) for f in FUNCTIONS if f.nesting > NESTING_MAX], [])

    def test_no_function_takes_more_than_six_parameters(self):
        self.assertEqual([str(f) for f in FUNCTIONS if f.n_parameters > PARAMETERS_MAX and
                          not is_getter(f)], [])

    def test_every_file_is_under_500_lines(self):
        self.assertEqual([name(s.path) for s in SOURCES if s.n_lines >= measure.LINES_MAX], [])

    def test_no_comment_opens_with_what_who_where_or_whether(self):
        tests = [measure.Source(p) for p in measure.c_files(measure.TOP, 'tests')]
        self.assertEqual([f'{name(s.path)}: {c}' for s in SOURCES + tests
                          for c in s.question_comments()], [])

    def test_every_module_of_client_engine_and_worker_has_a_unit_test(self):
        self.assertLessEqual(len(WITHOUT_TEST), WITHOUT_TEST_MAX)
        without = set()
        for floor, folder in TESTED.items():
            for path in (measure.TOP / floor).rglob('*.c'):
                place = TESTS / 'unit' / folder / path.relative_to(measure.TOP / floor)
                if not place.with_name(f'test-{path.name}').is_file():
                    without.add(name(path))
        self.assertEqual(without, set(WITHOUT_TEST))

    def test_no_modules_go_in_a_circle(self):
        self.assertEqual(measure.module_circles(SOURCES), [])

    def test_no_folders_go_in_a_circle(self):
        self.assertEqual(measure.folder_circles(SOURCES), [])

    def test_modules_are_deep(self):
        figures = measure.Figures(SOURCES)
        exports = figures.per_thousand(figures.exports)
        modules = figures.per_thousand(figures.modules)
        print(f'# for a thousand lines of code: {exports:.1f} exports, {modules:.1f} modules')
        self.assertLessEqual(exports, EXPORTS_MAX)
        self.assertLessEqual(modules, MODULES_MAX)


SAMPLE = r'''
/* Where this is from. */
#include "a.h"
#define LOOP(x) for (;;) { \
                x }
typedef int (*callback_t)(int a, int b);
DEFINE_CLEANUP(A *, a_free)
static const char *const words[] = { "{", "/* What */" }; // Who knows
/* It says what it does. */
int first(void) {
        return ({ int x = 1; x; });
}
static void *second(const char *a, int (*b)(int, int), ...) {
        if (a)
                first();
        else if (b)
                for (int i = 0; i < 2; i++)
                        while (i)
                                do
                                        i--;
                                while (i);

        switch (*a) {
        case '}':
                STRV_FOREACH(i, words)
                        if (*i)
                                break;
                break;
        }
        return NULL;
}
'''
HEADER = '''
#pragma once
struct A { int (*run)(int a); };
typedef struct A A;
typedef void (*handler_t)(int a);
int a_new(int b, A **ret);
const char *a_name(const A *a) __attribute__((pure));
static inline int a_zero(void) {
        return 0;
}
DECLARE_STRING_TABLE(a, A);
DEFINE_CLEANUP(A *, a_free)
'''


class Measure(unittest.TestCase):
    """The judge itself."""
    def setUp(self):
        self.source = measure.Source(Path('sample.c'), SAMPLE)

    def test_functions_are_found_and_measured(self):
        self.assertEqual([(f.name, f.n_lines, f.nesting, f.n_parameters)
                          for f in self.source.functions],
                         [('first', 3, 0, 0), ('second', 18, 4, 2)])

    def test_deeper_nesting_is_seen(self):
        deeper = SAMPLE.replace('i--;', 'if (i) { if (a) { i--; } }')
        self.assertEqual(measure.Source(Path('sample.c'), deeper).functions[1].nesting, 6)

    def test_first_words_of_comments_are_seen_and_strings_are_none(self):
        self.assertEqual(self.source.question_comments(),
                         ['/* Where this is from. */', '// Who knows'])

    def test_exports_are_what_a_header_declares(self):
        header = measure.Source(Path('sample.h'), HEADER)
        self.assertEqual(header.exports,
                         ['a_new', 'a_name', 'a_zero', 'a_to_string', 'a_from_string'])

    def test_circles_are_found(self):
        graph = {'a': {'b'}, 'b': {'c'}, 'c': {'b', 'd'}, 'd': {'d'}}
        self.assertEqual(measure.circles(graph), [['b', 'c']])


if __name__ == '__main__':
    main()
