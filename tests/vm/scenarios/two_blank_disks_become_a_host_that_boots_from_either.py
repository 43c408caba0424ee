"""Two blank disks, partitioned as the installer does; `format` and `init` of each, and nothing else:
the host is redundant, the firmware has an entry for each ESP, and it boots from either disk alone."""

VERSIONS = ['6.8.12-4-pve', '6.5.13-5-pve']


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    lab.start(machine)
    assert lab.status(machine)['redundancy'] == 'unmanaged'

    for disk, verdict in zip(machine.esps, ('single', 'redundant')):
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path}', 300)
        status = lab.status(machine)
        assert status['in_sync'] and status['redundancy'] == verdict, status
    print(machine.sh('bootctl-pve status; efibootmgr -v; cat /etc/kernel/proxmox-boot-uuids'))
    machine.shut_down()
    for disk in machine.esps:
        disk.find_esp()
        lab.check_synced(disk, VERSIONS)
    for disk in machine.esps:
        lab.boots_alone(machine, disk, VERSIONS[0])
        machine.shut_down()
