"""`init` of an ESP on which nothing is, and `reinit` after an upgrade of systemd-boot, recorded and judged as a
refresh is; and a refresh that brings the next upgrade. In the midst of `init` there is no boot loader yet, or the
default boots. In the midst of the others the default boots, and each copy of the boot loader is complete, old or new."""

import loaders
import recorded
from writelog import NO_LOADER, InitJudge

LOADER = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')
PACKAGE = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'


def entries(machine):
    return machine.sh('efibootmgr').count(' systemd-boot')


def init(lab, machine, known):
    esp = machine.esps[0]
    machine.sh('rm /etc/kernel/proxmox-boot-uuids')
    lab.start(machine)
    assert not entries(machine)
    recording = recorded.record(machine, f'bootctl-pve init {esp.esp_path} systemd-boot')
    print('# init:')
    trial = recorded.judge(recording, loaders.systemd_boot, known, [lab.CMDLINE], LOADER,
                           InitJudge)
    boots = trial.tally.boots
    print(f'# no boot loader {boots[NO_LOADER]}, boots {sum(boots.values()) - boots[NO_LOADER]}')
    assert entries(machine) == 1
    assert trial.first.boot == NO_LOADER and trial.last.boot.linux, (trial.first, trial.last)
    return trial


def upgrade(lab, machine, known, command, number):
    """Another program in the package, and the command that brings it to the ESP."""
    machine.sh(f'printf {number} >>{PACKAGE}')
    recording = recorded.record(machine, f'bootctl-pve {command}')
    print(f'# {command}:')
    trial = recorded.judge(recording, loaders.systemd_boot, known, [lab.CMDLINE], LOADER)
    found = {tuple(number for _, number in boot.loader) for boot in trial.tally.boots}
    print(f'# copies of the boot loader, by upgrades: {sorted(found)}')
    assert {(number - 1, number - 1), (number, number)} <= found, found
    return trial


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, loader=False)
    known = recorded.known_files(lab, [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    old = lab.image.systemd_boot.read_bytes()
    known |= {path.rsplit('/', 1)[1]: [old, old + b'1', old + b'12'] for path in LOADER}
    trials = [init(lab, machine, known), upgrade(lab, machine, known, 'reinit', 1),
              upgrade(lab, machine, known, 'refresh', 2)]
    machine.stop_quietly()
    lab.check_synced(machine.esps[0], [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    for trial in trials:
        recorded.assert_safe(trial)
