"""The proof of the judge: the same refresh by a worker that syncs what it stages, but whose barriers
do nothing, is recorded and judged alike. A power cut can leave a default that leads to incomplete
files."""

import recorded


def run(lab):
    trial = recorded.refresh(lab, recorded.SystemdBoot, recorded.without_barriers)
    assert trial.tally.bad > 100, trial
