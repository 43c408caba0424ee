"""A Debian host with two blank disks gets bootsync by its packages, and nothing else: the service runs and starts with
the host, `format` and `init` make it boot. Each of apt's runs, which brings a kernel or takes one away, is one
sync, and the firmware boots what it left. Purged, the packages leave the lists, and a host that boots."""

import hashlib

import packages

NEW, DEFAULT, OTHER = '6.8.12-5-pve', '6.8.12-4-pve', '6.5.13-5-pve'
LISTS = '/etc/kernel/proxmox-boot-uuids /etc/kernel/cmdline'


def reboot(machine, version):
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == version, machine.uname()


def syncs_of(machine, words):
    """Of one run of apt: it ends with both ESPs in sync."""
    before = packages.jobs(machine)
    out = packages.apt(machine, words)
    machine.sh('sleep 6')  # longer than what changes last needs to settle
    new = packages.jobs(machine)[len(before):]
    print(f'# apt-get {words}: {new}')
    return new, out


def check(lab, machine, versions):
    lab.wait_in_sync(machine)
    status = lab.status(machine)
    assert status['redundancy'] == 'redundant' and status['default'] == versions[0], status
    for esp in status['esps']:
        assert sorted(esp['kernels']) == sorted(versions), esp


def digests(machine):
    """Of the kernels that stay, as they are in /boot."""
    words = machine.sh(f'cd /boot && sha256sum {{vmlinuz,initrd.img}}-{{{DEFAULT},{OTHER}}}').split()
    return dict(zip(words[1::2], words[::2]))


def run(lab):
    machine = lab.machine(esps=0, start='plain')
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    packages.install(machine)
    assert packages.units(machine) == ['enabled', 'active'], packages.units(machine)
    for disk in machine.esps:
        machine.sh(f'proxmox-boot-tool format {disk.esp_path} && '
                   f'proxmox-boot-tool init {disk.esp_path}', 300)
    check(lab, machine, [DEFAULT, OTHER])
    reboot(machine, DEFAULT)
    check(lab, machine, [DEFAULT, OTHER])

    new, out = syncs_of(machine, 'install /var/lib/vm/debs/*.deb')
    assert len(new) == 1 and ' (refresh) done: ' in new[0], new
    assert out.count('is configured with') + out.count(' holds: uefi ') == 2, out
    check(lab, machine, [NEW, DEFAULT, OTHER])
    reboot(machine, NEW)
    # By its look at the ESPs the starting daemon has the kernel load vfat, before its modules go.
    check(lab, machine, [NEW, DEFAULT, OTHER])
    new, out = syncs_of(machine, f'remove proxmox-kernel-{NEW}-signed')
    assert len(new) == 1 and ' (refresh) done: ' in new[0], new
    check(lab, machine, [DEFAULT, OTHER])

    lists, files = machine.sh(f'sha256sum {LISTS}'), digests(machine)
    packages.apt(machine, 'purge bootsync bootsync-proxmox-compat')
    assert machine.sh(f'sha256sum {LISTS}') == lists
    assert machine.run('systemctl is-active bootsyncd').out == 'inactive\n'
    reboot(machine, DEFAULT)
    assert machine.sh(f'sha256sum {LISTS}') == lists
    # The purge has initrds made anew, which may come when nobody syncs any more.
    later = digests(machine)
    machine.stop_quietly()
    for disk in machine.esps:
        disk.find_esp()
        for name, digest in files.items():
            held = hashlib.sha256(disk.read(f'EFI/proxmox/{name.split("-", 1)[1]}/{name}')).hexdigest()
            assert held in (digest, later[name]), f'{name} on {disk.serial}'
