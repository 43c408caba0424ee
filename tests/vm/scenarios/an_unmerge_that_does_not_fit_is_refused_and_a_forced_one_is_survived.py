"""In a guest whose memory would not hold what is merged: an unmerge is refused with the numbers, and
nothing changes; a forced one makes the kernel kill who unmerges, before anybody else: the daemon
lives, the job says so, and KSM is told as it is."""

import re

import ksm

QUICK = True
# MiB; the guest has 1024.
PROCESSES, MERGED, OTHER = 10, 50, 420


def run(lab):
    machine = lab.machine(esps=0)
    machine.sh('dpkg --purge ksmtuned', 120)
    machine.sh('systemctl start bootsyncd', 120)
    ksm.quicken(machine)
    ksm.occupy(machine, 'equal', PROCESSES, MERGED)
    machine.sh('bootctl-pve ksm enable', 60)
    ksm.wait_merged(machine, PROCESSES * MERGED * 256)
    ksm.occupy(machine, 'other', 1, OTHER, 'random')
    pid = machine.sh('systemctl show -P MainPID bootsyncd')
    before = ksm.values(machine, 'run', 'pages_sharing')

    for words in 'unmerge', 'disable --unmerge':
        result = machine.run(f'bootctl-pve ksm {words}', 60)
        assert result.status == 1 and '--force' in result.err, result
        assert re.search(r'\d+(\.\d+)? MiB.*\d+(\.\d+)? MiB', result.err), result.err
        assert ksm.values(machine, 'run', 'pages_sharing') == before, words
    print('#', result.err.strip())

    result = machine.run('bootctl-pve ksm unmerge --force', 300)
    assert result.status != 0 and 'memory' in result.err, result
    print('#', result.err.strip())
    run_value, sharing = ksm.values(machine, 'run', 'pages_sharing')
    assert run_value == 0 and 0 < sharing < before[1], (run_value, sharing, before)
    assert ksm.property_of(machine, 'RunState') == 'stopped'
    assert int(ksm.property_of(machine, 'SavedBytes')) == sharing * ksm.PAGE
    assert machine.sh('systemctl show -P MainPID bootsyncd') == pid
    # The rest of the guest finds no memory either, and somebody may have to follow.
    killed = re.findall(r'[Kk]illed process \d+ \((.*?)\)', machine.sh('journalctl -k -o cat'))
    assert killed[0] == 'bootsync-worker' and 'bootsyncd' not in killed, killed
    print(f'# killed by the kernel: {", ".join(killed)}')

    # With memory there again the next try gives the rest back.
    machine.sh('systemctl stop other', 60)
    machine.sh('bootctl-pve ksm unmerge', 300)
    assert ksm.values(machine, 'pages_sharing') == [0]
    assert ksm.property_of(machine, 'RunState') == 'unmerged'
