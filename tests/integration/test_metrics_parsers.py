#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Prometheus's own programs say of our metrics: promtool, which knows the conventions, has
nothing to complain of, and the node exporter passes each of them on as it is. $PROMTOOL and
$NODE_EXPORTER name them."""

import re
import socket
import subprocess
import urllib.request

import lab
from lab import program, wait_until
from metrics_text import parse
from privatebus import end
from test_ksm import COUNTERS, SYSFS, TUNABLES
from test_monitoring import OTHER, UUID, Watched


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Parsers(Watched):
    def prepare(self):
        super().prepare()
        self.lab.settings()
        self.folder = self.lab.path('textfiles')
        self.folder.mkdir()
        self.file = self.folder / 'bootsync.prom'
        self.port = free_port()
        child = subprocess.Popen(
            [program('NODE_EXPORTER'), f'--web.listen-address=127.0.0.1:{self.port}',
             '--collector.disable-defaults', '--collector.textfile',
             f'--collector.textfile.directory={self.folder}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(end, child, 30, 'the node exporter')
        wait_until(self.scrape, what='the node exporter')

    def scrape(self):
        """All of its metrics, name with labels -> value."""
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics', timeout=30) as page:
                lines = page.read().decode().splitlines()
        except OSError:
            return None
        return dict(line.rsplit(' ', 1) for line in lines if not line.startswith('#'))

    @staticmethod
    def promtool(text):
        return subprocess.run([program('PROMTOOL'), 'check', 'metrics'], input=text, text=True,
                              capture_output=True, timeout=60)

    def is_taken(self):
        done = self.client('metrics', str(self.file))
        self.assertEqual(done.returncode, 0, done)
        text = self.file.read_text()
        judged = self.promtool(text)
        self.assertEqual((judged.returncode, judged.stdout, judged.stderr), (0, '', ''), text)
        scraped = self.scrape()
        self.assertEqual(scraped['node_textfile_scrape_error'], '0')
        ours = {name: float(value) for name, value in scraped.items()
                if name.startswith('bootsync_')}
        samples = parse(text)
        self.assertEqual(sorted(ours.values()), sorted(samples.values()))
        self.assertEqual({re.split('[{]', name)[0] for name in ours}, {n for n, _ in samples})
        return ours

    def test_each_state_is_understood(self):
        self.assertEqual(self.is_taken(), {'bootsync_up': 0})
        self.start()
        self.assertEqual(self.is_taken()['bootsync_redundancy{state="redundant"}'], 1)
        self.take_away(OTHER)
        self.becomes('degraded')
        ours = self.is_taken()
        self.assertEqual(ours['bootsync_redundancy{state="degraded"}'], 1)
        self.assertEqual(ours[f'bootsync_esp_in_sync{{uuid="{OTHER}"}}'], 0)
        self.take_away(UUID)
        self.becomes('unbootable')
        self.assertEqual(self.is_taken()['bootsync_redundancy{state="unbootable"}'], 1)
        self.lab.list_esps()
        self.becomes('unmanaged')
        self.is_taken()

    def test_ksm_is_understood(self):
        for name, value in {**COUNTERS, **TUNABLES, 'run': 1}.items():
            self.lab.write(f'{SYSFS}/{name}', f'{value}\n')
            self.lab.path(f'{SYSFS}/{name}').chmod(0o444 if name in COUNTERS else 0o644)
        self.start()
        ours = self.is_taken()
        self.assertEqual(ours['bootsync_ksm_running'], 1)
        self.assertEqual(ours['bootsync_ksm_saved_bytes'], COUNTERS['pages_sharing'] * 4096)

    def test_the_parsers_see_what_is_wrong(self):
        self.assertNotEqual(self.promtool('# TYPE bootsync_x_total gauge\nbootsync_x_total 1\n')
                            .stderr, '')
        self.file.write_text('bootsync_x{y="z} 1\n')
        self.assertEqual(self.scrape()['node_textfile_scrape_error'], '1')


if __name__ == '__main__':
    lab.main()
