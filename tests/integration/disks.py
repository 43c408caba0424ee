# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks of a throw-away root: loop devices of this machine, which the root's dev and sysfs show as
those of a host. They are really partitioned, formatted and written to, which needs root."""

import fcntl
import hashlib
import os
import stat
import subprocess
import time
from pathlib import Path

MIB = 1024 * 1024
BLKGETDISKSEQ = 0x80081280
SECTOR = 512
START = 2048  # of each partition, in sectors


def run(*command, text=None):
    return subprocess.run(command, input=text, check=True, timeout=60, capture_output=True,
                          text=True).stdout.strip()


def show(lab, name, parent, number, **attributes):
    """Let the root have a device @name with that number, (major, minor)."""
    directory = f'sys/devices/lab/block/{parent}{name}'
    for key, value in {'dev': '%u:%u' % number, **attributes}.items():
        lab.write(f'{directory}/{key.replace("__", "/")}', f'{value}\n')
    for link in f'sys/class/block/{name}', 'sys/dev/block/%u:%u' % number:
        path = lab.path(link)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(f'../../devices/lab/block/{parent}{name}')
    node = lab.path(f'dev/{name}')
    node.unlink(missing_ok=True)
    os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(*number))


def show_nobody(lab, name):
    """A partition that is there by name, and behind which is nothing: the numbers are reserved for
    experiments, so they are no device of any machine."""
    show(lab, name, name.rstrip('0123456789') + '/', (60, ord(name[2])), partition=2)


def number_of(path):
    st = os.stat(path)
    return os.major(st.st_rdev), os.minor(st.st_rdev)


class Disk:
    """One with a partition of @size_mib on it, which is @name with a 1 behind."""

    def __init__(self, lab, name, size_mib=260, model='Lab Disk', serial='LAB-1'):
        self.lab, self.name = lab, name
        self.labels = {'device__model': model, 'device__serial': serial}
        self.image = lab.path(f'{name}.raw')
        with open(self.image, 'wb') as file:
            file.truncate((size_mib + 4) * MIB)
        sectors = size_mib * MIB // SECTOR
        run('sfdisk', '-q', self.image, text=f'label: gpt\nstart={START}, size={sectors}, type=L\n')
        self.sectors = sectors
        self.attach()

    def attach(self):
        """As if it were plugged in: the kernel gives it a new diskseq."""
        self.loop = Path(run('losetup', '-fP', '--show', self.image))
        subprocess.run(['partx', '--add', '--nr', '1', self.loop], timeout=60,
                       capture_output=True)  # where the kernel has not read the table itself
        self.partition = Path(f'{self.loop}p1')
        deadline = time.monotonic() + 10
        while not self.partition.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        with open(self.loop, 'rb') as file:
            self.diskseq = int.from_bytes(fcntl.ioctl(file, BLKGETDISKSEQ, bytes(8)), 'little')
        show(self.lab, self.name, '', number_of(self.loop), diskseq=self.diskseq,
             size=self.image.stat().st_size // SECTOR, **self.labels)
        show(self.lab, self.name + '1', self.name + '/', number_of(self.partition), partition=1,
             start=START, size=self.sectors)

    def detach(self):
        run('losetup', '-d', self.loop)

    def digest(self):
        """Of all that is on it, as its file has it."""
        run('blockdev', '--flushbufs', self.partition)
        run('blockdev', '--flushbufs', self.loop)
        with open(self.image, 'rb') as file:
            return hashlib.sha256(file.read()).hexdigest()

    def content(self):
        """What is on the partition: the type of a file system, '' for nothing."""
        found = subprocess.run(['blkid', '-p', '-s', 'TYPE', '-o', 'value', self.partition],
                               timeout=60, capture_output=True, text=True)
        return found.stdout.strip()
