"""What a pin has made the default, an unpin makes so no more: the newest kernel boots again,
through firmware and systemd-boot, with either of the two disks removed."""

PIN = '6.2.16-20-pve'
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def run(lab):
    machine = lab.machine(esps=2, loader=False)
    lab.install_loaders(machine)
    lab.start(machine)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 300)
    assert [lab.default_kernel(esp) for esp in machine.esps] == [PIN, PIN]
    machine.sh('bootctl-pve kernel unpin', 300)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
        lab.boots_alone(machine, esp, KERNELS[0])
        machine.stop_quietly()
