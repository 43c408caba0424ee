"""With a legacy BIOS: two blank disks; `format` and `init` of each, and nothing else. GRUB is chosen, and the
host boots from either disk."""

DEFAULT = '6.8.12-4-pve'


def run(lab):
    machine = lab.machine(esps=0, firmware='bios')
    machine.esps = [lab.new_disk(machine, f'disk{n}') for n in (1, 2)]
    lab.start(machine)
    for disk, verdict in zip(machine.esps, ('single', 'redundant')):
        machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
        machine.sh(f'bootctl-pve init {disk.esp_path}', 900)
        status = lab.status(machine)
        assert status['in_sync'] and status['redundancy'] == verdict, status
    assert {esp['loader'] for esp in status['esps']} == {'grub'}, status
    machine.stop_quietly()
    for disk in machine.esps:
        disk.find_esp()
    for disk, other in (machine.esps, reversed(machine.esps)):
        machine.detach(other)
        machine.boot_firmware(boot_disk=disk)
        print(f'# {disk.serial} alone: {machine.uname()}')
        assert machine.uname() == DEFAULT
        machine.stop_quietly()
        machine.attach(other)
