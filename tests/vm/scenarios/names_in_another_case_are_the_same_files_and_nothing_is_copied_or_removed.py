"""FAT tells no case apart. A kernel whose directory, files or entry are spelled in capitals, or which
is to go into an empty directory that is, is the kernel it is by FAT: it is kept, a refresh with
nothing else to do writes not one sector, and another initrd is placed over the old one. What is not
kept any more is removed, by whatever name."""

QUICK = True
DEFAULT, OTHER, ADDED = '6.8.12-4-pve', '6.5.13-5-pve', '6.2.16-20-pve'
OURS = '/mnt/EFI/proxmox'


def respell(path, name):
    """Two renames: to Linux, a name in another case is the same one."""
    parent = path.rsplit('/', 1)[0]
    return f'mv {path} {parent}/aside; mv {parent}/aside {parent}/{name}; '


def on_esp(machine, esp, commands):
    machine.sh(f'unshare --mount sh -ec "mount {esp.esp_path} /mnt; {commands} umount /mnt"')


def sectors_written(machine, esp):
    return machine.sh(f'cat /sys/class/block/$(basename $(readlink -f {esp.device_path}))/stat'
                      ).split()[6]


def refresh_writes_nothing(lab, machine):
    before = [sectors_written(machine, esp) for esp in machine.esps]
    machine.sh('bootctl-pve refresh', 300)
    assert lab.status(machine)['in_sync']
    after = [sectors_written(machine, esp) for esp in machine.esps]
    assert after == before, (before, after)


def assert_holds(lab, esp, versions):
    """What is in /boot is on the ESP, by whatever case of its names, and no other kernel is."""
    names = {name.lower(): name for name in esp.files()}
    wanted = {f'EFI/proxmox/{v}/{stem}-{v}': f'{stem}-{v}'
              for v in versions for stem in ('vmlinuz', 'initrd.img')}
    found = {n for n in names if n.startswith(('efi/proxmox/', 'loader/entries/'))}
    assert found == {n.lower() for n in wanted} | {
        f'loader/entries/proxmox-{v}.conf' for v in versions}, found
    for name, source in wanted.items():
        assert esp.read(names[name.lower()]) == lab.boot_content(source), name


def run(lab):
    machine = lab.machine(esps=2)
    first, second = machine.esps
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.sh('systemctl stop bootsyncd', 300)
    capital = DEFAULT.replace('pve', 'PVE')
    on_esp(machine, first, respell(f'{OURS}/{DEFAULT}', capital)
           + f'mkdir {OURS}/{ADDED.replace("pve", "PVE")}; ')
    on_esp(machine, second,
           respell(f'{OURS}/{OTHER}/initrd.img-{OTHER}', f'INITRD.IMG-{OTHER}'.upper())
           + respell(f'{OURS}/{OTHER}', OTHER.upper())
           + respell('/mnt/loader/entries/' + f'proxmox-{OTHER}.conf', f'PROXMOX-{OTHER}.CONF')
           + respell('/mnt/loader/entries', 'Entries') + respell(OURS, 'Proxmox'))

    machine.sh('systemctl start bootsyncd')
    lab.wait_in_sync(machine)
    refresh_writes_nothing(lab, machine)
    for esp in lab.esp_objects(machine).values():
        assert esp['kernels'] == [DEFAULT, OTHER], esp
    machine.sh('bootctl-pve verify', 300)

    machine.sh(f'bootctl-pve kernel add {ADDED}', 300)
    lab.wait_in_sync(machine)
    for version in (DEFAULT, OTHER):
        lab.replace(machine, f'initrd.img-{version}', f'initrd.img-{ADDED}')
    machine.sh('bootctl-pve refresh', 300)
    refresh_writes_nothing(lab, machine)
    machine.sh('sync')
    for esp in machine.esps:
        assert_holds(lab, esp, [DEFAULT, OTHER, ADDED])
    names = '\n'.join(first.files() + second.files())
    assert f'/{capital}/' in names and f'/{OTHER.upper()}/' in names, names

    machine.sh(f'bootctl-pve kernel remove {ADDED}', 300)
    lab.wait_in_sync(machine)
    refresh_writes_nothing(lab, machine)
    machine.stop_quietly()
    for esp in machine.esps:
        assert_holds(lab, esp, [DEFAULT, OTHER])
        assert not esp.fsck(), esp.fsck()
