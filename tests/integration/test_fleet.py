# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootctl-pve -H A,B,C: real clients at both ends, each host a root of its own, and between them an ssh that is a
script. What becomes of hosts that fail, hang or talk is in tests/unit/client/daemon/test-fleet.c."""

import json
import os
import signal
import subprocess
import time
import unittest

from lab import Lab, main, program, wait_until

VERSION, OLDER = '6.8.12-4-pve', '6.5.13-5-pve'
# The host is a directory, whose bootctl-pve comes first in PATH.
SSH = '''#!/bin/sh
for last; do address=$command command=$last; done
host=${address#ssh://}
case $host in
gone) echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255 ;;
slow) echo $$ >>"$HOSTS/slow.pids"; exec sleep 300 ;;
esac
PATH=$HOSTS/$host:$PATH exec sh -c "$command" </dev/null
'''
BOOTCTL = '''#!/bin/sh
exec {client} --root={root} "$@"
'''


def make_hosts(directory, **roots):
    """What is to be in the environment of a client for which these roots are hosts."""
    hosts = directory / 'hosts'
    for name, text in [('ssh', SSH), *((f'{name}/bootctl-pve', BOOTCTL.format(
            client=program('BOOTCTL_PVE'), root=root)) for name, root in roots.items())]:
        path = hosts / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return {'HOSTS': str(hosts), 'PATH': f'{hosts}:{os.environ["PATH"]}', 'LC_ALL': 'C.UTF-8'}


class Fleet(unittest.TestCase):
    def setUp(self):
        self.labs = [Lab(), Lab()]
        for lab in self.labs:
            self.addCleanup(lab.close)
            for version in VERSION, OLDER:
                lab.add_kernel(version)
            for uuid in 'AAAA-0001', 'BBBB-0002':
                lab.add_esp(uuid)
        first, second = self.labs
        self.env = {**os.environ, **first.environment(),
                    **make_hosts(first.path('tmp'), pve1=first.root, pve2=second.root)}

    def start(self, *arguments):
        return subprocess.Popen([program('BOOTCTL_PVE'), *arguments], env=self.env, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def run_on(self, hosts, *arguments, status=0):
        client = self.start('-H', hosts, *arguments)
        out, err = client.communicate(timeout=120)
        self.assertEqual(client.returncode, status, out + err)
        return out

    def test_hosts_are_synced_side_by_side_and_shown_in_a_table(self):
        out = self.run_on('pve1,pve2', 'status', status=3)
        self.assertRegex(out, r'\AHOST +EXIT +RESULT\npve1 +3 +\S+: UNBOOTABLE - [^\n]+\n'
                              r'pve2 +3 +\S+: UNBOOTABLE - [^\n]+\n\Z')
        self.run_on('pve1,pve2', 'refresh')
        out = self.run_on('pve1,pve2', 'status')
        self.assertRegex(out, r'\AHOST +EXIT +RESULT\npve1 +0 +\S+: REDUNDANT - [^\n]+\n'
                              r'pve2 +0 +\S+: REDUNDANT - [^\n]+\n\Z')

    def test_a_pin_needs_a_word_that_nobody_is_to_be_asked(self):
        self.run_on('pve1,pve2', 'kernel', 'pin', OLDER, status=2)
        self.assertFalse(self.labs[0].path('etc/kernel/proxmox-boot-pin').exists())
        self.run_on('pve1,pve2', 'kernel', 'pin', OLDER, '--yes')
        for lab in self.labs:
            self.assertEqual(lab.read('etc/kernel/proxmox-boot-pin'), f'{OLDER}\n')
            self.assertEqual(json.loads(lab.bootctl('status', '--json').out)['default'], OLDER)

    def test_one_that_is_not_reached_keeps_nobody_else_from_it(self):
        out = self.run_on('pve1,gone,pve2', 'refresh', status=1)
        self.assertRegex(out, r"\ngone +255 +Failed to reach 'gone': ssh: connect to host gone port "
                              r'22: No route to host; ')
        value = json.loads(self.run_on('pve1,gone,pve2', 'status', '--json', status=1))
        self.assertEqual(list(value), ['pve1', 'gone', 'pve2'])
        self.assertEqual([(h['exit'], 'answer' in h) for h in value.values()],
                         [(0, True), (255, False), (0, True)])
        self.assertEqual(value['pve2']['answer']['redundancy'], 'redundant')

    def test_an_interrupt_ends_every_ssh(self):
        client = self.start('-H', 'slow,pve1,gone', 'status')
        pids = self.labs[0].path('tmp/hosts/slow.pids')
        wait_until(lambda: pids.exists() and pids.read_text().endswith('\n'))
        pid = int(pids.read_text())
        begin = time.monotonic()
        client.send_signal(signal.SIGINT)
        self.assertEqual(client.wait(60), -signal.SIGINT)
        self.assertEqual(client.communicate()[0], '')
        wait_until(lambda: not os.path.exists(f'/proc/{pid}'))
        self.assertLess(time.monotonic() - begin, 60)


if __name__ == '__main__':
    main()
