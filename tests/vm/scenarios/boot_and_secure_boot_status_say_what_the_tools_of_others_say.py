"""A host with two ESPs, one with GRUB behind shim and one with systemd-boot, booted with Secure Boot enabled.
What `boot status` and `secure-boot status` say of entries, disks, keys, signatures, and of what would be
accepted, is what efibootmgr, bootctl, mokutil, sbverify, openssl and lsblk say."""

import datetime
import json
import re

import secureboot

VERSION = '6.8.12-4-pve'
# list -> mokutil's option that exports its certificates
LISTS = {'pk': '--pk', 'kek': '--kek', 'db': '--db', 'dbx': '--dbx', 'mok': '', 'mok-blocked': '--mokx'}
EXPORT = """set -e
rm -rf /root/export
mkdir /root/export
cd /root/export
mokutil --export {option} >/dev/null 2>&1 || true
for file in *; do
        [ -s "$file" ] || continue
        openssl x509 -inform der -in "$file" -noout -fingerprint -sha256 -enddate
        echo end
done
"""
# Guest: what is said of each file in a directory. Whom a signature leads to is left to openssl: sbverify takes
# any certificate for the end of a chain that a signature brings along.
VERIFY = """
import glob, json, subprocess, sys
NAMES = ('-nameopt', 'multiline,utf8,-esc_msb')

def run(line, *words, text=''):
    done = subprocess.run([*line.split(), *words], input=text, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ''

def signatures(path):
    for number in range(1, 9):
        run('rm -f signature')
        run('cp', path, 'copy')
        run(f'sbattach --signum {number} --detach signature copy')
        certificates = run('openssl pkcs7 -inform der -in signature -print_certs')
        if not certificates:
            return
        yield certificates

def leads_to(certificates, key):
    with open('certificates', 'w') as f:
        f.write(certificates)
    return 'OK' in run('openssl verify -partial_chain -no_check_time -purpose any -untrusted certificates',
                       '-trusted', key, text=certificates)  # the signer is the first

result = {}
for path in sys.argv[2:]:
    signed, ends, keys = list(signatures(sys.argv[1] + path)), {}, set()
    for certificates in signed:
        for block in certificates.split('-----BEGIN')[1:]:
            out = run('openssl x509 -noout -enddate -subject', *NAMES, text='-----BEGIN' + block)
            ends[out.split('commonName')[1].split('=', 1)[1].strip()] = out.split('notAfter=')[1].splitlines()[0]
        keys |= {key for key in glob.glob('/root/accepted/*.pem') if leads_to(certificates, key)}
    result[path] = {'listed': run('sbverify --list', sys.argv[1] + path), 'signatures': len(signed),
                    'ends': ends, 'accepted': sorted(keys)}
print(json.dumps(result))
"""


def usec(text):
    """openssl's "Jun 27 21:32:45 2026 GMT" in microseconds."""
    when = datetime.datetime.strptime(text.strip(), '%b %d %H:%M:%S %Y GMT')
    return int(when.replace(tzinfo=datetime.timezone.utc).timestamp()) * 1_000_000


def check_entries(machine, boot):
    out = machine.sh('efibootmgr -v')
    assert f"BootCurrent: {boot['boot_current']:04X}" in out, out
    order = re.search(r'BootOrder: (\S*)', out)[1].split(',')
    assert boot['boot_order'] == [f'Boot{number}' for number in order], (boot['boot_order'], order)
    partitions = json.loads(machine.sh('lsblk --json -p -o NAME,PKNAME,PARTUUID,UUID,FSTYPE'))['blockdevices']
    by_part_uuid = {part['partuuid']: part for disk in partitions for part in disk.get('children', [])
                    if part['partuuid']}
    told = {int(number, 16): (active == '*', rest) for number, active, rest in
            re.findall(r'(?m)^Boot([0-9A-F]{4})([* ]) ?(.*)$', out)}
    assert {entry['number'] for entry in boot['entries']} == set(told), (boot, told)
    ours = 0
    for entry in boot['entries']:
        active, rest = told[entry['number']]
        title, path = rest.split('\t', 1)
        assert (entry['active'], entry['title']) == (active, title), (entry, rest)
        partition = re.search(r'HD\(\d+,GPT,([0-9a-f-]{36}),', path)
        assert entry['part_uuid'] == (partition[1] if partition else ''), (entry, path)
        if not partition:
            continue
        assert f'File({entry["path"]})' in path, (entry, path)
        part = by_part_uuid[entry['part_uuid']]
        assert entry['disk'] == part['pkname'] and part['fstype'] == 'vfat', (entry, part)
        ours += entry['whose'] == 'ours'
        if entry['number'] == boot['boot_current']:
            assert boot['booted_esp'] == part['uuid'], (boot, part)
    assert ours == 3, boot['entries']  # systemd-boot stays beside shim on the first ESP
    print(f'# {len(told)} entries, {ours} of them ours')


def check_state(machine, boot):
    assert boot['secure_boot'] == 'enabled' and boot['firmware'] == 'uefi', boot
    assert 'SecureBoot enabled' in machine.sh('mokutil --sb-state')
    assert re.search(r'Secure Boot: enabled \(user\)', machine.sh('bootctl status --no-pager 2>/dev/null || true'))


def check_keys(machine, status):
    told = {}
    for store, option in LISTS.items():
        out = machine.sh(EXPORT.format(option=option), 120)
        told[store] = {(re.search(r'(?i)sha256 Fingerprint=(\S+)', text)[1].replace(':', '').lower(),
                        usec(re.search(r'notAfter=(.*)', text)[1]))
                       for text in out.split('end\n') if text.strip()}
        ours = {(key['sha256'], key['not_after_usec']) for key in status['keys'] if key['list'] == store}
        assert ours == told[store], (store, ours, told[store])
    assert told['db'] and told['kek'] and told['pk'] and told['mok'], told
    return told


def check_files(machine, status, esps):
    """Also that each that shim or firmware takes can be verified by a key that counts, and no other."""
    for uuid, device in esps.items():
        files = {file['path']: file for file in status['files'] if file['esp'] == uuid}
        assert files, (uuid, status['files'])
        where = '/mnt' if device else ''
        mount = f'mount -o ro {device} /mnt; ' if device else ''
        paths = ' '.join(files)
        out = machine.sh(f'unshare --mount sh -ec "{mount}python3 /root/verify.py \'{where}\' {paths}"', 600)
        for path, tools in json.loads(out).items():
            check_file(files[path], tools)


def check_file(file, tools):
    assert tools['listed'].count('image signature certificates') == tools['signatures'], tools
    assert file['signed'] == bool(tools['signatures']), (file, tools)
    if file['signed']:
        assert re.search(rf"subject: .*/?CN={re.escape(file['signer'])}", tools['listed']), (file, tools)
        assert re.search(rf"issuer: +.*/?CN={re.escape(file['issuer'])}", tools['listed']), (file, tools)
        assert file['not_after_usec'] == usec(tools['ends'][file['signer']]), (file, tools)
    else:
        assert not file['signer'] and not file['issuer'] and not file['accepted'], file
    firmware = [path for path in tools['accepted'] if '/db-' in path]
    counts = firmware if file['checker'] == 'firmware' else tools['accepted']
    assert file['accepted'] == bool(counts), (file, tools)
    print(f"# {file['esp'] or 'host'}{file['path']}: {file['checker']} "
          f"{'accepts' if file['accepted'] else 'refuses'}: {file['reason']}")


def run(lab):
    machine = lab.machine(esps=2)
    shim, plain = machine.esps
    lab.start(machine)
    machine.sh(f'bootctl-pve init {shim.esp_path} grub', 900)
    machine.sh(f'bootctl-pve init {plain.esp_path}', 600)
    machine.shut_down()
    machine.enroll('secure-boot')
    machine.boot_firmware()
    assert machine.uname() == VERSION
    boot, status = secureboot.boot(machine), secureboot.status(machine)
    print(machine.sh('bootctl-pve boot status; bootctl-pve secure-boot status'))
    check_state(machine, boot)
    check_entries(machine, boot)
    check_keys(machine, status)
    machine.put('/root/verify.py', VERIFY.encode())
    # Which keys accept: those of db, and those of shim, which it shows in MokListRT.
    for store, option in (('db', '--db'), ('mok', '')):
        machine.sh(EXPORT.format(option=option) + 'mkdir -p /root/accepted\nfor f in *; do '
                   f'openssl x509 -inform der -in "$f" -out "/root/accepted/{store}-$f.pem"; done', 120)
    check_files(machine, status, {shim.uuid: shim.esp_path, plain.uuid: plain.esp_path, '': ''})
