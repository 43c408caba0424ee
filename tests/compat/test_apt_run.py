#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One apt run, one sync: what a package run costs beside one full sync of the same. The daemon is on
a bus of its own, and strace counts; what was counted is printed, and the claims are about counts
alone. Run by tests/compat/run."""

import re
from pathlib import Path

import tap
from tree import ESPS, TreeCase

MIB = 1 << 20
KERNEL_SIZE, INITRD_SIZE = 12 * MIB, 40 * MIB  # as those of Proxmox

# $1 is the host's start, and below it what is measured. Between two steps nothing is left to do: the
# daemon's own wish waits 2 s.
MEASURE = r'''
settle() { sleep 4; bootctl-pve status >/dev/null; }

# step NAME COMMAND...
step() {
        name=$1
        shift
        trace="strace -f --seccomp-bpf -qq -o /tmp/$name.trace -e trace=execve,clone,clone3,fork,vfork"
        wc -c </tmp/daemon.log >/tmp/$name.log-from
        wc -c </tmp/daemon.trace >/tmp/$name.trace-from
        date +%s.%N >/tmp/$name.began
        $trace "$@" >/tmp/$name.out 2>&1 || { cat /tmp/$name.out; exit 1; }
        date +%s.%N >/tmp/$name.ended
        settle
        wc -c </tmp/daemon.log >/tmp/$name.log-to
        wc -c </tmp/daemon.trace >/tmp/$name.trace-to
}

rm -rf /run/dbus
mkdir -p /run/dbus
dbus-daemon --system --nofork --nopidfile 2>/tmp/bus.log &
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.1; done
strace -f --seccomp-bpf -qq -y -s 0 -o /tmp/daemon.trace -e trace=execve,execveat,write,pwrite64 \
        bootsyncd 2>/tmp/daemon.log &
until busctl --quiet call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus \
        GetNameOwner s org.bootsync1 2>/dev/null; do sleep 0.1; done
bootctl-pve refresh >/dev/null
settle
bootctl-pve status | grep '^Automatic sync: *on'

step apt apt-get -qq -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install "$@"
step initramfs update-initramfs -u -k all
rm -rf /dev/disk/by-uuid/*/EFI/proxmox/* /dev/disk/by-uuid/*/loader/entries/* \
        /var/lib/bootsync/*.manifest
settle
step full bootctl-pve refresh
bootctl-pve verify
'''


class Step:
    """What was counted in one step."""

    def __init__(self, tree, name):
        def number(suffix, kind=int):
            return kind(tree.read(f'tmp/{name}.{suffix}'))

        def part(file, suffix):
            text = tree.path(f'tmp/{file}').read_bytes()
            return text[number(suffix + '-from'):number(suffix + '-to')].decode(errors='replace')

        trace = part('daemon.trace', 'trace')
        self.syncs = len(re.findall(r'Job \d+ \((?:refresh|reinit)\) ', part('daemon.log', 'log')))
        self.workers = len(re.findall(r'execve(?:at)?\([^\n]*bootsync-worker', trace))
        self.written = sum(int(size) for size in re.findall(
            r'write(?:64)?\(\d+<[^\n>]*/by-uuid/[^\n>]*>, [^\n,]*, (\d+)', trace))
        self.hooks, self.hook_forks = self.count_hooks(tree.read(f'tmp/{name}.trace'))
        self.seconds = number('ended', float) - number('began', float)
        self.out = tree.read(f'tmp/{name}.out')

    @staticmethod
    def count_hooks(trace):
        """Calls of our hooks, and all processes that they started."""
        of_a_hook, hooks, forks = set(), 0, 0
        for line in trace.splitlines():
            started = re.match(r'(\d+) +(?:<\.\.\. )?(?:v?fork|clone3?)\b.* = (\d+)$', line)
            if started and started[1] in of_a_hook:
                of_a_hook.add(started[2])
                forks += 1
            called = re.match(r'(\d+) +execve\("/usr/libexec/bootsync-compat/hook"', line)
            if called:
                of_a_hook.add(called[1])
                hooks += 1
        return hooks, forks

    def __str__(self):
        return (f'{self.syncs} syncs, {self.workers} workers, {self.hooks} hooks with '
                f'{self.hook_forks} processes, {self.written / MIB:.1f} MiB written to the ESPs, '
                f'{self.seconds:.1f} s')


class AptRun(TreeCase):
    THIRD = '6.17.9-1-pve'
    steps = {}

    def setUp(self):
        if not self.steps:
            self.start(ours=True)
            self.measure()
        self.apt, self.by_hand, self.full = (self.steps[name] for name in ('apt', 'initramfs', 'full'))

    def big_kernel(self, version):
        return self.tree.kernel(version, image=f'kernel {version}' + '\0' * KERNEL_SIZE)

    def measure(self):
        self.tree.make_initrds(INITRD_SIZE)
        depends = ', '.join(f'proxmox-kernel-{v}-signed' for v in (self.SECOND, self.THIRD))
        module = self.tree.deb('module', postinst='update-initramfs -u -k all\n',
                               fields=f'Depends: {depends}\n')
        self.tree.run('sh', '-euc', MEASURE, 'sh', self.big_kernel(self.SECOND),
                      self.big_kernel(self.THIRD), module)
        for name in 'apt', 'initramfs', 'full':
            self.steps[name] = Step(self.tree, name)
            print(f'# {name}: {self.steps[name]}')
        self.assert_on_esps(self.SECOND, self.THIRD)

    def test_apt_run_with_two_kernels_and_all_initrds_anew_is_one_sync(self):
        self.assertEqual(self.apt.out.count('Generating'), 2 + 3)
        self.assertLessEqual(self.apt.syncs, 2)
        self.assertGreaterEqual(self.apt.syncs, 1)

    def test_apt_run_writes_what_a_full_sync_of_the_same_writes(self):
        each = KERNEL_SIZE + INITRD_SIZE
        self.assertGreaterEqual(self.full.written, len(ESPS) * 2 * each)
        self.assertLess(self.full.written, len(ESPS) * 2 * each + MIB)
        self.assertLess(self.apt.written, self.full.written + MIB)

    def test_apt_run_starts_at_most_twice_the_workers_of_a_full_sync(self):
        self.assertEqual(self.full.syncs, 1)
        self.assertGreaterEqual(self.full.workers, len(ESPS))
        self.assertLessEqual(self.apt.workers, 2 * self.full.workers)

    def test_initrds_made_by_hand_are_written_once_each(self):
        self.assertEqual(self.by_hand.out.count('Generating'), 3)
        self.assertLess(self.by_hand.written, len(ESPS) * 2 * INITRD_SIZE + MIB)


if __name__ == '__main__':
    tap.main(private_mounts=True)
