"""An ESP on a write-protected disk is looked at as ever, and is in sync while it holds what it should;
as soon as it has to be written to it is called write-protected, with the name of its device, the
other ESP is brought into sync, and so is this one once the protection is off."""

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def plug(machine, disk, read_only):
    machine.detach(disk)
    disk.read_only = read_only
    machine.attach(disk)


def run(lab):
    machine = lab.machine(esps=2)
    good, bad = machine.esps
    lab.start(machine)
    lab.wait_in_sync(machine)

    plug(machine, bad, read_only=True)
    device = machine.sh(f'readlink -f {bad.esp_path}').strip()
    assert machine.sh(f'blockdev --getro {device}').strip() == '1'
    lab.wait_state(machine, bad, 'in-sync')
    before = bad.digest()

    result = machine.run('bootctl-pve kernel add 6.2.16-20-pve', 300)
    assert result.status == 3, result
    lab.wait_state(machine, good, 'in-sync')
    esp = lab.esp_objects(machine)[bad.uuid]
    print(f'# {esp["state"]}: {esp["last_error"]}')
    assert esp['state'] == 'failed' and 'write-protected' in esp['last_error'], esp
    assert f"'{device}'" in esp['last_error'] and 'vfat' not in esp['last_error'], esp
    status = lab.status(machine)
    assert status['redundancy'] == 'degraded' and bad.uuid in status['redundancy_reason'], status

    result = machine.run(f'bootctl-pve --json format {bad.partition_path(3)}', 120)
    assert result.status == 1 and 'org.bootsync1.Error.ReadOnly' in result.out, result
    assert bad.digest() == before

    plug(machine, bad, read_only=False)
    lab.wait_state(machine, bad, 'in-sync', 180)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [*KERNELS, '6.2.16-20-pve'])
