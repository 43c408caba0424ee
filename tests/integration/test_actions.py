#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each warning and each state that is not good shows a command. Here somebody does just what it
says, as a shell would, and what it was shown for is gone: by the client itself where the command is
ours, and by what the programs of a host would do where it is theirs."""

import os
import re
import shlex
import shutil
import subprocess
import time

import lab
from lab import MIB, LabCase

DAY = 24 * 3600
BY_HAND = 'etc/kernel/proxmox-boot-manual-kernels'
LIST = 'etc/kernel/proxmox-boot-uuids'
PIN = 'etc/kernel/proxmox-boot-pin'


class ActionCase(LabCase):
    """The root's name is one that a shell must be given in quotes."""
    LAB_NAME = "bootsync lab's."
    OLDER = '6.2.16-20-pve'

    def prepare(self):
        super().prepare()
        self.bootctl('refresh')
        self.did = []

    def status(self):
        done = self.lab.bootctl('status', '--json')
        self.assertTrue(done.json, done.err)
        return done.json

    def warning(self, id_, subject=None):
        """The one of that kind, or None."""
        found = [w for w in self.status()['warnings']
                 if w['id'] == id_ and subject in (None, w['subject'])]
        self.assertLessEqual(len(found), 1)
        return found[0] if found else None

    def esp(self, uuid):
        return next((e for e in self.status()['esps'] if e['uuid'] == uuid), None)

    # What each program does, in the hands of somebody who sees what it is about.

    def carry_out(self, action):
        """The command for a shell @action, on this root and on no other."""
        program, *words = shlex.split(action)
        if program == 'chroot':
            self.assertEqual(words.pop(0), str(self.lab.root))
            program = words.pop(0)
        self.did.append(program)
        getattr(self, 'run_' + program.replace('-', '_'))(*words)

    def run_bootctl_pve(self, *words):
        self.assertEqual(words[0], f'--root={self.lab.root}')
        done = subprocess.run([lab.program('BOOTCTL_PVE'), *words], env=self.lab.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, f'{words}: {done.stdout}{done.stderr}')

    def run_update_initramfs(self, *words):
        self.assertEqual(words[:2], ('-c', '-k'))
        self.lab.write_boot(f'initrd.img-{words[2]}', self.lab.bytes(4096))

    def run_apt_get(self, verb, *words):
        if verb == 'install':
            self.assertEqual(words[0], '--reinstall')
            pattern = words[1].removeprefix('~i~n')
            package, = [p for p in self.lab.packages if re.search(pattern, p)]
            self.lab.add_kernel(re.search(r'kernel-(.*)-signed', package)[1])
        elif verb == 'autoremove':
            self.assertEqual(words, ('--purge',))
            self.lab.remove_kernel(self.OLD)
            self.bootctl('refresh')  # as the hooks of packages do
        else:
            self.assertEqual(verb, 'remove')
            self.lab.packages.pop(words[0])
            self.lab.add_package('base-files')

    def run_mount(self, directory):
        self.assertEqual(directory, '/boot')
        self.lab.path('boot').rmdir()
        self.lab.path('unmounted').rename(self.lab.path('boot'))

    def run_editor(self, path):
        """Takes away what is no line of that file, or gives it what it lacks."""
        name = os.path.relpath(path, self.lab.root)
        self.lab.write(name, self.mended[name])

    def run_dpkg(self, *words):
        self.assertEqual(words, ('--audit',))
        shutil.rmtree(self.lab.path('var/lib/dpkg/status'))
        self.lab.add_package('base-files')


    def assert_goes(self, id_, action, subject=None):
        warning = self.warning(id_, subject)
        self.assertTrue(warning, f'no {id_} in {self.status()["warnings"]}')
        self.carry_out(warning['action'])
        self.assertEqual(self.did, [action])
        self.assertEqual(self.warning(id_, subject), None)

    def assert_edits(self, id_, name, bad, mended):
        self.mended = {name: mended}
        self.lab.write(name, bad)
        self.assert_goes(id_, 'editor')


class Warnings(ActionCase):
    def test_a_host_that_is_well_has_none(self):
        self.assertEqual(self.status()['warnings'], [])
        self.assertEqual({(e['why'], e['action']) for e in self.status()['esps']}, {('', '')})

    def test_a_kernel_without_initrd(self):
        self.lab.path(f'boot/initrd.img-{self.NEW}').unlink()
        self.assert_goes('kernel-without-initrd', 'update-initramfs')

    def test_an_installed_kernel_without_image(self):
        self.lab.path(f'boot/vmlinuz-{self.NEW}').unlink()
        self.assert_goes('kernel-without-image', 'apt-get')

    def test_a_kernel_kept_by_hand_that_is_gone(self):
        self.lab.write(BY_HAND, '6.1.1-1-pve\n')
        self.assert_goes('kernel-without-image', 'bootctl-pve', '6.1.1-1-pve')

    def test_a_pinned_kernel_that_is_gone(self):
        self.lab.write(PIN, '6.1.1-1-pve\n')
        self.assert_goes('kernel-without-image', 'bootctl-pve', '6.1.1-1-pve')

    def test_an_empty_boot(self):
        self.lab.path('boot').rename(self.lab.path('unmounted'))
        self.lab.path('boot').mkdir()
        self.assert_goes('boot-empty', 'mount')

    def test_a_command_line_without_root(self):
        self.assert_edits('cmdline-without-root', 'etc/kernel/cmdline', 'quiet\n',
                          lab.CMDLINE + '\n')

    def test_a_bad_line_of_each_file(self):
        esps = ''.join(uuid + '\n' for uuid in self.ESPS)
        for name, bad, mended in (
                (LIST, esps + 'garbage line\n', esps),
                (BY_HAND, 'no kernel at all\n', ''),
                (PIN, '../../etc\n', self.NEW + '\n'),
                ('etc/bootsync/bootsyncd.conf', '[Sync]\nAutoSink=yes\n', '[Sync]\n'),
                ('etc/bootsync/bootsyncd.conf.d/my own.conf', 'SettleSec=9\n',
                 '[Sync]\nSettleSec=9\n')):
            with self.subTest(file=name):
                self.did.clear()
                self.assert_edits('bad-line', name, bad, mended)

    def test_a_database_of_packages_that_cannot_be_read(self):
        self.lab.path('var/lib/dpkg/status').unlink()
        self.lab.path('var/lib/dpkg/status').mkdir()
        self.assert_goes('packages-unreadable', 'dpkg')

    def test_a_next_boot_pin_that_no_esp_knows(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot')
        self.assert_goes('next-boot-not-armed', 'bootctl-pve')

    def test_an_old_pin(self):
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        then = time.time() - 31 * DAY
        os.utime(self.lab.path(PIN), (then, then))
        self.assert_goes('pin-old', 'bootctl-pve')


class Daemon(ActionCase):
    """Warnings of the one that runs all the time."""
    LAB_NAME = 'bootsync-lab.'

    def status(self):
        bus = self.lab.bus
        bus.wait_no_job()
        keys = ('id', 'severity', 'subject', 'sentence', 'action')
        return {'warnings': [dict(zip(keys, w)) for w in bus.properties()['Warnings']]}

    def test_auto_sync_that_the_settings_switch_off(self):
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        name = 'etc/bootsync/bootsyncd.conf'
        self.mended = {name: '[Sync]\nSettleSec=0\n'}
        warning = self.warning('auto-sync-off')
        self.carry_out(warning['action'])
        self.lab.bus.run(lambda: not self.warning('auto-sync-off'), what='the end of the warning')

    def test_auto_sync_that_the_old_tool_switches_off(self):
        self.lab.add_package('proxmox-kernel-helper')
        self.lab.start_daemon()
        warning = self.warning('auto-sync-off')
        self.carry_out(warning['action'])
        self.lab.bus.run(lambda: not self.warning('auto-sync-off'), what='the end of the warning')
        self.assertEqual(self.did, ['apt-get'])


class FullEsp(ActionCase):
    SIZE = 20 * MIB

    def prepare(self):
        self.lab.add_kernel(self.OLD, image=8 * MIB, initrd=MIB)
        self.lab.add_kernel(self.NEW, image=8 * MIB, initrd=MIB)
        for uuid in self.ESPS:
            self.lab.add_esp(uuid, size=self.SIZE)
        self.bootctl('refresh')
        self.did = []

    def test_by_a_kernel_that_was_kept_by_hand(self):
        self.lab.packages.clear()
        self.lab.add_package(f'proxmox-kernel-{self.NEW}-signed')
        self.lab.write(BY_HAND, self.OLD + '\n')
        self.bootctl('refresh')
        warning = self.warning('esp-full', self.ESPS[0])
        self.carry_out(warning['action'])
        self.bootctl('refresh')
        self.assertEqual(self.did, ['bootctl-pve'])
        self.assertEqual(self.warning('esp-full'), None)

    def test_by_a_package_that_is_not_needed_any_more(self):
        self.assert_goes('esp-full', 'apt-get', self.ESPS[0])


class Esps(ActionCase):
    def assert_mends(self, uuid, state, action):
        esp = self.esp(uuid)
        self.assertEqual(esp['state'], state)
        self.assertTrue(esp['why'])
        self.carry_out(esp['action'])
        self.assertEqual(self.did, [action])
        esp = self.esp(uuid)
        if esp:
            self.assertEqual((esp['state'], esp['why'], esp['action']), ('in-sync', '', ''))

    def test_one_that_is_outdated(self):
        self.lab.add_kernel(self.OLDER)
        self.bootctl('kernel', 'add', self.OLDER)
        self.assert_mends(self.ESPS[0], 'outdated', 'bootctl-pve')

    def test_one_whose_disk_is_gone_for_good(self):
        self.lab.take_away(self.ESPS[1])
        self.assert_mends(self.ESPS[1], 'missing', 'bootctl-pve')
        self.assertEqual(self.lab.listed_esps(), [self.ESPS[0]])

    def test_one_with_a_file_that_is_not_as_it_was(self):
        path = self.lab.esp(self.ESPS[0]) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}'
        path.write_bytes(b'something else')
        self.assert_mends(self.ESPS[0], 'outdated', 'bootctl-pve')
        self.assert_synced()

    def test_one_that_was_made_anew(self):
        self.lab.path('sys/firmware/efi/efivars').mkdir(parents=True)
        self.lab.write('usr/lib/systemd/boot/efi/systemd-bootx64.efi', 'a loader')
        esp = self.lab.esp(self.ESPS[1])
        shutil.rmtree(esp)
        esp.mkdir()
        before = self.esp(self.ESPS[1])
        self.assertTrue(before['why'])
        self.carry_out(before['action'])
        after = self.esp(self.ESPS[1])
        self.assertEqual((after['state'], after['action']), ('in-sync', ''), after['why'])


class NoRoom(ActionCase):
    def prepare(self):
        for version in (self.OLDER, self.OLD, self.NEW):
            self.lab.add_kernel(version, image=4 * MIB, initrd=4 * MIB)
        self.lab.write(BY_HAND, self.OLDER + '\n')
        self.lab.packages.pop(f'proxmox-kernel-{self.OLDER}-signed')
        self.lab.add_package('base-files')
        self.lab.add_esp(self.ESPS[0], size=20 * MIB)
        self.lab.add_esp(self.ESPS[1])
        self.did = []

    def test_a_kernel_that_does_not_fit(self):
        self.bootctl('refresh', status=3)
        self.assertEqual(self.esp(self.ESPS[0])['state'], 'outdated')
        esp = self.esp(self.ESPS[0])
        self.assertIn(f'kernel remove {self.OLDER}', esp['action'], esp['why'])
        self.carry_out(esp['action'])
        self.bootctl('refresh')
        self.assertEqual(self.esp(self.ESPS[0])['why'], '')


if __name__ == '__main__':
    lab.main(private_mounts=True)
