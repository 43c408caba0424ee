# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon on a bus that anybody may use, with the limits of the system bus: those that are compiled
into dbus-daemon."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

INTEGRATION = Path(__file__).parent.parent / 'integration'
sys.path.insert(0, str(INTEGRATION))

import lab  # noqa: E402
from lab import LabCase, wait_until  # noqa: E402
from privatebus import MANAGER, NAME, ROOT_PATH, end  # noqa: E402
from wire import Child, encode  # noqa: E402

HOSTILE = 65534  # the bus lets nobody in who is not in passwd
main = lab.main


def call(method, signature='(a{sv})', arguments=({},), path=ROOT_PATH, interface=MANAGER, flags=0):
    """A call of our daemon, as it goes over the wire."""
    return encode(NAME, path, interface, method, signature, arguments, flags)


class AbuseCase(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=False)
        self.bus = self.lab.start_bus()
        for path in self.lab.root, self.bus.directory:
            path.chmod(0o755)
        (self.bus.directory / 'socket').chmod(0o777)
        self.start_daemon()
        self.bus.refresh()
        self.bus.wait_idle()

    def start_daemon(self, *options):
        return self.lab.start_daemon(*options)

    def begin_job(self):
        """A refresh whose workers stand still, until wake_workers(); its path."""
        self.lab.stop_daemon()
        self.start_daemon('--test-hook=stage:1:stop')
        self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(300 * 1024))
        job, = self.bus.call('Refresh')
        self.addCleanup(self.wake_workers)
        wait_until(lambda: len(self.lab.stopped_worker_pids()) == len(self.ESPS),
                   what='stopped workers')
        return job

    def wake_workers(self):
        for pid in self.lab.stopped_worker_pids():
            os.kill(pid, signal.SIGCONT)

    def start_polkit(self, **answers):
        """A polkit that answers as test_polkit.py has it: "late" is never."""
        self.polkit = self.lab.path('polkit')
        self.polkit.mkdir()
        (self.polkit / 'answers').write_text(json.dumps(
            {f'{NAME}.{action.replace("_", "-")}': answer for action, answer in answers.items()}))
        polkit = subprocess.Popen(
            [sys.executable, INTEGRATION / 'test_polkit.py', '--mock-polkit', self.polkit],
            stdin=subprocess.DEVNULL,
            env=dict(self.lab.environment(), DBUS_SYSTEM_BUS_ADDRESS=self.bus.address))
        self.addCleanup(end, polkit, 30, 'the mock polkit')
        wait_until((self.polkit / 'ready').exists, what='mock polkit')

    def questions(self):
        """What polkit was asked so far."""
        path = self.polkit / 'record'
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if '"subject"' in line]

    def hostile(self, function, *arguments, uid=HOSTILE):
        """Run function(pipe, address, *arguments) as another user."""
        child = Child(uid, function, self.bus.address, *arguments)
        self.addCleanup(child.end)
        return child

    def attack(self, function, *arguments, uid=HOSTILE):
        return self.hostile(function, *arguments, uid=uid).wait()
