"""The same as for systemd-boot, for an ESP with GRUB: the refresh that repairs an ESP on which one was cut while it
staged, at the last leftover, or with a rename half on the disk, is recorded and judged. Whatever part of its
unflushed writes a power cut leaves, grub.cfg leads to a kernel and an initrd that are complete."""

import recorded
import repair


def run(lab):
    repair.run(lab, recorded.Grub)
