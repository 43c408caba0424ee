"""`format` and `init` refuse what is no partition, too small, mounted, in use as swap or by another device,
holds a file system, is no ESP, or has the FAT UUID of another one: each with an
error name of its own and a sentence, and not one byte of the disk is written."""

import json

QUICK = True
LAYOUT = ' '.join(f'-n{n}:0:+{size}M -t{n}:{kind}' for n, size, kind in (
    (1, 200, 'EF00'), (2, 300, '8300'), (3, 300, '8300'), (4, 300, '8300'), (5, 300, '8300'),
    (6, 300, 'EF00'), (7, 300, 'EF00'), (8, 300, '8300'), (9, 300, 'EF00')))


def run(lab):
    machine = lab.machine(esps=0)
    disk = lab.blank_disk(machine, 'disk1', size=4 << 30)
    machine.attach(disk)
    lab.partition(machine, disk, LAYOUT)
    part = f'{disk.device_path}-part'
    machine.sh(f'set -e; mkfs.ext4 -q {part}2; mkswap {part}3; mkfs.ext4 -q {part}4; '
               f'mkfs.fat -F32 -i AAAA0001 {part}6; mkfs.fat -F32 -i AAAA0001 {part}7; '
               f'mkfs.fat -F32 {part}8; mkfs.ext4 -q {part}9; udevadm settle', 120)
    lab.start(machine)

    def digest():
        machine.sh('sync')
        return disk.digest_of_all()

    def refused(command, error, *words):
        result = machine.run(f'bootctl-pve --json {command}', 120)
        answer = json.loads(result.out)
        assert result.status == 1 and answer['error'] == f'org.bootsync1.Error.{error}', (command, result)
        for word in words:
            assert word in answer['message'], (command, answer)

    before = digest()
    for force in ('', ' --force'):
        refused(f'format {disk.device_path}{force}', 'NotAPartition', 'disk')
        refused(f'format /etc/fstab{force}', 'NotAPartition', '/etc/fstab')
        refused(f'format /dev/absent{force}', 'NotAPartition', '/dev/absent')
        refused(f'format {part}1{force}', 'TooSmall', '256')
    refused(f'format {part}2', 'AlreadyFormatted', 'ext4')
    refused(f'format {part}3', 'EspInUse', 'swap')
    refused(f'init {disk.device_path}', 'NotAPartition')
    refused(f'init {part}5', 'NotAnEsp')
    refused(f'init {part}8', 'NotAnEsp')
    refused(f'init {part}9', 'NotAnEsp', 'ext4')
    refused(f'init {part}6', 'DuplicateUuid', 'AAAA-0001')
    assert digest() == before

    machine.sh(f'swapon {part}3; mkdir -p /tmp/m; mount -o ro,noload {part}4 /tmp/m; '
               f'dmsetup create held --table "0 2048 linear $(readlink -f {part}5) 0"')
    before = digest()
    for force in ('', ' --force'):
        refused(f'format {part}3{force}', 'EspInUse', 'swap')
        refused(f'format {part}4{force}', 'EspMounted', '/tmp/m')
        refused(f'format {part}5{force}', 'EspInUse', 'held')
    assert digest() == before
    machine.sh('umount /tmp/m; swapoff -a; dmsetup remove held')

    machine.sh(f'bootctl-pve format {part}2 --force', 120)
    assert machine.sh(f'udevadm settle; lsblk -no FSTYPE {part}2').strip() == 'vfat'
