"""The same as for systemd-boot, for a small ESP with GRUB: a stale kernel makes room for the default's new initrd, a
kept one gives way and comes back, and where none may go the pin is in the menu all the same. Whatever part of the
unflushed writes a power cut leaves, grub.cfg leads to a kernel and an initrd that are complete."""

import recorded
import smallesp


def run(lab):
    smallesp.run(lab, recorded.Grub)
