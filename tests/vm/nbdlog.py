# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that remembers the order of what is written to it: QEMU reaches the image through an NBD
server of our own, which logs every write and every flush. It offers neither FUA nor trim nor
write-zeroes, so that QEMU makes writes and flushes of them."""

import contextlib
import os
import select
import socket
import struct
import threading
from collections import deque, namedtuple

from disk import Disk, ScsiDisk, copy_data

OPTION_MAGIC, REPLY_MAGIC = b'IHAVEOPT', 0x3e889045565a9
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
ABORT, INFO, GO = 2, 6, 7
ACK, ANSWER, UNSUPPORTED = 1, 3, (1 << 31) + 1
HAS_FLAGS, SEND_FLUSH = 1, 4
REQUEST, REPLY = struct.Struct('>IHHQQI'), struct.Struct('>IIQ')
REQUEST_MAGIC, SIMPLE_REPLY_MAGIC = 0x25609513, 0x67446698
READ, WRITE, DISCONNECT, FLUSH = 0, 1, 2, 3
IO_ERROR, INVALID = 5, 22

RECORD = struct.Struct('<cQQ')  # what happened, offset, size; the data of a write follow
WRITTEN, FLUSHED = b'W', b'F'

Write = namedtuple('Write', 'offset data')
Flush = namedtuple('Flush', 'late')  # how many of the last writes were not complete when it came


class Stream:
    """What a client sends, each piece with the number of writes that were complete when it came: the
    client need not wait for an answer, but a flush covers only what was answered before."""

    def __init__(self, connection, complete):
        self.connection = connection
        self.complete = complete
        self.data = bytearray()
        self.received = self.taken = 0
        self.pieces = deque()  # (bytes received with it, writes complete when it came)

    def _receive(self):
        piece = self.connection.recv(1 << 20)
        if not piece:
            raise ConnectionError
        self.data += piece
        self.received += len(piece)
        self.pieces.append((self.received, self.complete))

    def take(self, size):
        while len(self.data) < size:
            self._receive()
        taken = bytes(self.data[:size])
        del self.data[:size]
        self.taken += size
        while self.pieces and self.pieces[0][0] < self.taken:
            self.pieces.popleft()
        return taken

    @property
    def complete_before(self):
        """The number of writes that were complete when what was taken last came."""
        return self.pieces[0][1]

    def send(self, data):
        self.connection.sendall(data)

    def answer(self, data, complete):
        """Send what makes that many writes complete; what is here by then came before."""
        while select.select([self.connection], [], [], 0)[0]:
            self._receive()
        self.complete = complete
        self.send(data)


class Server(threading.Thread):
    """Serves an image to one client after the other."""

    def __init__(self, image, path):
        super().__init__(daemon=True)
        self.image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.stat(image).st_size
        self.lock = threading.Lock()
        self.log = None
        self.written = 0  # how many writes
        self.fail_after(None)
        self.listener = socket.socket(socket.AF_UNIX)
        directory = os.open(path.parent, os.O_PATH)
        self.listener.bind(f'/proc/self/fd/{directory}/{path.name}')  # its own may be too long
        os.close(directory)
        self.listener.listen()
        self.start()

    def run(self):
        while connection := self._accept():
            with connection, contextlib.suppress(ConnectionError):
                stream = Stream(connection, self.written)
                if self._negotiate(stream):
                    self._serve(stream)
        os.close(self.image)

    def _accept(self):
        try:
            return self.listener.accept()[0]
        except OSError:  # close() ends the waiting
            return None

    def close(self):
        """Called when no client is there any more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.listener.close()

    def _negotiate(self, stream):
        """Whether the client wants the disk."""
        stream.send(b'NBDMAGIC' + OPTION_MAGIC + struct.pack('>H', FIXED_NEWSTYLE | NO_ZEROES))
        stream.take(4)  # its flags
        while True:
            magic, option, size = struct.unpack('>8sII', stream.take(16))
            if magic != OPTION_MAGIC:
                raise ConnectionError
            stream.take(size)  # any name will do

            def answer(kind, data=b''):
                stream.send(struct.pack('>QIII', REPLY_MAGIC, option, kind, len(data)) + data)
            if option in (INFO, GO):
                answer(ANSWER, struct.pack('>HQH', 0, self.size, HAS_FLAGS | SEND_FLUSH))
            answer(ACK if option in (ABORT, INFO, GO) else UNSUPPORTED)
            if option in (ABORT, GO):
                return option == GO

    def _serve(self, stream):
        while True:
            magic, _, kind, handle, offset, size = REQUEST.unpack(stream.take(REQUEST.size))
            if magic != REQUEST_MAGIC or kind == DISCONNECT:
                return
            written = stream.take(size) if kind == WRITE else b''
            error, data = self._fault(kind, offset, size), b''
            if error:
                pass
            elif kind == READ:
                data = os.pread(self.image, size, offset)
            elif kind == WRITE:
                self._write(offset, written)
            elif kind == FLUSH:
                self._note(FLUSHED, self.written - stream.complete_before, 0)
            else:
                error = INVALID
            stream.answer(REPLY.pack(SIMPLE_REPLY_MAGIC, error, handle) + data, self.written)

    def _fault(self, kind, offset, size):
        """The error to be answered to a request instead of doing it, or 0."""
        if self.healthy_bytes is None or kind not in (READ, WRITE, FLUSH):
            return 0
        if self.counts(kind, offset):
            self.healthy_bytes -= size
        return IO_ERROR if self.healthy_bytes < 0 else 0

    def fail_after(self, size, counts=None):
        """Answer everything with an error, once more than @size bytes are asked for by requests for
        which counts(kind, offset) is true; None: work again."""
        self.counts, self.healthy_bytes = counts, size

    @property
    def failing(self):
        """Whether a request was answered with an error since fail_after()."""
        return self.healthy_bytes is not None and self.healthy_bytes < 0

    def _write(self, offset, data):
        with self.lock:
            os.pwrite(self.image, data, offset)
            self.written += 1
            self._note(WRITTEN, offset, len(data), data)

    def _note(self, kind, number, size, data=b''):
        if self.log:
            self.log.write(RECORD.pack(kind, number, size) + data)

    def start_log(self, log, save):
        """From here on log to a file; save() is called while nothing is written."""
        with self.lock:
            save()
            self.log = log

    def stop_log(self):
        with self.lock:
            self.log.close()
            self.log = None


class Recorded:
    """What makes of a disk one of which a part of its life can be recorded, and that can fail."""

    server = None

    def backend(self):
        socket_path = self.path.with_suffix('.nbd')
        if not self.server:
            self.server = Server(self.path, socket_path)
        return {'driver': 'nbd', 'node-name': self.serial,
                'server': {'type': 'unix', 'path': socket_path.name}}

    def close(self):
        if self.server:
            self.server.close()

    @contextlib.contextmanager
    def recorded(self):
        """Record what is written; gives a Recording, which is complete when the block has ended."""
        recording = Recording(self.path.with_suffix('.base'), self.path.with_suffix('.writes'),
                              self.esp_offset, self.esp_size)

        def save():
            with open(self.path, 'rb') as disk, open(recording.base, 'wb') as base:
                copy_data(disk.fileno(), base.fileno(), self.esp_offset, self.esp_size)
        self.server.start_log(open(recording.log, 'wb'), save)
        try:
            yield recording
        finally:
            self.server.stop_log()


class RecordedDisk(Recorded, Disk):
    def device(self, slot, bootindex=None):
        # Each of the guest's writes is to arrive by itself.
        return dict(super().device(slot, bootindex), **{'request-merging': False})


class RecordedScsiDisk(Recorded, ScsiDisk):
    pass


class Recording:
    """An ESP as it was, and what was written to it then."""

    def __init__(self, base, log, offset, size):
        self.base, self.log = base, log
        self.offset, self.size = offset, size

    def events(self):
        """Yield each Write, its offset counted from the beginning of the ESP, and each Flush."""
        with open(self.log, 'rb') as log:
            while header := log.read(RECORD.size):
                kind, number, size = RECORD.unpack(header)
                data = log.read(size)
                if kind == FLUSHED:
                    yield Flush(number)
                elif self.offset <= number < self.offset + self.size:
                    yield Write(number - self.offset, data)
