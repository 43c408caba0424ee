"""`kernel pin --next-boot` of a kernel that panics in early boot, on a host that systemd-boot has
started: the firmware's variable is armed and the default entry stays; there is one panic, the boot after
it is the old default, and nothing is left of the pin."""

import panic

ONE_SHOT = ('/sys/firmware/efi/efivars/LoaderEntryOneShot-'
            '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f')


def loader_confs(machine):
    return [esp.read('loader/loader.conf') for esp in machine.esps]


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.shut_down('reboot')
    machine.boot_firmware()
    lab.wait_in_sync(machine)
    before = loader_confs(machine)
    panic.pin(lab, machine, 'firmware')
    armed = machine.sh(f"cat {ONE_SHOT} | tail -c+5 | tr -d '\\0'")
    assert armed == f'proxmox-{panic.PIN}.conf', armed
    assert loader_confs(machine) == before
    panic.boot(machine)
    panic.boot_again(lab, machine)
    assert machine.run(f'test -e {ONE_SHOT}').status == 1
    machine.shut_down()
    assert loader_confs(machine) == before
