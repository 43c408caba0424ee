"""Firmware, systemd-boot as `bootctl install` leaves it, and entries, loader.conf and kernels that
only bootsync wrote: the newest kernel boots, with either of the two disks removed."""

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def run(lab):
    machine = lab.machine(esps=2, loader=False)
    lab.install_loaders(machine)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
    for esp in machine.esps:
        lab.boots_alone(machine, esp, KERNELS[0])
        machine.stop_quietly()
        lab.check_synced(esp, KERNELS)
