# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine in QEMU: its disks and NVRAM outlive its boots, as those of a real one do."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import kernels
import qemu
from channel import Channel, GuestError, GuestGone
from image import command
from nvram import Nvram
from qmp import Qmp

BOOT_TIMEOUT = 300


def wait_until(condition, timeout=60, what='condition', interval=0.2):
    """Poll until @condition() is true, and return what it gave."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'{what}: not within {timeout} s')
        time.sleep(interval)


class Machine:
    def __init__(self, directory, image, firmware='uefi', memory=1024, cpus=2, snapshot=None):
        """@snapshot: directory of a booted guest to start from instead of booting one."""
        self.directory = Path(directory)
        self.image = image
        self.firmware = firmware
        self.memory, self.cpus = memory, cpus
        self.disks = {}  # number of its slot -> disk
        self.process = self.channel = self.qmp = None
        self.vfat_seen = ''
        self.serial_begin = 0  # of this boot, in the log
        self.directory.mkdir(parents=True)
        if snapshot:
            self._take_over(snapshot)
        else:
            qemu.create_nvram(firmware, self.directory / 'nvram')
            self._create_root(image.root, 'raw')

    def _create_root(self, backing, form):
        command('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', backing, '-F', form,
                self.directory / 'root.qcow2')

    def _take_over(self, snapshot):
        (self.directory / 'nvram').write_bytes((snapshot / 'nvram').read_bytes())
        self._create_root(snapshot / 'root.qcow2', 'qcow2')

    # Power

    def boot_kernel(self, version=kernels.DEFAULT, options=qemu.KERNEL_OPTIONS):
        """Power on and start a kernel without a boot loader: the firmware loads it."""
        self._start(qemu.kernel_options(self.image, version, options))
        self.wait_up()

    def boot_firmware(self, boot_disk=None, wait=True):
        """Power on and leave it to the firmware and its variables what to boot. @boot_disk comes
        first whatever they say; a BIOS, which has none, must be told."""
        self._start([], boot_disk)
        if wait:
            self.wait_up()

    def resume(self, state):
        """Start from the memory of a booted guest."""
        self._start(['-incoming', f'exec:cat {state}'])
        wait_until(lambda: self.qmp.call('query-status')['status'] == 'paused', 120,
                   'loading the state', 0.05)
        self.qmp.call('cont')
        self.wait_up()
        self.sh(f'date -s @{time.time():.3f}')

    def wait_up(self, timeout=BOOT_TIMEOUT):
        self.channel.run('true', timeout)

    def shut_down(self, verb='poweroff', timeout=120):
        """Let the guest end in peace."""
        self.note_sightings()
        self.channel.send({'run': f'systemctl {verb}', 'timeout': 60})
        self.wait_off(timeout)

    def wait_off(self, timeout=120):
        """Wait until the guest powers off, reboots or panics, all of which end QEMU."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise GuestError(f'the guest is still on after {timeout} s') from None
        self._close()

    def power_cut(self):
        """What the guest has not written to its disks is lost."""
        if self.process:
            self.process.kill()
            self.process.wait(60)
            self._close()

    def stop_quietly(self):
        """End the machine when no vfat is mounted and the disks hold all that was written: for the
        disks as good as a shutdown, but quicker."""
        self.sh('while cat /proc/[0-9]*/mountinfo 2>/dev/null | grep -q " - vfat "; do sleep 0.2; '
                'done; sync', 150)
        self.note_sightings()
        self.power_cut()

    def note_sightings(self):
        """Remember what the agent says of vfats that were mounted where everybody sees them."""
        self.vfat_seen = self.sh('cat /var/lib/vm/vfat-seen 2>/dev/null || true')

    @property
    def on(self):
        return self.process is not None

    def serial_log(self):
        path = self.directory / 'serial.log'
        return path.read_bytes() if path.exists() else b''

    def serial(self):
        """What firmware, boot loader and kernel have written to the console since the last power-on."""
        return self.serial_log()[self.serial_begin:].decode(errors='replace')

    # The firmware, while the machine is off

    @contextlib.contextmanager
    def variables(self):
        """What the firmware remembers, to be read and changed."""
        assert not self.on, 'the machine is on'
        nvram = Nvram(self.directory / 'nvram')
        yield nvram
        nvram.save()

    def enroll(self, firmware):
        """Put the keys of that firmware in, with Secure Boot enabled; entries and the rest stay."""
        with self.variables() as nvram:
            nvram.enroll(qemu.factory_nvram(firmware))
        self.firmware = firmware

    def secure_boot(self, enabled):
        """Switch it, as in the firmware's menu; the keys stay."""
        with self.variables() as nvram:
            nvram.switch(enabled)

    def _start(self, options, boot_disk=None):
        assert not self.on, 'the machine is already on'
        self.serial_begin = len(self.serial_log())
        # With SMM all processors have to meet whenever a variable is read.
        cpus = 1 if self.firmware in qemu.WITH_SMM else self.cpus
        words = [*qemu.common_options(self.firmware, 'nvram', 'root.qcow2', self.memory, cpus),
                 *qemu.disk_options(self.disks, boot_disk), *options]
        for name in ('agent', 'qmp', 'console'):
            (self.directory / f'{name}.sock').unlink(missing_ok=True)
        with open(self.directory / 'qemu.log', 'a') as log:
            # QEMU does not outlive the lab, however that ends.
            self.process = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', *map(str, words)], cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.qmp = self._connect('qmp', Qmp)
            self.channel = self._connect('agent', Channel, self.directory / 'agent.log')
        except BaseException:
            self.power_cut()
            raise

    def _connect(self, name, kind, *arguments):
        """Connect to a socket as soon as QEMU listens; by a path that is short enough."""
        directory = os.open(self.directory, os.O_PATH)
        path = f'/proc/self/fd/{directory}/{name}.sock'

        def attempt():
            if self.process.poll() is not None:
                raise GuestGone(f'QEMU does not start, see {self.directory}/qemu.log')
            try:
                return kind(path, *arguments)
            except (FileNotFoundError, ConnectionRefusedError):
                return None
        try:
            return wait_until(attempt, 30, f'socket of {name}', 0.05)
        finally:
            os.close(directory)

    def _close(self):
        for end in (self.channel, self.qmp):
            if end:
                end.close()
        self.process = self.channel = self.qmp = None

    def save(self, target):
        """End the machine, and leave in the directory @target what resume() starts from."""
        self.sh('sync; echo 3 >/proc/sys/vm/drop_caches')
        self.qmp.call('stop')
        self.qmp.call('migrate', uri=f'exec:cat >{target}/state')
        wait_until(lambda: self.qmp.call('query-migrate').get('status') in ('completed', 'failed'),
                   120, 'saving the state')
        if self.qmp.call('query-migrate')['status'] == 'failed':
            raise RuntimeError('QEMU cannot save the state of the guest')
        self.qmp.call('quit')
        self.wait_off()
        for name in ('nvram', 'root.qcow2'):
            (self.directory / name).rename(target / name)

    # Commands

    def run(self, line, timeout=60):
        """Run a shell command in the guest; gives (status, out, err)."""
        return self.channel.run(line, timeout)

    def sh(self, line, timeout=60):
        """Run a shell command that must succeed; gives what it prints."""
        result = self.run(line, timeout)
        if result.status != 0:
            raise GuestError(f'"{line}" ended with {result.status}\n{result.out}{result.err}')
        return result.out

    def put(self, path, data, mode=0o644):
        self.channel.put(path, data, mode)

    def get(self, path):
        return self.channel.get(path)

    def uname(self):
        """Proxmox's name of the kernel that runs."""
        real = self.sh('uname -r').strip()
        return next(version for version, name in self.image.uname.items() if name == real)

    # Disks

    def attach(self, *disks):
        """Put disks into free slots; into a running machine they are plugged."""
        for disk in disks:
            number = min(set(range(qemu.SLOTS)) - set(self.disks))
            if self.on:
                self.qmp.call('blockdev-add', **disk.backend())
                self.qmp.call('device_add', **disk.device(qemu.slot(number)))
            self.disks[number] = disk
        if self.on:
            self.sh('; '.join(f'until [ -b {disk.device_path} ]; do sleep 0.05; done'
                              for disk in disks) + '; udevadm settle')

    def attach_scsi(self):
        """Plug a SCSI controller, into the last slot, which must be free."""
        self.qmp.call('device_add', driver='virtio-scsi-pci', id='scsi', bus=qemu.slot(qemu.SLOTS - 1))
        self.sh('modprobe -a virtio_scsi sd_mod')

    def detach(self, disk):
        """Take a disk away; out of a running machine it is pulled."""
        number = next(n for n, d in self.disks.items() if d is disk)
        if self.on:
            device = disk.device(qemu.slot(number))['id']
            self.qmp.call('device_del', id=device)
            self.qmp.wait_event('DEVICE_DELETED', device=device)
            self.qmp.call('blockdev-del', **{'node-name': disk.serial})
        del self.disks[number]

    def throttle(self, disk, bytes_per_second=0, writes_per_second=0, write_bytes_per_second=0):
        """Make a disk slow; 0: as fast as it can. Not both numbers of bytes."""
        self.qmp.call('block_set_io_throttle', id=disk.backend_path, bps=bytes_per_second, bps_rd=0,
                      bps_wr=write_bytes_per_second, iops=0, iops_rd=0, iops_wr=writes_per_second)

    def writes(self, disk):
        """How often the guest has written to a disk since it was plugged, and how many bytes."""
        for device in self.qmp.call('query-blockstats'):
            if device.get('node-name') == disk.serial:
                return device['stats']['wr_operations'], device['stats']['wr_bytes']
        raise KeyError(disk.serial)

    def written(self, disk):
        """Bytes that the guest has written to a disk since it was plugged."""
        return self.writes(disk)[1]

    @contextlib.contextmanager
    def frozen(self):
        """Stop QEMU as it stands; its disks hold what a power cut would leave now. (Its own `stop`
        would first complete what is queued for a slow disk.)"""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)
