"""The daemon and its worker are replaced and restarted, as by dpkg, while a refresh runs: the
client that waits for it sees it end well, the new daemon finds the ESPs in sync, and nothing on
them is half."""

QUICK = True
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve', '6.2.16-20-pve']
PROGRAMS = ['/usr/sbin/bootsyncd', '/usr/libexec/bootsync-worker']
SLOW = 8 << 20  # bytes a second, so that the refresh takes seconds


def main_pid(machine):
    return int(machine.sh('systemctl show -P MainPID bootsyncd'))


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    old, jobs = main_pid(machine), len(lab.refreshes(machine))

    for esp in machine.esps:
        machine.throttle(esp, SLOW)
    machine.sh(f'(bootctl-pve kernel add {KERNELS[2]}; echo $? >/root/status) >/dev/null 2>&1 &')
    lab.wait_until(lambda: machine.run('pgrep -f bootsync-worker').status == 0, 60, 'a worker')
    machine.sh('; '.join(f'cp -a {name} {name}.dpkg-new; mv {name}.dpkg-new {name}'
                         for name in PROGRAMS))
    assert machine.run('test -e /root/status').status == 1, 'the refresh has ended too early'
    machine.sh('a=$EPOCHREALTIME; systemctl restart bootsyncd; '
               'awk "BEGIN {print $EPOCHREALTIME - $a}" >/root/took', 300)
    print('# restart while a refresh runs: '
          f'{float(machine.sh("cat /root/took")):.1f} s')
    for esp in machine.esps:
        machine.throttle(esp)

    assert machine.sh('cat /root/status') == '0\n'
    new = main_pid(machine)
    assert new not in (0, old)
    running, installed = machine.sh(f'stat -Lc %i /proc/{new}/exe {PROGRAMS[0]}').split()
    assert running == installed
    lab.wait_in_sync(machine)
    ends = lab.refreshes(machine)[jobs:]
    assert len(ends) == 2 and all(') done: ' in end for end in ends), ends
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
