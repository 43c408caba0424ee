#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`doctor` names each thing that is wrong, with its action; somebody does just what that says, and it
is not wrong any more. Each row of the tables of checks has its turn here, or with the real systemd,
polkit and dpkg in the scenario of tests/vm whose name begins with "doctor". And the report for bugs,
out of which nothing comes that tells which host it is from."""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import unittest
from pathlib import Path

import lab
from efivars import PARTITIONS, UefiCase, load_option, SD_BOOT
from lab import MIB, wait_until
from test_actions import BY_HAND, LIST, ActionCase
from test_client_usage import CLIENT, HERE, ClientCase
from test_client_usage import PARTITIONS as DISKS

SOURCE = Path(__file__).resolve().parents[2]
TABLES = ''.join(p.read_text() for p in sorted((SOURCE / 'client/doctor').glob('*.c')))
CHECKS = re.findall(r'{ "([a-z-]+)", GROUP_\w+,', TABLES)
SCENARIO = next((SOURCE / 'tests/vm/scenarios').glob('doctor_*.py')).read_text()
KINDS = re.findall(r'\[WARNING_\w+\] = {\s*"([a-z-]+)",\s*"([a-z]+)"',
                   (SOURCE / 'common/warning.c').read_text())
WORDS = ['ok', 'note', 'warning', 'fault']
VERDICTS = {0: ('ok', 'note'), 3: ('warning',), 1: ('fault',)}
# These tell, and have nothing that could be wrong.
NEVER_WRONG = {'boot', 'loaders'}

provoked = set()  # checks that have told of something which was gone after the action


class Findings:
    """Of one run."""

    def __init__(self, case, done):
        self.all = json.loads(done.stdout)['findings'] if done.stdout else []
        verdict = json.loads(done.stdout)['verdict']
        case.assertEqual(verdict, max((f['severity'] for f in self.all), key=WORDS.index))
        case.assertIn(verdict, VERDICTS[done.returncode])

    def of(self, check, part=''):
        """The worst of that check; None: it is not there."""
        return max((f for f in self.all if f['check'] == check and part in f['sentence']),
                   key=lambda f: WORDS.index(f['severity']), default=None)

    def wrong(self):
        return {f['check']: f['sentence'] for f in self.all
                if f['severity'] in ('warning', 'fault')}


class Doctor:
    def examine(self):
        raise NotImplementedError

    def sees(self, check, severity, program, part=''):
        finding = self.examine().of(check, part)
        self.assertTrue(finding, f'{check} {part}')
        self.assertEqual((finding['severity'], finding['action'].split()[0]), (severity, program),
                         finding)
        return finding

    def sees_no_more(self, check, part=''):
        finding = self.examine().of(check, part)
        self.assertIn(finding and finding['severity'], (None, 'ok', 'note'), finding)
        provoked.add(check)

    def mends(self, check, severity, program, part=''):
        finding = self.sees(check, severity, program, part)
        self.carry_out(finding['action'])
        self.sees_no_more(check, part)


class Host(Doctor, ActionCase):
    """A root that is a directory, with a private daemon."""

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid, size=64 * MIB)
        self.lab.path('var/lib/dpkg/info').mkdir()
        self.bootctl('refresh')
        self.did = []

    def examine(self, *options):
        done = self.lab.bootctl('doctor', '--json', *options)
        done.stdout, done.returncode = done.out, done.status
        return Findings(self, done)

    def really(self, *words):
        subprocess.run(words, check=True, timeout=60)
    run_chmod = run_mv = run_rm = really

    def carry_out(self, action):
        if action.split()[0] in ('chmod', 'mv', 'rm'):
            subprocess.run(['sh', '-euc', action], check=True, timeout=60)
        else:
            super().carry_out(action)

    def write_programs(self, package, *paths):
        """What @package has installed, and its digests, as dpkg keeps them."""
        lines = []
        for path in paths:
            self.lab.write(path, path)
            lines.append(f'{hashlib.md5(path.encode()).hexdigest()}  {path}\n')
        self.lab.write(f'var/lib/dpkg/info/{package}.md5sums', ''.join(lines))
        self.lab.write(f'var/lib/dpkg/info/{package}.list', ''.join(f'/{p}\n' for p in paths))


class Files(Host):
    def test_a_host_that_is_well_is_ok(self):
        findings = self.examine()
        self.assertEqual(findings.wrong(), {})
        self.assertLess(12, len(findings.all))
        done = self.lab.bootctl('doctor')
        self.assertEqual((done.status, done.err), (0, ''))
        self.assertTrue(done.out.endswith('All is well.\n'), done.out)
        self.assertEqual(self.bootctl('doctor', '--quiet').out, '')

    def test_a_bad_line(self):
        esps = ''.join(uuid + '\n' for uuid in self.ESPS)
        self.mended = {LIST: esps}
        self.lab.write(LIST, esps + 'garbage line\n')
        self.mends('lists', 'warning', 'editor')

    def test_a_command_line_without_root(self):
        self.mended = {'etc/kernel/cmdline': lab.CMDLINE + '\n'}
        self.lab.write('etc/kernel/cmdline', 'quiet\n')
        self.mends('command-line', 'fault', 'editor')

    def test_files_that_everybody_may_write(self):
        for name in 'etc/kernel/cmdline', 'etc/kernel', 'boot':
            self.lab.path(name).chmod(0o777)
            self.mends('modes', 'fault', 'chmod', f'/{name},')
            self.assertEqual(self.lab.path(name).stat().st_mode & 0o777, 0o775)

    def test_lists_from_before_version_6(self):
        self.lab.write('etc/kernel/pve-efiboot-uuids', 'CCCC-0003\n')
        self.lab.write('etc/kernel/pve-efiboot-manual-kernels', self.OLD + '\n')
        self.mends('legacy-lists', 'warning', 'mv', 'uuids')
        self.mends('legacy-lists', 'warning', 'mv', 'manual-kernels')
        self.assertEqual(self.lab.listed_esps(), list(self.ESPS))
        self.assertEqual(self.lab.read(BY_HAND), self.OLD + '\n')

    def test_a_history_that_was_damaged(self):
        self.lab.write('var/lib/bootsync/history.damaged', 'x')
        self.mends('state', 'warning', 'rm')


class Kernels(Host):
    def test_a_kernel_without_initrd(self):
        self.lab.path(f'boot/initrd.img-{self.NEW}').unlink()
        self.mends('kernels', 'fault', 'chroot')
        self.assertEqual(self.did, ['update-initramfs'])

    def test_a_pin_that_the_esps_do_not_know(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot')
        self.mends('pins', 'warning', 'bootctl-pve')

    def test_a_default_that_is_not_the_wanted_one(self):
        self.bootctl('kernel', 'pin', self.OLD)
        self.mends('default', 'warning', 'bootctl-pve')


class Esps(Host):
    def test_one_that_is_outdated_and_what_that_means_for_all(self):
        for check in 'esps', 'redundancy':
            (self.lab.esp(self.ESPS[1]) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}').unlink()
            self.mends(check, 'warning', 'bootctl-pve')

    def test_one_that_is_gone_for_good(self):
        self.lab.list_esps(*self.ESPS, 'CCCC-0003')
        self.mends('esps', 'fault', 'bootctl-pve')

    def test_their_boot_loaders_are_told(self):
        self.assertEqual(self.examine().of('loaders')['sentence'],
                         'systemd-boot is the boot loader of 2 of 2 ESPs')
        self.lab.add_esp('CCCC-0003', loader='grub', size=64 * MIB)
        self.assertEqual({f['severity'] for f in self.examine().all if f['check'] == 'loaders'},
                         {'note'})


class Firmware(UefiCase, Doctor):
    carry_out, run_bootctl_pve = ActionCase.carry_out, ActionCase.run_bootctl_pve
    examine = Host.examine

    def test_an_esp_without_an_entry(self):
        """On directories a reinit writes none: the firmware's part is played here."""
        self.did = []
        self.lab.write('usr/lib/systemd/boot/efi/systemd-bootx64.efi', 'a loader')
        self.bootctl('refresh')
        finding = self.sees('entries', 'warning', 'bootctl-pve', self.ESPS[0])
        self.carry_out(finding['action'])
        self.set('Boot0002', load_option('proxmox', PARTITIONS[0], SD_BOOT))
        self.sees_no_more('entries')


class Space(Host):
    def fill(self, path, size, leave):
        """Give @path a file system of its own, of which only so much is left."""
        before = {p.name: p.read_bytes() for p in self.lab.path(path).iterdir() if p.is_file()}
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'lab', self.lab.path(path)],
                       check=True, timeout=60)
        self.lab.mounts.append(self.lab.path(path))
        for name, data in before.items():
            (self.lab.path(path) / name).write_bytes(data)
        left = os.statvfs(self.lab.path(path))
        filler = self.lab.path(path) / 'filler'
        with open(filler, 'wb') as f:
            os.posix_fallocate(f.fileno(), 0, left.f_bfree * left.f_frsize - leave)
        return filler

    def test_a_boot_without_room(self):
        for leave, severity in (64 * MIB, 'warning'), (0, 'fault'):
            filler = self.fill('boot', 192 * MIB, leave)
            self.run_apt_get = lambda *words, filler=filler: filler.unlink()
            self.mends('boot-space', severity, 'chroot')
            self.assertEqual(self.did.pop(), 'apt-get')

    def test_no_room_for_what_the_daemon_remembers(self):
        for leave, severity in (2 * MIB, 'warning'), (0, 'fault'):
            filler = self.fill('var/lib/bootsync', 16 * MIB, leave)
            self.run_apt_get = lambda *words, filler=filler: filler.unlink()
            self.mends('state-space', severity, 'chroot')

    def test_an_esp_that_is_full(self):
        filler = self.lab.esp(self.ESPS[0]) / 'filler'
        with open(filler, 'wb') as f:
            os.posix_fallocate(f.fileno(), 0, 60 * MIB)
        self.run_apt_get = lambda *words: filler.unlink()
        self.mends('esp-space', 'warning', 'chroot', self.ESPS[0])


class Packages(Host):
    def test_a_database_that_cannot_be_read(self):
        self.lab.path('var/lib/dpkg/status').unlink()
        self.lab.path('var/lib/dpkg/status').mkdir()
        self.assertTrue(any(f['unknown'] for f in self.examine().all if f['check'] == 'packages'))
        self.mends('packages', 'fault', 'chroot')

    def test_a_package_that_is_not_configured(self):
        self.write_programs('bootsync')
        self.lab.add_package('bootsync', 'install ok half-configured')
        self.run_dpkg = lambda *words: self.lab.add_package('bootsync')
        self.mends('packages', 'fault', 'chroot', 'half-configured')

    def test_hooks_of_the_old_tool_that_were_left(self):
        self.lab.add_package('proxmox-kernel-helper', 'deinstall ok config-files')
        self.run_apt_get = lambda *words: self.lab.add_package(words[-1])
        self.mends('leftovers', 'warning', 'chroot')
        self.assertIn('bootsync-proxmox-compat', self.lab.packages)

    def test_files_that_are_gone_or_changed(self):
        program, manual = 'usr/bin/bootctl-pve', 'usr/share/man/man8/bootctl-pve.8.gz'
        self.lab.add_package('bootsync')

        def install():
            self.write_programs('bootsync', program, manual)
        self.run_apt_get = lambda *words: install()
        install()
        for spoil in (lambda: self.lab.path(program).unlink(),
                      lambda: self.lab.write(program, 'another')):
            spoil()
            self.lab.path(manual).unlink(missing_ok=True)
            self.mends('installed-files', 'fault', 'chroot', program)
            self.lab.path(manual).unlink()
            self.sees_no_more('installed-files')

    def test_diversions_that_are_gone(self):
        hooks = ('/etc/kernel/postinst.d/zz-systemd-boot', '/etc/kernel/postrm.d/zz-systemd-boot',
                 '/etc/initramfs/post-update.d/systemd-boot')
        units = ('etc/systemd/system-generators/systemd-gpt-auto-generator',
                 'etc/systemd/system/systemd-boot-update.service')
        grub = '/usr/sbin/grub-install'
        self.write_programs('bootsync-proxmox-compat')
        self.lab.add_package('bootsync-proxmox-compat')

        def link(path, to):
            self.lab.path(path).parent.mkdir(parents=True, exist_ok=True)
            self.lab.path(path).unlink(missing_ok=True)
            self.lab.path(path).symlink_to(to)

        def take(word):
            self.assertEqual(word, 'take')
            diverted = [(grub, grub + '.real'), *((h, h + '.bootsync-off') for h in hooks)]
            self.lab.write('var/lib/dpkg/diversions', ''.join(
                f'{path}\n{to}\nbootsync-proxmox-compat\n' for path, to in diverted))
            link(grub[1:], '/usr/libexec/bootsync-compat/grub-install')
            for unit in units:
                link(unit, '/dev/null')
        setattr(self, 'run_/usr/libexec/bootsync_compat/host', take)
        self.mends('diversions', 'fault', 'chroot', grub)
        for path in grub[1:], units[0]:
            self.lab.path(path).unlink()
            self.mends('diversions', 'warning' if path == units[0] else 'fault', 'chroot', path)
        self.lab.write('var/lib/dpkg/diversions', f'{grub}\n{grub}.real\nbootsync-proxmox-compat\n')
        self.mends('diversions', 'fault', 'chroot', hooks[0])

    def test_files_for_the_bus_and_polkit(self):
        files = {'usr/share/dbus-1/system.d/org.bootsync1.conf',
                 'usr/share/dbus-1/system-services/org.bootsync1.service',
                 'usr/share/polkit-1/actions/org.bootsync1.policy'}
        self.lab.add_package('bootsync')
        self.write_programs('bootsync')
        self.run_apt_get = lambda *words: [self.lab.write(name, '') for name in files]
        for name in sorted(files):
            self.lab.path(name).unlink(missing_ok=True)
            self.mends('policy', 'fault', 'chroot', name)
            self.lab.path(name).chmod(0o640)
            self.mends('policy', 'fault', 'chmod', name)


class Played(Doctor, ClientCase):
    """States that the fake daemon, systemd and polkit are in."""

    def setUp(self):
        super().setUp()
        self.fake, self.arguments = {'auto_sync': True, 'boot': {'Firmware': 'uefi', 'SecureBoot': 'disabled'}}, []
        self.version = self.run_client('--version').stdout.split()[1]
        self.manager(Version=self.version)

    def manager(self, **values):
        self.fake.setdefault('manager', {}).update(values)

    def examine(self):
        return Findings(self, self.run_client(*self.arguments, 'doctor', '--json', fake=self.fake))

    def carry_out(self, action):
        self.did = action
        self.mend()

    def start_fake(self, script, *arguments, ready='ready'):
        child = subprocess.Popen([sys.executable, HERE / script, *arguments], text=True,
                                 stdout=subprocess.PIPE,
                                 env=dict(self.env, FAKE=json.dumps(self.fake)))
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.terminate)
        while child.stdout.readline().strip() != ready:
            self.assertIsNone(child.poll())
        return child

    def start_daemon(self):
        return self.start_fake('fake_daemon.py', '--bus')

    def units(self, load='loaded', active='active', file='enabled'):
        (self.directory / 'units').write_text(json.dumps({'bootsyncd.service': [load, active, file]}))

    def start_systemd(self):
        child = subprocess.Popen([sys.executable, HERE / 'fake_systemd.py', self.directory],
                                 env=self.env)
        self.addCleanup(child.wait)
        self.addCleanup(child.terminate)
        wait_until(lambda: (self.directory / 'systemd-ready').exists(), what='systemd')

    def mends_by(self, check, severity, program, mend, part=''):
        self.mend = mend
        self.mends(check, severity, program, part)

    def test_a_bus_that_is_not_there(self):
        self.mends_by('name', 'fault', 'systemctl', lambda: (self.start_bus(), self.start_daemon()))

    def test_a_name_that_nobody_has(self):
        self.start_bus()
        self.mends_by('name', 'fault', 'apt-get', self.start_daemon)

    def test_a_service_that_does_not_run(self):
        self.start_bus()
        self.units()
        self.start_systemd()
        self.mends_by('service', 'warning', 'systemctl', self.start_daemon, 'does not run')

    def on_bus(self):
        self.start_bus()
        self.start_daemon()
        self.units()
        self.start_systemd()

    def test_a_service_that_is_not_enabled(self):
        self.on_bus()
        self.units(file='disabled')
        self.mends_by('service', 'warning', 'systemctl', self.units, 'not enabled')
        self.units(file='masked')
        self.mends_by('service', 'warning', 'systemctl', self.units, 'masked')

    def test_a_unit_that_is_not_installed_or_has_failed(self):
        self.on_bus()
        self.units(load='not-found', file='')
        self.mends_by('unit', 'fault', 'apt-get', self.units)
        self.units(load='bad-setting')
        self.mends_by('unit', 'fault', 'apt-get', self.units)
        self.units(active='failed')
        self.mends_by('unit', 'fault', 'systemctl', self.units)

    def test_a_systemd_that_does_not_answer_is_not_known(self):
        self.start_bus()
        self.start_daemon()
        self.units()
        self.assertTrue(self.sees('unit', 'warning', 'systemctl')['unknown'])
        self.start_systemd()
        self.sees_no_more('unit')

    def test_a_daemon_of_another_version(self):
        self.arguments = [f'--root={self.root}']
        self.manager(Version='0.0.1')
        self.mends_by('version', 'warning', 'systemctl', lambda: self.manager(Version=self.version))

    def test_a_daemon_that_does_not_answer_is_not_known_and_the_rest_is_told(self):
        self.arguments = [f'--root={self.root}']
        self.env['BOOTSYNC_DAEMON'], well = '/bin/false', self.env['BOOTSYNC_DAEMON']
        findings = self.examine()
        unknown = {f['check'] for f in findings.all if f['unknown']}
        self.assertLessEqual({'lists', 'kernels', 'esps', 'redundancy', 'entries'}, unknown)
        self.assertEqual(findings.of('modes')['severity'], 'ok')
        self.env['BOOTSYNC_DAEMON'] = well
        self.assertEqual({f['check'] for f in self.examine().all if f['unknown']} & unknown,
                         {'redundancy'})

    def test_automatic_sync_that_is_off(self):
        self.arguments = [f'--root={self.root}']
        self.manager(Warnings=[('auto-sync-off', 'warning', 'AutoSync', 'It is off.', 'editor /x')])
        self.mends_by('auto-sync', 'warning', 'editor', lambda: self.manager(Warnings=[]))

    def test_polkit_that_is_not_there(self):
        self.on_bus()
        self.mends_by('polkit', 'warning', 'apt-get', lambda: self.start_fake('fake_polkit.py'))

    def test_actions_that_polkit_does_not_know(self):
        names = (SOURCE / 'policy/org.bootsync1.policy').read_text()
        actions = re.findall(r'<action id="(.*)">', names)
        self.on_bus()
        polkit = self.start_fake('fake_polkit.py', *actions[1:])

        def reinstall():
            polkit.terminate()
            polkit.wait()
            self.start_fake('fake_polkit.py', *actions)
        self.mends_by('polkit-actions', 'warning', 'apt-get', reinstall, actions[0])

    def test_the_old_tool_that_syncs_too(self):
        self.arguments = [f'--root={self.root}']
        status = self.root / 'var/lib/dpkg/status'
        (self.root / 'var/lib/dpkg/updates').mkdir(parents=True)
        text = '''Package: {}\nStatus: install ok installed\nMaintainer: T <t@example.org>
Architecture: all\nVersion: 1\nDescription: test\n'''
        status.write_text(text.format('proxmox-kernel-helper'))
        self.mends_by('old-tool', 'warning', 'chroot', lambda: status.write_text(
            text.format('bootsync-proxmox-compat')))
        self.assertTrue(self.did.endswith(' apt-get install bootsync-proxmox-compat'))

    def test_a_single_esp_gets_another_on_a_disk_that_has_none(self):
        self.arguments = [f'--root={self.root}']
        self.fake |= {'esps': [['AAAA-BBBB', 'in-sync', '', {'Disk': '/dev/sda'}]],
                      'partitions': DISKS}
        self.manager(Redundancy='single', RedundancyReason='One ESP is in sync.')
        self.mends_by('redundancy', 'warning', 'bootctl-pve', lambda: self.manager(
            Redundancy='redundant', RedundancyReason='Both are in sync.'))
        self.assertEqual(self.did, 'bootctl-pve init /dev/sdb2')

    def test_each_verdict_has_its_severity(self):
        self.arguments = [f'--root={self.root}']
        for word, severity in (('redundant', 'ok'), ('syncing', 'ok'), ('single', 'warning'),
                               ('degraded', 'warning'), ('unmanaged', 'warning'),
                               ('unknown', 'warning'), ('unbootable', 'fault'), ('new', 'warning')):
            self.manager(Redundancy=word, RedundancyReason='Because.')
            finding = self.examine().of('redundancy')
            self.assertEqual((finding['severity'], finding['unknown']),
                             (severity, word in ('unknown', 'new')), word)

    def test_signatures_that_nobody_knows(self):
        self.arguments = [f'--root={self.root}']
        self.fake['boot'] |= {'SecureBoot': 'enabled', 'SignaturesKnown': False}
        self.assertTrue(self.examine().of('signatures')['unknown'])
        self.mends_by('signatures', 'warning', 'bootctl-pve', lambda: self.fake['boot'].update(
            SignaturesKnown=True))

    def test_each_kind_of_warning_is_shown_once_as_the_daemon_words_it(self):
        self.arguments = [f'--root={self.root}']
        self.manager(Warnings=[(kind, severity, 'x', f'It is {kind}', f'mend {kind}')
                               for kind, severity in KINDS
                               if not kind.startswith('service-')])
        findings = self.examine()
        self.assertGreater(len(KINDS), 15)
        for kind, severity in KINDS:
            if not kind.startswith('service-'):
                self.assertEqual([(f['severity'], f['action'], f['check'] == 'other')
                                  for f in findings.all if f['sentence'] == f'It is {kind}'],
                                 [(severity, f'mend {kind}', False)])

    def test_a_warning_of_a_newer_daemon_is_shown_too(self):
        self.arguments = [f'--root={self.root}']
        self.manager(Warnings=[('brand-new', 'fault', 'x', 'It is new', 'mend it')])
        self.mends_by('other', 'fault', 'mend', lambda: self.manager(Warnings=[]))

    def test_another_host_tells_what_is_not_known_from_here(self):
        bus = self.directory / 'bus'
        self.on_bus()
        ssh = self.directory / 'ssh'
        ssh.write_text(f'#!/bin/sh\nexec systemd-stdio-bridge -punix:path={bus}\n')
        ssh.chmod(0o755)
        self.env['PATH'] = f'{self.directory}:{self.env["PATH"]}'
        self.arguments = ['-H', 'elsewhere']
        findings = self.examine()
        self.assertEqual(findings.of('version')['severity'], 'ok')
        self.assertTrue(findings.of('modes')['unknown'])
        self.assertEqual(findings.of('modes')['action'], 'ssh elsewhere bootctl-pve doctor')


HOST, NEIGHBOUR, DOMAIN = 'zeus', 'hera', 'olymp.example.net'
SECRETS = {
    'host': HOST, 'neighbour': NEIGHBOUR, 'domain': DOMAIN, 'ip': '192.0.2.77', 'ip6': '2001:db8::17:2a',
    'mac': '52:54:00:ab:cd:ef', 'mac with dashes': '52-54-00-AB-CD-EF', 'serial': 'S62ANJ0R123456X',
    'nvme': 'PHLN112233AB', 'board': 'CZ3-4711-Q', 'wwn': 'wwn-0x5002538e40a1b2c3',
    'eui': 'eui.0025385b21404321', 'uuid': '0b2f9a4e-5c1d-4e8f-9a70-0123456789ab', 'mbr': 'c0ffee12-03',
    'lvm': 'Zb1xQ2-aaaa-bbbb-cccc-dddd-eeee-Xy9Zw8', 'pool': '12345678901234567890',
    'machine': '0123456789abcdef0123456789abcdef', 'sha256': 'ab12' * 16,
    'sha1': ':'.join(['A1'] * 20), 'fat': 'DEAD-BEEF', 'luks': '/boot/hidden.luks', 'password': 'hunter2',
    'token': 'tok3nvalue', 'quoted': 'with blanks 42', 'url': 'joe:s3cr3t',
}
DISK = f'ata-Samsung_SSD_870_EVO_{SECRETS["serial"]}'
BLOB = ('host={host} {neighbour} {host}.{domain} ip={ip}::{ip}:255.255.255.0:{host}:eno1:off [{ip6}]:8006 '
        'addr:{ip6} {mac} {mac with dashes} {serial} {nvme} {board} {wwn} {eui} root=PARTUUID={uuid} {mbr} '
        '{lvm} {pool} systemd.machine_id={machine} {sha256} {sha1} UUID={fat} rd.luks.key={luks} '
        'password={password} api_token: {token} GRUB_PASSWORD="{quoted}" http://{url}@{host}/ '
        f'/dev/disk/by-id/{DISK}-part2').format(**SECRETS)
JOURNAL = '''__REALTIME_TIMESTAMP={usec}
__MONOTONIC_TIMESTAMP={n}
_BOOT_ID=0123456789abcdef0123456789abcdee
_SYSTEMD_UNIT={unit}
PRIORITY=4
MESSAGE=number {n}: {blob}

'''


class Report(Host):
    def prepare(self):
        super().prepare()
        self.file = self.lab.path('report.txt')

    def plant(self):
        """In each source that a report is made of."""
        for name, text in {
                'etc/hostname': HOST + '\n',
                'etc/hosts': f'127.0.0.1 localhost\n{SECRETS["ip"]} {HOST}.{DOMAIN} {HOST}\n192.0.2.3 {NEIGHBOUR}\n',
                'etc/machine-id': SECRETS['machine'] + '\n',
                'etc/os-release': f'PRETTY_NAME="Debian"\nX={BLOB}\n',
                'etc/kernel/cmdline': f'root=/dev/x {BLOB}\n',
                'etc/kernel/proxmox-boot-manual-kernels': f'# {BLOB}\n{BLOB}\n',
                'etc/kernel/proxmox-boot-pin': f'{self.OLD}\n{BLOB}\n',
                'etc/kernel/next-boot-pin': f'{BLOB}\n',
                'etc/default/grub': f'# {BLOB}\nGRUB_CMDLINE_LINUX="{BLOB}"\n',
                'etc/default/grub.d/my.cfg': BLOB + '\n',
                'etc/bootsync/bootsyncd.conf': f'# {BLOB}\n[Sync]\nPassword={BLOB}\n',
                'etc/bootsync/bootsyncd.conf.d/my.conf': f'{BLOB}\n',
                'etc/apt/apt.conf.d/76pveconf': f'// {BLOB}\n',
                'proc/cmdline': f'root=/dev/x {BLOB}\n',
                'proc/sys/kernel/osrelease': f'6.8.12-4-pve {BLOB}\n',
                'var/lib/bootsync/cmdline': BLOB + '\n',
                'var/lib/bootsync/next-boot': BLOB + '\n',
                'var/lib/bootsync/one-shot': BLOB + '\n',
                'var/lib/bootsync/ksm': BLOB + '\n',
                'sys/class/dmi/id/board_serial': SECRETS['board'] + '\n',
                'sys/block/nvme0n1/serial': SECRETS['nvme'] + '  \n',
                f'dev/disk/by-id/{DISK}': '', f'dev/disk/by-id/{DISK}-part2': '',
        }.items():
            self.lab.write(name, text)
        self.lab.write(LIST, self.lab.read(LIST) + f'# {BLOB}\n{BLOB}\n')
        history = self.lab.read('var/lib/bootsync/history')
        self.assertRegex(history, r'message=\S+')
        self.lab.write('var/lib/bootsync/history',
                       re.sub(r'message=\S+', lambda _: f'message={self.escape(BLOB)}', history))
        self.write_journal()

    @staticmethod
    def escape(text):
        """As a record has it: see common/record."""
        return re.sub('[ %]', lambda m: f'%{ord(m[0]):02X}', text)

    def write_journal(self):
        directory = self.lab.path('var/log/journal') / SECRETS['machine']
        directory.mkdir(parents=True)
        entries = ''.join(JOURNAL.format(usec=1764500000000000 + n, n=n, blob=BLOB,
                                         unit='bootsyncd.service' if n % 50 else 'other.service')
                          for n in range(1, 260))
        subprocess.run(['/lib/systemd/systemd-journal-remote', '-o', directory / 'system.journal', '-'],
                       input=entries, text=True, check=True, timeout=60, stderr=subprocess.DEVNULL)

    def write_report(self, *options, status=None):
        done = self.lab.bootctl('doctor', f'--report={self.file}', *options)
        if status is not None:
            self.assertEqual(done.status, status, done.err)
        return done

    def section(self, title):
        text = self.file.read_text()
        return re.search(rf'(?ms)^== {title} ==\n(.*?)(?=^== |\Z)', text)[1]

    def test_nothing_that_tells_which_host_it_is_comes_out(self):
        self.plant()
        self.write_report()
        text = self.file.read_text().lower()
        for what, secret in SECRETS.items():
            with self.subTest(what=what):
                at = text.find(secret.lower())
                self.assertEqual(text[max(at - 200, 0):at + 40] if at >= 0 else '', '')
        self.assertNotIn(DISK.lower(), text)

    def test_each_source_is_there_and_the_same_value_has_the_same_placeholder(self):
        self.plant()
        self.write_report()
        for title, part in (('Versions', 'bootctl-pve 0.'), ('System', 'PRETTY_NAME="Debian"'),
                            ('Findings', 'warning lists: '), ('Manager', '"Redundancy": '),
                            ('Objects', '"SecureBoot": '), ('History', 'refresh'),
                            ('Journal of bootsyncd.service', 'number 259: ')):
            self.assertIn(part, self.section(title), title)
        places = {}
        for title in 'System', 'Findings', 'Files', 'Manager', 'History', 'Journal of bootsyncd.service':
            places[title] = set(re.findall(r'host=(host-\d+) (host-\d+)', self.section(title)))
            self.assertEqual(len(places[title]), 1, title)
        self.assertEqual(len(set(map(tuple, places.values()))), 1, places)
        for name in ('proxmox-boot-uuids', 'proxmox-boot-manual-kernels', 'proxmox-boot-pin',
                     'next-boot-pin', 'kernel/cmdline', 'default/grub', 'grub.d/my.cfg', 'bootsyncd.conf',
                     'bootsyncd.conf.d/my.conf', '76pveconf', 'bootsync/cmdline', 'bootsync/next-boot',
                     'bootsync/one-shot', 'bootsync/ksm'):
            self.assertRegex(self.section('Files'), rf'(?m)^/\S*{re.escape(name)}:\n +\S')

    def test_our_esps_and_kernels_stay(self):
        self.plant()
        self.write_report()
        for word in *self.ESPS, self.OLD, self.NEW:
            self.assertIn(word, self.section('Objects'))

    def test_of_the_journal_the_last_200_lines_of_our_unit_are_there(self):
        self.plant()
        self.write_report()
        numbers = [int(n) for n in re.findall(r'number (\d+):', self.section('Journal of bootsyncd.service'))]
        ours = [n for n in range(1, 260) if n % 50]
        self.assertEqual(numbers, ours[-200:])

    def test_without_a_daemon_the_file_of_the_history_takes_its_place(self):
        self.plant()
        done = subprocess.run([lab.program('BOOTCTL_PVE'), f'--root={self.lab.root}', 'doctor',
                               f'--report={self.file}'], stdin=subprocess.DEVNULL, capture_output=True,
                              env=dict(self.lab.environment(), BOOTSYNC_DAEMON='/bin/false'), timeout=60)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn('/var/lib/bootsync/history:\n    ', self.section('History'))
        text = self.file.read_text().lower()
        self.assertEqual([what for what, secret in SECRETS.items() if secret.lower() in text], [])

    def test_the_file_is_for_its_owner_alone(self):
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.write_report(status=0)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual([p.name for p in self.lab.root.iterdir() if '.report' in p.name], [])

    def test_a_file_that_is_there_is_kept_unless_it_is_let_go(self):
        self.file.write_text('mine')
        self.file.chmod(0o644)
        done = self.write_report(status=1)
        self.assertEqual(done.out, '')
        self.assertRegex(done.err, r'\Abootctl-pve: .*is there already; .*--force\.\n\Z')
        self.assertEqual(self.file.read_text(), 'mine')
        self.write_report('--force', status=0)
        self.assertIn('== Findings ==', self.file.read_text())
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)

    def test_a_link_is_never_followed(self):
        target = self.lab.path('target')
        for there in False, True:
            if there:
                target.write_text('theirs')
            self.file.unlink(missing_ok=True)
            self.file.symlink_to(target)
            for options in [], ['--force']:
                self.assertIn('no regular file', self.write_report(*options, status=1).err)
            self.assertTrue(self.file.is_symlink())
            self.assertEqual(target.exists() and target.read_text(), there and 'theirs')

    def test_what_cannot_be_written_is_a_failure_and_leaves_nothing(self):
        self.file = self.lab.path('nowhere/report.txt')
        self.assertIn('nowhere', self.write_report(status=1).err)
        small = self.lab.path('small')
        small.mkdir()
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4096', 'lab', small], check=True, timeout=60)
        self.lab.mounts.append(small)
        self.file = small / 'report.txt'
        self.assertIn('No space left', self.write_report(status=1).err)
        self.assertEqual(list(small.iterdir()), [])

    def test_json_names_the_file(self):
        done = self.write_report('--json', status=0)
        self.assertEqual(done.json['report'], str(self.file))


class TheWhole(unittest.TestCase):
    """Named so that it comes last."""

    def test_each_check_was_wrong_once_and_right_after_its_action(self):
        self.assertGreater(len(CHECKS), 25)
        self.assertEqual(len(set(CHECKS)), len(CHECKS))
        self.assertEqual(set(CHECKS) - provoked, NEVER_WRONG)

    def test_the_scenario_has_those_that_want_a_real_system(self):
        self.assertLessEqual({'service', 'unit', 'polkit', 'polkit-actions', 'policy', 'diversions',
                              'installed-files'},
                             set(re.findall(r"mends\('([a-z-]+)'", SCENARIO)))


if __name__ == '__main__':
    lab.main(private_mounts=True)
