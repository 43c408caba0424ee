# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-C while a client waits for a job of its private daemon: what it says then is what happens."""

import os
import re
import signal
import subprocess

from lab import LabCase, main, program, wait_until


class Interrupt(LabCase):
    def test_the_job_goes_on_and_the_status_that_is_advised_waits_for_its_end(self):
        client = subprocess.Popen(
            [program('BOOTCTL_PVE'), f'--root={self.lab.root}', 'refresh'], text=True,
            env=self.lab.environment(['--test-hook=place:1:stop']), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(client.stderr.close)
        wait_until(self.lab.stopped_worker_pids, what='a worker that has stopped')
        client.send_signal(signal.SIGINT)
        said = client.stderr.readline()
        self.assertEqual(client.wait(60), -signal.SIGINT)
        self.assertIn('The job goes on without you, and can be stopped by nobody', said)
        advice = re.search(r"'(bootctl-pve [^']+)' waits", said)[1].split()
        self.assertEqual(advice[0], 'bootctl-pve')

        status = subprocess.Popen([program('BOOTCTL_PVE'), *advice[1:]], text=True,
                                  env=self.lab.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with self.assertRaises(subprocess.TimeoutExpired):
            status.wait(2)

        def go_on():  # the worker of the other ESP stops, too, when it is its turn
            for pid in self.lab.stopped_worker_pids():
                os.kill(pid, signal.SIGCONT)
            return status.poll() is not None
        wait_until(go_on, what='the end of the job and of the status')
        out, err = status.communicate()
        self.assertEqual(status.returncode, 0, out + err)
        self.assert_synced()


if __name__ == '__main__':
    main()
