"""The name of a kernel's new directory is on the disk, but not what it leads to: its cluster is free, or
holds what a file left there. Linux cannot look at such a directory, or lists noise; the ESP is repaired
and brought into sync all the same, and no live file loses a byte."""

import os

from fat import Fat

QUICK = True
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
ADDED = '6.2.16-20-pve'
DIRECTORY = f'EFI/proxmox/{ADDED}'


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.sh('systemctl stop bootsyncd', 300)
    for esp, allocated in zip(machine.esps, (False, True)):
        machine.sh(f'unshare --mount sh -ec "mount {esp.esp_path} /mnt; mkdir /mnt/{DIRECTORY}; '
                   'umount /mnt"')
        machine.detach(esp)
        fat = Fat(esp)
        fat.write_cluster(fat.slot(DIRECTORY).cluster, os.urandom(fat.cluster_bytes))
        if not allocated:
            fat.free(fat.slot(DIRECTORY).cluster)
        fat.dirty = True
        machine.attach(esp)
        seen = machine.run(f'unshare --mount sh -c "mount -o ro {esp.esp_path} /mnt; '
                           f'ls /mnt/{DIRECTORY} | wc -l"')
        print(f'# Linux lists {seen.out.strip()} names; {seen.err.strip() or "no error"}')
    machine.sh(f'echo {ADDED} >/etc/kernel/proxmox-boot-manual-kernels; systemctl start bootsyncd')
    lab.wait_in_sync(machine)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [*KERNELS, ADDED])
        assert not Fat(esp).dirty and not esp.fsck(), esp.fsck()
