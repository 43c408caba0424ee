# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which host each job is measured on, and in which order."""

import contextlib

import counts
import jobs
from directories import Directories
from job import measure, result
from meter import Meter

MB = 1_000_000
START = {'kernels': 10, 'image': 64 * 1024, 'initrd': 256 * 1024, 'esps': 8}


def make(name, host, options):
    """A job, and the host's ESPs for it."""
    if name.startswith(('sync', 'slow')):
        host.use(int(name[4:]))
        return jobs.sync(host, int(name[4:]))
    host.use(2)
    return jobs.idle(host, options.idle) if name == 'idle' else getattr(jobs, name)(host)


def measured(job, host, rounds):
    servers = [] if job.name == 'start' else host.servers()
    told = result(job, measure(job, Meter(lambda: servers, host.disks), rounds))
    return dict(told, bytes=sum((host.boot / name).stat().st_size for name in host.files))


def rounds_of(name, options):
    return 1 if name == 'idle' else options.rounds


def sizes(options):
    """Bytes of a kernel and of its initrd: 15 and 60 MB, as those of Proxmox, unless told otherwise."""
    image = options.mb * MB // 5
    return image, options.mb * MB - image


def on_directories(options):
    names = [name for name in options.jobs if name != 'start']
    if names:
        with contextlib.closing(Directories(options.kernels, *sizes(options), 4)) as host:
            for name in names:
                yield measured(make(name, host, options), host, rounds_of(name, options))
    if 'start' in options.jobs:
        with contextlib.closing(Directories(**START)) as host:
            yield measured(jobs.start(host), host, options.rounds)


def on_devices(options):
    from devices import Devices
    host = Devices(*sizes(options))
    for name in options.jobs:
        told = measured(make(name, host, options), host, rounds_of(name, options))
        if name == 'noop':
            told['counts'] = counts.counted(host, 'refresh')
            told['notes'] = [f'strace of one: {counts.text(told["counts"])}']
        yield told
