"""`kernel pin --next-boot` of a kernel that panics in early boot, on a host with GRUB on two ESPs: it is
the next_entry of each grubenv; GRUB clears that of the ESP it has started from before the kernel runs,
and knows nothing of the other; there is one panic, the boot after it is the old default, and the daemon
leaves nothing of the pin on either."""

import grub
import panic


def armed(machine):
    """The version of the kernel is in what GRUB takes once, on how many ESPs."""
    entries = [grub.next_entry(disk) for disk in machine.esps]
    assert all(not entry or f'gnulinux-{panic.PIN}-advanced' in entry for entry in entries), entries
    return sum(map(bool, entries))


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    lab.start(machine)
    for disk in machine.esps:
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path} grub', 600)
        disk.find_esp()
    panic.pin(lab, machine, 'grubenv')
    assert armed(machine) == 2
    panic.boot(machine)
    assert armed(machine) == 1
    panic.boot_again(lab, machine)
    machine.shut_down()
    assert armed(machine) == 0
    assert {len(disk.read('grub/grubenv')) for disk in machine.esps} == {1024}
