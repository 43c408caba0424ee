"""A disk that is pulled is missing at once, one that is plugged in is seen at once, by inotify on
the links of udev alone; a disk with an old state is brought into sync by itself, also under another
name than before, and what is listed later is taken in."""

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def run(lab):
    machine = lab.machine(esps=2)
    first, second = machine.esps
    lab.start(machine)
    lab.wait_in_sync(machine)

    old = lab.esp_objects(machine)[second.uuid]
    machine.detach(second)
    lab.wait_state(machine, second, 'missing', 5)
    status = lab.status(machine)
    assert status['redundancy'] == 'degraded' and not status['in_sync'], status
    gone = lab.esp_objects(machine)[second.uuid]
    assert not gone['present'] and gone['disk'] == old['disk'], gone

    # While it is away, everything changes, and another disk takes its name.
    third = lab.disk(machine, 'esp3', '3333-CCCC')
    machine.attach(third)
    machine.sh('bootctl-pve kernel add 6.2.16-20-pve || [ $? = 3 ]', 120)
    lab.wait_state(machine, first, 'in-sync', 120)
    machine.attach(second)
    lab.wait_state(machine, second, 'in-sync', 120)
    back = lab.esp_objects(machine)[second.uuid]
    assert back['device'] != old['device'] and back['part_uuid'] == old['part_uuid'], (old, back)
    assert lab.status(machine)['redundancy'] == 'redundant'

    machine.sh(f'echo {third.uuid} >>/etc/kernel/proxmox-boot-uuids')
    lab.wait_state(machine, third, 'in-sync', 120)
    machine.stop_quietly()
    for esp in (first, second, third):
        lab.check_synced(esp, [*KERNELS, '6.2.16-20-pve'])
