"""The power is cut while both workers copy, between a rename and its barrier, and between a removal and
its barrier; in the last two the other ESP has its copies beside the old files. Either ESP boots as it
is, and the booted daemon by itself brings both into sync: no leftover, no dirty bit, no FSCK0000.REC."""

import time

import crash
from fat import Fat

DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
ADDED = ['6.2.16-20-pve', '6.5.13-1-pve']
MANUAL = '/etc/kernel/proxmox-boot-manual-kernels'
# It is gone with the boot that it is for.
DROP_IN = '/run/systemd/system/bootsyncd.service.d/hook.conf'

# Where a worker stops, how many stop there, what the initrd of the default becomes, kernels beside it.
MOMENTS = [
    ('stage:12', 2, '6.5.13-1-pve', [ADDED[0]]),
    ('place:2', 1, '6.5.13-5-pve', [ADDED[1], ADDED[0]]),
    ('remove:4', 1, '6.2.16-20-pve', [ADDED[0]]),
]
STOPPED = "ps -eo stat,args | grep -c '^T.*[b]ootsync-worker' || true"


def refresh_until_stopped(lab, machine, moment):
    hook, count, source, manual = moment
    machine.sh('mkdir -p $(dirname ' + DROP_IN + ')')
    machine.put(DROP_IN, f'[Service]\nExecStart=\nExecStart=/usr/sbin/bootsyncd '
                         f'--test-hook={hook}:stop\n'.encode())
    machine.sh('systemctl daemon-reload && systemctl restart bootsyncd', 300)
    lab.wait_in_sync(machine)
    lab.replace(machine, f'initrd.img-{DEFAULT}', f'initrd.img-{source}')
    machine.sh(f"printf '%s\\n' {' '.join(manual)} >{MANUAL}; sync -f {MANUAL}")
    lab.wait_until(lambda: int(machine.sh(STOPPED)) == count, 600, 'stopped workers', 0.5)
    time.sleep(3)  # the other one goes on until it needs the token


def check_states(lab, machine, old):
    """What the cut left boots, whichever of the disks it boots from."""
    known = {}
    for version in (DEFAULT, OTHER, *ADDED):
        for name in (f'vmlinuz-{version}', f'initrd.img-{version}'):
            known[name] = [old[name], lab.boot_content(name)]
    for state in crash.Judge(machine, known, [lab.CMDLINE]).states():
        assert not state.problems, state.problems


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.sh('sync -f /')
    for moment in MOMENTS:
        old = {f'{stem}-{v}': lab.boot_content(f'{stem}-{v}') for v in (DEFAULT, OTHER, *ADDED)
               for stem in ('vmlinuz', 'initrd.img')}
        refresh_until_stopped(lab, machine, moment)
        machine.power_cut()
        dirty = [Fat(esp).dirty for esp in machine.esps]
        leftovers = [[f for f in esp.files() if f.endswith('.new')] for esp in machine.esps]
        check_states(lab, machine, old)
        print(f'# {moment[0]}: dirty {dirty}, leftovers {list(map(len, leftovers))}, '
              f'fsck: {[esp.fsck() == "" for esp in machine.esps]}')

        machine.boot_kernel()
        machine.sh('systemctl is-system-running --wait || true', 300)
        begin = time.monotonic()
        lab.wait_in_sync(machine)
        print(f'# in sync {time.monotonic() - begin:.0f} s after the boot')
        for esp in machine.esps:
            lab.check_synced(esp, [DEFAULT, OTHER, *moment[3]])
            assert not Fat(esp).dirty and not esp.fsck(), esp.serial
