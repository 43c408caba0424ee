"""Something is broken on a real host, `status` shows a command, somebody types it into a shell, and what it was
shown for is gone: with the real systemd, initramfs-tools, efibootmgr, sysctl and firmware. Only the editor is played."""

from machine import wait_until

DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
CONFIG = '/etc/bootsync/bootsyncd.conf'
LIST = '/etc/kernel/proxmox-boot-uuids'
PIN = '/etc/kernel/proxmox-boot-pin'
EDITOR = '''#!/bin/sh -e
case $1 in
*/cmdline) echo "$CMDLINE" >"$1" ;;
*) sed -i '/garbage/d; /AutoSync/d' "$1" ;;
esac
'''


class Host:
    def __init__(self, lab, machine):
        self.lab, self.machine = lab, machine

    def warning(self, name):
        return next((w for w in self.lab.status(self.machine)['warnings'] if w['id'] == name), None)

    def type(self, action):
        print(f'# {action}')
        self.machine.sh(f'CMDLINE="{self.lab.CMDLINE}"; export CMDLINE\n{action}', 600)

    def mends(self, name, program, broken=''):
        if broken:
            self.machine.sh(broken)
        warning = wait_until(lambda: self.warning(name), 120, name)
        assert warning['action'].split()[0] == program, warning
        self.type(warning['action'])
        wait_until(lambda: not self.warning(name), 120, f'no {name}')

    def mends_esp(self, uuid, state):
        esp = wait_until(lambda: next((e for e in self.lab.status(self.machine)['esps']
                                       if (e['uuid'], e['state']) == (uuid, state)), None),
                         60, f'{uuid} {state}')
        assert esp['why'] and esp['action'], esp
        self.type(esp['action'])


def restart_with(watches):
    return f'systemctl stop bootsyncd; sysctl fs.inotify.max_user_watches={watches}; systemctl start bootsyncd'


def run(lab):
    machine = lab.machine(esps=2)
    host = Host(lab, machine)
    machine.put('/usr/local/bin/editor', EDITOR.encode(), 0o755)
    lab.start(machine)
    lab.wait_in_sync(machine)
    assert lab.status(machine)['warnings'] == []

    host.mends('service-not-enabled', 'systemctl', 'systemctl disable bootsyncd')
    host.mends('kernel-without-initrd', 'update-initramfs', f'mv /boot/initrd.img-{OTHER} /root')
    host.mends('bad-line', 'editor', f'echo garbage line >>{LIST}')
    host.mends('cmdline-without-root', 'editor', 'echo quiet >/etc/kernel/cmdline')
    host.mends('pin-old', 'bootctl-pve', f'echo {OTHER} >{PIN}; touch -d "40 days ago" {PIN}')
    lab.wait_in_sync(machine)
    host.mends('not-watching', 'sysctl', restart_with(1))

    machine.sh(f'mkdir -p /etc/bootsync && printf "[Sync]\\nAutoSync=no\\n" >{CONFIG}')
    wait_until(lambda: host.warning('auto-sync-off'), 60, 'auto-sync-off')
    host.mends('next-boot-not-armed', 'bootctl-pve', f'bootctl-pve kernel pin {OTHER} --next-boot')
    machine.sh('bootctl-pve kernel unpin')
    host.mends_esp(machine.esps[0].uuid, 'outdated')
    host.mends('auto-sync-off', 'editor')
    lab.wait_in_sync(machine)

    lost = lab.new_disk(machine, 'lost')
    machine.sh(f'bootctl-pve format {lost.esp_path}', 120)
    machine.sh(f'bootctl-pve init {lost.esp_path}', 300)
    lost_uuid, = {esp['uuid'] for esp in lab.status(machine)['esps']} - {e.uuid for e in machine.esps}
    machine.detach(lost)
    host.mends_esp(lost_uuid, 'missing')
    host.mends('entry-without-esp', 'efibootmgr')

    status = lab.status(machine)
    assert status['warnings'] == [] and status['redundancy'] == 'redundant', status
    assert [(esp['why'], esp['action']) for esp in status['esps']] == [('', '')] * 2, status
    machine.sh(f'cp /root/initrd.img-{OTHER} /boot')  # the one that check_synced() knows
    machine.sh('bootctl-pve refresh', 300)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [DEFAULT, OTHER])
