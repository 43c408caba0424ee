"""SIGSTOP to the daemon: systemd ends and restarts it, and what it tells is right again. SIGKILL
with a job running: its workers finish or end, and the restarted daemon shows what is so."""

KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def pid(machine):
    return int(machine.sh('systemctl show -P MainPID bootsyncd'))


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine, 'WatchdogSec=5s\nRestartSec=1s')

    # Killed in mid-copy: on to the true state.
    old = pid(machine)
    lab.wait_until(lambda: machine.run('pgrep -f bootsync-worker').status == 0, 60, 'a worker')
    machine.sh(f'kill -KILL {old}')
    lab.wait_until(lambda: pid(machine) not in (0, old), 60, 'a restarted daemon')
    lab.wait_in_sync(machine)
    assert machine.sh('systemctl show -P NRestarts bootsyncd') == '1\n'
    assert machine.run('pgrep -f bootsync-worker').status == 1

    old = pid(machine)
    machine.sh(f'kill -STOP {old}')
    lab.wait_until(lambda: pid(machine) not in (0, old), 60, 'a restarted daemon')
    lab.wait_in_sync(machine)
    journal = machine.sh('journalctl -u bootsyncd --no-pager')
    assert 'Watchdog timeout' in journal, journal
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
