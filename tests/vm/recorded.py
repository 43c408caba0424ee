# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is done while the writes are recorded, and the judgement on all that a power cut could have
left of it: one refresh that replaces kernel and initrd of the default, adds a kernel, removes one,
changes the command line and pins; or a series of actions, each recorded and judged by itself."""

import time
from pathlib import Path

import loaders
from fat import Fat
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


class SystemdBoot:
    """An ESP with systemd-boot, which is there before bootsync is."""

    installed = True
    choose = staticmethod(loaders.systemd_boot)
    set_cmdline = f'echo {CMDLINE} >/etc/kernel/cmdline'

    @staticmethod
    def first_sync(_esp):
        return 'bootctl-pve refresh'

    @staticmethod
    def path(stem, version):
        return f'EFI/proxmox/{version}/{stem}-{version}'

    @staticmethod
    def check(lab, esp, versions):
        lab.check_synced(esp, versions)


class Grub:
    """An ESP with GRUB, which `init` puts there."""

    installed = False
    choose = staticmethod(loaders.grub)
    set_cmdline = ('mkdir -p /etc/default/grub.d && '
                   'echo GRUB_CMDLINE_LINUX=panic=7 >/etc/default/grub.d/panic.cfg')

    @staticmethod
    def first_sync(esp):
        return f'bootctl-pve init {esp.esp_path} grub && bootctl-pve refresh'

    @staticmethod
    def path(stem, version):
        return f'{stem}-{version}'

    @staticmethod
    def check(lab, esp, versions):
        """The ESP holds just these kernels, as in /boot."""
        names = {f'{stem}-{version}' for stem in STEMS for version in versions}
        files = esp.files()
        assert {name for name in files if name.startswith(STEMS)} == names, files
        for name in names:
            assert esp.read(name) == lab.boot_content(name), f'{name} on {esp.serial}'
        assert not [f for f in files if f.endswith('.new') or f.startswith('FSCK')], files


def synced_machine(lab, loader, prepare=lambda machine: None, **options):
    """One with an ESP of that loader, in sync with three kernels. @prepare: is called before."""
    machine = machine_with_recorded_esp(lab, loader.installed, **options)
    prepare(machine)
    lab.start(machine)
    machine.sh(loader.first_sync(machine.esps[0]), 900)
    machine.sh('sync')
    return machine


def machine_with_recorded_esp(lab, loader=True, **options):
    machine = lab.machine(esps=0)
    machine.esps = [lab.disk(machine, 'esp1', UUIDS[0], loader, kind=RecordedDisk, **options)]
    machine.attach(*machine.esps)
    lab.list_esps(machine)
    machine.sh('mkdir -p /etc/bootsync; '
               'printf "[Sync]\\nAutoSync=no\\n" >/etc/bootsync/bootsyncd.conf')
    machine.sh(f'echo {REMOVED} >{MANUAL}')
    return machine


def without_barriers(machine):
    """From now on the guest's programs run without barriers. By the linker's own file: a worker takes
    no LD_PRELOAD over from the service."""
    library = machine.directory / 'nobarrier.so'
    command('cc', '-shared', '-fPIC', '-O2', '-o', library, Path(__file__).with_name('nobarrier.c'))
    machine.put('/usr/lib/vm/nobarrier.so', library.read_bytes())
    machine.sh('echo /usr/lib/vm/nobarrier.so >/etc/ld.so.preload')


def change(lab, machine, loader):
    """Make the refresh necessary. Gives what was and is complete, by the names of the files."""
    known = {f'{stem}-{version}': [lab.boot_content(f'{stem}-{version}')] for stem in STEMS
             for version in (*AFTER, REMOVED)}
    for stem in STEMS:
        name = f'{stem}-{DEFAULT}'
        lab.replace(machine, name, f'{stem}-{ADDED}')
        known[name].append(lab.boot_content(name))
    machine.sh(f'echo {ADDED} >{MANUAL} && {loader.set_cmdline} && '
               f'echo {DEFAULT} >/etc/kernel/proxmox-boot-pin')
    return known


def record(machine, action='bootctl-pve refresh', status=0):
    """Record a command to its very end; it ends with that status."""
    settled = ('while cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -q " - vfat "; do sleep 0.2; '
               'done')
    machine.sh(settled, 150)
    with machine.esps[0].recorded() as recording:
        result = machine.run(action, 900)
        machine.sh(settled, 150)
    assert result.status == status, f'{action}: {result}'
    return recording


def judge(recording, choose, known, options, loader=(), kind=Judge):
    """Judge all that the record can lead to; see writelog.Judge."""
    begin = time.monotonic()
    trial = Trial(recording, kind(choose, known, options, loader))
    print(f'# {trial}, judged in {time.monotonic() - begin:.0f} s', flush=True)
    for problem, count in trial.tally.problems.most_common(5):
        print(f'#   {count}: {problem}')
    return trial


def refresh(lab, loader, prepare=lambda machine: None):
    """One refresh that does all at once, recorded and judged. @prepare: see synced_machine()."""
    machine = synced_machine(lab, loader, prepare)
    esp = machine.esps[0]
    before = loader.choose(Fat(esp)).options
    known = change(lab, machine, loader)
    recording = record(machine)
    machine.stop_quietly()
    loader.check(lab, esp, AFTER)
    after = loader.choose(Fat(esp)).options
    assert 'panic=7' not in before and 'panic=7' in after, (before, after)
    return judge(recording, loader.choose, known, [before, after])


def assert_boots(trial):
    """Enough was judged, the default was replaced by then, and it always boots."""
    assert trial.log.flushes > 10, trial
    assert_safe(trial)
    files = {(boot.linux[1], boot.initrd[1]) for boot in trial.tally.boots}
    assert {(0, 0), (1, 1)} <= files, trial.tally.boots


def assert_safe(trial):
    """Enough was judged, and it was never bad."""
    assert not trial.tally.bad, trial.tally.problems
    assert trial.log.flushes and trial.log.intervals, trial
    for interval, judged in trial.judged.items():
        assert judged >= min(200, 2 ** (interval.end - interval.begin)), interval


class Series:
    """Actions on one ESP, one after the other. All are done and judged before one that was bad
    fails the scenario."""

    def __init__(self, machine, choose, known):
        self.machine, self.choose, self.known = machine, choose, known
        self.trials = {}

    def act(self, name, action, default, status=0, loader=()):
        """Record a command that ends with that status; after it the default is of that version."""
        before = self.choose(Fat(self.machine.esps[0])).options
        recording = record(self.machine, action, status)
        after = self.choose(Fat(self.machine.esps[0])).options
        print(f'# {name}:', flush=True)
        trial = judge(recording, self.choose, self.known, [before, after], loader)
        self.trials[name] = trial
        boot = trial.last.boot
        assert boot and boot.linux[0].endswith(f'vmlinuz-{default}'), (name, trial.last)
        return trial

    def assert_safe(self):
        print(f'# {len(self.trials)} actions, '
              f'{sum(sum(t.tally.images.values()) for t in self.trials.values())} images, '
              f'{sum(t.tally.bad for t in self.trials.values())} bad')
        for trial in self.trials.values():
            assert_safe(trial)


NEWEST = '6.9.1-1-pve'  # no package: put into /boot, and kept by hand


def add_newest(lab, machine):
    """Put a kernel into /boot that is newer than all others."""
    for stem in STEMS:
        lab.replace(machine, f'{stem}-{NEWEST}', f'{stem}-{ADDED}')


def known_files(lab, versions):
    """The names of the kernels' files -> what is complete there: what is in /boot now."""
    return {f'{stem}-{v}': [lab.boot_content(f'{stem}-{v}')] for stem in STEMS for v in versions}


def daily_actions(lab, loader):
    """What an administrator and apt do to a host, each by itself."""
    machine = synced_machine(lab, loader)
    add_newest(lab, machine)
    versions = [DEFAULT, OTHER, REMOVED]
    series = Series(machine, loader.choose, known_files(lab, [*versions, NEWEST]))
    client = 'bootctl-pve --yes'
    series.act('a kernel is added', f'{client} kernel add {NEWEST}', NEWEST)
    series.act('a kernel is pinned', f'{client} kernel pin {OTHER}', OTHER)
    series.act('a kernel is pinned for the next boot',
               f'{client} kernel pin {DEFAULT} --next-boot', DEFAULT)
    series.act('the pins are removed', f'{client} kernel unpin', NEWEST)
    trial = series.act('the command line is changed',
                       f'{loader.set_cmdline} && bootctl-pve refresh', NEWEST)
    assert trial.first.boot.options != trial.last.boot.options, trial.last
    series.act('a kernel is removed', f'{client} kernel remove {NEWEST}', DEFAULT)
    machine.stop_quietly()
    loader.check(lab, machine.esps[0], versions)
    series.assert_safe()
