"""Somebody who looks at disks opens each ESP with O_EXCL, again and again, for less than a second,
as a survey of candidates does: a refresh waits for the moments between, instead of telling of a
mount that nobody has made."""

QUICK = True
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']
ROUNDS = 8
# Held for 60 to 180 ms and free for 30 to 60, so that the two rhythms do not stay in step.
CLAIM = '''
import os, random, sys, time
while True:
    try:
        fd = os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
        time.sleep(random.uniform(.06, .18))
        os.close(fd)
    except OSError:
        pass
    time.sleep(random.uniform(.03, .06))
'''


def run(lab):
    machine = lab.machine(esps=2)
    machine.put('/root/claim.py', CLAIM.encode())
    lab.start(machine)
    lab.wait_in_sync(machine)
    for esp in machine.esps:
        machine.sh(f'python3 /root/claim.py {esp.esp_path} >/dev/null 2>&1 & echo $! >>/run/claims')
    for i in range(ROUNDS):
        result = machine.run('bootctl-pve refresh', 300)
        assert result.status == 0, (i, result)
    machine.sh('kill $(cat /run/claims)')
    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
