"""Three ESPs have their entries in the firmware, and another system has one. Over a reboot one entry is
lost, one is double, the order is another, and a disk is away whose entry is lost, too: after the next start
each listed ESP has one entry again, also that of the dead disk, in the order that was; the foreign one is
untouched, and nothing is written that does not differ. What is lost once more is told, and left. Read-only variables and a full memory of the
firmware are told, a look then ends with 0, and what the warning says mends it."""

import re

from machine import wait_until

VARIABLES = '/sys/firmware/efi/efivars'
GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
FOREIGN = 'Another System'
DIGEST = f"sha256sum {VARIABLES}/Boot0*-{GLOBAL} {VARIABLES}/BootOrder-{GLOBAL}"
REPAIRED = "journalctl -b -o cat -u bootsyncd | grep -c '^In the firmware: ' || true"
# Each is made in the one write(2) that the kernel wants, and is deleted by its name.
FILL = 'cd ' + VARIABLES + '''; n=0
{{ printf '\\007\\000\\000\\000'; head -c {size} /dev/zero; }} >/tmp/filler
while cat /tmp/filler >Filler{size}x$n-01234567-89ab-cdef-0123-456789abcdef 2>/tmp/why
do n=$((n + 1)); [ $n -lt 900 ] || break; done
cat /tmp/why; echo filled $n'''
EMPTY = f'cd {VARIABLES}; for f in Filler*; do chattr -i $f; rm $f; done'


class Entries:
    """What efibootmgr shows: title of each number, the number of each ESP's, the order."""

    def __init__(self, machine):
        self.text = machine.sh('efibootmgr -v')
        self.titles = dict(re.findall(r'(?m)^Boot([0-9A-F]{4})\*? (.*?)\t', self.text))
        self.order = re.search(r'(?m)^BootOrder: (.*)$', self.text)[1].split(',')

    def of(self, uuid):
        return [number for number, title in self.titles.items() if title.startswith(f'proxmox {uuid}')]

    def line(self, title):
        return re.search(rf'(?m)^Boot[0-9A-F]{{4}}\*? {title}\t.*$', self.text)[0]

    def places(self, uuids):
        """The order, of ours and the foreign one."""
        names = {self.of(uuid)[0]: uuid for uuid in uuids}
        names.update({n: FOREIGN for n, title in self.titles.items() if title == FOREIGN})
        return [names[number] for number in self.order if number in names]


def warning(lab, machine, kind='boot-entries-not-kept'):
    return [w for w in lab.status(machine)['warnings'] if w['id'] == kind]


def sh(machine, *lines):
    return machine.sh('; '.join(lines), 300)


def refresh(machine):
    """In part, as there is an ESP that is away."""
    result = machine.run('bootctl-pve refresh', 300)
    assert result.status in (0, 3), result


def lose(machine, before, uuids):
    """The daemon is ended, so that it is as if the firmware did that."""
    first, second, dead = (before.of(uuid)[0] for uuid in uuids)
    disk = machine.esps[1].device_path
    sh(machine, 'systemctl stop bootsyncd', f'efibootmgr -q -B -b {first}', f'efibootmgr -q -B -b {dead}',
       f"efibootmgr -q -c -d {disk} -p 2 -L 'UEFI OS' -l '\\EFI\\systemd\\systemd-bootx64.efi'")
    now = Entries(machine)
    order = [n for n in now.order if n != second] + [second]
    sh(machine, f"efibootmgr -q -o {','.join(order)}")


def check_repaired(lab, machine, before, uuids):
    wait_until(lambda: Entries(machine).of(uuids[2]) and int(sh(machine, REPAIRED)) >= 4, 120, 'the repair')
    after = Entries(machine)
    print(after.text)
    print(sh(machine, 'bootctl-pve boot status', "journalctl -b -o cat -u bootsyncd | grep firmware"))
    for uuid in uuids:
        assert len(after.of(uuid)) == 1, (uuid, after.text)
    assert 'UEFI OS' not in after.titles.values(), after.text
    assert after.line(FOREIGN) == before.line(FOREIGN)
    assert after.places(uuids) == before.places(uuids), (before.places(uuids), after.places(uuids))
    # Two entries, the order, the double: each a write, and no more.
    assert int(sh(machine, REPAIRED)) == 4


def check_quiet(machine):
    """Whoever starts anew or refreshes finds nothing to write."""
    before = sh(machine, DIGEST)
    sh(machine, 'systemctl restart bootsyncd')
    refresh(machine)
    assert sh(machine, DIGEST) == before
    assert int(sh(machine, REPAIRED)) == 4


def check_read_only(lab, machine):
    sh(machine, f'mount -o remount,ro {VARIABLES}', 'systemctl start bootsyncd')
    wait_until(lambda: warning(lab, machine), 120, 'the word on read-only variables')
    word = warning(lab, machine)[0]
    print(word)
    assert 'EFI\\BOOT' in word['sentence'] and word['action'].startswith('mount -o remount,rw'), word
    assert machine.run('bootctl-pve boot status').status == 0
    return word['action']


def check_full(lab, machine, uuid, mend):
    """What mends read-only variables lets it be tried again, with no room for the smallest of them."""
    sh(machine, mend.partition(' && ')[0])
    print(sh(machine, FILL.format(size=1000)), sh(machine, FILL.format(size=16)))
    assert 'No space left' in sh(machine, 'cat /tmp/why')
    sh(machine, mend)
    wait_until(lambda: warning(lab, machine) and 'full' in warning(lab, machine)[0]['sentence'], 120,
               'the word on a full memory')
    print(warning(lab, machine)[0])
    assert machine.run('bootctl-pve boot status').status == 0
    assert not Entries(machine).of(uuid)
    # OVMF has the room again when it boots.
    sh(machine, EMPTY, 'systemctl enable bootsyncd')
    machine.shut_down()
    machine.boot_firmware()
    wait_until(lambda: len(Entries(machine).of(uuid)) == 1 and not warning(lab, machine), 120, 'the repair')


def run(lab):
    machine = lab.machine(esps=3)
    uuids = [esp.uuid for esp in machine.esps]
    lab.start(machine)
    sh(machine, 'bootctl-pve reinit', f"efibootmgr -q -c -d {machine.esps[0].device_path} -p 1 -L '{FOREIGN}' "
       "-l '\\EFI\\another\\loader.efi'")
    made = Entries(machine)
    assert all(len(made.of(uuid)) == 1 for uuid in uuids), made.text
    foreign = next(n for n, title in made.titles.items() if title == FOREIGN)
    ours = [made.of(uuid)[0] for uuid in uuids]
    others = [n for n in made.order if n not in ours + [foreign]]
    sh(machine, f"efibootmgr -q -o {','.join([ours[0], foreign] + ours[1:] + others)}")
    before = Entries(machine)
    wait_until(lambda: foreign in sh(machine, 'cat /var/lib/bootsync/boot-entries'), 60, 'the memory')
    print(before.text)
    lose(machine, before, uuids)
    machine.shut_down()
    machine.detach(machine.esps[2])
    machine.boot_firmware()
    check_repaired(lab, machine, before, uuids)
    check_quiet(machine)

    now = Entries(machine)
    sh(machine, 'systemctl disable --now bootsyncd', f'efibootmgr -q -B -b {now.of(uuids[0])[0]}',
       f'efibootmgr -q -B -b {now.of(uuids[1])[0]}')
    machine.shut_down()
    machine.boot_firmware()
    mend = check_read_only(lab, machine)
    again = warning(lab, machine, 'firmware-undoes')
    assert [w['subject'] for w in again] == [uuids[0]], again
    check_full(lab, machine, uuids[1], mend)
    again = warning(lab, machine, 'firmware-undoes')
    assert [w['subject'] for w in again] == [uuids[0]], again
    machine.run(again[0]['action'], 300)
    wait_until(lambda: not warning(lab, machine, 'firmware-undoes'), 60, 'the end of the warning')
    assert len(Entries(machine).of(uuids[0])) == 1
