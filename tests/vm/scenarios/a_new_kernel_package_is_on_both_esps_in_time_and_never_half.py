"""A kernel package is installed, its postinst makes the initrd, and nobody calls bootsync: both
ESPs have it within half a minute of the initrd's arrival. Whatever the disks hold meanwhile, as a
power cut would leave them, an entry for the new kernel comes after its whole files, and the default
leads to a whole kernel. A burst of changes that has settled is one refresh."""

import subprocess
import time

NEW = '6.8.12-5-pve'
KERNELS = [NEW, '6.8.12-4-pve', '6.5.13-5-pve']
SECONDS_MAX = 30
# The bursts of an emulated machine: dpkg begins, has unpacked, the initrd arrives, dpkg has ended.
REFRESHES_MAX = 4
INSTALL = '(dpkg -i /var/lib/vm/debs/*.deb >/root/dpkg.log 2>&1; echo $? >/root/dpkg.status) &'


def names(version):
    return [f'EFI/proxmox/{version}/{stem}-{version}' for stem in ('vmlinuz', 'initrd.img')]


def boot_digests(machine, version):
    """Of the same files, in the guest's /boot."""
    out = machine.sh(f'sha256sum /boot/vmlinuz-{version} /boot/initrd.img-{version}')
    return tuple(line.split()[0] for line in out.splitlines())


class Sampler:
    """Looks at an ESP while the guest writes to it."""

    def __init__(self, lab, esp):
        self.lab, self.esp = lab, esp
        self.looks = 0
        self.last = None  # what the last look that read kernels saw, and when
        self.seen = set()  # (version, digests of its files)

    def list(self):
        """All files, and the kernels that an entry or the default leads to; None if what is just
        being written cannot be read."""
        try:
            kernels = {self.lab.default_kernel(self.esp)}
            files = self.esp.files()
        except (subprocess.CalledProcessError, UnicodeDecodeError):
            return None
        if f'loader/entries/proxmox-{NEW}.conf' in files:
            kernels.add(NEW)
        return (files, kernels) if None not in kernels else None

    def look(self):
        """True if the new kernel is there. The kernels are read whenever a file has come or gone,
        and every few seconds. What an entry leads to is not written any more, and so readable."""
        found = self.lab.wait_until(self.list, 60, f'a look at {self.esp.serial}', 0.05)
        self.looks += 1
        if not self.last or self.last[0] != found or time.monotonic() - self.last[1] > 5:
            self.seen |= {(version, tuple(map(self.esp.digest, names(version))))
                          for version in found[1]}
            self.last = found, time.monotonic()
        return NEW in found[1]


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    before = len(lab.refreshes(machine))
    samplers = [Sampler(lab, esp) for esp in machine.esps]
    machine.sh(INSTALL)
    lab.wait_until(lambda: all([sampler.look() for sampler in samplers]), 900,
                   'the new kernel on both ESPs', 0.5)
    seen = float(machine.sh('date +%s.%N'))
    arrived = float(machine.sh(f'stat -c %.Z /boot/initrd.img-{NEW}'))
    print(f'# on both ESPs {seen - arrived:.1f} s after the initrd arrived; '
          f'{sum(sampler.looks for sampler in samplers)} looks at the disks')
    assert seen - arrived <= SECONDS_MAX

    lab.wait_until(lambda: machine.run('cat /root/dpkg.status').out == '0\n', 200, 'dpkg')
    time.sleep(5)  # until what dpkg has written last has settled
    lab.wait_in_sync(machine)
    jobs = lab.refreshes(machine)[before:]
    print(f'# refreshes: {len(jobs)}')
    assert len(jobs) <= REFRESHES_MAX and all(') done: ' in job for job in jobs), jobs

    whole = {version: boot_digests(machine, version) for version in KERNELS}
    machine.stop_quietly()
    for sampler in samplers:
        assert sampler.seen <= set(whole.items()), (sampler.seen, whole)
        files = sampler.esp.files()
        assert sorted(f'loader/entries/proxmox-{version}.conf' for version in KERNELS) == [
            name for name in files if name.startswith('loader/entries/')], files
        for version in KERNELS:
            assert tuple(map(sampler.esp.digest, names(version))) == whole[version], version
