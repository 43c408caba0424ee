"""Without ksmtuned: enable merges what is equal, also after a reboot; an unmerge that is canceled
leaves ksmd stopped and the rest merged, and says so; the next one gives every page back, with
progress that a client sees; a refresh meanwhile does not wait for it."""

import re

import ksm

# The kernel counts a process as unmerged when all of it is, so there are several.
PROCESSES, MIB = 20, 20
PAGES = PROCESSES * MIB * 256
CANCEL = r'''job=$(busctl call org.bootsync1 /org/bootsync1/ksm org.bootsync1.Ksm Unmerge 'a{sv}' 0)
job=${job#o \"}; job=${job%\"}
until [ "$(busctl get-property org.bootsync1 $job org.bootsync1.Job Progress | cut -c3-)" -ge 5 ]
do :; done
busctl call org.bootsync1 $job org.bootsync1.Job Cancel 'a{sv}' 0
while busctl introspect org.bootsync1 $job org.bootsync1.Job >/dev/null 2>&1
do :; done
'''


def cancel_in_the_middle(machine):
    machine.put('/root/cancel.sh', CANCEL.encode())
    machine.sh('sh -e /root/cancel.sh', 120)
    run, sharing, shared = ksm.values(machine, 'run', 'pages_sharing', 'pages_shared')
    assert run == 0 and 0 < sharing + shared < PAGES, (run, sharing, shared)
    assert ksm.property_of(machine, 'RunState') == 'stopped'
    assert int(ksm.property_of(machine, 'SavedBytes')) == sharing * ksm.PAGE
    journal = machine.sh('journalctl -u bootsyncd -o cat')
    assert re.search(r'\(ksm-unmerge\) canceled: .* as merged; another try', journal), journal
    print(f'# canceled with {PAGES - sharing - shared} of {PAGES} pages unmerged')


def run(lab):
    machine = lab.machine(esps=1)
    machine.sh('dpkg --purge ksmtuned', 120)
    lab.start(machine)
    lab.wait_in_sync(machine)
    assert ksm.property_of(machine, 'RunState') == 'stopped'
    ksm.quicken(machine)
    ksm.occupy(machine, 'equal', PROCESSES, MIB)
    machine.sh('bootctl-pve ksm enable', 60)
    assert ksm.values(machine, 'run') == [1]
    ksm.wait_merged(machine, PAGES)
    sharing, = ksm.values(machine, 'pages_sharing')
    assert sharing >= PAGES - PAGES // 256 - 1, sharing
    assert int(ksm.property_of(machine, 'SavedBytes')) == sharing * ksm.PAGE
    assert int(ksm.property_of(machine, 'CpuUSec')) > 0
    out = machine.sh('bootctl-pve ksm status', 60)
    assert 'python3' in out, out

    cancel_in_the_middle(machine)

    machine.sh('nohup bootctl-pve --json monitor > /root/events 2>&1 &')
    started = machine.sh("date +%s.%N; (bootctl-pve ksm disable --unmerge; echo $? > /root/status; "
                         'date +%s.%N > /root/ended) > /root/out 2>&1 & sleep 1; '
                         'bootctl-pve refresh; date +%s.%N', 300).split()
    lab.wait_until(lambda: machine.run('test -s /root/ended').status == 0, 120, 'the unmerge')
    assert machine.sh('cat /root/status') == '0\n', machine.sh('cat /root/out')
    assert ksm.values(machine, 'pages_sharing', 'pages_shared') == [0, 0]
    assert ksm.property_of(machine, 'RunState') == 'unmerged'
    seen = sorted({int(p) for p in re.findall(r'"Progress":(\d+)', machine.sh('cat /root/events'))})
    assert len([p for p in seen if 0 < p < 100]) >= 3, seen
    print(f'# percents that a client saw: {seen}; started {started[0]}, refresh done {started[-1]}, '
          f'unmerged {machine.sh("cat /root/ended").strip()}')

    # Both survive a reboot.
    machine.shut_down('reboot')
    machine.boot_kernel()
    lab.wait_until(lambda: machine.run('systemctl is-active bootsyncd').out == 'active\n', 120)
    assert ksm.property_of(machine, 'AtBoot') == 'false'
    lab.wait_until(lambda: ksm.values(machine, 'pages_to_scan') == [20000], 60, 'the settings')
    assert ksm.values(machine, 'run') == [0]
    machine.sh('bootctl-pve ksm enable', 60)
    machine.shut_down('reboot')
    machine.boot_kernel()
    lab.wait_until(lambda: ksm.values(machine, 'run') == [1], 120, 'ksmd')
