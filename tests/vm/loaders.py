# SPDX-License-Identifier: LGPL-2.1-or-later
"""What boot loaders take of an ESP when nobody is at the keyboard, by their own configuration and by
grubenv; the variables of the firmware say nothing here."""

import re
import shlex
from collections import namedtuple
from fnmatch import fnmatchcase

from crash import LOADER_CONF, fields
from fat import FatError

GRUB_CFG, GRUB_ENV = 'grub/grub.cfg', 'grub/grubenv'
GRUB_ENV_MARK = b'# GRUB Environment Block\n'

Choice = namedtuple('Choice', 'linux initrd options')


def systemd_boot(fat):
    """The newest of the entries that `default` of loader.conf matches. One that names no kernel is
    none: so begins the life of a new name."""
    return entry_of(fat, fields(fat.file(LOADER_CONF)).get('default', 'nothing').lower())


def entry_of(fat, pattern):
    names = [slot.name for slot in fat.slots('loader/entries') if slot.name.lower().endswith('.conf')
             and not slot.is_directory and fnmatchcase(slot.name.lower(), pattern)]
    for name in sorted(names, key=lambda n: [int(d) for d in re.findall(r'\d+', n)], reverse=True):
        entry = fields(fat.file(f'loader/entries/{name}'))
        if 'linux' in entry:
            return Choice(*(entry.get(key, 'nothing').lstrip('/')
                            for key in ('linux', 'initrd')), entry.get('options'))
    raise FatError(f'default {pattern} leads to none of {sorted(names)}')


class Menu:
    """An entry of GRUB, or a menu of some."""

    def __init__(self, words=()):
        self.title = words[1] if len(words) > 1 else ''
        self.id = self.title
        for option, value in zip(words, words[1:]):
            if option in ('--id', '$menuentry_id_option'):
                self.id = value
        self.entries, self.commands = [], {}

    def find(self, name):
        if name.isdigit() and int(name) < len(self.entries):
            return self.entries[int(name)]
        for entry in self.entries:
            if name in (entry.id, entry.title):
                return entry
        raise FatError(f'the default {name} is not in the menu')


def words_of(line):
    try:
        return shlex.split(line)
    except ValueError as error:
        raise FatError(f'{GRUB_CFG}: {error} in {line}') from error


def parse_grub(text):
    """The menu of a grub.cfg, and its default: the last one that is set to no variable."""
    default, blocks = '0', [Menu()]
    for line in map(str.strip, text.splitlines()):
        if line == '}' and len(blocks) > 1:
            blocks.pop()
        elif line.startswith(('menuentry ', 'submenu ')):
            entry = Menu(words_of(line))
            blocks[-1].entries.append(entry)
            blocks.append(entry)
        elif line.endswith('{'):  # a function
            blocks.append(Menu())
        elif (found := re.match(r'(linux|initrd)(?:efi)?\s+(.+)', line)):
            blocks[-1].commands[found[1]] = found[2].split()
        elif (found := re.match(r'set default="([^"$]+)"$', line)):
            default = found[1]
    if len(blocks) > 1:
        raise FatError(f'{GRUB_CFG} ends too early')
    return blocks[0], default


def next_entry(fat):
    """What grubenv says of the next boot. GRUB takes one without its mark for none."""
    try:
        text = fat.file(GRUB_ENV)
    except FatError:
        return ''
    if not text.startswith(GRUB_ENV_MARK):
        return ''
    found = re.search(rb'(?m)^next_entry=(.*)$', text)
    return found[1].decode(errors='replace') if found else ''


def grub(fat):
    entry, default = parse_grub(fat.file(GRUB_CFG).decode(errors='replace'))
    default = next_entry(fat) or default
    for name in default.split('>'):
        entry = entry.find(name)
    linux, initrd = entry.commands.get('linux', []), entry.commands.get('initrd', [])
    if not linux or len(initrd) != 1:
        raise FatError(f'the default {default} has no kernel or no initrd')
    return Choice(linux[0].lstrip('/'), initrd[0].lstrip('/'), ' '.join(linux[1:]))
