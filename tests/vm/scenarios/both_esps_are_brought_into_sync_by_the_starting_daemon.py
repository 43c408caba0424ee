"""On real vfat, within the sandbox of the unit: the first start syncs both ESPs; what is on them is
what is in /boot; partition, disk and loader are told; and a refresh with nothing to do starts one
worker an ESP and writes not one sector."""

QUICK = True
KERNELS = ['6.8.12-4-pve', '6.5.13-5-pve']


def sectors_written(machine, esp):
    return machine.sh(f'cat /sys/class/block/$(basename $(readlink -f {esp.device_path}))/stat'
                      ).split()[6]


def cost(machine, call):
    """Processes that are started and seconds that pass while busctl makes this call."""
    call = call.format('org.bootsync1', '/org/bootsync1')
    forks = 'awk \'/^processes/ {print $2}\' /proc/stat'
    out = machine.sh(f'a=$({forks}); s=$EPOCHREALTIME; busctl {call} >/dev/null; '
                     f't=$EPOCHREALTIME; b=$({forks}); awk "BEGIN {{print $b - $a, $t - $s}}"')
    return int(out.split()[0]), float(out.split()[1])


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    for esp in lab.esp_objects(machine).values():
        assert esp['kernels'] == KERNELS, esp
        assert esp['loader'] == 'systemd-boot' and esp['part_uuid'], esp
        assert esp['device'] == esp['disk'] + '2', esp

    before = [(sectors_written(machine, esp), esp.digest()) for esp in machine.esps]
    # The kernel counts its own threads and everybody's processes, too, so the least of some is ours.
    forks, seconds = min(cost(machine, 'call {0} {1} {0}.Manager Refresh "a{{sv}}" 1 wait b true')
                         for _ in range(5))
    forks_of_busctl, seconds_of_busctl = cost(machine, 'get-property {0} {1} {0}.Manager InSync')
    forks -= forks_of_busctl
    print(f'# a refresh with nothing to do: {forks} forks for 2 ESPs, {seconds:.1f} s, of which '
          f'busctl alone takes {seconds_of_busctl:.1f} s')
    assert 0 < forks <= 2, forks
    assert [(sectors_written(machine, esp), esp.digest()) for esp in machine.esps] == before

    machine.stop_quietly()
    for esp in machine.esps:
        lab.check_synced(esp, KERNELS)
