# SPDX-License-Identifier: LGPL-2.1-or-later
"""The jobs in a guest of tests/vm: it runs tools/bench itself, and what that measures comes out as JSON.
Disks are slowed down from here, and a boot is measured from here."""

import io
import json
import shutil
import sys
import tarfile
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from job import OURS, ratios

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests/vm'))

import boot  # noqa: E402
import image  # noqa: E402
import snapshot  # noqa: E402
from lab import Lab  # noqa: E402

DEBIAN = 13
BYTES_PER_SECOND = 20_000_000
TIMEOUT = 3600
FILES = ('tools/bench', 'tests/bench/*.py', 'tests/integration/*.py', 'tests/vm/old-tool')
BENCH = 'unshare --mount --propagation private /usr/bin/python3 /root/bench/tools/bench --guest --json'


def say(text):
    print(f'# {text}', file=sys.stderr, flush=True)


def runner():
    """tests/vm/run, which has no name of a module."""
    loader = SourceFileLoader('vm_run', str(TOP / 'tests/vm/run'))
    module = module_from_spec(spec_from_loader('vm_run', loader))
    loader.exec_module(module)
    module.say = say  # standard output has the figures
    return module


def archive():
    """This bench, as a tar."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as tar:
        for pattern in FILES:
            for path in sorted(TOP.glob(pattern)):
                tar.add(path, path.relative_to(TOP))
    return data.getvalue()


def bench_machine(lab):
    machine = lab.machine(esps=4)
    machine.put('/root/bench.tar', archive())
    machine.sh('mkdir /root/bench && tar -C /root/bench -xf /root/bench.tar')
    return machine


def measured(machine, name, options):
    """What the bench in the guest tells of a job."""
    slow = name.startswith('slow')
    for esp in machine.esps:
        machine.throttle(esp, write_bytes_per_second=BYTES_PER_SECOND if slow else 0)
    told = json.loads(machine.sh(f'{BENCH} --rounds={options.rounds} --mb={options.mb} '
                                 f'--idle={options.idle} {name}', TIMEOUT))
    result = told['jobs'][0]
    result['guest'] = told['machine']
    if slow:
        seconds = [result['bytes'] / BYTES_PER_SECOND] * options.rounds
        result['costs']['bytes / rate'] = {'seconds': seconds}
        result['ratios']['bytes / rate'] = {'seconds': ratios(result['costs'][OURS]['seconds'], seconds)}
        result['name'] = name
        result['what'] += f', which take {BYTES_PER_SECOND // 1_000_000} MB/s'
    return result


def results(options):
    run = runner()
    run.install_packages()
    build, base = run.build_tar(DEBIAN), image.get(DEBIAN, say)
    installed = snapshot.with_build(base, build, TOP / f'build-vm/snapshot{DEBIAN}', say)
    directory = TOP / 'build-vm/bench'
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    lab = Lab(directory, base, installed, build)
    try:
        names = [name for name in options.jobs if name != 'boot']
        if names:
            machine = bench_machine(lab)
            for name in names:
                yield measured(machine, name, options)
            machine.power_cut()
        if 'boot' in options.jobs:
            yield boot.measured(lab, options.rounds)
    finally:
        lab.close(False)
