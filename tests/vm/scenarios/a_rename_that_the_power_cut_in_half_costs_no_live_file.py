"""On the disk two names lead to one chain. Where NAME.new is one of them, the worker takes it away
without a live file losing a byte at any instant. Where both are live files, the ESP is left as it is
to the last byte and fails with a sentence that names them, while the other ESP is synced. And the short
names by which a leftover is known once half its long name is gone are those that Linux gives."""

from fnmatch import fnmatchcase

import crash
from fat import Fat

DEFAULT, OTHER = '6.8.12-4-pve', '6.5.13-5-pve'
ADDED = '6.2.16-20-pve'
DIRECTORY = f'EFI/proxmox/{DEFAULT}'
LIVE = f'{DIRECTORY}/initrd.img-{DEFAULT}'
# What is staged -> how Linux calls it, and what daemon/blocking/esp/esp-repair.c expects.
ALIASES = {
    f'{DIRECTORY}/vmlinuz-{DEFAULT}.new': ('VMLINU~1.NEW', 'VM????~?.NEW'),
    f'{DIRECTORY}/initrd.img-{DEFAULT}.new': ('INITRD~1.NEW', 'IN????~?.NEW'),
    f'loader/entries/proxmox-{DEFAULT}.conf.new': ('PROXMO~1.NEW', 'PR????~?.NEW'),
    'loader/loader.conf.new': ('LOADER~1.NEW', 'LO????~?.NEW'),
}


def with_mounted(machine, esp, script):
    """Run a script in the ESP's root, mounted where nobody sees it."""
    machine.sh(f'unshare --mount sh -ec "mount {esp.esp_path} /mnt; cd /mnt; {script}; cd /; '
               'umount /mnt"', 120)


def look_at_aliases(machine, esp):
    """Linux's own short names, the plain ones and those that it gives after many of the like."""
    many = ' '.join(f'{DIRECTORY}/initrd.img-many{n}.new' for n in range(12))
    with_mounted(machine, esp, f'touch {" ".join(ALIASES)}')
    fat = Fat(esp)
    plain = {path: fat.slot(path).alias for path in ALIASES}
    with_mounted(machine, esp, f'rm {" ".join(ALIASES)}; touch {many}; touch {LIVE}.new')
    crowded = fat.slot(f'{LIVE}.new').alias
    with_mounted(machine, esp, f'rm {many} {LIVE}.new')
    print(f'# short names: {", ".join(plain.values())}; after many others {crowded}')
    for path, (alias, pattern) in ALIASES.items():
        assert plain[path] == alias and fnmatchcase(alias, pattern), (path, plain[path])
    assert fnmatchcase(crowded, ALIASES[f'{LIVE}.new'][1]) and crowded[2:6] != 'ITRD', crowded


def clear_a_leftover(lab, machine, esp):
    """Its rename had written the slot of NAME and not yet freed that of NAME.new."""
    with_mounted(machine, esp, f'head -c 9000000 /boot/vmlinuz-{DEFAULT} >{LIVE}.new')
    machine.detach(esp)
    fat = Fat(esp)
    fat.share(LIVE, f'{LIVE}.new')
    fat.dirty = True
    assert fat.slot(LIVE).cluster == fat.slot(f'{LIVE}.new').cluster and 'share clusters' in esp.fsck()
    machine.attach(esp)
    machine.throttle(esp, writes_per_second=20)
    known = {f'{stem}-{v}': [lab.boot_content(f'{stem}-{v}')] for v in (DEFAULT, OTHER)
             for stem in ('vmlinuz', 'initrd.img')}
    taken = crash.Judge(machine, known, [lab.CMDLINE]).sample('bootctl-pve refresh')
    machine.throttle(esp)
    bad = [problem for states in taken for state in states for problem in state.problems]
    print(f'# {len(taken)} states while the leftover is cleared: {len(bad)} bad')
    assert len(taken) >= 3 and not bad, bad[:10]
    lab.wait_in_sync(machine)
    lab.check_synced(esp, [DEFAULT, OTHER])
    assert not esp.fsck(), esp.fsck()


def leave_damage_alone(lab, machine, bad, good):
    first, second = f'{DIRECTORY}/vmlinuz-{DEFAULT}', f'EFI/proxmox/{OTHER}/vmlinuz-{OTHER}'
    machine.detach(bad)
    fat = Fat(bad)
    undo = fat.share(first, second)
    fat.dirty = True
    before = bad.digest()
    machine.sh(f'echo {ADDED} >/etc/kernel/proxmox-boot-manual-kernels')
    machine.attach(bad)
    lab.wait_state(machine, bad, 'failed', 300)
    lab.wait_state(machine, good, 'in-sync', 300)
    error = lab.esp_objects(machine)[bad.uuid]['last_error']
    print(f'# {error}')
    assert first in error and second in error and bad.uuid in error, error
    result = machine.run('bootctl-pve refresh', 300)
    assert result.status != 0 and bad.digest() == before, result
    lab.check_synced(good, [DEFAULT, OTHER, ADDED])

    machine.detach(bad)
    fat.restore(undo)
    machine.attach(bad)
    lab.wait_in_sync(machine)
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, [DEFAULT, OTHER, ADDED])


def run(lab):
    machine = lab.machine(esps=2)
    first, second = machine.esps
    lab.start(machine)
    lab.wait_in_sync(machine)
    look_at_aliases(machine, first)
    clear_a_leftover(lab, machine, first)
    leave_damage_alone(lab, machine, second, first)
