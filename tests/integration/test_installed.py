#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which programs start which: the built ones each other, with nothing set; the installed ones the
installed ones, whatever the environment says. What is installed is seen in a chroot."""

import subprocess

import lab
from lab import LabCase, program
from privatebus import complain_of_sanitizer

# "$0" is an empty directory, "$@" are the built client, daemon and worker, and the command.
INSTALL = '''
mount -t tmpfs none "$0"
for i in /*; do
        case $i in
        /usr) ;;
        *) if [ -L "$i" ]; then cp -P "$i" "$0$i"
           elif [ -d "$i" ]; then mkdir "$0$i"; mount --rbind "$i" "$0$i"
           fi ;;
        esac
done
mkdir "$0/usr"
for i in /usr/*; do
        case $i in
        /usr/bin | /usr/sbin | /usr/libexec) ;;
        *) if [ -d "$i" ]; then mkdir "$0$i"; mount --rbind "$i" "$0$i"; fi ;;
        esac
done
mkdir "$0/usr/bin" "$0/usr/sbin" "$0/usr/libexec"
cp /usr/bin/touch "$(realpath /bin/sh)" "$0/usr/bin"
ln -fs "$(basename "$(realpath /bin/sh)")" "$0/usr/bin/sh"
cp "$1" "$0/usr/bin/bootctl-pve"
cp "$2" "$0/usr/sbin/bootsyncd"
cp "$3" "$0/usr/libexec/bootsync-worker"
shift 3
exec chroot "$0" "$@"
'''


class Installed(LabCase):
    def environment(self, **variables):
        env = self.lab.environment()
        for name in 'BOOTSYNC_DAEMON', 'BOOTSYNC_WORKER':
            env.pop(name, None)
        return dict(env, **variables)

    def run_program(self, *command, **variables):
        done = subprocess.run(command, env=self.environment(**variables), capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=120)
        complain_of_sanitizer(done.stderr)
        return done

    def run_installed(self, *command, **variables):
        chroot = self.lab.path('chroot')
        chroot.mkdir()
        return self.run_program(
            'unshare', '--mount', 'sh', '-euc', INSTALL, chroot, program('BOOTCTL_PVE'),
            program('BOOTSYNC_DAEMON'), program('BOOTSYNC_WORKER'), *command, **variables)

    def evil(self):
        """A program that leaves a trace, and the trace."""
        path, trace = self.lab.path('evil'), self.lab.path('trace')
        path.write_text(f'#!/bin/sh\ntouch {trace}\nexit 1\n')
        path.chmod(0o755)
        return path, trace

    def test_programs_that_are_only_built_find_each_other(self):
        done = self.run_program(program('BOOTCTL_PVE'), f'--root={self.lab.root}', 'refresh')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_synced()

    def test_installed_programs_start_installed_ones_whatever_the_environment_says(self):
        evil, trace = self.evil()
        done = self.run_installed('/usr/bin/bootctl-pve', f'--root={self.lab.root}', 'refresh',
                                  BOOTSYNC_DAEMON=str(evil), BOOTSYNC_WORKER=str(evil))
        self.assertFalse(trace.exists(), 'a program that the environment names has run')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_synced()


if __name__ == '__main__':
    lab.main()
