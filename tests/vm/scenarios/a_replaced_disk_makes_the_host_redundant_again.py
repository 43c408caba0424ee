"""A disk is taken out, and a blank one put in: `clean`, `format` and `init` make the host redundant again,
and at each step the verdict is right and names what is wrong."""

QUICK = True
VERSIONS = ['6.8.12-4-pve', '6.5.13-5-pve']


def verdict(lab, machine):
    status = lab.status(machine)
    print(f'# {status["redundancy"]}: {status["redundancy_reason"]}')
    return status['redundancy'], status['redundancy_reason']


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    assert verdict(lab, machine)[0] == 'redundant'

    kept, lost = machine.esps
    machine.detach(lost)
    lab.wait_state(machine, lost, 'missing')
    name, reason = verdict(lab, machine)
    assert name == 'degraded' and lost.uuid in reason and '/dev/' in reason, (name, reason)

    assert lost.uuid in machine.sh('bootctl-pve clean')
    name, reason = verdict(lab, machine)
    assert name == 'single' and '/dev/' in reason, (name, reason)

    new = lab.new_disk(machine, 'new')
    machine.sh(f'bootctl-pve format {new.esp_path}', 120)
    machine.sh(f'bootctl-pve init {new.esp_path}', 300)
    assert verdict(lab, machine)[0] == 'redundant'
    machine.stop_quietly()
    new.find_esp()
    for disk in (kept, new):
        lab.check_synced(disk, VERSIONS)
