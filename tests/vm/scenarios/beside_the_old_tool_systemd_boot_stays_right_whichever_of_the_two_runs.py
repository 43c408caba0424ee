"""Both tools are installed, with systemd-boot: whichever brings a kernel or a pin to the ESPs, the other finds
nothing wrong, and the firmware boots what was asked for."""

import oldtool


def run(lab):
    oldtool.side_by_side(lab, 'systemd-boot')
