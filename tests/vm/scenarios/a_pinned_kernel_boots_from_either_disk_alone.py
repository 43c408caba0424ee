"""An older kernel that is pinned, and kept for nothing else, boots through firmware and
systemd-boot, with either of the two disks removed. The pin outlives those boots."""

PIN = '6.2.16-20-pve'
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def run(lab):
    machine = lab.machine(esps=2, loader=False)
    lab.install_loaders(machine)
    lab.start(machine)
    machine.sh(f'bootctl-pve kernel pin {PIN}', 300)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [*KERNELS, PIN])
        lab.boots_alone(machine, esp, PIN)
        assert lab.status(machine)['pinned'] == PIN
        machine.stop_quietly()
        assert lab.default_kernel(esp) == PIN
