"""polkit, the real one: a user reads everything and changes nothing, no pin, no list, no disk and
nothing of KSM; with a rule for one action it may do that and nothing else; on a terminal it is asked
for the administrator's password; a caller that leaves while its question is open leaves nothing
behind; without polkit only root may."""

import ksm

PIN = '6.5.13-5-pve'
RULES = '/etc/polkit-1/rules.d/10-test.rules'
RULE = '''polkit.addRule(function(action, subject) {
    if (action.id == "org.bootsync1.%s" && subject.user == "user")
        return polkit.Result.YES;
});
'''
LIST, GONE = '/etc/kernel/proxmox-boot-uuids', '9999-9999'
BLANK = '/dev/disk/by-id/virtio-blank-part2'
CHANGES = [
    'refresh', 'verify', 'kernel add 6.2.16-20-pve', 'kernel remove 6.2.16-20-pve',
    f'kernel pin {PIN}', f'kernel pin {PIN} --next-boot', 'kernel unpin',
    f'format {BLANK} --yes', f'format {BLANK} --yes --force', f'init {BLANK}', f'init {BLANK} grub',
    'reinit', 'clean', 'clean --dry-run',
    'ksm enable', 'ksm disable', 'ksm disable --unmerge --force', 'ksm unmerge',
    'ksm set sleep_millisecs=77',
]
READS = ['status', 'kernel list', 'esp list', '--json status', 'ksm status', '--json ksm status']
# Types root's password when asked, as a person does: the agent throws away what comes before it has
# turned the echo off, and then it is typed again.
TERMINAL = r'''import os, pty, select, signal, sys
signal.alarm(100)
pid, fd = pty.fork()
if pid == 0:
    os.execvp('runuser', ['runuser', '-u', 'user', '--', 'bootctl-pve', 'kernel', 'pin', sys.argv[1]])
seen = b''
while True:
    if not select.select([fd], [], [], 3)[0]:
        if b'assword' in seen and b'====' not in seen.split(b'assword')[-1]:
            os.write(fd, b'secret\n')
        continue
    try:
        seen += os.read(fd, 4096)
    except OSError:
        break
sys.stdout.write(seen.decode(errors='replace'))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
'''


def as_user(machine, words):
    return machine.run(f'runuser -u user -- bootctl-pve {words}', 120)


def refused(machine, words):
    result = as_user(machine, words)
    assert result.status == 4, (words, result)


def pinned(lab, machine):
    return lab.status(machine)['pinned']


def files(machine):
    return machine.sh('find /etc/kernel -type f -exec sha256sum {} +')


def state(machine, disks):
    return (files(machine), ksm.units(machine), ksm.values(machine, 'run', 'sleep_millisecs'),
            [machine.writes(disk) for disk in disks])


def check_user(machine, disks):
    """All is read, and no change comes to a file, to KSM or to a disk."""
    before = state(machine, disks)
    for words in READS:
        result = as_user(machine, words)
        assert result.status == 0 and result.out, (words, result)
    partitions = machine.sh('runuser -u user -- busctl call org.bootsync1 /org/bootsync1 '
                            'org.bootsync1.Manager ListPartitions "a{sv}" 0')
    name = machine.sh(f'readlink -f {BLANK}').strip()
    assert f'"{name}"' in partitions, (name, partitions)
    for words in CHANGES:
        refused(machine, words)
    assert before == state(machine, disks)


def allow(lab, machine, action, words):
    """With a rule for @action, @words is what a user can do."""
    machine.put(RULES, (RULE % action).encode())
    lab.wait_until(lambda: as_user(machine, words).status == 0, 30, 'the rule', 1)


def check_rules(lab, machine, blank):
    allow(lab, machine, 'pin-kernel', f'kernel pin {PIN}')
    assert pinned(lab, machine) == PIN
    assert as_user(machine, 'kernel unpin').status == 0
    for words in 'refresh', 'kernel add 6.2.16-20-pve', 'clean':
        refused(machine, words)

    # Whoever may forget an ESP may not make one of any partition.
    machine.sh(f'echo {GONE} >>{LIST}')
    allow(lab, machine, 'manage-esp', 'clean')
    assert GONE not in machine.sh(f'cat {LIST}')
    written = machine.writes(blank)
    refused(machine, f'format {BLANK} --yes')
    refused(machine, f'kernel pin {PIN}')
    assert machine.writes(blank) == written

    allow(lab, machine, 'ksm-control', 'ksm set sleep_millisecs=88')
    assert ksm.values(machine, 'sleep_millisecs') == [88]
    refused(machine, 'clean')
    machine.sh(f'rm {RULES}')
    lab.wait_until(lambda: as_user(machine, 'ksm set sleep_millisecs=88').status == 4, 30, 'no rule', 1)


def run(lab):
    machine = lab.machine(esps=2)
    blank = lab.new_disk(machine, 'blank')
    machine.sh('systemctl stop ksmtuned', 120)  # it changes something once a minute
    lab.start(machine)
    lab.wait_in_sync(machine)
    before = files(machine)

    machine.sh('bootctl-pve esp candidates', 120)  # from then on partitions are known
    check_user(machine, [*machine.esps, blank])
    check_rules(lab, machine, blank)
    assert files(machine) == before

    # A person with the password of an administrator.
    machine.sh('echo root:secret | chpasswd')
    machine.put('/root/terminal.py', TERMINAL.encode())
    result = machine.run(f'python3 /root/terminal.py {PIN}', 120)
    assert result.status == 0 and 'Pin' in result.out, result
    assert pinned(lab, machine) == PIN
    machine.sh('bootctl-pve kernel unpin', 120)

    # The question is open as long as nobody answers; its caller goes.
    machine.sh('runuser -u user -- timeout 3 busctl --allow-interactive-authorization=yes call '
               'org.bootsync1 /org/bootsync1 org.bootsync1.Manager PinKernel "ssa{sv}" '
               f'{PIN} permanent 0 || true')
    assert pinned(lab, machine) == ''
    assert machine.sh('systemctl is-active bootsyncd') == 'active\n'

    machine.sh('systemctl mask --now polkit')
    check_user(machine, [*machine.esps, blank])
    machine.sh(f'bootctl-pve kernel pin {PIN} && bootctl-pve kernel unpin', 120)
    assert files(machine) == before
