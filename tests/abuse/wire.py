# SPDX-License-Identifier: LGPL-2.1-or-later
"""A D-Bus connection as bare as a hostile program makes it: bytes on a socket, and nothing that
holds its user back. And processes of other users to hold it."""

import array
import multiprocessing
import os
import signal
import socket
import struct
import traceback

from gi.repository import Gio, GLib

METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
NO_REPLY_EXPECTED, NO_AUTO_START = 1, 2
BUS = ('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus')
REPLY_SERIAL, ERROR_NAME = 5, 4


class WireError(Exception):
    """A D-Bus error, with its name."""

    def __init__(self, name):
        super().__init__(name)
        self.name = name


def encode(destination, path, interface, method, signature='()', arguments=(), flags=0):
    """A method call as it goes over the wire, but for its serial."""
    message = Gio.DBusMessage.new_method_call(destination, path, interface, method)
    if arguments:
        message.set_body(GLib.Variant(signature, arguments))
    message.set_flags(Gio.DBusMessageFlags(flags))
    message.set_serial(1)
    return bytearray(message.to_blob(Gio.DBusCapabilityFlags.NONE))


def encode_with_fds(call, fds):
    """The same call, which says that @fds come along; send_fds() sends them."""
    fds = Gio.UnixFDList.new_from_array([os.dup(fd) for fd in fds])
    message = Gio.DBusMessage.new_from_blob(bytes(call), Gio.DBusCapabilityFlags.NONE)
    message.set_unix_fd_list(fds)
    return bytearray(message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING))


def align(offset, to):
    return (offset + to - 1) // to * to


def header_fields(data):
    """Code -> value of the header fields that are strings, paths, signatures or numbers."""
    fields, offset, end = {}, 16, 16 + struct.unpack_from('<I', data, 12)[0]
    while offset < end:
        offset = align(offset, 8)
        code, kind = data[offset], chr(data[offset + 2])
        offset += 4
        if kind == 'g':
            size = data[offset]
            fields[code] = bytes(data[offset + 1:offset + 1 + size])
            offset += 1 + size + 1
            continue
        offset = align(offset, 4)
        value, = struct.unpack_from('<I', data, offset)
        offset += 4
        if kind == 'u':
            fields[code] = value
        else:
            fields[code] = bytes(data[offset:offset + value])
            offset += value + 1
    return fields


class Wire:
    def __init__(self, address, fds=False, timeout=60):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address.split('unix:path=')[1].split(',')[0])
        self.serial = 0
        self.buffer = bytearray()
        self._say(b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n', b'OK')
        if fds:
            self._say(b'NEGOTIATE_UNIX_FD\r\n', b'AGREE_UNIX_FD')
        self.socket.sendall(b'BEGIN\r\n')
        self.call(encode(*BUS, 'Hello'))

    def _say(self, line, expected):
        self.socket.sendall(line)
        answer = b''
        while not answer.endswith(b'\r\n'):
            more = self.socket.recv(1024)
            if not more:
                raise ConnectionError('The bus does not let us in.')
            answer += more
        if not answer.startswith(expected):
            raise ConnectionError(answer.decode())

    def send(self, message):
        """Send what encode() gave, and return its serial."""
        self.serial += 1
        struct.pack_into('<I', message, 8, self.serial)
        self.socket.sendall(message)
        return self.serial

    def send_fds(self, message, fds):
        self.serial += 1
        struct.pack_into('<I', message, 8, self.serial)
        self.socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                         array.array('i', fds))])
        return self.serial

    def receive(self):
        """Type, header fields and bytes of the next message."""
        while True:
            if len(self.buffer) >= 16:
                body, = struct.unpack_from('<I', self.buffer, 4)
                fields, = struct.unpack_from('<I', self.buffer, 12)
                size = align(16 + fields, 8) + body
                if len(self.buffer) >= size:
                    data = self.buffer[:size]
                    del self.buffer[:size]
                    return data[1], header_fields(data), data
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError('The bus has closed the connection.')
            self.buffer += more

    def wait(self, serial):
        """The reply to @serial; whatever else comes is dropped."""
        while True:
            kind, fields, data = self.receive()
            if fields.get(REPLY_SERIAL) != serial:
                continue
            if kind == ERROR:
                raise WireError(fields[ERROR_NAME].decode())
            return data

    def replies(self, count):
        """Name of the error ('': none) -> how many, of the next @count replies."""
        names = {}
        while count:
            kind, fields, _ = self.receive()
            if kind not in (METHOD_RETURN, ERROR):
                continue
            name = fields[ERROR_NAME].decode() if kind == ERROR else ''
            names[name] = names.get(name, 0) + 1
            count -= 1
        return names

    def call(self, message):
        return self.wait(self.send(message))

    def close(self):
        self.socket.close()


class Child:
    """A process of another user that runs function(pipe, *arguments) and gives back what that
    returned. It is to end when something is on the pipe."""

    def __init__(self, uid, function, *arguments):
        self.pipe, end = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid != 0:
            end.close()
            return
        status = 1
        try:
            self.pipe.close()
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            end.send(function(end, *arguments))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def stop(self):
        """Have it end, and return its result."""
        try:
            self.pipe.send('stop')
        except BrokenPipeError:
            pass  # it has ended
        return self.wait()

    def wait(self):
        try:
            return self.pipe.recv()
        except EOFError:
            raise AssertionError('A process of the test has failed.') from None
        finally:
            self.end()

    def end(self):
        """Whatever it does."""
        if self.pid:
            self.pipe.close()
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None


def stopped(pipe):
    return pipe.poll()
