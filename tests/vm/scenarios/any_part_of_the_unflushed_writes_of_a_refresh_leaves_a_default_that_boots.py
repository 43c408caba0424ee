"""Every write and flush of an ESP's disk is recorded while one refresh replaces kernel and initrd of
the default, adds a kernel, removes one, changes every entry and pins. The ESP is rebuilt for every
prefix of the record; for at least 200 random subsets of the writes between two flushes, or all of them
where there are not so many; and for each of these with a write torn. The default always leads to a
kernel and an initrd that are complete, old or new, with a command line that is old or new."""

import recorded


def run(lab):
    recorded.assert_boots(recorded.refresh(lab, recorded.SystemdBoot))
