"""The unit, bus policy and polkit actions of this build work on a real Debian: the daemon reports
readiness to systemd, can be introspected by root and user, and its client speaks with it."""

QUICK = True


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    assert machine.sh('systemctl is-active bootsyncd') == 'active\n'
    names = machine.sh('busctl introspect org.bootsync1 /org/bootsync1')
    assert 'org.bootsync1.Manager' in names and '.Refresh' in names, names
    assert machine.sh('busctl get-property org.bootsync1 /org/bootsync1 org.bootsync1.Manager '
                      'RunningKernel') == 's "6.8.12-4-pve"\n'
    lab.wait_in_sync(machine)
    status = machine.run('bootctl-pve status')
    assert '1111-AAAA' in status.out and '2222-BBBB' in status.out, status
    assert machine.run('runuser -u user bootctl-pve status').out == status.out
    refused = machine.run('runuser -u user bootctl-pve refresh')
    assert refused.status == 4, refused
