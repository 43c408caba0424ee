"""A disk is plugged whose FAT has the UUID of a listed ESP: from then on the host is called
degraded, with the UUID named, until that disk is gone again."""


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    assert lab.status(machine)['redundancy'] == 'redundant'

    original = machine.esps[0]
    twin = lab.disk(machine, 'twin', original.uuid)
    machine.attach(twin)
    lab.wait_until(lambda: lab.status(machine)['redundancy'] == 'degraded', 60, 'degraded')
    reason = lab.status(machine)['redundancy_reason']
    print(f'# {reason}')
    assert original.uuid in reason and 'More than one partition' in reason, reason

    machine.detach(twin)
    lab.wait_until(lambda: lab.status(machine)['redundancy'] == 'redundant', 120, 'redundant')
