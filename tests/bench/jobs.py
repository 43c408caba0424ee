# SPDX-License-Identifier: LGPL-2.1-or-later
"""The jobs that are measured, and the plain ways to do them. Each is made for a host that is there."""

import time

import meter
from job import OURS, Job

ESPS = (1, 2, 4)
REPEATED = 10  # what is done before a clock has ticked a hundred times
INSTRUCTION_RUNS = 3

# Shell, as host.each_esp() runs it.
COPY = 'cp $files "$dir/copy"; sync -f "$dir"'
READ_BACK = ('for f in $files; do dd if="$dir/copy/$f" iflag=nocache count=0 status=none; done; '
             'cat "$dir"/copy/* >/dev/null')  # it is not even compared
RSYNC = 'rsync -c $files "$dir/copy"; sync -f "$dir"'
READ = 'cat "$dir"/EFI/proxmox/*/* >/dev/null'


def copies(host, files=None):
    """The plain ways to bring files to all ESPs."""
    return {'cp, sync': lambda: host.each_esp(COPY, files=files),
            'cp, sync, read back': lambda: host.each_esp(f'{COPY}; {READ_BACK}', files=files),
            'rsync -c, sync': lambda: host.each_esp(RSYNC, files=files),
            'one ESP after the other': lambda: host.each_esp(COPY, parallel=False, files=files)}


def shell_tool(host):
    """Where there is something that does its work."""
    return {'the shell tool': host.shell_tool} if hasattr(host, 'shell_tool') else {}


def sync(host, esps):
    """@host lists that many."""
    return Job(f'sync{esps}', f'all {len(host.versions)} kernels to {esps} blank ESPs',
               {OURS: lambda: host.bootsync('refresh'), **copies(host), **shell_tool(host)},
               prepare=host.blank, check=host.check)


def noop(host):
    def setup():
        host.blank()
        host.bootsync('refresh')
        host.each_esp(COPY)

    ways = {OURS: lambda: host.bootsync('refresh'), 'busctl': host.busctl,
            'rsync -c, sync': lambda: host.each_esp(RSYNC),
            'one ESP after the other': lambda: host.each_esp(COPY, parallel=False), **shell_tool(host)}
    # What the shell tool has written anew is compared here, and so not when it is measured.
    return Job('noop', f'a refresh of {len(host.esps)} ESPs with nothing to do', ways, setup=setup,
               prepare=lambda: host.bootsync('refresh'), check=host.check,
               times={OURS: REPEATED, 'busctl': REPEATED})


def changed(host):
    def setup():
        host.blank()
        host.bootsync('refresh')

    def prepare():
        host.bootsync('refresh')
        host.make_room()
        host.change_initrd()

    ways = {OURS: lambda: host.bootsync('refresh'), **copies(host, host.files[-1:])}
    return Job('changed', f'one initrd changed, {len(host.esps)} ESPs', ways, setup=setup,
               prepare=prepare, check=host.check)


def verify(host):
    def setup():
        host.blank()
        host.bootsync('refresh')

    ways = {OURS: lambda: host.bootsync('verify'),
            'cat of all, at once': lambda: host.each_esp(READ, beside='cat $files >/dev/null'),
            'cat of the ESPs': lambda: host.each_esp(READ)}
    return Job('verify', f'every file of {len(host.esps)} ESPs is compared with /boot', ways,
               setup=setup, prepare=host.forget, check=host.check)


def status(host):
    def runs(*command):
        return lambda: [host.instructions(*command) for _ in range(INSTRUCTION_RUNS)]

    instructions = {}
    if hasattr(host, 'instructions'):
        instructions = {OURS: runs(host.client, 'status'), 'busctl': runs(*host.asking)}
    return Job('status', f'what is on {len(host.esps)} ESPs',
               {OURS: lambda: host.bootsync('status'), 'busctl': host.busctl},
               setup=lambda: host.bootsync('refresh'),
               times={OURS: REPEATED, 'busctl': REPEATED}, instructions=instructions)


def start(host):
    """The host's own daemon is stopped for it."""
    def instructions():
        return [host.instructions_of_start() for _ in range(INSTRUCTION_RUNS)]

    return Job('start', f'from exec to READY=1, {len(host.esps)} ESPs, {len(host.versions)} kernels',
               {OURS: host.start}, setup=host.lab.stop_daemon, instructions={OURS: instructions})


def idle(host, seconds):
    def sleep():
        before = meter.wakeups(host.servers()[0])
        time.sleep(seconds)
        return {'wakeups': meter.wakeups(host.servers()[0]) - before}

    def setup():
        host.bootsync('refresh')
        time.sleep(3)  # what settles: the echo of its own writes

    return Job('idle', f'nothing happens for {seconds} s', {OURS: sleep}, setup=setup)
