#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that lies: run in place of the real one, about the ESP and in the way that the file `lie`
in its root names ("ESP KIND"). Of other ESPs, and of the host, it becomes the real worker."""

import array
import itertools
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

REPORTS, LOCK = 4, 5
SPACE = 'space size=1073741824 free=536870912 cluster=4096 loader=systemd-boot dirty=0'
U64 = 2 ** 64 - 1
TEXT = 'x' * 32000
BROKEN = ['', '\n', 'no such report\n', 'done', 'DONE\n', '\0' * 100, 'step\n', 'step index=-1\n',
          'step index=18446744073709551616\n', 'file path= size=0 mtime=0 type=file verdict=equal\n',
          'file path=a size=1 mtime=1 type=fifo verdict=equal\n', 'space size=1\n',
          'space size=1 free=1 cluster=0 loader=none dirty=0\n', 'failed error=None\n',
          'failed error=Failed message=%FF%1B\n', 'failed error=Failed message=' + TEXT + '\n',
          'partition\n', 'warning error=NoSuchError message=x\n', 'placed path=a\n', '%' * 1000 + '\n',
          'done\ndone\n', 'progress bytes=1 bytes=2\n', 'x' * 100000 + '\n', '\xff' * 50]


def say(text):
    line.send(text.encode(errors='surrogateescape'))


def tell(*reports):
    for report in reports:
        say(report + '\n')


def file(path, kind='file', verdict='unchecked', **more):
    fields = {'path': path, 'size': 1, 'mtime': 1, 'type': kind, 'verdict': verdict} | more
    return 'file ' + ' '.join(f'{k}={v}' for k, v in fields.items())


def begin():
    tell('started', 'step index=0')


def without_end(make, first=()):
    begin()
    tell(*first)
    for n in itertools.count():
        tell(make(n))


def endless_progress():
    without_end(lambda n: f'progress bytes={n}')


def endless_files():
    without_end(lambda n: file(f'loader/entries/{n}.conf', text=TEXT), [SPACE])


def endless_same_file():
    without_end(lambda n: file('loader/loader.conf', text=TEXT), [SPACE])


def endless_spaces():
    without_end(lambda n: SPACE)


def endless_warnings():
    without_end(lambda n: f'warning error=Failed message={n}{"x" * 4000}')


def endless_partitions():
    without_end(lambda n: f'partition text={TEXT}')


def endless_processes():
    without_end(lambda n: f'process text=process%20pid={n}%0A')


def endless_steps():
    without_end(lambda n: f'step index={n % 2}')


def endless_waiting():
    without_end(lambda n: 'waiting')


def endless_placed():
    without_end(lambda n: f'placed index=0 path={n}{"x" * 1000} size=1 mtime=1')


def many_long_paths():
    begin()
    tell(SPACE)
    for n in range(2000):
        tell(file(f'{n}' + 'x' * 30000))


def huge_message():
    begin()
    say('file path=' + 'x' * 150000 + ' size=1 mtime=1 type=file verdict=equal\n')
    time.sleep(600)


def broken():
    """Another one at each start."""
    begin()
    say(BROKEN[int(value or 0) % len(BROKEN)] or '\0')
    time.sleep(600)


def broken_after_waiting():
    begin()
    tell('waiting', 'rubbish')
    time.sleep(600)


def waits_though_it_has_nothing_to_wait_for():
    begin()
    tell('waiting')
    time.sleep(600)


def files_before_the_space():
    begin()
    tell(file('loader/loader.conf'), SPACE, 'done')


def done_at_first():
    tell('done', 'started', SPACE, 'done')
    time.sleep(600)


def done_without_a_look():
    begin()
    tell('done')


def done_twice():
    begin()
    tell(SPACE, 'done', 'done')


def failed_and_done():
    begin()
    tell('failed error=NoSpace message=No%20room%20on%20AAAA-0001', 'done')


def done_with_status_1():
    begin()
    tell(SPACE, 'done')
    sys.exit(1)


def steps_backwards():
    tell('started', 'step index=1', 'step index=0', SPACE, 'done')
    time.sleep(600)


def steps_beyond_the_plan():
    tell('started', f'step index={U64}', SPACE, 'done')
    time.sleep(600)


def paths_that_lead_out():
    begin()
    tell(SPACE, *(file(path, 'directory') for path in
                  ('../../etc/passwd', '/etc/passwd', '..', '.', '%0A', '%FF%FE', 'a//b', '/')),
         *(file(path, text='x%00') for path in ('loader/entries/../../x.conf',)))
    time.sleep(600)


def huge_numbers():
    begin()
    tell(f'space size={U64} free={U64} cluster={U64} loader=systemd-boot dirty=1',
         f'progress bytes={U64}', f'progress bytes={U64}',
         file('EFI/proxmox', 'directory', size=U64, mtime=U64),
         file('EFI/proxmox/6.8.12-4-pve', 'directory', size=U64),
         file('EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve', size=U64, verdict='differs'),
         file('EFI/proxmox/6.2.16-1-pve/vmlinuz-6.2.16-1-pve', size=U64, mtime=U64),
         file('EFI/proxmox/6.2.16-1-pve', 'directory'),
         file('loader/loader.conf.new', size=U64), 'done')


def everything_is_a_directory():
    begin()
    tell(SPACE, *(file(path, 'directory') for path in
                  ('EFI', 'EFI/proxmox', 'loader', 'loader/loader.conf', 'loader/entries',
                   'loader/entries/proxmox-6.8.12-4-pve.conf', 'grub', 'grub/grub.cfg',
                   'EFI/proxmox/6.8.12-4-pve', 'EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve')),
         'done')


def silent():
    time.sleep(600)


def heartbeat():
    begin()
    for n in itertools.count():
        tell(f'progress bytes={n}')
        time.sleep(0.02)


def ends_at_once():
    os._exit(0)


def ends_by_a_signal():
    begin()
    os.kill(os.getpid(), signal.SIGSEGV)


def closes_the_socket_and_stays():
    begin()
    line.close()
    os.close(REPORTS)
    time.sleep(600)


def leaves_a_child_that_floods():
    begin()
    if os.fork() == 0:
        os.close(LOCK)
        deadline = time.monotonic() + 3
        try:
            while time.monotonic() < deadline:
                tell('progress bytes=1')
        finally:
            os._exit(0)
    os._exit(1)


def sends_descriptors():
    begin()
    fds = array.array('i', os.pipe() * 100)
    for n in itertools.count():
        line.sendmsg([f'progress bytes={n}\n'.encode()],
                     [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])


def main():
    global line, value
    root, = (word[len('--root='):] for word in sys.argv if word.startswith('--root='))
    plan = os.pread(3, 4096, 0).decode()
    uuid, kind, value = (Path(root, 'lie').read_text().split() + [''])[:3]
    if not re.search(rf' esp={uuid}\n', plan):
        os.execv(f'{root}/real-worker', ['bootsync-worker', *sys.argv[1:]])
    line = socket.socket(fileno=os.dup(REPORTS))
    if kind.startswith('deaf-'):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        globals()[kind.removeprefix('deaf-')]()
    except OSError:
        if not kind.startswith('deaf-'):
            raise
        time.sleep(600)


if __name__ == '__main__':
    main()
