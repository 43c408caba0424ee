"""On an ESP without room for old and new side by side the initrd of the default is replaced: once a stale
kernel makes room by going first; once none is left to go, and the refresh says so, leaves the old initrd, and
does all else that there is to do, a pin. Both are recorded and judged as a refresh of a large ESP: the default
always leads to complete files."""

import loaders
import recorded
from disk import MIB
from recorded import DEFAULT, MANUAL, OTHER, REMOVED

SIZE = 264  # MiB; smaller ones have no clusters of 4096 bytes
FREE = 10 * MIB  # an initrd has 27
INITRD = f'initrd.img-{DEFAULT}'


def fill(machine, name):
    """Leave no more than that free, by a file of the administrator's."""
    free = int(machine.sh(
        f"unshare --mount sh -ec 'mount {machine.esps[0].esp_path} /mnt; cd /mnt; free() {{ "
        "df --output=avail -B1 . | tail -n1; }; "
        f"head -c $(($(free) - {FREE})) /dev/zero >{name}; free; cd /; umount /mnt'", 300))
    assert 0 < free <= FREE, free


def replace(lab, machine, known, source):
    lab.replace(machine, INITRD, f'initrd.img-{source}')
    known[INITRD].append(lab.boot_content(INITRD))


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, esp_size=SIZE * MIB)
    esp = machine.esps[0]
    lab.start(machine)
    machine.sh('bootctl-pve refresh', 300)
    known = recorded.known_files(lab, [DEFAULT, OTHER, REMOVED])
    series = recorded.Series(machine, loaders.systemd_boot, known)

    fill(machine, 'first.bin')
    machine.sh(f': >{MANUAL}')
    replace(lab, machine, known, recorded.ADDED)
    trial = series.act('a stale kernel makes room', 'bootctl-pve refresh', DEFAULT)
    assert trial.first.boot.initrd[1] == 0 and trial.last.boot.initrd[1] == 1, trial
    lab.check_synced(esp, [DEFAULT, OTHER])

    fill(machine, 'second.bin')
    replace(lab, machine, known, REMOVED)
    machine.sh(f'echo {OTHER} >/etc/kernel/proxmox-boot-pin')
    series.act('nothing makes room', '! bootctl-pve refresh', OTHER)
    error = lab.esp_objects(machine)[esp.uuid]['last_error']
    print(f'# {error}')
    assert 'does not fit' in error and esp.uuid in error, error
    assert esp.read(f'EFI/proxmox/{DEFAULT}/{INITRD}') == known[INITRD][1]
    machine.stop_quietly()
    series.assert_safe()
