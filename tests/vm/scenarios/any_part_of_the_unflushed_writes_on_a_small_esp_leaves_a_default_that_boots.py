"""On an ESP without room for old and new side by side the initrd of the default is replaced: a stale kernel makes
room by going first; then a kept one gives way and comes back; then none may go, and the refresh says so, leaves the
old initrd, and does all else that there is to do, a pin. Each is recorded and judged as a refresh of a large
ESP: the default always leads to complete files."""

import recorded
import smallesp


def run(lab):
    smallesp.run(lab, recorded.SystemdBoot)
