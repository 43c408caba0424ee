# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks as Proxmox's installer partitions them, made and looked at from the host, which cannot mount
a vfat: mtools reads and writes it. Do not write to a disk that a running guest has."""

import hashlib
import os
import struct
import subprocess
import tempfile
import uuid as uuids
from pathlib import Path

MIB = 1 << 20
ESP_OFFSET = 1 * MIB
ESP_TYPE = uuids.UUID('C12A7328-F81F-11D2-BA4B-00A0C93EC93B')
FAT32_VOLUME_ID = 67  # its offset in the boot sector
PARTITIONS = '''label: gpt
first-lba: 34
start=34, size=2014, type=21686148-6449-6E6F-744E-656564454649
start=2048, size={}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
type=linux
'''


def copy_data(source, target, offset, size):
    """Copy a part of a sparse file, without its holes."""
    position, end = offset, offset + size
    while position < end:
        try:
            position = os.lseek(source, position, os.SEEK_DATA)
        except OSError:  # only a hole is left
            break
        hole = min(os.lseek(source, position, os.SEEK_HOLE), end)
        while position < hole:
            position += os.copy_file_range(source, target, hole - position, position,
                                           position - offset)
    os.truncate(target, size)


def tool(*words, **kwargs):
    env = dict(os.environ, MTOOLS_SKIP_CHECK='1', MTOOLSRC='/dev/null')
    return subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, env=env, **kwargs).stdout


class Disk:
    """A raw image with BIOS boot partition, ESP and the rest, or nothing on it."""

    def __init__(self, path, serial, sector=512):
        self.path = Path(path)
        self.serial = serial
        self.sector = sector
        self.read_only = False  # as by a switch on it, from the next time on that it is attached
        self.uuid = None
        self.esp_offset, self.esp_size = ESP_OFFSET, 0

    @classmethod
    def blank(cls, path, serial, size=1024 * MIB, sector=512):
        disk = cls(path, serial, sector)
        with open(path, 'xb') as f:
            f.truncate(size)
        return disk

    @classmethod
    def with_esp(cls, path, serial, uuid, size=1024 * MIB, esp_size=512 * MIB):
        """@uuid: of the FAT, as in XXXX-XXXX."""
        disk = cls.blank(path, serial, size)
        disk.uuid, disk.esp_size = uuid, esp_size
        tool('sfdisk', '--quiet', path, input=PARTITIONS.format(esp_size // 512).encode())
        tool('mkfs.fat', '-F32', '-i', uuid.replace('-', ''), '--offset', ESP_OFFSET // 512,
             path, esp_size // 1024)
        return disk

    def find_esp(self):
        """Look for the ESP that the guest has made on a blank disk, and has written: from now on this
        disk has one. (sfdisk takes the sectors of a file for 512 bytes, whatever a guest sees.)"""
        with open(self.path, 'rb') as f:
            f.seek(self.sector)
            header = f.read(92)
            assert header[:8] == b'EFI PART', f'no GPT on {self.serial}'
            table, count, size = struct.unpack_from('<QII', header, 72)
            f.seek(table * self.sector)
            entries = [f.read(size) for _ in range(count)]
            esp = next(entry for entry in entries if entry[:16] == ESP_TYPE.bytes_le)
            first, last = struct.unpack_from('<QQ', esp, 32)
            self.esp_offset, self.esp_size = first * self.sector, (last - first + 1) * self.sector
            f.seek(self.esp_offset + FAT32_VOLUME_ID)
            number = int.from_bytes(f.read(4), 'little')
        self.uuid = f'{number >> 16:04X}-{number & 0xffff:04X}'

    # What QEMU is told

    def backend(self):
        return {'driver': 'raw', 'node-name': self.serial, 'read-only': self.read_only,
                'file': {'driver': 'file', 'filename': str(self.path)}}

    def device(self, slot, bootindex=None):
        device = {'driver': 'virtio-blk-pci', 'id': f'disk-{self.serial}', 'drive': self.serial,
                  'serial': self.serial, 'bus': slot, 'logical_block_size': self.sector,
                  'physical_block_size': self.sector}
        return device if bootindex is None else dict(device, bootindex=bootindex)

    @property
    def backend_path(self):
        """Where QEMU has what may be throttled."""
        return f'/machine/peripheral/disk-{self.serial}/virtio-backend'

    def close(self):
        """Called when no machine has it any more."""

    # Where the guest finds it

    @property
    def device_path(self):
        return f'/dev/disk/by-id/virtio-{self.serial}'

    @property
    def esp_path(self):
        return self.partition_path(2)

    def partition_path(self, number):
        return f'{self.device_path}-part{number}'

    # What is on the ESP

    @property
    def _drive(self):
        return f'{self.path}@@{self.esp_offset}'

    def files(self, directory=''):
        """The paths of all files below a directory, without the leading slash."""
        out = tool('mdir', '-b', '-/', '-i', self._drive, f'::/{directory}').decode()
        return sorted(line.removeprefix('::/') for line in out.splitlines()
                      if not line.endswith('/'))

    def read(self, name):
        return tool('mtype', '-i', self._drive, f'::/{name}')

    def write(self, name, data):
        """Write a file; directories on its way are made."""
        parts = name.split('/')
        for depth in range(1, len(parts)):
            directory = '::/' + '/'.join(parts[:depth])
            try:
                tool('mdir', '-i', self._drive, directory)
            except subprocess.CalledProcessError:
                tool('mmd', '-i', self._drive, directory)
        tool('mcopy', '-o', '-i', self._drive, '-', f'::/{name}', input=data)

    def digest(self, name=None):
        """SHA-256 of a file, or of the whole partition."""
        digest = hashlib.sha256()
        if name:
            digest.update(self.read(name))
            return digest.hexdigest()
        with open(self.path, 'rb') as f:
            f.seek(self.esp_offset)
            for _ in range(self.esp_size // MIB):
                digest.update(f.read(MIB))
        return digest.hexdigest()

    def digest_of_all(self):
        """SHA-256 of the whole disk. Where its image has holes changes as the host writes it back, so
        that nothing depends on it but the time that this takes."""
        digest, position = hashlib.sha256(), 0
        with open(self.path, 'rb') as f:
            end = f.seek(0, os.SEEK_END)
            while position < end:
                try:
                    position = os.lseek(f.fileno(), position, os.SEEK_DATA) // MIB * MIB
                except OSError:  # only a hole is left
                    break
                f.seek(position)
                block = f.read(MIB)
                if block.strip(b'\0'):
                    digest.update(position.to_bytes(8, 'little') + block)
                position += MIB
        return digest.hexdigest()

    def fsck(self):
        """What fsck.vfat finds wrong with the ESP; nothing if it is clean."""
        with tempfile.NamedTemporaryFile(dir=self.path.parent) as copy:
            with open(self.path, 'rb') as disk:
                copy_data(disk.fileno(), copy.fileno(), self.esp_offset, self.esp_size)
            done = subprocess.run(['fsck.vfat', '-n', copy.name], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=120)
        return '' if done.returncode == 0 else done.stdout

    def install_systemd_boot(self, loader):
        """Make the ESP one as the existing tool's `init` leaves it: boot loader, no kernels."""
        for name in ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI'):
            self.write(name, Path(loader).read_bytes())
        tool('mmd', '-i', self._drive, '::/EFI/proxmox', '::/loader', '::/loader/entries')
        self.write('loader/loader.conf', b'timeout 3\ndefault proxmox-*\n')


class ScsiDisk(Disk):
    """One on a SCSI bus, to which a machine needs a controller: Machine.attach_scsi()."""

    def device(self, slot, bootindex=None):
        device = {'driver': 'scsi-hd', 'id': f'disk-{self.serial}', 'drive': self.serial,
                  'serial': self.serial, 'bus': 'scsi.0', 'logical_block_size': self.sector,
                  'physical_block_size': self.sector}
        return device if bootindex is None else dict(device, bootindex=bootindex)

    @property
    def backend_path(self):
        return f'/machine/peripheral/disk-{self.serial}'

    @property
    def device_path(self):
        return f'/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_{self.serial}'
