"""A kernel is added, one pinned, one pinned for the next boot, the pins are removed, the command line is
changed, and the kernel removed again. Every write and flush of each of these is recorded and judged by
itself, as for a refresh that does all at once: whatever part of the unflushed writes a power cut leaves, the
default leads to a kernel and an initrd that are complete, with a command line that is old or new."""

import loaders
import recorded


def run(lab):
    machine = recorded.machine_with_recorded_esp(lab)
    lab.start(machine)
    machine.sh('bootctl-pve refresh', 300)
    series = recorded.daily_actions(lab, machine, loaders.systemd_boot,
                                    f'echo {recorded.CMDLINE} >/etc/kernel/cmdline')
    machine.stop_quietly()
    lab.check_synced(machine.esps[0], [recorded.DEFAULT, recorded.OTHER, recorded.REMOVED])
    series.assert_safe()
