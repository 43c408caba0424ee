"""Disks work at the same time: four ESPs on four disks of 5 MB/s each take at most 1.3 times as long
as one, from the first byte to in sync."""

import time

BYTES_PER_SECOND = 5_000_000


def seconds_to_sync(lab, machine):
    for esp in machine.esps:
        machine.throttle(esp, BYTES_PER_SECOND)
    lab.list_esps(machine)
    machine.sh('rm -f /etc/kernel/proxmox-boot-manual-kernels')
    begin = time.monotonic()
    lab.start(machine)
    lab.wait_in_sync(machine, 300)
    took = time.monotonic() - begin
    machine.sh('systemctl stop bootsyncd', 120)
    return took


def run(lab):
    machine = lab.machine(esps=1)
    one = seconds_to_sync(lab, machine)
    machine.esps = [lab.disk(machine, f'more{n}', f'{n}{n}{n}{n}-FFFF') for n in range(1, 5)]
    machine.attach(*machine.esps)
    four = seconds_to_sync(lab, machine)
    print(f'# one ESP {one:.1f} s, four ESPs {four:.1f} s: {four / one:.2f} times')
    assert four <= 1.3 * one, (one, four)
