"""The same actions as for systemd-boot, each recorded and judged by itself, on an ESP with GRUB: whatever part
of the unflushed writes a power cut leaves, grub.cfg and grubenv lead to a kernel and an initrd that are
complete, with a command line that is old or new."""

import recorded


def run(lab):
    recorded.daily_actions(lab, recorded.Grub)
