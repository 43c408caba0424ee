"""SIGKILL to the workers while they copy to slow disks, and the next refresh at once: the kernel is
still unmounting what they had mounted, the next workers wait for that, clear what was left, and bring
both ESPs into sync."""

import time

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
SOURCES = ['6.5.13-1-pve', '6.2.16-20-pve', '6.5.13-5-pve']
SLOW = 6_000_000  # bytes a second


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    for esp in machine.esps:
        machine.throttle(esp, SLOW)
    took = []
    for source in SOURCES:
        begin = [machine.written(esp) for esp in machine.esps]
        lab.replace(machine, f'initrd.img-{KERNELS[0]}', f'initrd.img-{source}')
        machine.sh('bootctl-pve refresh >/dev/null 2>&1 &')
        lab.wait_until(lambda: all(machine.written(esp) > start + (2 << 20)
                                   for esp, start in zip(machine.esps, begin)), 300, 'copies')
        start = time.monotonic()
        machine.sh('pkill -KILL -f [b]ootsync-worker && bootctl-pve refresh', 600)
        took.append(time.monotonic() - start)
        assert lab.status(machine)['in_sync']
    print('# refresh after a kill:', ', '.join(f'{t:.0f} s' for t in took))
    for esp in machine.esps:
        machine.throttle(esp)
    journal = machine.sh('journalctl -u bootsyncd -p warning --no-pager')
    assert 'was ended by signal Killed' in journal, journal
    for trouble in ('being worked on', 'is mounted', 'busy'):
        assert trouble not in journal, journal
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
