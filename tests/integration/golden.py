# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program prints, kept in files: a test compares, and with GOLDEN_UPDATE=1 writes them anew.
What differs from run to run is replaced before. And a terminal of any size for a program to print
on."""

import difflib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent / 'golden'
TIME = re.compile(r'\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (UTC)')
UPDATE = os.environ.get('GOLDEN_UPDATE') == '1'


def on_terminal(command, env, columns=80, rows=24, cwd=None, typed=b''):
    """Run @command with a terminal as its stdout; its exit status, and what the terminal got.
    stderr is not looked at. @typed is what is typed beforehand."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    # A session of its own, with this terminal: less reads keys from /dev/tty.
    child = subprocess.Popen(['setsid', '--ctty', '--wait', *command], stdin=end, stdout=end,
                             stderr=subprocess.DEVNULL, env=env, cwd=cwd)
    os.close(end)
    if typed:
        os.write(terminal, typed)
    shown = b''
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # nobody has the other end any more
            break
        if not data:
            break
        shown += data
    os.close(terminal)
    return child.wait(timeout=60), shown.decode().replace('\r\n', '\n')


def stable(text, replaced=()):
    """@text with escape sequences that can be seen, and times and names that are always the same.
    @replaced is a list of what to replace by what."""
    for old, new in replaced:
        text = text.replace(old, new)
    return TIME.sub(r'2025-11-30 10:53:20 \1', text).replace('\x1b', '\\e')


def block(words, status, text):
    """A part of a golden file."""
    ended = f'   # exit status {status}' if status else ''
    return f'$ bootctl-pve {words}{ended}\n{text}\n'


def difference(name, text):
    """Between the file @name and @text, as a text for the failure of a test; "" if there is none."""
    path = DIRECTORY / f'{name}.txt'
    if UPDATE:
        path.write_text(text)
    known = path.read_text() if path.exists() else ''
    lines = difflib.unified_diff(known.splitlines(True), text.splitlines(True), f'golden/{name}.txt',
                                 'as it is now')
    return ''.join(lines)
