# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/examples/first-session.sh does what its comments say."""

import os
import subprocess
from pathlib import Path

from lab import LabCase, main, program

SESSION = Path(__file__).resolve().parents[2] / 'docs/examples/first-session.sh'


class FirstSession(LabCase):
    def run_session(self, *arguments):
        programs = self.lab.path('programs')
        programs.mkdir()
        (programs / 'bootctl-pve').symlink_to(program('BOOTCTL_PVE'))
        env = dict(self.lab.environment(), ROOT=f'--root={self.lab.root}',
                   PATH=f'{programs}:{os.environ["PATH"]}')
        return subprocess.run(['sh', SESSION, *arguments], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=300)

    def test_a_fresh_host_ends_pinned_verified_and_redundant(self):
        done = self.run_session(self.OLD)
        self.assertEqual((done.returncode, done.stderr), (0, ''), done.stdout)
        self.assertIn('Not all in sync yet.', done.stdout)
        self.assertIn('Verified: AAAA-0001, BBBB-0002.', done.stdout)
        last = done.stdout.rpartition('Verified')[2]
        self.assertIn(': REDUNDANT - ', last)
        self.assertIn(f'Default kernel:  {self.OLD}', last)
        self.assertIn(f'Pinned kernel:   {self.OLD}', last)
        self.assert_synced()

    def test_without_a_kernel_it_changes_nothing(self):
        before = self.lab.digests(self.lab.root)
        self.assertNotEqual(self.run_session().returncode, 0)
        self.assertEqual(self.lab.digests(self.lab.root), before)


if __name__ == '__main__':
    main()
