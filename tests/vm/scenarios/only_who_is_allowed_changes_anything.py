"""polkit, the real one: a user reads everything and changes nothing; with a rule for one action it
may do that and nothing else; on a terminal it is asked for the administrator's password; a caller
that leaves while its question is open leaves nothing behind; without polkit only root may."""

PIN = '6.5.13-5-pve'
RULE = '''polkit.addRule(function(action, subject) {
    if (action.id == "org.bootsync1.pin-kernel" && subject.user == "user")
        return polkit.Result.YES;
});
'''
CHANGES = [
    'refresh', 'verify', 'kernel add 6.2.16-20-pve', 'kernel remove 6.2.16-20-pve',
    f'kernel pin {PIN}', f'kernel pin {PIN} --next-boot', 'kernel unpin',
]
READS = ['status', 'kernel list', 'esp list', '--json status']
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


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    files = machine.sh('find /etc/kernel -type f -exec sha256sum {} +')

    for words in READS:
        result = as_user(machine, words)
        assert result.status == 0 and result.out, (words, result)
    for words in CHANGES:
        refused(machine, words)
    assert machine.sh('find /etc/kernel -type f -exec sha256sum {} +') == files

    machine.put('/etc/polkit-1/rules.d/10-test.rules', RULE.encode())
    lab.wait_until(lambda: as_user(machine, f'kernel pin {PIN}').status == 0, 30, 'the rule', 1)
    assert pinned(lab, machine) == PIN
    assert as_user(machine, 'kernel unpin').status == 0
    refused(machine, 'refresh')
    refused(machine, 'kernel add 6.2.16-20-pve')
    machine.sh('rm /etc/polkit-1/rules.d/10-test.rules')
    lab.wait_until(lambda: as_user(machine, f'kernel pin {PIN}').status == 4, 30, 'no rule', 1)

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
    for words in CHANGES:
        refused(machine, words)
    for words in READS:
        assert as_user(machine, words).status == 0, words
    machine.sh(f'bootctl-pve kernel pin {PIN} && bootctl-pve kernel unpin', 120)
    assert machine.sh('find /etc/kernel -type f -exec sha256sum {} +') == files
