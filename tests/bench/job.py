# SPDX-License-Identifier: LGPL-2.1-or-later
"""One way to measure: in each round everybody who can do a job does it, in turns who is first. What
counts is the ratio of two of them in the same round, since the machine's other work weighs on both."""

import statistics
from dataclasses import dataclass, field
from typing import Callable

OURS = 'bootsync'
COMPARED = ('seconds', 'cpu')


@dataclass
class Job:
    name: str
    what: str
    ways: dict  # who -> action; OURS is one of them
    setup: Callable = lambda: None  # before the first round
    prepare: Callable = lambda: None  # before each action, not measured
    check: Callable = lambda: None  # after the last round: fails if the work was not done
    times: dict = field(default_factory=dict)  # who -> actions that make one measurement
    instructions: dict = field(default_factory=dict)  # who -> what tells how many it takes


def quartiles(values):
    """(a quarter is below, median, a quarter is above)."""
    return statistics.quantiles(values, n=4, method='inclusive') if len(values) > 1 else values * 3


def ratios(ours, theirs):
    """Quartiles of @ours in @theirs, round by round; None where that is nothing."""
    if not all(theirs):
        return None
    return quartiles([our / their for our, their in zip(ours, theirs)])


def measure(job, meter, rounds):
    """The costs of each way, as lists with one figure a round."""
    ways = list(job.ways)
    costs = {way: [] for way in ways}
    job.setup()
    for number in range(rounds):
        first = number % len(ways)
        for way in ways[first:] + ways[:first]:
            job.prepare()
            costs[way].append(meter.cost(job.ways[way], job.times.get(way, 1)))
    job.check()
    return {way: {key: [cost[key] for cost in of_way] for key in of_way[0]}
            for way, of_way in costs.items()}


def result(job, costs):
    """What is told of a job, as JSON has it."""
    return {'name': job.name, 'what': job.what, 'costs': costs,
            'ratios': {way: {key: ratios(costs[OURS][key], costs[way][key]) for key in COMPARED}
                       for way in costs if way != OURS},
            'instructions': {way: count() for way, count in job.instructions.items()}}
