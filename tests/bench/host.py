# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host on which bootsync and the plain tools do the same work. Those copy into the directory copy/ of
each ESP, which bootsync leaves alone; only one of both is there at a time, so that both find a blank ESP."""

import os
import subprocess
import time

TIMEOUT = 1800
SETTLE_SEC = 2  # until it has heard of a change

# The ESPs are $@; for each of them $script is run with $dir, where it is mounted, and in $boot, where
# the kernels are.
EACH = '''
boot=$1; shift
one() { esp=$1; ENTER; cd "$boot"; SCRIPT; LEAVE; }
pids=
for esp; do
        one "$esp" & WAIT
done
BESIDE
for pid in $pids; do wait "$pid"; done
'''


class Host:
    enter, leave = 'dir=$esp', ':'  # shell: an ESP is mounted, and is so no longer

    def __init__(self, boot, versions):
        self.boot, self.versions = boot, versions
        self.files = [f'{stem}-{version}' for version in versions for stem in ('vmlinuz', 'initrd.img')]
        self.esps = []  # those that are used, each as the plain tools find it
        self.environment = dict(os.environ)

    # A kind of host says the rest: servers() are the pids of daemon and bus, disks the names of the disks
    # with the ESPs, below_esps where a worker has an ESP; use() lists that many ESPs.

    def run(self, *command):
        done = subprocess.run([str(word) for word in command], env=self.environment, timeout=TIMEOUT,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, errors='replace')
        if done.returncode != 0:
            raise RuntimeError(f'{" ".join(map(str, command))[-2000:]}\nended with '
                               f'{done.returncode}\n{done.stderr}')

    def output(self, *command):
        return subprocess.run(command, env=self.environment, timeout=TIMEOUT, check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()

    def each_esp(self, script, parallel=True, beside='', files=None):
        """Run a shell script for each ESP, and @beside once at the same time."""
        text = EACH
        for word, value in (('ENTER', self.enter), ('LEAVE', self.leave), ('SCRIPT', script),
                            ('WAIT', 'pids="$pids $!"' if parallel else 'wait $!'),
                            ('BESIDE', f'(cd "$boot"; {beside}) & pids="$pids $!"' if beside else '')):
            text = text.replace(word, value)
        self.run('env', f'files={" ".join(files or self.files)}', 'sh', '-ec', text, 'sh', self.boot,
                 *self.esps)

    # What is done between two measurements

    def blank(self):
        """No kernels are on the ESPs, and the files of /boot are in the page cache."""
        self.each_esp('rm -rf "$dir"/EFI/proxmox/* "$dir"/loader/entries/* "$dir/copy"; '
                      'mkdir "$dir/copy"; sync -f "$dir"', beside='cat $files >/dev/null')

    def make_room(self):
        """No copies of the plain tools are on the ESPs."""
        self.each_esp('rm -rf "$dir/copy"; mkdir "$dir/copy"; sync -f "$dir"')

    def settle(self):
        """bootsyncd has done what it does unasked, as to look at the ESPs after a change; meanwhile nobody
        else can mount them."""
        time.sleep(SETTLE_SEC)
        deadline = time.monotonic() + TIMEOUT
        while '/job/' in self.output('busctl', *self.bus_options, 'tree', '--list', 'org.bootsync1'):
            if time.monotonic() > deadline:
                raise RuntimeError('bootsyncd comes to no rest')
            time.sleep(0.2)

    def change_initrd(self):
        """The newest initrd is another one of the same size: no block of it stays as it was."""
        path = self.boot / self.files[-1]
        content = path.read_bytes()
        middle = len(content) // 2 + 777
        path.with_name('.new').write_bytes(content[middle:] + content[:middle])
        path.with_name('.new').rename(path)
        self.run('sync', '-f', self.boot)
        self.settle()

    def forget(self):
        """What is read next of /boot and of the ESPs comes from the disk."""
        self.each_esp('for f in "$dir"/EFI/proxmox/*/*; do dd if="$f" iflag=nocache count=0 status=none; '
                      'done', beside='for f in $files; do dd if="$f" iflag=nocache count=0 status=none; done')

    def check(self):
        """bootsync says that all is in sync, and every file is on every ESP as in /boot."""
        self.bootsync('refresh')
        self.each_esp('for f in $files; do cmp "$f" "$dir/EFI/proxmox/${f#*-}/$f"; done')

    # What can be measured

    def bootsync(self, *arguments):
        self.run(self.client, *arguments)

    @property
    def asking(self):
        """A command that asks for all that there is to know, and is not ours."""
        return ('busctl', *self.bus_options, 'call', 'org.bootsync1', '/org/bootsync1',
                'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')

    def busctl(self):
        self.run(*self.asking)
