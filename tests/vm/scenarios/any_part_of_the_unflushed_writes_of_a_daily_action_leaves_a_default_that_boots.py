"""A kernel is added, one pinned, one pinned for the next boot, the pins are removed, the command line is
changed, and the kernel removed again. Every write and flush of each of these is recorded and judged by
itself, as for a refresh that does all at once: whatever part of the unflushed writes a power cut leaves, the
default leads to a kernel and an initrd that are complete, with a command line that is old or new."""

import recorded


def run(lab):
    recorded.daily_actions(lab, recorded.SystemdBoot)
