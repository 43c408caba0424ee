#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much memory daemon and worker take: their proportional set size (PSS), as the kernel sees
it, and the most that was ever resident of a worker (VmHWM). Not for a build with sanitizers, which
take many times as much."""

import re
import time
from pathlib import Path

import lab
from lab import MIB, LabCase

DAEMON_KIB = 4 * 1024
WORKER_KIB = 16 * 1024
STATUS_BYTES = 3 * MIB
INITRD_BYTES = 500 * MIB


def figure_kib(pid, file, name):
    """None if the process is gone."""
    try:
        text = Path(f'/proc/{pid}/{file}').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    match = re.search(rf'^{name}:\s+(\d+) kB$', text, re.M)
    return int(match[1]) if match else None


def pss_kib(pid):
    return figure_kib(pid, 'smaps_rollup', 'Pss')


def peak_kib(pid):
    return figure_kib(pid, 'status', 'VmHWM')


class Memory(LabCase):
    ESPS = ('AAAA-0001',)

    def grow_package_database(self):
        """To the size that it has on a Proxmox VE host."""
        text = [self.lab.read('var/lib/dpkg/status')]
        paragraph = ('Status: install ok installed\nPriority: optional\nSection: libs\n'
                     'Installed-Size: 1234\nMaintainer: Somebody <somebody@example.org>\n'
                     'Architecture: amd64\nVersion: 1.2.3-4+deb12u5\n'
                     + 'Depends: ' + ', '.join(f'libsomething{n} (>= {n}.0)' for n in range(20))
                     + '\nDescription: a library\n' + ' a line of the description of the library\n'
                     * 20 + 'Homepage: https://example.org/\n\n')
        number = STATUS_BYTES // len(paragraph) + 1
        text += [f'Package: libsomething{n}\n{paragraph}' for n in range(number)]
        self.lab.write('var/lib/dpkg/status', ''.join(text))
        self.assertGreaterEqual(self.lab.path('var/lib/dpkg/status').stat().st_size, STATUS_BYTES)

    def test_idle_daemon_takes_less_than_4_mib(self):
        self.grow_package_database()
        self.lab.settings()
        daemon = self.lab.start_daemon()
        self.lab.bus.wait_idle()
        for number in range(3):
            self.lab.write_boot(f'initrd.img-{self.NEW}', self.lab.bytes(MIB + number))
            lab.wait_until(lambda: not self.lab.difference(self.ESPS[0], [self.OLD, self.NEW]),
                           what='sync')
            self.lab.bus.wait_idle()
        pss = pss_kib(daemon.pid)
        print(f'# PSS of the idle daemon: {pss} KiB')
        self.assertLess(pss, DAEMON_KIB)

    def test_worker_that_copies_500_mib_takes_less_than_16_mib(self):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.refresh()
        with open(self.lab.path('boot/initrd.new'), 'wb') as file:
            file.truncate(INITRD_BYTES)
        self.lab.path('boot/initrd.new').rename(self.lab.path(f'boot/initrd.img-{self.NEW}'))
        bus.drain()
        bus.signals.clear()
        bus.call('Refresh')
        samples, peaks = [], []
        deadline = time.monotonic() + 600
        while not bus.removed_jobs('refresh'):
            self.assertLess(time.monotonic(), deadline, bus.log())
            pids = self.lab.worker_pids()
            samples += [pss for pss in map(pss_kib, pids) if pss]
            peaks += [peak for peak in map(peak_kib, pids) if peak]
            time.sleep(0.05)
            bus.drain()
        self.assertEqual(bus.removed_jobs('refresh')[0][3], 'done', bus.log())
        print(f'# PSS of the worker in {len(samples)} samples: at most {max(samples)} KiB; ever '
              f'resident {max(peaks)} KiB')
        self.assertGreater(len(samples), 5)
        self.assertLess(max(samples + peaks), WORKER_KIB)
        on_esp = self.lab.esp(self.ESPS[0]) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        self.assertEqual(on_esp.stat().st_size, INITRD_BYTES)


if __name__ == '__main__':
    lab.main()
