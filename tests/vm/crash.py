# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a power cut leaves, taken at many instants of one run: QEMU is frozen, and then the image of a
disk holds what was written so far and nothing of what the guest still has in its memory. Judged by
mtools, as the boot loader would find it."""

import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from subprocess import CalledProcessError, TimeoutExpired

LOADER_CONF = 'loader/loader.conf'
BULK = 16 << 20  # bytes after which a state is taken while files are copied
SMALL = 64 << 10  # a write below that is one of the file system


def fields(text):
    """The lines of an entry or of loader.conf, by their first word; the last one counts."""
    lines = (line.split(None, 1) for line in text.decode(errors='replace').splitlines())
    return {words[0].lower(): words[1].strip() for words in lines
            if len(words) == 2 and words[0][0] != '#'}


class State:
    """One ESP as a power cut leaves it. What systemd-boot may come to is in `holds`: path -> content of
    a text, or which of the known contents a kernel's file has."""

    def __init__(self, esp, contents, cmdlines):
        """@contents: name of a file of a kernel -> what is complete there; @cmdlines: those that an
        entry may have."""
        self.problems = []
        self.holds = {}
        try:
            self._judge(esp, contents, cmdlines)
        except (CalledProcessError, TimeoutExpired) as error:
            self.problems.append(f'{error}: {error.stderr}')

    def _judge(self, esp, contents, cmdlines):
        names = []
        for path in esp.files('loader/entries'):
            name = path.rsplit('/', 1)[-1]
            entry = fields(esp.read(path)) if name.endswith('.conf') else {}
            # One that names no kernel is not shown. So begins the life of a new name: Linux writes
            # the name of an empty file, and then what it leads to.
            if 'linux' in entry:
                self.holds[path] = entry
                names.append(name)
                self._judge_entry(esp, name, entry, contents, cmdlines)
        self.holds[LOADER_CONF] = fields(esp.read(LOADER_CONF))
        default = self.holds[LOADER_CONF].get('default', 'nothing').lower()
        if not any(fnmatchcase(name.lower(), default) for name in names):
            self.problems.append(f'default {default} leads to none of {sorted(names)}')

    def _judge_entry(self, esp, name, entry, contents, cmdlines):
        for key in ('linux', 'initrd'):
            path = entry.get(key, 'nothing').lstrip('/')
            known, data = contents.get(path.rsplit('/', 1)[-1], []), esp.read(path)
            if data in known:
                self.holds[path] = known.index(data)
            else:
                self.problems.append(f'{name}: {path} is incomplete, {len(data)} bytes')
        if entry.get('options') not in cmdlines:
            self.problems.append(f'{name}: options {entry.get("options")}')


class Judge:
    def __init__(self, machine, contents, cmdlines):
        self.machine, self.contents, self.cmdlines = machine, contents, cmdlines
        self.last = {}  # serial of an ESP -> (when its image was written, its state)

    def _state(self, esp):
        written = esp.path.stat().st_mtime_ns
        if esp.serial not in self.last or self.last[esp.serial][0] != written:
            self.last[esp.serial] = written, State(esp, self.contents, self.cmdlines)
        return self.last[esp.serial][1]

    def states(self):
        """The states of all ESPs, side by side; nothing writes to them now."""
        with ThreadPoolExecutor() as pool:
            return list(pool.map(self._state, self.machine.esps))

    def sample(self, command, timeout=600):
        """Run a command in the guest, and meanwhile take the states after each small write, and
        between them from time to time. Gives all that were taken."""
        def counters():
            return [self.machine.writes(esp) for esp in self.machine.esps]

        def advanced(old, new):
            count, size = new[0] - old[0], new[1] - old[1]
            return count > 0 and (size >= BULK or size < count * SMALL)

        taken, last = [], counters()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self.machine.sh, command, timeout)
            while not running.done():
                now = counters()
                if any(map(advanced, last, now)):
                    with self.machine.frozen():
                        taken.append(self.states())
                    last = now
                time.sleep(0.005)
            running.result()
        return taken
