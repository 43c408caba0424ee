"""On a host without ESPs, whose GRUB has its menu in the /boot of an ext4 root: a pin is the default of
that menu, which grub-mkconfig has made, and what GRUB boots; a pin for the next boot is in GRUB's
environment block, from where GRUB itself takes it once; a refresh with nothing to do starts no
grub-mkconfig; an unpin takes both away."""

import grub

MENU = '/boot/grub/grub.cfg'
SNIPPET = '/etc/default/grub.d/proxmox-kernel-pin.cfg'
PIN, NEXT = '6.5.13-1-pve', '6.2.16-20-pve'
# grub-mkconfig alone starts hundreds of processes.
FORKS_MAX = 40


def default(machine):
    """The default of the menu, but for what is taken once."""
    return machine.sh(f"sed -n 's/^ *set default=\"\\([^$].*\\)\"/\\1/p' {MENU} | tail -n1").strip()


def next_entry(machine):
    return machine.sh('grub-editenv /boot/grub/grubenv list | sed -n s/^next_entry=//p').strip()


def is_of(entry, version):
    return entry.startswith('gnulinux-advanced-') and f'>gnulinux-{version}-advanced-' in entry


def forks(machine):
    return int(machine.sh('grep processes /proc/stat').split()[1])


def check_refresh_does_nothing(machine):
    menu, before = machine.sh(f'stat -c %i.%Z {MENU}'), forks(machine)
    machine.sh('bootctl-pve refresh', 120)
    started = forks(machine) - before
    print(f'# forks of a refresh with nothing to do: {started}')
    assert started < FORKS_MAX, started
    assert machine.sh(f'stat -c %i.%Z {MENU}') == menu


def boots(machine, version):
    """The daemon is not enabled: what it would put right is seen as GRUB has left it."""
    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == version, machine.uname()
    assert machine.run('systemctl is-active bootsyncd').out == 'inactive\n'


def run(lab):
    machine = lab.machine(esps=0)
    disk = lab.disk(machine, 'disk1', '1111-AAAA', loader=False)
    machine.attach(disk)
    grub.install_host(machine, disk)
    machine.sh('systemctl start bootsyncd', 120)
    check_refresh_does_nothing(machine)

    machine.sh(f'bootctl-pve kernel pin {PIN}', 600)
    assert is_of(default(machine), PIN), default(machine)
    check_refresh_does_nothing(machine)
    machine.sh(f'bootctl-pve kernel pin {NEXT} --next-boot', 600)
    assert is_of(default(machine), PIN), default(machine)
    assert is_of(next_entry(machine), NEXT), next_entry(machine)

    boots(machine, NEXT)
    assert next_entry(machine) == '' and is_of(default(machine), PIN)
    boots(machine, PIN)
    machine.sh('systemctl start bootsyncd', 120)
    lab.wait_until(lambda: lab.status(machine)['next_boot'] == '', 120, 'the end of the pin')
    check_refresh_does_nothing(machine)

    machine.sh(f'bootctl-pve kernel pin {NEXT} --next-boot', 600)
    assert is_of(next_entry(machine), NEXT), next_entry(machine)
    machine.sh('bootctl-pve kernel unpin', 600)
    assert default(machine) == '0' and next_entry(machine) == ''
    machine.sh(f'test ! -e {SNIPPET}')
