# SPDX-License-Identifier: LGPL-2.1-or-later
"""The system calls of a process that runs already, by strace."""

import contextlib
import re
import signal
import subprocess

import lab


def strace_lines(output):
    """Its lines, with what was <unfinished ...> and <... resumed> put together."""
    lines, unfinished = [], {}
    for line in output.read_text(errors='replace').splitlines():
        pid = line.split()[0]
        if line.endswith('<unfinished ...>'):
            unfinished[pid] = line.removesuffix('<unfinished ...>').rstrip()
            continue
        resumed = re.match(r'^\d+ +<\.\.\. \w+ resumed>(.*)', line)
        lines.append(unfinished.pop(pid, '') + resumed[1] if resumed else line)
    return lines


@contextlib.contextmanager
def traced(pid, output, *options):
    """Attach strace to a process and what it starts."""
    errors = output.with_suffix('.err')
    with open(errors, 'w') as log:
        tracer = subprocess.Popen(['strace', '-f', '-o', str(output), *options, '-p', str(pid)],
                                  stdin=subprocess.DEVNULL, stderr=log)
    try:
        lab.wait_until(lambda: 'attached' in errors.read_text() or tracer.poll() is not None,
                       what='strace')
        if tracer.poll() is not None:
            raise AssertionError(errors.read_text())
        yield
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)
        tracer.wait(30)
