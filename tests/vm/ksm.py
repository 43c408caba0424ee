# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kernel samepage merging in a guest: a program whose pages are all equal, and what the guest's kernel
says. Nothing of it is ever done to the host."""

import json

from machine import wait_until

SYSFS = '/sys/kernel/mm/ksm'
PAGE = 4096
SERVICE, TUNER = 'ksm.service', 'ksmtuned.service'

# So many processes map so many MiB each, of equal pages that may be merged, or of random ones that
# may not.
PROGRAM = r'''import mmap, os, sys, time
processes, mib, kind, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
done = os.pipe()
for _ in range(processes):
    if os.fork() == 0:
        area = mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if kind == 'equal':
            area.madvise(12)  # MADV_MERGEABLE
        block = b'bootsync' * (1 << 17)
        for at in range(0, mib << 20, 1 << 20):
            area[at:at + (1 << 20)] = block if kind == 'equal' else os.urandom(1 << 20)
        os.write(done[1], b'.')
        time.sleep(1 << 30)
for _ in range(processes):
    os.read(done[0], 1)
open('/run/' + name, 'w').close()
time.sleep(1 << 30)
'''


def occupy(machine, name, processes, mib, kind='equal'):
    """Start @processes with @mib of memory each, as unit @name; returns when they have it."""
    machine.put('/root/occupy.py', PROGRAM.encode())
    machine.sh(f'systemd-run --unit={name} python3 /root/occupy.py {processes} {mib} {kind} {name}')
    wait_until(lambda: machine.run(f'test -e /run/{name}').status == 0, 120, f'{name} to fill its memory')


def values(machine, *names):
    return [int(v) for v in machine.sh('cat ' + ' '.join(f'{SYSFS}/{n}' for n in names)).split()]


def property_of(machine, name, path='/org/bootsync1/ksm', interface='org.bootsync1.Ksm'):
    """A property, as busctl prints its value."""
    out = machine.sh(f'busctl get-property org.bootsync1 {path} {interface} {name}', 60)
    return out.split(None, 1)[1].strip().strip('"')


def call(machine, method, options='0'):
    """Returns the path of the job."""
    out = machine.sh(f'busctl call org.bootsync1 /org/bootsync1/ksm org.bootsync1.Ksm {method} '
                     f"'a{{sv}}' {options}", 60)
    return out.split()[1].strip('"')


def quicken(machine):
    """Scan so fast that a test need not wait for it."""
    machine.sh('bootctl-pve ksm set pages_to_scan=20000 sleep_millisecs=10', 60)
    assert values(machine, 'pages_to_scan', 'sleep_millisecs') == [20000, 10]


def wait_merged(machine, pages, timeout=120):
    wait_until(lambda: sum(values(machine, 'pages_shared', 'pages_sharing')) >= pages, timeout,
               f'{pages} pages to be merged', 1)


def units(machine):
    """{unit: (active state, state of its file)} as systemd itself says."""
    result = {}
    for unit in SERVICE, TUNER:
        out = machine.run(f'systemctl is-active {unit}; systemctl is-enabled {unit} 2>/dev/null').out
        words = out.split()
        result[unit] = words[0], words[1] if len(words) > 1 else ''
    return result


def told_units(machine):
    """The same as bootsyncd tells it."""
    out = machine.sh('busctl -j call org.bootsync1 /org/bootsync1/ksm org.bootsync1.Ksm GetUnits '
                     "'a{sv}' 0", 60)

    return {row[0]: (row[2], row[3]) for row in json.loads(out)['data'][0]}
