# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory of variables that plays the firmware of a throw-away root, with two ESPs on partitions."""

import ctypes
import os
import struct
import uuid

from lab import LabCase
from privatebus import BOOT, BOOT_PATH

VARIABLES = 'sys/firmware/efi/efivars'
GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
LOADER = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f'
PARTITIONS = ('01234567-89ab-cdef-0123-456789abcde0', '01234567-89ab-cdef-0123-456789abcde1')
GONE = '01234567-89ab-cdef-0123-456789abcdef'
SD_BOOT = '\\EFI\\systemd\\systemd-bootx64.efi'


def text(s):
    return (s + '\0').encode('utf-16-le')


def load_option(title, partuuid, path):
    """EFI_LOAD_OPTION with a hard drive node and a file path node (UEFI 2.10, 3.1.3 and 10.3.5)."""
    hard_drive = struct.pack('<BBHIQQ', 4, 1, 42, 1, 2048, 2048) + uuid.UUID(partuuid).bytes_le + b'\2\2'
    file = text(path)
    nodes = hard_drive + struct.pack('<BBH', 4, 4, 4 + len(file)) + file + b'\x7f\xff\4\0'
    return struct.pack('<IH', 1, len(nodes)) + text(title) + nodes


class Writes:
    """Counts the writes to variables: files that were closed after writing, or are gone."""
    CLOSE_WRITE, DELETE, NONBLOCK, HEADER = 0x8, 0x200, 0o4000, struct.Struct('iIII')

    def __init__(self, directory):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(self.NONBLOCK)
        if libc.inotify_add_watch(self.fd, os.fsencode(directory), self.CLOSE_WRITE | self.DELETE) < 0:
            raise OSError(ctypes.get_errno(), 'inotify')

    def take(self):
        """Those since the last call, in order: "Boot0003", "-Boot0003"."""
        names = []
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            data = b''
        while data:
            _, mask, _, size = self.HEADER.unpack_from(data)
            name = data[self.HEADER.size:self.HEADER.size + size].rstrip(b'\0').decode()
            names.append(('-' if mask & self.DELETE else '') + name.removesuffix(f'-{GLOBAL}'))
            data = data[self.HEADER.size + size:]
        # A shorter value is written to a plain directory by making the file anew; efivarfs has one write.
        return [name for name, after in zip(names, [*names[1:], None]) if name != f'-{after}']

    def close(self):
        os.close(self.fd)


class UefiCase(LabCase):
    def prepare(self):
        super().prepare()
        self.lab.settings(auto_sync=True)
        self.lab.path('dev/disk/by-partuuid').mkdir()
        for number, (esp, partuuid) in enumerate(zip(self.ESPS, PARTITIONS)):
            node = self.lab.path(f'dev/esp{number}')
            self.lab.esp(esp).rename(node)
            self.lab.esp(esp).symlink_to(f'../../esp{number}')
            self.lab.path(f'dev/disk/by-partuuid/{partuuid}').symlink_to(f'../../esp{number}')
        self.set('LoaderInfo', text('systemd-boot 257.7-1'), LOADER)
        self.set('LoaderDevicePartUUID', text(PARTITIONS[1].upper()), LOADER)
        self.set('LoaderEntrySelected', text(f'proxmox-{self.NEW}.conf'), LOADER)
        self.set('Boot0001', load_option('proxmox', PARTITIONS[1], SD_BOOT))
        self.set('Boot0007', load_option('Windows', GONE, '\\EFI\\Microsoft\\boot.efi'))
        self.set('BootOrder', struct.pack('<2H', 1, 7))
        self.set('BootCurrent', struct.pack('<H', 1))
        self.set('SecureBoot', b'\0')

    def set(self, name, data, vendor=GLOBAL):
        path = self.lab.path(f'{VARIABLES}/{name}-{vendor}')
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack('<I', 7) + data)

    def start(self):
        self.lab.start_daemon()
        self.bus = self.lab.bus
        self.bus.wait_idle()
        self.bus.run(lambda: self.boot()['Firmware'] != 'unknown', what="the firmware's word")

    def boot(self):
        return self.bus.properties(BOOT_PATH, BOOT)

    def get(self, name):
        """The variable's value; None if there is none."""
        path = self.lab.path(f'{VARIABLES}/{name}-{GLOBAL}')
        return path.read_bytes()[4:] if path.exists() else None

    def delete(self, name):
        self.lab.path(f'{VARIABLES}/{name}-{GLOBAL}').unlink()

    def order(self):
        data = self.get('BootOrder')
        return list(struct.unpack(f'<{len(data) // 2}H', data))
