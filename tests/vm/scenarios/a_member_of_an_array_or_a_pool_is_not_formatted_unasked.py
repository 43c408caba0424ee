"""A partition with the superblock of an md array, an LVM volume group or a ZFS pool is refused by
`format` with a sentence that names what it belongs to, and not one byte of the disk is written."""

import json
import struct
import zlib

QUICK = True
LAYOUT = ' '.join(f'-n{n}:0:+300M -t{n}:8300' for n in (1, 2, 3))
LVM_CRC_SEED = 0xf597a6cf


def md_superblock():
    """Version 1.2: at 4 KiB, with the sum of its words."""
    block = bytearray(256)
    struct.pack_into('<II8x16s32s', block, 0, 0xa92b4efc, 1, b'0123456789abcdef', b'vm:0')
    struct.pack_into('<Q', block, 144, 8)  # its own place, in sectors
    total = sum(struct.unpack('<64I', block))
    struct.pack_into('<I', block, 216, (total & 0xffffffff) + (total >> 32))
    return bytes(block)


def lvm_label():
    """At the second sector, with a CRC from its 20th byte on."""
    rest = struct.pack('<I8s32s', 32, b'LVM2 001', b'a' * 32).ljust(512 - 20, b'\0')
    crc = zlib.crc32(rest, LVM_CRC_SEED ^ 0xffffffff) ^ 0xffffffff
    return struct.pack('<8sQI', b'LABELONE', 1, crc) + rest


def zfs_pairs():
    """A pool's name-value pairs, in XDR: what util-linux 2.41 knows it by."""
    pairs = b''
    for name, value in (('version', 5000), ('state', 0), ('txg', 4), ('pool_guid', 7), ('guid', 8)):
        padded = name.encode().ljust((len(name) + 3) & ~3, b'\0')
        pairs += struct.pack('>III', 12 + len(padded) + 16, 24 + len(padded), len(name)) + padded
        pairs += struct.pack('>IIQ', 8, 1, value)  # one uint64
    return struct.pack('>BBxxII', 1, 1, 0, 1) + pairs + bytes(8)


def zfs_label():
    """The first label from its pairs on, and the ring of uberblocks, which older ones look for."""
    uberblocks = struct.pack('<QQ', 0x00bab10c, 5000).ljust(1024, b'\0') * 128
    return zfs_pairs().ljust(112 << 10, b'\0') + uberblocks


MEMBERS = (  # partition, offset, superblock, libblkid's name, what the sentence says
    (1, 4096, md_superblock, 'linux_raid_member', 'an md array'),
    (2, 512, lvm_label, 'LVM2_member', 'an LVM volume group'),
    (3, 16 << 10, zfs_label, 'zfs_member', 'a ZFS pool'),
)


def run(lab):
    machine = lab.machine(esps=0)
    disk = lab.blank_disk(machine, 'disk1')
    machine.attach(disk)
    lab.partition(machine, disk, LAYOUT)
    for number, offset, superblock, kind, _ in MEMBERS:
        part = disk.partition_path(number)
        machine.put('/root/superblock', superblock())
        machine.sh(f'dd if=/root/superblock of={part} bs=512 seek={offset // 512} conv=fsync')
        assert machine.sh(f'blkid -p -o value -s TYPE {part}').strip() == kind
    lab.start(machine)

    machine.sh('sync')
    before = disk.digest_of_all()
    for number, _, _, kind, what in MEMBERS:
        result = machine.run(f'bootctl-pve --json format {disk.partition_path(number)}', 120)
        answer = json.loads(result.out)
        print(f'# {answer}')
        assert result.status == 1 and answer['error'] == 'org.bootsync1.Error.EspInUse', result
        assert what in answer['message'] and kind in answer['message'], answer
    machine.sh('sync')
    assert disk.digest_of_all() == before
