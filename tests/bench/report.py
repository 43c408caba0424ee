# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was measured, and on what: as a table for people. JSON has each figure."""

import os
import platform
import subprocess
import time
from pathlib import Path

from job import COMPARED, OURS, quartiles

TOP = Path(__file__).resolve().parent.parent.parent
# Key of a cost -> head of its column, divisor, digits.
COLUMNS = {'cpu': ('CPU s', 1, 3), 'read': ('read MB', 1e6, 2), 'written': ('written MB', 1e6, 2),
           'fetched': ('fetched MB', 1e6, 2), 'disk_read': ('disk r MB', 1e6, 2),
           'disk_written': ('disk w MB', 1e6, 2), 'forks': ('forks', 1, 1),
           'wakeups': ('wake-ups', 1, 0)}


def commit():
    """The clone's, and whether it was changed since; None outside of one."""
    if not (TOP / '.git').exists():
        return None
    words = ['git', '-C', TOP, 'describe', '--always', '--dirty', '--exclude=*']
    done = subprocess.run(words, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def machine():
    """Where it ran, and what else the machine had to do at that moment."""
    cpuinfo = Path('/proc/cpuinfo').read_text()
    model = cpuinfo.split('model name')[1].split(':')[1].split('\n')[0].strip()
    return {'cpu': model, 'cpus': os.cpu_count(), 'sha_ni': ' sha_ni' in cpuinfo,
            'kernel': platform.release(),
            'memory': os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'),
            'load': os.getloadavg(), 'time': time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}


def shown(quartiles_of, digits):
    """A median, and between what the middle half of the figures lies."""
    low, middle, high = (f'{n:.{digits}f}' for n in quartiles_of)
    return middle if low == high else f'{middle} ({low} to {high})'


def cells(way, costs, ratios_of_way, keys):
    told = [way, shown(quartiles(costs['seconds']), 3)]
    for key in keys:
        _, divisor, digits = COLUMNS[key]
        told.append(f'{quartiles(costs[key])[1] / divisor:.{digits}f}' if key in costs else '')
    for key in COMPARED:
        ratio = ratios_of_way.get(key)
        told.append(shown(ratio, 2) if ratio else '')
    return told


def print_table(rows):
    """As Markdown has it, so that it can be kept in docs/PERFORMANCE.md as it is."""
    rows = [rows[0], ['---'] * len(rows[0]), *rows[1:]]
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print('| ' + ' | '.join(word.ljust(width) for word, width in zip(row, widths)) + ' |')


def print_job(result):
    costs = result['costs']
    keys = [key for key in COLUMNS if key in costs[OURS]]
    rows = [[f'`{result["name"]}`', 's', *(COLUMNS[key][0] for key in keys), 'bootsync : this, s', 'bootsync : this, CPU']]
    rows += [cells(way, cost, result['ratios'].get(way, {}), keys) for way, cost in costs.items()]
    if len(costs) == 1:
        rows = [row[:-len(COMPARED)] for row in rows]
    print(f'\n{result["what"]}, {len(costs[OURS]["seconds"])} rounds:\n')
    print_table(rows)
    notes = [f'instructions of {way}: {min(counts) / 1e6:.3f} to {max(counts) / 1e6:.3f} million'
             for way, counts in result['instructions'].items()] + result.get('notes', [])
    print('\n' * bool(notes) + '\n'.join(f'{note}' for note in notes), end='\n' * bool(notes))


def print_machine(about, end=None):
    load = ' '.join(f'{n:.1f}' for n in about['load'])
    print(f'{about["time"]}, commit {about.get("commit")}: {about["cpus"]} x {about["cpu"]}'
          f'{"" if about["sha_ni"] else " without SHA instructions"}, '
          f'{about["memory"] / 2**30:.0f} GiB, Linux {about["kernel"]}, load {load}'
          + (f', at the end {" ".join(f"{n:.1f}" for n in end)}' if end else ''))


def print_all(told):
    """What --json has written."""
    print_machine(told['machine'], told['machine']['load_at_end'])
    for result in told['jobs']:
        print_job(result)
