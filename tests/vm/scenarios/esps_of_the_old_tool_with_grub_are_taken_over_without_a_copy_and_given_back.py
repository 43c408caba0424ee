"""Two ESPs with GRUB that the old tool has set up and synced: the starting daemon copies no kernel to them, makes each
menu anew, once, and finds nothing to do later. Pins and a kernel by ours are right for the old tool; when the service
is off, its next run leaves every file with the same bytes, but for the comment in the menu, and the firmware boots
what it is told from then on."""

import oldtool


def run(lab):
    oldtool.take_over_and_give_back(lab, 'grub')
