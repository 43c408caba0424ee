"""A test of the lab itself: a cut loses what was not synced and nothing else, and the machine
starts again on the same disks."""

QUICK = True


def run(lab):
    machine = lab.machine(esps=2, start='plain')
    esp = machine.esps[0]
    machine.sh('echo kept >/root/kept; sync; echo lost >/root/lost')
    machine.sh(f'unshare --mount sh -ec "mount {esp.esp_path} /mnt; echo kept >/mnt/kept; '
               'umount /mnt"')
    assert esp.read('kept') == b'kept\n'
    machine.power_cut()
    machine.boot_kernel()
    assert machine.sh('cat /root/kept') == 'kept\n'
    assert machine.run('cat /root/lost').out == ''
    machine.detach(machine.esps[1])
    assert machine.run(f'test -e {machine.esps[1].device_path}').status == 1
