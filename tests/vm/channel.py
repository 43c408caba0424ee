# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command channel into the guest: the host's end of guest/usr/lib/vm/agent."""

import base64
import json
import socket
import time
from collections import namedtuple

Result = namedtuple('Result', 'status out err')


class GuestError(AssertionError):
    """The guest did not do what it was told."""


class GuestGone(GuestError):
    """QEMU has ended."""


class Channel:
    def __init__(self, path, log):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.log = log
        self.data = b''
        self.last_id = 0

    def close(self):
        self.socket.close()

    def run(self, command, timeout=60):
        """Run a shell command in the guest."""
        self._note(f'$ {command}')
        begin = time.monotonic()
        reply = self.request({'run': command, 'timeout': timeout}, timeout + 10)
        result = Result(reply['status'], _decode(reply['out']), _decode(reply['err']))
        self._note(f'{result.out}{result.err}= {result.status}, {time.monotonic() - begin:.1f} s')
        if result.status is None:
            raise GuestError(f'"{command}" did not end within {timeout} s')
        return result

    def put(self, path, data, mode=0o644):
        self._note(f'put {path}, {len(data)} bytes')
        self.request({'put': str(path), 'data': base64.b64encode(data).decode(), 'mode': mode}, 60)

    def get(self, path):
        return base64.b64decode(self.request({'get': str(path)}, 60)['data'])

    def request(self, request, timeout):
        self.send(request)
        deadline = time.monotonic() + timeout
        while True:
            reply = json.loads(self._read_line(deadline))
            if reply['id'] == self.last_id:  # else it is late, and nobody waits for it any more
                break
        if 'error' in reply:
            raise GuestError(reply['error'])
        return reply

    def send(self, request):
        """Send a request whose answer may never come."""
        self.last_id += 1
        try:
            self.socket.settimeout(60)
            self.socket.sendall(json.dumps(dict(request, id=self.last_id)).encode() + b'\n')
        except OSError as error:
            raise GuestGone(f'the guest is gone: {error}') from error

    def _read_line(self, deadline):
        while b'\n' not in self.data:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                piece = self.socket.recv(1 << 20)
            except socket.timeout:
                raise GuestError('the guest did not answer in time') from None
            except OSError:
                piece = b''
            if not piece:
                raise GuestGone('QEMU has ended')
            self.data += piece
        line, self.data = self.data.split(b'\n', 1)
        return line

    def _note(self, text):
        with open(self.log, 'a') as f:
            f.write(text + '\n')


def _decode(data):
    return base64.b64decode(data).decode(errors='replace')
