"""`kernel pin --next-boot` of a kernel that panics in early boot, on a host with GRUB: it is the
next_entry of grubenv, which GRUB clears before the kernel runs; there is one panic, the boot after it is
the old default, and nothing is left of the pin."""

import panic


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, 'disk1')]
    disk, = machine.esps
    lab.start(machine)
    machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
    machine.sh(f'bootctl-pve init {disk.esp_path} grub', 600)
    panic.try_it(lab, machine, 'grubenv')
    machine.shut_down()
    disk.find_esp()
    environment = disk.read('grub/grubenv')
    assert len(environment) == 1024 and b'next_entry=gnulinux' not in environment, environment
