# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's control socket."""

import json
import socket
import time


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.data = b''
        self.events = []
        self._receive(10)  # the greeting
        self.call('qmp_capabilities')

    def close(self):
        self.socket.close()

    def call(self, command, timeout=60, **arguments):
        request = {'execute': command, 'arguments': arguments}
        self.socket.sendall(json.dumps(request).encode() + b'\n')
        deadline = time.monotonic() + timeout
        while True:
            reply = self._receive(deadline - time.monotonic())
            if 'event' in reply:
                self.events.append(reply)
            elif 'error' in reply:
                raise QmpError(f'{command}: {reply["error"]["desc"]}')
            else:
                return reply['return']

    def wait_event(self, name, timeout=60, **data):
        """Wait for an event with all of @data, and take it out of the queue."""
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events:
                if event['event'] == name and data.items() <= event.get('data', {}).items():
                    self.events.remove(event)
                    return event
            self.events.append(self._receive(deadline - time.monotonic()))

    def _receive(self, timeout):
        deadline = time.monotonic() + timeout
        while b'\n' not in self.data:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError('QEMU closed its control socket')
            self.data += piece
        line, self.data = self.data.split(b'\n', 1)
        return json.loads(line)
