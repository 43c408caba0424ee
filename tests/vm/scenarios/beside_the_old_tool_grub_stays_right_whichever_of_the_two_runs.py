"""Both tools are installed, with GRUB: whichever brings a kernel or a pin to the ESPs, the other finds nothing wrong
with it and copies nothing; bootsync makes the menu anew after the other. The firmware boots what was asked for."""

import oldtool


def run(lab):
    oldtool.side_by_side(lab, 'grub')
