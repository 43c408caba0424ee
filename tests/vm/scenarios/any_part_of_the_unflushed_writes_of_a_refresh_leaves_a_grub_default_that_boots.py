"""The same as for systemd-boot, for an ESP with GRUB: whatever part of the unflushed writes of a refresh a
power cut leaves, the default of grub.cfg leads to a kernel and an initrd that are complete, old or new, with
a command line that is old or new."""

import recorded


def run(lab):
    recorded.assert_boots(recorded.refresh(lab, recorded.Grub))
