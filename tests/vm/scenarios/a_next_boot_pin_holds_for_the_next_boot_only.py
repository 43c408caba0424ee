"""`kernel pin --next-boot`: no restart and no kill of the daemon in the boot it was set in ends it;
the next boot through the firmware runs the pinned kernel and ends the pin, once, with one refresh;
the boot after that runs the old default. The host has not been booted by systemd-boot at first, so
the pinned kernel is the default entry until then; from that boot on there is a one-shot to arm."""

PIN, DEFAULT = '6.5.13-1-pve', '6.8.12-4-pve'
PIN_FILE = '/etc/kernel/next-boot-pin'
PIN_IS_OVER = 'c6b5a4938271405f8e9d0c1b2a394999'


def pin_file(machine):
    return machine.run(f'cat {PIN_FILE}').out.strip()


def ends_of_pins(machine):
    """In this boot, as the journal has them."""
    return machine.sh(f'journalctl -b -o cat --no-pager MESSAGE_ID={PIN_IS_OVER}').splitlines()


def defaults(lab, machine):
    return {lab.default_kernel(esp) for esp in machine.esps}


def one_shot_methods(lab, machine):
    return {esp['one_shot_method'] for esp in lab.status(machine)['esps']}


def restart(lab, machine):
    machine.sh('systemctl restart bootsyncd', 120)
    lab.wait_in_sync(machine)


def run(lab):
    machine = lab.machine(esps=2)
    lab.start(machine)
    lab.wait_in_sync(machine)
    assert defaults(lab, machine) == {DEFAULT}

    machine.sh(f'bootctl-pve kernel pin {PIN} --next-boot', 300)
    for _ in range(3):
        restart(lab, machine)
    machine.sh('systemctl kill --signal=KILL bootsyncd')
    lab.wait_until(lambda: machine.sh('systemctl show -P NRestarts bootsyncd') == '1\n', 60,
                   'a restarted daemon')
    lab.wait_in_sync(machine)
    assert pin_file(machine) == PIN
    assert lab.status(machine)['next_boot'] == PIN
    assert one_shot_methods(lab, machine) == {'default-entry'}
    assert defaults(lab, machine) == {PIN}
    assert not ends_of_pins(machine)

    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == PIN
    lab.wait_until(lambda: lab.refreshes(machine), 120, 'a refresh')
    lab.wait_in_sync(machine)
    assert pin_file(machine) == '' and lab.status(machine)['next_boot'] == ''
    assert one_shot_methods(lab, machine) == {'firmware'}
    assert defaults(lab, machine) == {DEFAULT}

    before = [machine.written(esp) for esp in machine.esps]
    for _ in range(3):
        restart(lab, machine)
    # The first is that of the pin's end, the others are those of the restarts.
    ends, jobs = ends_of_pins(machine), lab.refreshes(machine)
    print(f'# ends of the pin: {len(ends)}, refreshes in four starts: {len(jobs)}')
    assert len(ends) == 1 and len(jobs) == 4, (ends, jobs)
    assert [machine.written(esp) for esp in machine.esps] == before
    assert defaults(lab, machine) == {DEFAULT}

    machine.shut_down('reboot')
    machine.boot_firmware()
    assert machine.uname() == DEFAULT
    lab.wait_in_sync(machine)
    assert not ends_of_pins(machine)
