# SPDX-License-Identifier: LGPL-2.1-or-later
"""The refresh whose writes are recorded: it replaces kernel and initrd of the default, adds a kernel,
removes one, changes the command line and pins. And the judgement on all that a power cut could have
left of it."""

import time
from pathlib import Path

import loaders
from image import command
from lab import UUIDS
from nbdlog import RecordedDisk
from writelog import Judge, Trial

DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
REMOVED, ADDED = '6.2.16-20-pve', '6.5.13-1-pve'
AFTER = [DEFAULT, OTHER, ADDED]
STEMS = ('vmlinuz', 'initrd.img')
MANUAL = '/etc/kernel/proxmox-boot-manual-kernels'
CMDLINE = 'root=LABEL=vmroot rw quiet console=ttyS0 panic=7 mitigations=off'


def machine_with_recorded_esp(lab, loader=True):
    machine = lab.machine(esps=0)
    machine.esps = [lab.disk(machine, 'esp1', UUIDS[0], loader, kind=RecordedDisk)]
    machine.attach(*machine.esps)
    lab.list_esps(machine)
    machine.sh('mkdir -p /etc/bootsync; '
               'printf "[Sync]\\nAutoSync=no\\n" >/etc/bootsync/bootsyncd.conf')
    machine.sh(f'echo {REMOVED} >{MANUAL}')
    return machine


def without_barriers(machine):
    """What makes the service and its workers run without barriers."""
    library = machine.directory / 'nobarrier.so'
    command('cc', '-shared', '-fPIC', '-O2', '-o', library, Path(__file__).with_name('nobarrier.c'))
    machine.put('/usr/lib/vm/nobarrier.so', library.read_bytes())
    return 'Environment=LD_PRELOAD=/usr/lib/vm/nobarrier.so'


def change(lab, machine):
    """Make the refresh necessary. Gives what was and is complete, by the names of the files."""
    known = {f'{stem}-{version}': [lab.boot_content(f'{stem}-{version}')] for stem in STEMS
             for version in (*AFTER, REMOVED)}
    for stem in STEMS:
        name = f'{stem}-{DEFAULT}'
        lab.replace(machine, name, f'{stem}-{ADDED}')
        known[name].append(lab.boot_content(name))
    machine.sh(f'cd /etc/kernel && echo {ADDED} >{MANUAL} && echo {CMDLINE} >cmdline && '
               f'echo {DEFAULT} >proxmox-boot-pin')
    return known


def record(machine):
    """Record a refresh to its very end."""
    settled = ('while cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -q " - vfat "; do sleep 0.2; '
               'done')
    machine.sh(settled, 150)
    with machine.esps[0].recorded() as recording:
        machine.sh('bootctl-pve refresh', 300)
        machine.sh(settled, 150)
    return recording


def judge(recording, choose, known, options):
    """Judge all that the record can lead to; see writelog.Judge."""
    begin = time.monotonic()
    trial = Trial(recording, Judge(choose, known, options))
    print(f'# {trial}, judged in {time.monotonic() - begin:.0f} s')
    for problem, count in trial.tally.problems.most_common(5):
        print(f'#   {count}: {problem}')
    return trial


def systemd_boot(lab, barriers=True):
    """The whole of it for systemd-boot."""
    machine = machine_with_recorded_esp(lab)
    lab.start(machine, '' if barriers else without_barriers(machine))
    machine.sh('bootctl-pve refresh', 300)
    known = change(lab, machine)
    recording = record(machine)
    machine.stop_quietly()
    lab.check_synced(machine.esps[0], AFTER)
    return judge(recording, loaders.systemd_boot, known, [lab.CMDLINE, CMDLINE])


def assert_boots(trial):
    """Enough was judged, the default was replaced by then, and it always boots."""
    assert not trial.tally.bad, trial.tally.problems
    assert trial.log.flushes > 10 and trial.log.intervals, trial
    for interval, judged in trial.judged.items():
        assert judged >= min(200, 2 ** (interval.end - interval.begin)), interval
    files = {(boot.linux[1], boot.initrd[1]) for boot in trial.tally.boots}
    assert {(0, 0), (1, 1)} <= files, trial.tally.boots
