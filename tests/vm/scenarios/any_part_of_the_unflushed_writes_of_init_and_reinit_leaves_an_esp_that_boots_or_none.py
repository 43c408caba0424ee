"""`init` of an ESP on which nothing is, and `reinit` after an upgrade of systemd-boot, recorded and judged as a
refresh is. In the midst of `init` there is no boot loader yet, or one with no entry yet, or the default
boots. In the midst of `reinit` the default boots, and each copy of the boot
loader is complete, old or new."""

import loaders
import recorded
from writelog import NO_ENTRY, NO_LOADER, InitJudge

LOADER = ('EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI')
PACKAGE = '/usr/lib/systemd/boot/efi/systemd-bootx64.efi'


def init(lab, machine, known):
    esp = machine.esps[0]
    machine.sh('rm /etc/kernel/proxmox-boot-uuids')
    lab.start(machine)
    recording = recorded.record(machine, f'bootctl-pve init {esp.esp_path} systemd-boot')
    print('# init:')
    trial = recorded.judge(recording, loaders.systemd_boot_at_first, known, [lab.CMDLINE], LOADER,
                           InitJudge)
    boots = trial.tally.boots
    print(f'# no boot loader {boots[NO_LOADER]}, no entry {boots[NO_ENTRY]}, '
          f'boots {sum(boots.values()) - boots[NO_LOADER] - boots[NO_ENTRY]}')
    assert trial.first.boot == NO_LOADER and trial.last.boot.linux, (trial.first, trial.last)
    return trial


def reinit(lab, machine, known):
    machine.sh(f'printf upgrade >>{PACKAGE}')
    recording = recorded.record(machine, 'bootctl-pve reinit')
    print('# reinit:')
    trial = recorded.judge(recording, loaders.systemd_boot, known, [lab.CMDLINE], LOADER)
    found = {tuple(number for _, number in boot.loader) for boot in trial.tally.boots}
    print(f'# copies of the boot loader, 1 is new: {sorted(found)}')
    assert {(0, 0), (1, 1)} <= found, found
    return trial


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, loader=False)
    known = recorded.known_files(lab, [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    old = lab.image.systemd_boot.read_bytes()
    known |= {path.rsplit('/', 1)[1]: [old, old + b'upgrade'] for path in LOADER}
    trials = [init(lab, machine, known), reinit(lab, machine, known)]
    machine.stop_quietly()
    lab.check_synced(machine.esps[0], [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    for trial in trials:
        recorded.assert_safe(trial)
