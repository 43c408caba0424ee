"""Where the node exporter's folder is, metrics are in it every minute; and after a reboot the exporter
finds those of this boot, though its folder still had those of the boot before. Where it is not, nothing
runs."""

FOLDER = '/var/lib/prometheus/node-exporter'
FILE = FOLDER + '/bootsync.prom'
EXPORTER = b'''[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=cp /var/lib/prometheus/node-exporter/bootsync.prom /run/seen
[Install]
WantedBy=multi-user.target
'''


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    machine.sh('systemctl enable --now bootsync-metrics.service bootsync-metrics.timer', 120)
    assert machine.run('systemctl is-active bootsync-metrics.timer').out == 'inactive\n'
    assert machine.run(f'test -e {FOLDER}').status != 0

    # An exporter that is installed later starts the timer, too.
    machine.sh(f'mkdir -p {FOLDER}')
    machine.put('/etc/systemd/system/prometheus-node-exporter.service', EXPORTER)
    machine.sh('systemctl daemon-reload; systemctl enable --now prometheus-node-exporter', 120)
    text = machine.sh('cat /run/seen')
    assert 'bootsync_up 1\n' in text and 'bootsync_redundancy{state="redundant"} 1\n' in text, text
    assert machine.sh(f'stat -c %a {FILE}') == '644\n'
    assert machine.sh('systemctl is-active bootsync-metrics.timer') == 'active\n'
    begin = machine.sh(f'stat -c %Y {FILE}')
    lab.wait_until(lambda: machine.sh(f'stat -c %Y {FILE}') != begin, 120, 'a new file')

    machine.sh(f'echo "bootsync_of_the_boot_before 1" >{FILE}; sync')
    machine.shut_down('reboot')
    machine.boot_kernel()
    lab.wait_until(lambda: machine.run('test -e /run/seen').status == 0, 120, 'the exporter')
    text = machine.sh('cat /run/seen')
    assert 'bootsync_up ' in text and 'boot_before' not in text, text
    lab.wait_until(lambda: 'bootsync_redundancy{state="redundant"} 1\n' in machine.sh(f'cat {FILE}'),
                   180, 'a host that was looked at')
    assert machine.sh('systemctl --failed --no-legend') == ''
