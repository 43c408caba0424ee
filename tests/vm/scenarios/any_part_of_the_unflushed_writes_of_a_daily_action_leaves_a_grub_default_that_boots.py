"""The same actions as for systemd-boot, each recorded and judged by itself, on an ESP with GRUB: whatever part
of the unflushed writes a power cut leaves, grub.cfg and grubenv lead to a kernel and an initrd that are
complete, with a command line that is old or new."""

import loaders
import recorded


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab, loader=False)
    lab.start(machine)
    machine.sh(f'bootctl-pve init {machine.esps[0].esp_path} grub && bootctl-pve refresh', 900)
    recorded.daily_actions(
        lab, machine, loaders.grub,
        'mkdir -p /etc/default/grub.d && '
        'echo GRUB_CMDLINE_LINUX=panic=7 >/etc/default/grub.d/panic.cfg').assert_safe()
