"""A recorded refresh is cut in the midst of what it writes: while it stages, and at the last leftover that there is;
that one once more with its rename half on the disk, so that two names lead to one chain. The ESP is laid back to
each of these states, dirty as they are, and the refresh that repairs it is recorded and judged as the first one
was: a cut of the repair, too, leaves a default that boots."""

import recorded
import repair


def run(lab):
    repair.run(lab, recorded.SystemdBoot)
