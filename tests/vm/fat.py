# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bytes of a FAT32, read by nothing but the rules of its format; and those of one in an image that
no running guest has: to damage it as a power cut or a broken disk does, and to see the short names that
Linux gives."""

import struct
from collections import namedtuple

SLOT = 32
LONG_NAME, DIRECTORY, VOLUME, FREE = 0x0f, 0x10, 0x08, 0xe5
LAST_PIECE = 0x40  # of a long name; it comes first
DIRTY_AT = 0x41

Slot = namedtuple('Slot', 'name alias position cluster size is_directory')


class FatError(Exception):
    """What is on the disk is no FAT, or leads nowhere."""


class FatReader:
    """What a FAT holds, by the first copy of its table, as a boot loader reads it."""

    def __init__(self, read):
        """@read: gives the bytes from a position on, by their number."""
        self.read = read
        boot = read(0, 512)
        if boot[510:] != b'\x55\xaa':
            raise FatError('no boot sector')
        self.sector, per_cluster, reserved, tables = struct.unpack_from('<HBHB', boot, 11)
        table_sectors, self.root = struct.unpack_from('<I4xI', boot, 36)
        self.cluster_bytes = per_cluster * self.sector
        self.table = reserved * self.sector
        self.data = self.table + tables * table_sectors * self.sector
        self.clusters = table_sectors * self.sector // 4

    def next(self, cluster):
        """What the table says of a cluster."""
        return struct.unpack('<I', self.read(self.table + 4 * cluster, 4))[0] & 0x0fffffff

    def chain(self, cluster):
        """The clusters from @cluster on."""
        for _ in range(self.clusters):
            if cluster >= 0x0ffffff8:
                return
            if not 2 <= cluster < self.clusters:
                raise FatError(f'a chain leads to {cluster:#x}')
            yield cluster
            cluster = self.next(cluster)
        raise FatError('a chain has no end')

    def position(self, cluster):
        return self.data + (cluster - 2) * self.cluster_bytes

    def slots(self, directory=''):
        """What is in a directory."""
        cluster = self.slot(directory).cluster if directory else self.root
        pieces = []
        for cluster in self.chain(cluster):
            start = self.position(cluster)
            block = self.read(start, self.cluster_bytes)
            for at in range(0, len(block), SLOT):
                slot = block[at:at + SLOT]
                if slot[0] == 0:
                    return
                if slot[0] != FREE and slot[11] == LONG_NAME:
                    pieces = [slot] if slot[0] & LAST_PIECE else [*pieces, slot]
                    continue
                if slot[0] != FREE and not slot[11] & VOLUME:
                    yield self._slot(slot, start + at, pieces)
                pieces = []

    @staticmethod
    def _slot(slot, position, pieces):
        high, low, size = struct.unpack_from('<H4xHI', slot, 20)
        alias = slot[:8].decode('latin1').rstrip()
        if slot[8:11].strip():
            alias += '.' + slot[8:11].decode('latin1').rstrip()
        name = long_name(slot, pieces) or alias
        return Slot(name, alias, position, high << 16 | low, size, bool(slot[11] & DIRECTORY))

    def slot(self, path):
        directory, _, name = path.rpartition('/')
        for slot in self.slots(directory):
            if slot.name.lower() == name.lower():
                return slot
        raise FatError(f'no {path}')

    def file(self, path):
        """What a file holds."""
        slot = self.slot(path)
        chain = self.chain(slot.cluster) if slot.size else ()
        data = b''.join(self.read(self.position(c), self.cluster_bytes) for c in chain)
        if len(data) < slot.size:
            raise FatError(f'{path} is cut')
        return data[:slot.size]


def long_name(slot, pieces):
    """The name that the slots before a slot spell; nothing if they are not whole, or not its own."""
    checksum = 0
    for byte in slot[:11]:
        checksum = ((checksum & 1) << 7 | checksum >> 1) + byte & 0xff
    order = [LAST_PIECE + len(pieces), *range(len(pieces) - 1, 0, -1)]
    if not pieces or [p[0] for p in pieces] != order or any(p[13] != checksum for p in pieces):
        return ''
    text = b''.join(p[1:11] + p[14:26] + p[28:32] for p in reversed(pieces))
    return text.decode('utf-16-le', 'replace').split('\0')[0]


class Fat(FatReader):
    def __init__(self, disk):
        self.path, self.offset = disk.path, disk.esp_offset
        super().__init__(self._read)

    def _read(self, position, size):
        with open(self.path, 'rb') as f:
            f.seek(self.offset + position)
            return f.read(size)

    def _write(self, position, data):
        with open(self.path, 'r+b') as f:
            f.seek(self.offset + position)
            f.write(data)

    def share(self, owner, path):
        """Let the file at @path lead to the clusters of the one at @owner, and have its size. Returns
        what restore() takes to undo it."""
        owner, victim = self.slot(owner), self.slot(path)
        before = self._read(victim.position, SLOT)
        self._write(victim.position + 20, struct.pack('<H', owner.cluster >> 16))
        self._write(victim.position + 26, struct.pack('<HI', owner.cluster & 0xffff, owner.size))
        return victim.position, before

    def write_cluster(self, cluster, data):
        self._write(self.position(cluster), data)

    def free(self, cluster):
        """Let a cluster be free in both copies of the table."""
        for table in (self.table, self.table + (self.data - self.table) // 2):
            self._write(table + 4 * cluster, bytes(4))

    def restore(self, before):
        self._write(*before)

    @property
    def dirty(self):
        """What says that it was not unmounted."""
        return bool(self._read(DIRTY_AT, 1)[0] & 1)

    @dirty.setter
    def dirty(self, value):
        self._write(DIRTY_AT, bytes([self._read(DIRTY_AT, 1)[0] & ~1 | value]))
