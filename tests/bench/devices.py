# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest of tests/vm as a host: real FAT on disks of its own, and the service as systemd runs it. What
lies in its /boot and on its ESPs is lost. This process has a mount namespace of its own."""

import json
import os
from pathlib import Path

from host import Host

# Those that bootsyncd keeps in that guest: two by the rules, one by its list.
VERSIONS = ('6.2.16-20-pve', '6.5.13-5-pve', '6.8.12-4-pve')
BY_ID = Path('/dev/disk/by-id')
SHELL_TOOL = Path(__file__).parent.parent / 'vm/old-tool'


class Devices(Host):
    # A worker that looks at the ESP meanwhile, as after a change, keeps others from mounting it.
    enter = ('dir=/run/bench/${esp##*/}; mkdir -p "$dir"; '
             'until mount -t vfat "$esp" "$dir"; do sleep 0.5; done')
    leave = 'umount "$dir"'
    client = 'bootctl-pve'
    bus_options = ()
    below_esps = Path('/run/bootsync/esp')  # where the workers have theirs

    def __init__(self, image, initrd):
        super().__init__(Path('/boot'), VERSIONS)
        if not Path('/var/lib/vm/kernels.json').exists():
            raise RuntimeError('this is no guest of tests/vm')
        self.all_esps = sorted(BY_ID.glob('virtio-esp*-part2'))
        self.disks = [os.path.realpath(str(esp).removesuffix('-part2')).removeprefix('/dev/')
                      for esp in self.all_esps]
        for name in self.files:
            size = image if name.startswith('vmlinuz') else initrd
            if (self.boot / name).stat().st_size != size:
                (self.boot / name).write_bytes(os.urandom(size))
        Path('/etc/bootsync').mkdir(exist_ok=True)
        Path('/etc/bootsync/bootsyncd.conf').write_text('[Sync]\nAutoSync=no\nSettleSec=0\n')
        Path('/etc/kernel/proxmox-boot-manual-kernels').write_text(VERSIONS[0] + '\n')
        self.run('sync', '-f', '/boot')
        self.run('systemctl', 'restart', 'bootsyncd')

    def use(self, number):
        self.esps = self.all_esps[:number]
        uuids = [self.output('blkid', '-o', 'value', '-s', 'UUID', str(esp)) for esp in self.esps]
        Path('/etc/kernel/proxmox-boot-uuids').write_text(''.join(f'{uuid}\n' for uuid in sorted(uuids)))
        self.settle()
        self.bootsync('refresh')
        for esp in json.loads(self.output(self.client, '--json', 'status'))['esps']:
            if sorted(esp['kernels']) != sorted(VERSIONS):
                raise RuntimeError(f'{esp["uuid"]} holds {esp["kernels"]}')

    def shell_tool(self):
        """What it does to the ESPs, by the stand-in of the scenarios."""
        self.run('sh', SHELL_TOOL, 'refresh')

    def servers(self):
        return [int(self.output('systemctl', 'show', '-P', 'MainPID', unit))
                for unit in ('bootsyncd', 'dbus')]
