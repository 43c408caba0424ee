# SPDX-License-Identifier: LGPL-2.1-or-later
"""A strict reading of Prometheus's text format, as much of it as `bootctl-pve metrics` writes."""

import re

NAME = r'[a-z][a-z0-9_]*'
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:{NAME}="(?:[^"\\\n]|\\[\\"n])*",?)+)\}})? (-?[0-9]+(?:\.[0-9]+)?)')
LABEL = re.compile(rf'({NAME})="((?:[^"\\]|\\.)*)"')
UNESCAPED = {r'\\': '\\', r'\"': '"', r'\n': '\n'}


def labels_of(text):
    return tuple((name, re.sub(r'\\.', lambda m: UNESCAPED[m[0]], value))
                 for name, value in LABEL.findall(text or ''))


def parse(text):
    """{(name, ((label, value), …)): value}. Fails on whatever is not as it should be."""
    samples, families, family = {}, {}, None
    assert text.endswith('\n')
    lines = text[:-1].split('\n')
    for i, line in enumerate(lines):
        head = re.fullmatch(rf'# (HELP|TYPE) ({NAME}) (.+)', line)
        if head and head[1] == 'HELP':
            family = head[2]
            assert family not in families, f'{family} comes twice'
            assert re.fullmatch(rf'# TYPE {family} (gauge|counter)', lines[i + 1]), lines[i + 1]
            assert head[3].endswith('.') and '\\' not in head[3], line
            families[family] = lines[i + 1].rsplit(' ', 1)[1]
        elif head:
            assert head[2] == family, line
        elif line.startswith('#'):
            assert i == 0 and line.startswith('# '), line
        else:
            sample = SAMPLE.fullmatch(line)
            assert sample and sample[1] == family, line
            key = sample[1], labels_of(sample[2])
            assert len(dict(key[1])) == len(key[1]), line
            assert key not in samples, line
            samples[key] = float(sample[3])
    for name, kind in families.items():
        assert name.startswith('bootsync_') and name.endswith('_total') == (kind == 'counter'), name
    return samples
