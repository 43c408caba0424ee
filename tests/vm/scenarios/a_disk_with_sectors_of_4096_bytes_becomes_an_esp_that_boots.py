"""A blank disk with sectors of 4096 bytes: `format`, `init`, and the host boots from it."""

DEFAULT = '6.8.12-4-pve'


def run(lab):
    machine = lab.machine(esps=0)
    machine.esps = [lab.new_disk(machine, 'disk1', sector=4096)]
    disk, = machine.esps
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    lab.start(machine)
    machine.sh(f'bootctl-pve format {disk.esp_path}', 120)
    machine.sh(f'bootctl-pve init {disk.esp_path}', 300)
    status = lab.status(machine)
    assert status['in_sync'] and status['redundancy'] == 'single', status
    machine.stop_quietly()
    disk.find_esp()
    machine.boot_firmware()
    assert machine.uname() == DEFAULT
