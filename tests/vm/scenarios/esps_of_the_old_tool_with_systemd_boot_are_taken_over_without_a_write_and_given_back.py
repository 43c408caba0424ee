"""Two ESPs with systemd-boot that the old tool has set up and synced: the starting daemon writes not one sector to
them, remembers once what is there, and finds nothing to do later. Pins and a kernel by ours are right for the old
tool; when the service is off, its next run leaves every file with the same bytes, and the firmware boots what it
is told from then on."""

import oldtool


def run(lab):
    oldtool.take_over_and_give_back(lab, 'systemd-boot')
