# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bytes of a FAT32 in an image that no running guest has: to damage it as a power cut or a broken
disk does, and to see the short names that Linux gives."""

import struct
from collections import namedtuple

SLOT = 32
LONG_NAME, DIRECTORY, VOLUME, FREE = 0x0f, 0x10, 0x08, 0xe5
DIRTY_AT = 0x41

Slot = namedtuple('Slot', 'name alias position cluster size is_directory')


class Fat:
    def __init__(self, disk):
        self.path, self.offset = disk.path, disk.esp_offset
        boot = self._read(0, 512)
        self.sector, per_cluster, reserved, tables = struct.unpack_from('<HBHB', boot, 11)
        table_sectors, self.root = struct.unpack_from('<I4xI', boot, 36)
        self.cluster_bytes = per_cluster * self.sector
        self.table = reserved * self.sector
        self.data = self.table + tables * table_sectors * self.sector

    def _read(self, position, size):
        with open(self.path, 'rb') as f:
            f.seek(self.offset + position)
            return f.read(size)

    def _write(self, position, data):
        with open(self.path, 'r+b') as f:
            f.seek(self.offset + position)
            f.write(data)

    def chain(self, cluster):
        """The clusters from @cluster on."""
        while 2 <= cluster < 0x0ffffff8:
            yield cluster
            cluster = struct.unpack('<I', self._read(self.table + 4 * cluster, 4))[0] & 0x0fffffff

    def slots(self, directory=''):
        """What is in a directory."""
        cluster = self.slot(directory).cluster if directory else self.root
        long_name = b''
        for cluster in self.chain(cluster):
            start = self.data + (cluster - 2) * self.cluster_bytes
            block = self._read(start, self.cluster_bytes)
            for at in range(0, len(block), SLOT):
                slot = block[at:at + SLOT]
                if slot[0] == 0:
                    return
                if slot[0] == FREE:
                    long_name = b''
                elif slot[11] == LONG_NAME:
                    long_name = slot[1:11] + slot[14:26] + slot[28:32] + long_name
                else:
                    if not slot[11] & VOLUME:
                        yield self._slot(slot, start + at, long_name)
                    long_name = b''

    @staticmethod
    def _slot(slot, position, long_name):
        high, low, size = struct.unpack_from('<H4xHI', slot, 20)
        alias = slot[:8].decode('latin1').rstrip()
        if slot[8:11].strip():
            alias += '.' + slot[8:11].decode('latin1').rstrip()
        name = long_name.decode('utf-16-le').split('\0')[0] or alias
        return Slot(name, alias, position, high << 16 | low, size, bool(slot[11] & DIRECTORY))

    def slot(self, path):
        directory, _, name = path.rpartition('/')
        return next(s for s in self.slots(directory) if s.name.lower() == name.lower())

    def share(self, owner, path):
        """Let the file at @path lead to the clusters of the one at @owner, and have its size. Returns
        what restore() takes to undo it."""
        owner, victim = self.slot(owner), self.slot(path)
        before = self._read(victim.position, SLOT)
        self._write(victim.position + 20, struct.pack('<H', owner.cluster >> 16))
        self._write(victim.position + 26, struct.pack('<HI', owner.cluster & 0xffff, owner.size))
        return victim.position, before

    def write_cluster(self, cluster, data):
        self._write(self.data + (cluster - 2) * self.cluster_bytes, data)

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
