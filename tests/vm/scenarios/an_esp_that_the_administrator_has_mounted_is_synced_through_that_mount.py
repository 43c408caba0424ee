"""Mounted writable, an ESP is brought into sync all the same, leftovers and all; it stays mounted and
is not repaired. Mounted read-only, it fails with a sentence that names the mount point as soon as
something is to be written, while the other ESP is synced; unmounted, a refresh brings it into sync."""

DEFAULT, OTHER, ADDED = '6.8.12-4-pve', '6.5.13-5-pve', '6.2.16-20-pve'
MOUNTS_ITSELF = True


def mounted_at(machine, point):
    return machine.run(f'findmnt -n -o OPTIONS {point}').out


def run(lab):
    machine = lab.machine(esps=2)
    first, second = machine.esps
    machine.sh('mkdir -p /boot/efi /mnt/esp')
    lab.start(machine)
    lab.wait_in_sync(machine)

    machine.sh(f'mount {first.esp_path} /boot/efi')
    machine.sh(f'cd /boot/efi/EFI/proxmox && echo half >{DEFAULT}/vmlinuz-{DEFAULT}.new')
    machine.sh('sleep 1000 </boot/efi/loader/loader.conf >/dev/null 2>&1 & echo $! >/run/reader')
    lab.replace(machine, f'initrd.img-{DEFAULT}', f'initrd.img-{ADDED}')
    machine.sh('bootctl-pve refresh', 300)
    assert lab.status(machine)['in_sync']
    assert mounted_at(machine, '/boot/efi').startswith('rw'), mounted_at(machine, '/boot/efi')
    for stem in ('vmlinuz', 'initrd.img'):
        name = f'{stem}-{DEFAULT}'
        machine.sh(f'cmp /boot/{name} /boot/efi/EFI/proxmox/{DEFAULT}/{name}')
    assert machine.sh(f'ls -A /boot/efi/EFI/proxmox/{DEFAULT}').split() == [
        f'initrd.img-{DEFAULT}', f'vmlinuz-{DEFAULT}']
    journal = machine.sh('journalctl -u bootsyncd --no-pager')
    assert 'fsck' not in journal, journal
    machine.sh('kill $(cat /run/reader); umount /boot/efi')

    machine.sh(f'mount -o ro {second.esp_path} /mnt/esp')
    machine.sh('bootctl-pve refresh', 300)  # nothing is to be written
    machine.sh(f'bootctl-pve kernel add {ADDED} || true', 120)
    lab.wait_state(machine, second, 'failed', 300)
    lab.wait_state(machine, first, 'in-sync', 300)
    result = machine.run('bootctl-pve --json refresh', 300)
    error = lab.esp_objects(machine)[second.uuid]['last_error']
    print(f'# {error}')
    assert result.status != 0 and 'EspMounted' in result.out, result
    assert second.uuid in error and '/mnt/esp' in error and 'read-only' in error, error
    assert mounted_at(machine, '/mnt/esp').startswith('ro')
    machine.sh('umount /mnt/esp && bootctl-pve refresh', 300)
    assert lab.status(machine)['in_sync']
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [DEFAULT, OTHER, ADDED])
