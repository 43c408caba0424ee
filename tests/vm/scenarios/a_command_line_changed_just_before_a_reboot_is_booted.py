"""SIGTERM syncs what is dirty before the daemon leaves: a command line that is written the moment
before `systemctl reboot` is that of the next boot. The daemon would by itself have waited half a
minute for more changes."""

PATIENCE = b'[Sync]\nSettleSec=30\n'
WORDS = 'lab.words="changed just before"'


def run(lab):
    machine = lab.machine(esps=2)
    machine.sh('mkdir -p /etc/bootsync')
    machine.put('/etc/bootsync/bootsyncd.conf', PATIENCE)
    lab.start(machine)
    lab.wait_in_sync(machine)
    old = machine.sh('cat /etc/kernel/cmdline').strip()

    machine.put('/etc/kernel/cmdline', f'{old} {WORDS}\n'.encode())
    machine.shut_down('reboot', 300)
    for esp in machine.esps:
        entry = esp.read('loader/entries/proxmox-6.8.12-4-pve.conf').decode()
        assert f'{old} {WORDS}\n' in entry, entry
    machine.boot_firmware()
    booted = machine.sh('cat /proc/cmdline').strip()
    assert booted.endswith(f'{old} {WORDS}'), booted
