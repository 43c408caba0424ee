"""On a host that has bootsync by its packages, what only the real systemd, polkit, dpkg and firmware know is broken:
`doctor` names it, somebody types the command that it shows, and it is named no more. Its report tells nobody which host
that is. One ESP becomes two by what it says of the other disk."""

import json

import packages
from machine import wait_until

BAD = ('warning', 'fault')
HOOK, POSTINST = '/etc/kernel/postinst.d/zz-systemd-boot', '/etc/kernel/postinst.d/zz-proxmox-boot'
UNIT, POLICY = '/usr/lib/systemd/system/bootsyncd.service', '/usr/share/polkit-1/actions/org.bootsync1.policy'
GENERATOR = '/etc/systemd/system-generators/systemd-gpt-auto-generator'
COMPAT = 'bootsync-proxmox-compat'

# Guest: the packages in /root become what apt-get installs from, and somebody says yes to what it asks.
REPOSITORY = r'''
import glob, hashlib, os, subprocess

with open('/root/Packages', 'w') as f:
    for deb in sorted(glob.glob('/root/*.deb')):
        control = subprocess.run(['dpkg-deb', '-f', deb], check=True, capture_output=True, text=True).stdout
        digest = hashlib.sha256(open(deb, 'rb').read()).hexdigest()
        f.write(f'{control.rstrip()}\nFilename: ./{os.path.basename(deb)}\nSize: {os.path.getsize(deb)}\n'
                f'SHA256: {digest}\n\n')
open('/etc/apt/sources.list', 'w').write('deb [trusted=yes] copy:/root ./\n')
open('/etc/apt/apt.conf.d/99yes', 'w').write(
    'APT::Get::Assume-Yes "true"; APT::Sandbox::User "root"; APT::Install-Recommends "false";\n')
subprocess.run(['apt-get', 'update'], check=True)
'''


class Host:
    def __init__(self, machine):
        self.machine = machine

    def findings(self):
        done = self.machine.run('bootctl-pve doctor --json', 180)
        assert done.status in (0, 1, 3), done
        return json.loads(done.out)['findings']

    def wrong(self, check, part=''):
        return next((f for f in self.findings()
                     if f['check'] == check and f['severity'] in BAD and part in f['sentence']), None)

    def mends(self, check, program, broken, part=''):
        if broken:
            self.machine.sh(broken, 300)
        finding = wait_until(lambda: self.wrong(check, part), 120, f'{check} {part}', 1)
        print(f'# {finding["sentence"]}: {finding["action"]}')
        assert program in finding['action'], finding
        self.machine.sh(f'export DEBIAN_FRONTEND=noninteractive\n{finding["action"]}', 600)
        wait_until(lambda: not self.wrong(check, part), 120, f'no {check} {part}', 1)


def check_report(machine, serials):
    """Of a host whose names are known."""
    machine.run('bootctl-pve doctor --report=/root/report.txt --no-pager', 180)
    assert machine.sh('stat -c %a /root/report.txt') == '600\n'
    assert machine.run('bootctl-pve doctor --report=/root/report.txt', 180).status == 1
    text = machine.get('/root/report.txt').decode()
    for part in '== Findings ==', '"Redundancy": "redundant"', 'bootsyncd.service ==\n2':
        assert part in text, text
    known = machine.sh('cat /etc/machine-id; cat /sys/class/net/*/address; '
                       'cut -d" " -f1 /etc/hostname').split()
    for secret in [*known, *serials]:
        if secret.strip('0:'):
            assert secret.lower() not in text.lower(), secret


def run(lab):
    machine = lab.machine(esps=0, start='plain')
    host = Host(machine)
    # The guest's own name is a part of many words.
    machine.sh('echo house-of-somebody >/etc/hostname; hostname -F /etc/hostname')
    machine.sh(f'mkdir -p /etc/kernel && echo "{lab.CMDLINE}" >/etc/kernel/cmdline')
    packages.leave_initrds(machine)
    packages.repack(machine, ['polkitd'], 1)
    packages.install(machine)
    machine.put('/root/repository.py', REPOSITORY.encode())
    machine.sh('python3 /root/repository.py', 120)

    machine.esps = [lab.new_disk(machine, 'disk1')]
    first = machine.esps[0]
    machine.sh(f'bootctl-pve format {first.esp_path} && bootctl-pve init {first.esp_path}', 600)
    machine.esps.append(lab.new_disk(machine, 'disk2'))
    machine.sh('bootctl-pve esp candidates', 120)
    host.mends('redundancy', 'bootctl-pve', '', 'single')
    # What the take-over hides, it hides where there are ESPs.
    host.mends('diversions', 'host take', '', HOOK)
    lab.wait_in_sync(machine)
    assert [f for f in host.findings() if f['severity'] in BAD] == [], host.findings()

    host.mends('service', 'systemctl', 'systemctl disable bootsyncd', 'not enabled')
    host.mends('unit', 'apt-get', f'rm {UNIT}; systemctl daemon-reload; systemctl stop bootsyncd || true')
    host.mends('policy', 'apt-get', f'rm {POLICY}')
    host.mends('polkit-actions', 'apt-get', f'rm {POLICY}; systemctl restart polkit')
    host.mends('policy', 'chmod', f'chmod 600 {POLICY}')
    host.mends('polkit', 'apt-get', 'systemctl stop polkit; apt-get remove polkitd; '
               'mkdir -p /etc/polkit-1/rules.d')  # which a package that is made anew does not bring
    host.mends('installed-files', 'apt-get', f'rm {POSTINST}', POSTINST)
    host.mends('installed-files', 'apt-get', f'echo exit 0 >>{POSTINST}', POSTINST)
    host.mends('diversions', 'host take', f'rm {GENERATOR}', GENERATOR)
    host.mends('diversions', 'host take',
               f'dpkg-divert --package {COMPAT} --divert {HOOK}.bootsync-off --rename --remove {HOOK}', HOOK)
    host.mends('diversions', 'host take', 'rm /usr/sbin/grub-install', 'grub-install')
    host.mends('modes', 'chmod', 'chmod 666 /etc/kernel/cmdline')

    lab.wait_in_sync(machine)
    assert [f for f in host.findings() if f['severity'] in BAD] == [], host.findings()
    assert machine.run('bootctl-pve doctor --quiet', 180).status == 0
    check_report(machine, [disk.serial for disk in machine.esps])
    machine.stop_quietly()
