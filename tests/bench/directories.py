# SPDX-License-Identifier: LGPL-2.1-or-later
"""This machine as a host: a throw-away root with ESPs that are directories, and the programs of a build
with a daemon on a bus of its own."""

import os
import re
import socket
import subprocess
import tempfile
import time

import lab
import meter
from host import Host

START_SEC = 60


class Directories(Host):
    disks = ()  # others use them, too
    client = 'bootctl-pve'

    def __init__(self, kernels, image, initrd, esps):
        """@image, @initrd: bytes of each of the @kernels."""
        self.lab = lab.Lab('bootsync-bench.')
        super().__init__(self.lab.path('boot'), [f'6.8.12-{n}-pve' for n in range(1, kernels + 1)])
        for version in self.versions:
            self.lab.add_kernel(version, image, initrd)
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '\n'.join(self.versions) + '\n')
        self.below_esps = self.lab.path('dev/disk/by-uuid')
        self.uuids = [f'{n:04X}-000{n}' for n in range(1, esps + 1)]
        for uuid in self.uuids:
            self.lab.add_esp(uuid)
        # Two ESPs on one disk are no good state, which after ten minutes somebody would be told of.
        self.lab.write('etc/bootsync/bootsyncd.conf',
                       '[Sync]\nAutoSync=no\nSettleSec=0\n[Alerts]\nMail=off\n')
        self.lab.start_daemon()
        self.client = lab.program('BOOTCTL_PVE')
        self.environment = dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.lab.bus.address)
        self.bus_options = [f'--address={self.lab.bus.address}']
        self.lab.bus.wait_no_job()
        self.use(esps)

    def close(self):
        self.lab.close()

    def use(self, number):
        """List the first ESPs, and no more; they are in sync then, and nothing is left to look at."""
        self.esps = [self.lab.esp(uuid) for uuid in self.uuids[:number]]
        self.lab.list_esps(*self.uuids[:number])
        self.bootsync('refresh')

    def settle(self):
        """Called after a change, which leads to a look at each ESP: that is over."""
        bus = self.lab.bus
        bus.run(lambda: bus.removed_jobs('probe'), what='a look after the change')
        bus.wait_no_job()

    def change_initrd(self):
        self.lab.bus.drain()
        self.lab.bus.signals.clear()
        super().change_initrd()

    def servers(self):
        return [self.lab.bus.daemon.pid, self.lab.bus.process.pid]

    # A start, from exec to the READY=1 that systemd would hear

    def start(self, *prefix):
        """Start a second daemon, after the first was stopped; gives what it took to be ready."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, 'notify')
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.bind(path)
                notify.settimeout(START_SEC)
                begin = time.monotonic()
                daemon = subprocess.Popen(
                    [*prefix, lab.program('BOOTSYNC_DAEMON'), f'--root={self.lab.root}',
                     f'--worker={lab.program("BOOTSYNC_WORKER")}'],
                    env=dict(self.environment, NOTIFY_SOCKET=path), stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    while b'READY=1' not in notify.recv(4096).split(b'\n'):
                        pass
                    return {'seconds': time.monotonic() - begin,
                            'cpu': meter.on_cpu_seconds(daemon.pid)}
                finally:
                    daemon.terminate()
                    daemon.wait(START_SEC)

    def instructions(self, *command, environment=(), options=(), action=None):
        """Those of one program by callgrind, which knows no openat2(): another one takes its place."""
        output = self.lab.path('callgrind')
        prefix = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={output}', *options]
        if action:
            action('env', *environment, *prefix)
        else:
            self.run(*prefix, *command)
        part = output.with_name('callgrind.1') if options else output
        count = int(re.search(r'^(?:summary|totals): (\d+)', part.read_text(), re.M)[1])
        for path in output.parent.glob('callgrind*'):
            path.unlink()
        return count

    def instructions_of_start(self):
        """Up to the event loop, whose first turn comes after READY=1."""
        return self.instructions(environment=[f'LD_PRELOAD={os.environ["BENCH_OPENAT"]}'],
                                 options=['--dump-before=sd_event_loop'], action=self.start)
