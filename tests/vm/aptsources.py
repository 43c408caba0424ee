#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where this machine gets Debian from, for a guest or a tree made of the same, or of another release
from the same places. No mirror is named in the project: the sources files of apt say it, in either of
their formats. As a program: aptsources.py RELEASE prints the lines."""

import platform
import re
import subprocess
import sys
from pathlib import Path

SUITES = ('', '-updates', '-security')
APT = Path('/etc/apt')


def parse_list(text):
    """Yield (URI, suite, components, options) of each line of a .list file."""
    for line in text.splitlines():
        match = re.match(r'deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)', line.strip())
        if match:
            options = dict(word.split('=', 1) for word in (match[1] or '').split() if '=' in word)
            yield match[2], match[3], match[4].split(), options


def parse_deb822(text):
    """Yield the same for each stanza of a .sources file."""
    text = '\n'.join(line for line in text.splitlines() if not line.startswith('#'))
    for stanza in re.split(r'\n\s*\n', text):
        fields = {key.lower(): value.strip() for key, value in
                  re.findall(r'^([\w-]+):((?:.*)(?:\n[ \t].*)*)', stanza, re.MULTILINE)}
        if 'deb' not in fields.get('types', '').split() or fields.get('enabled') == 'no':
            continue
        options = {'signed-by': fields['signed-by']} if 'signed-by' in fields else {}
        for uri in fields['uris'].split():
            for suite in fields['suites'].split():
                yield uri, suite, fields.get('components', '').split(), options


def machine_entries():
    for path in [APT / 'sources.list', *sorted((APT / 'sources.list.d').glob('*'))]:
        parse = {'.list': parse_list, '.sources': parse_deb822}.get(path.suffix)
        if parse and path.exists():
            yield from parse(path.read_text())


def debian_uris():
    """The (URI, suite) whose index says that it comes from Debian."""
    out = subprocess.run(['apt-get', 'indextargets', '--format', '$(ORIGIN) $(REPO_URI) $(RELEASE)',
                          'Created-By: Packages'], check=True, capture_output=True, text=True,
                         timeout=60).stdout
    return {(uri.rstrip('/'), suite) for origin, uri, suite in map(str.split, out.splitlines())
            if origin == 'Debian'}


def debian_lines(release):
    """One-line sources with which apt fetches Debian @release ("bookworm") from where this machine
    fetches its own."""
    lines, debian = [], debian_uris()
    own = platform.freedesktop_os_release()['VERSION_CODENAME']
    suites = {own + suffix: release + suffix for suffix in SUITES}
    for uri, suite, components, options in machine_entries():
        if suite in suites and 'main' in components and (uri.rstrip('/'), suite) in debian:
            key = options.get('signed-by', '')
            signed = f'[signed-by={key}] ' if key.startswith('/') else ''
            lines.append(f'deb {signed}{uri} {suites[suite]} main')
    if not lines:
        raise RuntimeError(f"no sources file of apt names this machine's own Debian ({own} main)")
    return lines


if __name__ == '__main__':
    print('\n'.join(debian_lines(sys.argv[1])))
