# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a guest boots later with bootsyncd: it boots with the service and without, in turns who is
first, from one kernel that QEMU starts, with two ESPs in sync."""

from job import OURS, quartiles, ratios

WITHOUT = 'without it'
# By this the lab lets bootsyncd wait for what it tells of the kernel's name; nobody else's service does.
LAB_DROP_IN = '/etc/systemd/system/bootsyncd.service.d/vm-lab.conf'
UP = 'systemctl is-system-running --wait'
UNIT = 'bootsyncd.service'


def monotonic(machine, unit, *names):
    """Properties of a unit ('' is the manager) that are times, in seconds since the kernel's start."""
    out = machine.sh(f'systemctl show {" ".join(f"-p {name}" for name in names)} {unit}')
    told = dict(line.split('=', 1) for line in out.splitlines())
    return [int(told[name]) / 1e6 for name in names]


def boot(machine, enabled):
    """Boot once; what systemd says of it."""
    machine.sh(f'systemctl {"enable" if enabled else "disable"} bootsyncd; sync')
    machine.shut_down()
    machine.boot_kernel()
    machine.run(UP, 300)
    kernel, done = monotonic(machine, '', 'UserspaceTimestampMonotonic', 'FinishTimestampMonotonic')
    chain = machine.sh('systemd-analyze critical-chain --no-pager')
    told = {'seconds': done - kernel, 'chain': chain, 'on_chain': UNIT in chain,
            'blame': machine.sh('systemd-analyze blame --no-pager').splitlines()[:20]}
    if enabled:
        begin, ready = monotonic(machine, UNIT, 'InactiveExitTimestampMonotonic',
                                 'ActiveEnterTimestampMonotonic')
        cpu = machine.sh(f'systemctl show -P CPUUsageNSec {UNIT}')
        told.update(ready=ready - begin, service_cpu=int(cpu) / 1e9)
    return told


def measured(lab, rounds):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.sh(f'rm {LAB_DROP_IN}')
    boots = {True: [], False: []}
    for number in range(rounds):
        for enabled in (True, False) if number % 2 == 0 else (False, True):
            boots[enabled].append(boot(machine, enabled))
    machine.power_cut()
    ours, theirs = ([told['seconds'] for told in boots[enabled]] for enabled in (True, False))
    ready = quartiles([told['ready'] for told in boots[True]])[1]
    cpu = quartiles([told['service_cpu'] for told in boots[True]])[1]
    on_chain = sum(told['on_chain'] for told in boots[True])
    return {'name': 'boot', 'what': 'from the start of systemd until all of it is up',
            'costs': {OURS: {'seconds': ours}, WITHOUT: {'seconds': theirs}},
            'ratios': {WITHOUT: {'seconds': ratios(ours, theirs)}}, 'instructions': {},
            'boots': {OURS: boots[True], WITHOUT: boots[False]},
            'notes': [f'bootsyncd is ready {ready:.3f} s after it was started, and has then taken, with '
                      f'its first look at the ESPs, {cpu:.3f} s of CPU',
                      f'on the critical chain in {on_chain} of {rounds} boots']}
