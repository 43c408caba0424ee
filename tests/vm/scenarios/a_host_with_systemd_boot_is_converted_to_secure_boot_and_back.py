"""Two ESPs with systemd-boot, a firmware without keys. The commands of `secure-boot plan`, each in its turn and
nothing else, lead to Secure Boot; where they lead into the firmware's menus, somebody puts Microsoft's keys there. On
the way there are always two ESPs that boot, and the last one with nothing but systemd-boot stays until the other one has
proven itself. At the end nothing is open, and the host boots from either disk alone, through shim, GRUB and a
signed kernel. Switched off again, systemd-boot boots: it stayed on both ESPs."""

import secureboot

VERSION = '6.8.12-4-pve'
CONVERT = 'bootctl-pve secure-boot convert'
REBOOT, INTO_FIRMWARE = 'systemctl reboot', 'systemctl reboot --firmware-setup'
SHIM, SYSTEMD_BOOT = '\\EFI\\proxmox\\shimx64.efi', '\\EFI\\systemd\\systemd-bootx64.efi'
LOADERS = {'EFI/proxmox/shimx64.efi', 'EFI/proxmox/grubx64.efi', 'EFI/systemd/systemd-bootx64.efi'}
LOADER_INFO = ('cat /sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f 2>/dev/null '
               "| tail -c+5 | tr -d '\\0'")


def entries(machine, path):
    """Numbers of the firmware's entries that start this program."""
    return [entry['number'] for entry in secureboot.boot(machine)['entries'] if entry['path'] == path]


def current_entry(machine):
    boot = secureboot.boot(machine)
    return next(entry for entry in boot['entries'] if entry['number'] == boot['boot_current'])


def first_open(machine):
    """The step that is next, as the plan says; None if nothing is open."""
    secureboot.status(machine)
    steps = secureboot.plan(machine)
    for step in steps:
        print(f"# {'done' if step['done'] else 'open'}: {step['step']}: {step['why']}  {step['command']}")
    return next((step for step in steps if not step['done']), None)


def converted(machine):
    return [esp for esp in machine.esps if 'EFI/proxmox/shimx64.efi' in esp.files()]


def reboot(machine):
    machine.shut_down('reboot', 300)
    machine.boot_firmware()
    assert machine.uname() == VERSION, machine.uname()


def take(machine, command):
    """What a person does who reads a step."""
    print(f'# $ {command}')
    if command == CONVERT:
        print(f"# {machine.sh(f'{command} --yes', 1800)}")
    elif command == INTO_FIRMWARE:
        machine.shut_down('reboot', 300)
        machine.enroll('secure-boot')
        machine.boot_firmware()
    elif command.endswith(REBOOT):
        machine.sh(command.removesuffix(REBOOT) + 'true')
        reboot(machine)
    else:
        raise AssertionError(f'this host needs no such step: {command}')


def follow(lab, machine):
    """From step to step to the end; gives which commands that took."""
    taken = []
    while step := first_open(machine):
        assert len(taken) < 8, taken
        assert lab.status(machine)['redundancy'] == 'redundant'
        if step['command'] == CONVERT and converted(machine):
            assert current_entry(machine)['path'] == SHIM, 'the first one is not proven yet'
        take(machine, step['command'])
        taken.append(step['command'])
        lab.wait_in_sync(machine)
    return taken


def boots_alone(machine, esp):
    for disk in list(machine.disks.values()):
        machine.detach(disk)
    machine.attach(esp)
    machine.boot_firmware()
    assert secureboot.enabled(machine) and machine.uname() == VERSION, machine.uname()
    current = current_entry(machine)
    print(f"# {esp.serial} alone: {current['title']} {current['path']}; refused: {secureboot.refused(machine)}")
    own = machine.sh(f'lsblk -dno PARTUUID {esp.esp_path}').strip()
    assert (current['path'], current['part_uuid']) == (SHIM, own), current
    machine.shut_down('poweroff', 300)


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    machine.sh('bootctl-pve reinit', 300)
    assert len(entries(machine, SYSTEMD_BOOT)) == 2 and not entries(machine, SHIM)
    taken = follow(lab, machine)
    assert taken.count(CONVERT) == 2 and taken[-1] == INTO_FIRMWARE, taken
    assert secureboot.enabled(machine) and current_entry(machine)['path'] == SHIM
    machine.shut_down('poweroff', 300)
    for esp in machine.esps:
        assert LOADERS <= set(esp.files()), esp.files()
    for esp in machine.esps:
        boots_alone(machine, esp)

    machine.attach(*(esp for esp in machine.esps if esp not in machine.disks.values()))
    machine.secure_boot(False)
    machine.boot_firmware()
    assert not secureboot.enabled(machine) and machine.uname() == VERSION
    old = entries(machine, SYSTEMD_BOOT)
    assert len(old) == 2, old
    machine.sh(f'efibootmgr -q -n {old[0]:04X}')
    reboot(machine)
    assert machine.sh(LOADER_INFO).startswith('systemd-boot') and current_entry(machine)['number'] == old[0]
