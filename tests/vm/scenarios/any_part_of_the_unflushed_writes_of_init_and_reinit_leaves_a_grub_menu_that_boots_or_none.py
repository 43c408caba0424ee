"""`init` with GRUB of an ESP on which nothing is, and `reinit`, recorded and judged: as soon as there is anything of
GRUB that the firmware could start, there is a menu, whose default leads to a kernel and an initrd that are
complete. GRUB itself is grub-install's, which writes in place: how often a cut leaves one of its files
incomplete is told, and no claim."""

import loaders
import recorded
from fat import Fat
from writelog import NO_LOADER, GrubInitJudge

STARTED = ('EFI/BOOT/BOOTX64.EFI', 'EFI/proxmox/shimx64.efi', 'EFI/proxmox/grubx64.efi')


def loader_files(esp):
    """What grub-install has put where the firmware looks: paths, and their contents by name."""
    paths = esp.files('EFI')
    return paths, {path.rsplit('/', 1)[1]: [esp.read(path)] for path in paths}


def init(machine, known):
    esp = machine.esps[0]
    recording = recorded.record(machine, f'bootctl-pve init {esp.esp_path} grub')
    print('# init:')
    trial = recorded.judge(recording, loaders.grub, known, [loaders.grub(Fat(esp)).options],
                           STARTED, GrubInitJudge)
    boots = trial.tally.boots
    print(f'# no boot loader {boots[NO_LOADER]}, boots {sum(boots.values()) - boots[NO_LOADER]}')
    assert trial.first.boot == NO_LOADER and trial.last.boot.linux, (trial.first, trial.last)
    return trial


def reinit(machine, known):
    options = [loaders.grub(Fat(machine.esps[0])).options]
    paths, contents = loader_files(machine.esps[0])
    recording = recorded.record(machine, 'bootctl-pve reinit')
    print('# reinit:')
    trial = recorded.judge(recording, loaders.grub, known, options)
    print('# the same with the files of GRUB, no claim:')
    recorded.judge(recording, loaders.grub, known | contents, options, paths)
    return trial


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, loader=False)
    machine.sh('rm /etc/kernel/proxmox-boot-uuids')
    lab.start(machine)
    known = recorded.known_files(lab, [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    trials = [init(machine, known), reinit(machine, known)]
    machine.stop_quietly()
    for trial in trials:
        recorded.assert_safe(trial)
