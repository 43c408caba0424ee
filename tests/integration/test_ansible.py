# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Ansible role in contrib/ansible against two roots, by ansible-playbook: "changed" is what has changed, a
second run has nothing to do, check mode says the same as the run that follows and writes nothing."""

import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from lab import Lab, main, program

ROLES = Path(__file__).resolve().parents[2] / 'contrib/ansible/roles'
NEW, OLD, OLDEST = '6.8.12-4-pve', '6.5.13-5-pve', '6.2.16-20-pve'
PLAY = [{'hosts': 'all', 'gather_facts': False, 'roles': ['bootsync']}]


class Role(unittest.TestCase):
    def setUp(self):
        self.assertTrue(shutil.which('ansible-playbook'), 'install the package ansible-core')
        self.labs = {'pve1': Lab(), 'pve2': Lab()}
        for lab in self.labs.values():
            self.addCleanup(lab.close)
            for version in NEW, OLD, OLDEST:
                lab.add_kernel(version)
            for uuid in 'AAAA-0001', 'BBBB-0002':
                lab.add_esp(uuid)
        self.home = self.labs['pve1'].path('ansible')  # on the controller, who is no part of a host
        self.home.mkdir()
        (self.home / 'ansible.cfg').touch()
        self.write('play.json', PLAY)
    def write(self, name, value):
        (self.home / name).write_text(json.dumps(value))

    def play(self, *options, fails=(), pve1=None, pve2=None, **variables):
        """Gives host -> how many tasks have changed something. @pve1, @pve2: variables of one host."""
        self.write('hosts.json', {'all': {'hosts': {
            name: {'bootsync_root': str(lab.root), 'bootsync_program': program('BOOTCTL_PVE'),
                   'ansible_connection': 'local', 'ansible_python_interpreter': '/usr/bin/python3',
                   'ansible_remote_tmp': str(self.home / 'tmp'), **(own or {})}
            for (name, lab), own in zip(self.labs.items(), (pve1, pve2))}}})
        done = subprocess.run(
            ['ansible-playbook', '-i', self.home / 'hosts.json', self.home / 'play.json', '-e',
             json.dumps(variables), *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, timeout=300,
            env=dict(self.labs['pve1'].environment(), ANSIBLE_ROLES_PATH=str(ROLES),
                     ANSIBLE_CONFIG=str(self.home / 'ansible.cfg'), ANSIBLE_HOME=str(self.home), ANSIBLE_NOCOLOR='1',
                     ANSIBLE_LOCAL_TEMP=str(self.home / 'local')))
        self.last = done.stdout
        recap = done.stdout.partition('PLAY RECAP')[2]
        stats = {name: {word: int(n) for word, n in re.findall(r'(\w+)=(\d+)', rest)}
                 for name, rest in re.findall(r'(?m)^(\w+) +: (.*)$', recap)}
        self.assertEqual(set(stats), set(self.labs), done.stdout + done.stderr)
        self.assertEqual({name for name, s in stats.items() if s['failed'] or s['unreachable']},
                         set(fails), done.stdout + done.stderr)
        return {name: s['changed'] for name, s in stats.items()}

    def contents(self):
        return {name: {path: digest for path, digest in lab.digests(lab.root).items()
                       if not path.startswith(('ansible/', 'run/'))} for name, lab in self.labs.items()}

    def assert_default(self, version):
        for lab in self.labs.values():
            status = lab.bootctl('status', '--json').json
            self.assertEqual((status['in_sync'], status['default']), (True, version))

    def test_the_first_run_changes_and_the_second_has_nothing_to_do(self):
        wanted = {'bootsync_pin': OLD, 'bootsync_keep': [OLDEST], 'bootsync_require': ['redundant']}
        before = self.contents()
        # pve2 does not have bootsync yet.
        changed = self.play('--check', pve2={'bootsync_program': '/nonexistent/bootctl-pve'}, **wanted)
        self.assertEqual([n > 0 for n in changed.values()], [True, False])
        self.assertEqual(self.contents(), before)
        self.assertNotIn(0, self.play(**wanted).values())
        self.assert_default(OLD)

        # Only the host that is not as it should be any more is changed.
        self.labs['pve2'].esp('AAAA-0001').joinpath(f'loader/entries/proxmox-{NEW}.conf').unlink()
        before = self.contents()
        self.assertEqual([n > 0 for n in self.play(**wanted).values()], [False, True])
        self.assertEqual(self.contents()['pve1'], before['pve1'])
        self.assert_default(OLD)

        self.assertNotIn(0, self.play(bootsync_pin='', bootsync_unkeep=[OLDEST]).values())
        self.assert_default(NEW)
        for lab in self.labs.values():
            self.assertEqual(lab.bootctl('kernel', 'list', '--json').json['manual'], [])

        # No kernel of that version; no verdict of that kind.
        before = self.contents()
        self.play(pve1={'bootsync_pin': '9.9.9-9-pve'}, pve2={'bootsync_require': ['single']},
                  fails=['pve1', 'pve2'])
        self.assertIn('has no image or no initrd in /boot', self.last)
        self.assertIn('redundant: 2 ESPs are in sync', self.last)
        self.assertEqual(self.contents(), before)


if __name__ == '__main__':
    main()
