# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a scenario gets: machines with ESPs, and this build of bootsync to put on them."""

import fnmatch
import json
import re
import time

import snapshot
from disk import Disk
from machine import Machine, wait_until

# Guest: the partition that the boot loader was read from, as that has told it.
LOADER_PARTITION = ('cat /sys/firmware/efi/efivars/LoaderDevicePartUUID-'
                    "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f | tail -c+5 | tr -d '\\0'")
SKIPPED = 777_777  # bytes

UUIDS = [f'{digit * 4}-{letter * 4}' for digit, letter in zip('123456', 'ABCDEF')]


class Lab:
    CMDLINE = 'root=LABEL=vmroot rw quiet console=ttyS0 panic=5 mitigations=off'
    wait_until = staticmethod(wait_until)

    def __init__(self, directory, image, installed, build):
        """@installed: a snapshot with UEFI and this build of bootsync; @build: that as a tar."""
        self.directory = directory
        self.image = image
        self.snapshot = installed
        self.build = build
        self.machines = []
        self.replaced = {}  # name of a file in /boot -> its content, if it is not the image's

    def machine(self, esps=2, loader=True, firmware='uefi', start='installed', **options):
        """A machine with @esps disks `machine.esps`, each with an ESP that holds systemd-boot (if
        @loader) and no kernels. @start: 'installed' runs already, with this build installed and the
        ESPs listed, bootsyncd is not started; 'plain' runs without bootsync; 'off' is off."""
        if start == 'off':
            state = None
        elif start == 'installed' and firmware == 'uefi':
            state = self.snapshot
        else:
            state = snapshot.get(self.image, firmware, say=lambda _: None)
        directory = self.directory / f'machine{len(self.machines) + 1}'
        machine = Machine(directory, self.image, firmware, snapshot=state, **options)
        self.machines.append(machine)
        machine.esps = [self.disk(machine, f'esp{n + 1}', UUIDS[n], loader) for n in range(esps)]
        if state:
            machine.resume(state / 'state')
        if machine.esps:
            machine.attach(*machine.esps)
        if start == 'installed':
            if firmware != 'uefi':
                snapshot.install(machine, self.build)
            self.list_esps(machine)
        return machine

    def disk(self, machine, serial, uuid, loader=True, kind=Disk, **options):
        """A new disk with an ESP, not attached yet."""
        disk = kind.with_esp(machine.directory / f'{serial}.raw', serial, uuid, **options)
        if loader:
            disk.install_systemd_boot(self.image.systemd_boot)
        return disk

    def blank_disk(self, machine, serial, **options):
        """A new disk with nothing on it, not attached yet; Disk.find_esp() when it has an ESP."""
        return Disk.blank(machine.directory / f'{serial}.raw', serial, **options)

    def new_disk(self, machine, serial, **options):
        """A disk as the installer partitions it, attached, its second partition to be formatted."""
        disk = self.blank_disk(machine, serial, **options)
        machine.attach(disk)
        # The ESP begins at 1 MiB in either size of sectors, and is no ESP by its type yet.
        first = disk.sector == 512
        self.partition(machine, disk, f'-a1 -n1:{34 if first else 6}:{2047 if first else 255} '
                       f'-t1:EF02 -n2:{2048 if first else 256}:+512M -t2:8300 -n3:0:0 -t3:8300')
        return disk

    def partition(self, machine, disk, options):
        """Partition an attached disk by sgdisk, and wait until udev has named what is on it."""
        machine.sh(f'sgdisk {options} {disk.device_path} && udevadm settle')

    def list_esps(self, machine):
        """List the machine's ESPs for bootsync, and give it a command line that boots here."""
        uuids = '\\n'.join(sorted(esp.uuid for esp in machine.esps))
        machine.sh('mkdir -p /etc/kernel && '
                   f'echo "{self.CMDLINE}" >/etc/kernel/cmdline && '
                   f"printf '{uuids}\\n' >/etc/kernel/proxmox-boot-uuids")

    def start(self, machine, drop_in=''):
        """Start the service, now and at each boot, with more lines for its [Service] section."""
        if drop_in:
            machine.put('/etc/systemd/system/bootsyncd.service.d/scenario.conf',
                        f'[Service]\n{drop_in}\n'.encode())
            machine.sh('systemctl daemon-reload')
        machine.sh('systemctl enable --now bootsyncd', 120)

    def install_loaders(self, machine):
        """Put the guest's own systemd-boot on empty ESPs, and what marks them as bootsync's."""
        for esp in machine.esps:
            machine.sh(f'unshare --mount sh -ec "mount {esp.esp_path} /mnt; '
                       'bootctl install --esp-path=/mnt --no-variables; mkdir -p /mnt/EFI/proxmox; '
                       'umount /mnt"', 120)

    def boots_alone(self, machine, esp, version):
        """The machine is off: with the disk of no ESP but this one it boots that kernel."""
        for other in machine.esps:
            plugged = other in machine.disks.values()
            if other is esp and not plugged:
                machine.attach(other)
            elif other is not esp and plugged:
                machine.detach(other)
        begin = time.monotonic()
        machine.boot_firmware()
        print(f'# {esp.serial} alone: {machine.uname()} runs after '
              f'{time.monotonic() - begin:.0f} s')
        assert machine.uname() == version, machine.uname()
        read_from = machine.sh(LOADER_PARTITION).lower()
        own = machine.sh(f'lsblk -dno PARTUUID {esp.esp_path}').strip()
        assert read_from == own, (read_from, own)

    def boot_content(self, name):
        """What a file in the guest's /boot holds."""
        if name not in self.replaced:
            return self.image.boot_file(*name.split('-', 1)).read_bytes()
        return self.replaced[name]

    def replace(self, machine, name, source):
        """Replace a file in /boot by another content, in which no block is as in another file: that
        of @source without its beginning. It survives a power cut."""
        machine.sh(f'cd /boot && tail -c +{SKIPPED + 1} {source} >.new && mv .new {name} && '
                   'sync -f .')
        self.replaced[name] = self.image.boot_file(*source.split('-', 1)).read_bytes()[SKIPPED:]

    # What bootsync says, and what is so

    def status(self, machine):
        """`bootctl-pve status`, parsed; an ESP that is not in sync is no error here."""
        result = machine.run('bootctl-pve --json status')
        if result.status not in (0, 2, 3):  # 2: no ESP is configured
            raise AssertionError(f'status: {result}')
        return json.loads(result.out)

    def esp_objects(self, machine):
        """FAT UUID -> what status says of that ESP."""
        return {esp['uuid']: esp for esp in self.status(machine)['esps']}

    def wait_in_sync(self, machine, timeout=300):
        return wait_until(lambda: self.status(machine)['in_sync'], timeout, 'in sync')

    def wait_state(self, machine, esp, state, timeout=60):
        """Wait until bootsync says that of the ESP."""
        return wait_until(lambda: self.esp_objects(machine).get(esp.uuid, {}).get('state') == state,
                          timeout, f'{esp.serial} {state}')

    def check_synced(self, esp, versions):
        """The machine is off, or does not write: the ESP holds just these kernels, as in /boot, and
        an entry for each. The first one is what the loader takes."""
        files = set(esp.files())
        entries = {f'loader/entries/proxmox-{v}.conf' for v in versions}
        expected = {f'EFI/proxmox/{v}/{stem}-{v}': f'{stem}-{v}'
                    for v in versions for stem in ('vmlinuz', 'initrd.img')}
        found = {f for f in files if f.startswith(('EFI/proxmox/', 'loader/entries/'))}
        assert found == entries | set(expected), found
        for name, source in expected.items():
            assert esp.read(name) == self.boot_content(source), f'{name} on {esp.serial}'
        assert not [f for f in files if f.endswith('.new') or f.startswith('FSCK')], files

    def default_kernel(self, esp):
        """The version whose entry is what loader.conf names, the newest if it names several; None
        if there is no such entry."""
        conf = esp.read('loader/loader.conf').decode()
        pattern = [line.split()[1] for line in conf.splitlines() if line.startswith('default ')][-1]
        matches = fnmatch.filter(esp.files(), f'loader/entries/{pattern}')
        versions = [name.removeprefix('loader/entries/proxmox-').removesuffix('.conf')
                    for name in matches if name.endswith('.conf')]
        return max(versions, key=lambda v: [int(n) for n in re.findall(r'\d+', v)], default=None)

    def refreshes(self, machine):
        """The journal's lines of this boot about refreshes that ended."""
        lines = machine.sh('journalctl -b -u bootsyncd -o cat --no-pager').splitlines()
        return [line for line in lines if re.match(r'Job \d+ \(refresh\) ', line)]

    # What must hold after every scenario

    def problems(self, mounts_itself=False):
        """End the machines, and tell what is wrong with what they leave behind. @mounts_itself: the
        scenario has mounted a vfat for everybody to see."""
        result = []
        for machine in self.machines:
            if machine.on:
                machine.stop_quietly()
            if machine.vfat_seen and not mounts_itself:
                result.append('a vfat was mounted for everybody to see:\n' + machine.vfat_seen)
            for disk in machine.disks.values():
                complaint = disk.fsck() if disk.uuid else ''
                if complaint:
                    result.append(f'ESP on {disk.serial}:\n{complaint}')
        return result

    def save_journals(self):
        """Called after a failure: what the guests say of themselves, if they still do."""
        for machine in self.machines:
            if machine.on:
                out = machine.run('journalctl -b --no-pager; ps axf', 60).out
                (machine.directory / 'journal.log').write_text(out)

    def close(self, keep_disks):
        for machine in self.machines:
            machine.power_cut()
            for disk in machine.disks.values():
                disk.close()
            for path in machine.directory.iterdir():
                if path.suffix != '.log' and not keep_disks:
                    path.unlink()
