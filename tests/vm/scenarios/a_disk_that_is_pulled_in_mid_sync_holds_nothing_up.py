"""One of two disks, virtio or SCSI, is pulled while a kernel is being copied to it: the other ESP is
brought into sync in its usual time, the verdict names what is missing, and when the disk is there again
its ESP is brought into sync by itself."""

import time

from disk import MIB, Disk, ScsiDisk
from lab import UUIDS

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
OTHER = '6.2.16-20-pve'
SLOW = MIB  # bytes a second


def pull_in_mid_sync(lab, machine, bad):
    """Add a kernel to every ESP, and pull the disk when a part of it is on it. How long it takes until
    the other ESP is in sync."""
    good = machine.esps[0]
    machine.throttle(bad, SLOW)
    before, begin = machine.written(bad), time.monotonic()
    machine.sh(f'bootctl-pve kernel add {OTHER} >/dev/null 2>&1 &')
    lab.wait_until(lambda: machine.written(bad) > before + 2 * SLOW, 60, 'the copy to begin')
    machine.detach(bad)
    lab.wait_state(machine, bad, 'missing', 120)
    lab.wait_state(machine, good, 'in-sync', 120)
    return time.monotonic() - begin


def run(lab):
    machine = lab.machine(esps=1)
    good, = machine.esps
    machine.attach_scsi()
    lab.start(machine)
    lab.wait_in_sync(machine)

    for number, kind in enumerate((Disk, ScsiDisk), 1):
        bad = lab.disk(machine, f'bad{number}', UUIDS[number], kind=kind)
        machine.attach(bad)
        machine.sh(f'echo {bad.uuid} >>/etc/kernel/proxmox-boot-uuids')
        machine.esps.append(bad)
        lab.wait_state(machine, bad, 'in-sync', 300)
        seconds = pull_in_mid_sync(lab, machine, bad)
        status = lab.status(machine)
        print(f'# {kind.__name__} pulled, the other ESP in sync after {seconds:.1f} s: '
              f'{status["redundancy"]}, {status["redundancy_reason"]}')
        assert status['redundancy'] == 'degraded', status
        assert bad.uuid in status['redundancy_reason'], status
        machine.attach(bad)
        begin = time.monotonic()
        lab.wait_state(machine, bad, 'in-sync', 180)
        print(f'# in sync {time.monotonic() - begin:.1f} s after it was plugged in again')
        assert lab.status(machine)['redundancy'] == 'redundant'
        machine.sh(f'bootctl-pve kernel remove {OTHER}', 300)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
