"""While one refresh replaces kernel and initrd of the default, adds a kernel, removes one, changes the
command line of every entry and loader.conf, QEMU is frozen again and again, and both disks are judged
as a power cut would leave them: the default leads to an entry, every entry to a complete kernel and
initrd, old or new; and at most one of the two ESPs is between old and new."""

import crash

DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
REMOVED, ADDED = '6.2.16-20-pve', '6.5.13-1-pve'
CMDLINE = 'root=LABEL=vmroot rw quiet console=ttyS0 panic=7 mitigations=off'


def contents(lab):
    """Name of a kernel's file -> what is complete there."""
    names = [f'{stem}-{version}' for version in (DEFAULT, OTHER, REMOVED, ADDED)
             for stem in ('vmlinuz', 'initrd.img')]
    return {name: [lab.image.boot_file(*name.split('-', 1)).read_bytes(),
                   *([lab.replaced[name]] if name in lab.replaced else [])] for name in names}


def run(lab):
    machine = lab.machine(esps=2)
    machine.sh('mkdir -p /etc/bootsync; '
               'printf "[Sync]\\nAutoSync=no\\n" >/etc/bootsync/bootsyncd.conf')
    machine.sh(f'echo {REMOVED} >/etc/kernel/proxmox-boot-manual-kernels')
    cmdlines = [lab.CMDLINE, CMDLINE]
    lab.start(machine)
    machine.sh('bootctl-pve refresh', 300)
    old = [state.holds for state in crash.Judge(machine, contents(lab), cmdlines).states()]

    lab.replace(machine, f'initrd.img-{DEFAULT}', f'initrd.img-{ADDED}')
    lab.replace(machine, f'vmlinuz-{DEFAULT}', f'vmlinuz-{ADDED}')
    machine.sh(f'cd /etc/kernel && echo {ADDED} >proxmox-boot-manual-kernels && '
               f'echo {CMDLINE} >cmdline && echo {DEFAULT} >proxmox-boot-pin')
    judge = crash.Judge(machine, contents(lab), cmdlines)
    for esp in machine.esps:
        machine.throttle(esp, writes_per_second=20)
    taken = judge.sample('bootctl-pve refresh')
    for esp in machine.esps:
        machine.throttle(esp)
    machine.stop_quietly()
    new = [state.holds for state in judge.states()]
    assert all(map(lambda a, b: a != b, old, new))
    for esp in machine.esps:
        lab.check_synced(esp, [DEFAULT, OTHER, ADDED])

    bad, committing = [], 0
    for states in taken:
        bad += [problem for state in states for problem in state.problems]
        between = [state.holds not in (a, b) for state, a, b in zip(states, old, new)]
        committing += any(between)
        if all(between):
            bad.append(f'both are between old and new: {[state.holds for state in states]}')
    print(f'# {len(taken)} states of 2 ESPs, {committing} of them in mid-commit: {len(bad)} bad')
    assert len(taken) >= 40 and committing >= 20, (len(taken), committing)
    assert not bad, '\n'.join(bad[:20])
