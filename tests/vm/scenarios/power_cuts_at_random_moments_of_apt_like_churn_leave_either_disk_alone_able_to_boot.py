"""In a host with two ESPs kernels come and go, initrds are made anew, pins and the command line change, one
after the other and faster than bootsyncd is ready with it. At random moments a disk is copied as a power cut
would leave it, one and the other in turn. Each copy then boots by firmware as the only disk with an ESP: a
kernel that the host had, as the entry says, with a command line that the host had.

$BOOTSYNC_CUTS is the number of cuts (20), $BOOTSYNC_SEED what gives the same changes and moments again."""

import copy
import os
import random
import subprocess
import time

from channel import GuestError
from fat import Fat
from kernels import INSTALLED

# Kernel that comes and goes -> the one that it is a copy of. No package has them; they are kept by hand.
COPIES = {'6.8.12-9-pve': '6.8.12-4-pve', '6.8.12-7-pve': '6.5.13-5-pve',
          '6.5.13-9-pve': '6.5.13-1-pve'}
ALWAYS = ['6.8.12-4-pve', '6.5.13-5-pve']
WRITES_MAX = 100  # of a moment that is counted in writes to the ESP
SECONDS_MAX = 30  # of one that is counted in seconds, and the longest that is waited for writes
QUIET = 5  # seconds after the first write in which the others must come
UP_TIMEOUT = 900
SELECTED = ('cat /sys/firmware/efi/efivars/LoaderEntrySelected-'
            "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | tail -c+5 | tr -d '\\0'")
FLAKE = b'Oops: int3'  # of QEMU, see README.md


class Churn:
    """Changes by chance, and what the host has had."""

    def __init__(self, lab, rng):
        self.lab, self.rng = lab, rng
        self.present = set()  # those of COPIES that are there
        self.had = set(ALWAYS)
        self.panics = {'panic=5'}  # what tells one command line from the other

    def _add(self):
        version = self.rng.choice(sorted(COPIES))
        self.present.add(version)
        self.had.add(version)
        return version, (f'cd /boot && cp vmlinuz-{COPIES[version]} vmlinuz-{version} && '
                         f'cp /root/initrd.img-{COPIES[version]} initrd.img-{version}.new && '
                         f'mv initrd.img-{version}.new initrd.img-{version}; '
                         f'bootctl-pve kernel add {version}')

    def _remove(self):
        version = self.rng.choice(sorted(self.present))
        self.present.discard(version)
        steps = [f'rm -f /boot/vmlinuz-{version} /boot/initrd.img-{version}',
                 f'bootctl-pve kernel remove {version}']
        self.rng.shuffle(steps)
        return version, '; '.join(steps)

    def _rewrite(self):
        version = self.rng.choice([*ALWAYS, *sorted(self.present)])
        megabytes = self.rng.randint(1, 8)
        return version, (f'cd /var/tmp && head -c {megabytes}M /dev/urandom >pad && echo pad | '
                         'cpio -o -H newc >pad.cpio && cat pad.cpio '
                         f'/root/initrd.img-{COPIES.get(version, version)} '
                         f'>/boot/initrd.img-{version}.new && '
                         f'mv /boot/initrd.img-{version}.new /boot/initrd.img-{version}')

    def _pin(self):
        version = self.rng.choice([*ALWAYS, *sorted(self.present)])
        option = self.rng.choice(['', ' --next-boot'])
        return version + option, f'bootctl-pve kernel pin {version}{option}'

    def _unpin(self):
        return '', 'bootctl-pve kernel unpin'

    def _command_line(self):
        panic = f'panic={self.rng.randint(6, 30)}'
        self.panics.add(panic)
        line = self.lab.CMDLINE.replace('panic=5', panic)
        return panic, f'echo {line} >/etc/kernel/cmdline.new; cd /etc/kernel; mv cmdline.new cmdline'

    def change(self):
        """One change by chance: what it is, and how the guest does it."""
        kinds = [self._add, self._add, self._rewrite, self._rewrite, self._pin, self._unpin,
                 self._command_line]
        if self.present:
            kinds += [self._remove, self._remove]
        kind = self.rng.choice(kinds)
        what, script = kind()
        return f'{kind.__name__[1:]} {what}'.strip(), script


def wait_for_moment(machine, esp, rng):
    """Wait some seconds; or, more often, until an ESP is written, and then for some more writes, few
    as often as many: a pin makes less than ten, a kernel a hundred."""
    if rng.random() < 0.25:
        time.sleep(rng.uniform(0, SECONDS_MAX))
        return
    begin = machine.writes(esp)[0]
    wanted, deadline = begin + int(WRITES_MAX ** rng.random()), time.monotonic() + SECONDS_MAX
    while (now := machine.writes(esp)[0]) < wanted and time.monotonic() < deadline:
        if now > begin and deadline - time.monotonic() > QUIET:
            deadline = time.monotonic() + QUIET
        time.sleep(0.005)


def cut(machine, esp, number):
    """What a power cut leaves of a disk now."""
    disk = copy.copy(esp)
    disk.path = machine.directory / f'cut{number}.raw'
    with machine.frozen():
        subprocess.run(['cp', '--sparse=always', esp.path, disk.path], check=True, timeout=300)
    return disk


def churn_and_cut(lab, churn, count):
    machine = lab.machine(esps=2)
    machine.sh(' && '.join(f'cp /boot/initrd.img-{v} /root/' for v in INSTALLED), 300)
    lab.start(machine)
    lab.wait_in_sync(machine, 900)
    disks = []
    for number in range(1, count + 1):
        esp = machine.esps[number % 2]
        what, script = churn.change()
        machine.put('/root/change', f'{script}\nrm /run/changing\n'.encode())
        machine.sh('touch /run/changing; sh /root/change >>/root/churn.log 2>&1 &')
        wait_for_moment(machine, esp, churn.rng)
        disks.append(cut(machine, esp, number))
        print(f'# cut {number}, {esp.serial}, {what}: '
              f'{"in mid-sync" if Fat(disks[-1]).dirty else "between syncs"}', flush=True)
        machine.sh('while [ -e /run/changing ]; do sleep 0.2; done', 900)
    machine.sh('cat /root/churn.log')  # for agent.log
    machine.sh('bootctl-pve kernel unpin', 900)
    lab.wait_in_sync(machine, 900)
    machine.stop_quietly()
    return disks


def boot_alone(lab, disk):
    """Boot a disk; gives the machine, up or not, and why not."""
    machine = lab.machine(esps=0, start='off')
    machine.attach(disk)
    try:
        machine.boot_firmware(wait=False)
        machine.wait_up(UP_TIMEOUT)
        return machine, ''
    except GuestError as error:
        return machine, str(error)


def boots(lab, churn, disk):
    """What is wrong with the boot of a disk; nothing if it boots. QEMU's own failure is tried once
    more, and said."""
    machine, problem = boot_alone(lab, disk)
    if problem and FLAKE in (machine.directory / 'serial.log').read_bytes():
        print(f'# {disk.path.name}: QEMU missed a patch of code, booted once more', flush=True)
        machine.power_cut()
        machine.detach(disk)
        machine, problem = boot_alone(lab, disk)
    if not problem:
        selected = machine.sh(SELECTED).lower()
        version = selected.removeprefix('proxmox-').removesuffix('.conf')
        line, running = machine.sh('cat /proc/cmdline').split(), machine.uname()
        print(f'# {disk.path.name}: {selected}, {running} runs', flush=True)
        if version not in churn.had or running != COPIES.get(version, version):
            problem = f'{selected} was booted, and {running} runs'
        elif not churn.panics & set(line):
            problem = f'the command line is {line}'
    if problem:
        console = (machine.directory / 'serial.log').read_text(errors='replace')
        problem += '; its console ends with:\n' + console[-3000:]
    machine.power_cut()
    machine.detach(disk)  # it is dirty, as the cut left it
    return problem


def run(lab):
    count = int(os.environ.get('BOOTSYNC_CUTS', 20))
    seed = int(os.environ.get('BOOTSYNC_SEED', time.time()))
    print(f'# BOOTSYNC_CUTS={count} BOOTSYNC_SEED={seed}', flush=True)
    churn = Churn(lab, random.Random(seed))
    disks = churn_and_cut(lab, churn, count)
    middle = sum(Fat(disk).dirty for disk in disks)
    problems = []
    for disk in disks:
        problem = boots(lab, churn, disk)
        if problem:
            problems.append(f'{disk.path.name}: {problem}')
        else:
            disk.path.unlink()
    print(f'# {count - len(problems)} of {count} booted, {middle} of them cut in mid-sync')
    assert not problems, '\n'.join(problems)
