#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A /boot that has lost something: no ESP loses a kernel by it, everybody who looks is told, and
what is shown as the default is what the ESPs would boot."""

import lab
from lab import LabCase, wait_until


class Debian(LabCase):
    """No kernel packages of Proxmox; three of Debian's."""
    OLDER, OLD, NEW, NEXT = '6.1.0-17-amd64', '6.1.0-18-amd64', '6.1.0-21-amd64', '6.1.0-22-amd64'

    def add(self, version, **parts):
        self.lab.add_kernel(version, package=False, **parts)
        self.lab.add_package(f'linux-image-{version}')

    def prepare(self):
        for version in (self.OLDER, self.OLD, self.NEW):
            self.add(version)
        self.lab.write('proc/sys/kernel/osrelease', self.NEW + '\n')
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)

    def initrd(self, version=None):
        return self.lab.path(f'boot/initrd.img-{version or self.NEW}')

    def snapshots(self):
        return [self.lab.digests(self.lab.esp(uuid)) for uuid in self.ESPS]


class LostInitrd(Debian):
    def test_the_newest_kernel_stays_on_all_esps_when_its_initrd_is_gone(self):
        self.bootctl('refresh')
        self.assert_synced(versions=(self.OLD, self.NEW))
        before = self.snapshots()
        self.initrd().unlink()
        self.bootctl('refresh')
        self.assertEqual(self.snapshots(), before)

    def test_nor_does_it_leave_when_the_initrd_is_empty(self):
        self.bootctl('refresh')
        before = self.snapshots()
        self.initrd().write_bytes(b'')
        self.bootctl('refresh')
        self.assertEqual(self.snapshots(), before)

    def test_nor_while_a_daemon_watches(self):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        before = self.snapshots()
        self.initrd().unlink()
        wait_until(lambda: f'initrd.img-{self.NEW}' in self.lab.bus.log(), what='the warning')
        self.lab.bus.wait_idle()
        self.assertEqual(self.snapshots(), before)
        self.assertIn(f'initrd.img-{self.NEW}', self.lab.bus.properties()['RedundancyReason'])

    def test_the_log_has_it_once_with_the_remedy_and_once_that_it_is_over(self):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        whole = self.initrd().read_bytes()
        over = f'The warning kernel-without-initrd about {self.NEW} is over.'
        for times in 1, 2:
            self.initrd().unlink()
            wait_until(lambda: self.lab.bus.log().count(
                f" update-initramfs -c -k {self.NEW}'.") == times, what='the warning')
            self.lab.bus.refresh()
            self.lab.bus.wait_idle()
            self.assertEqual(self.lab.bus.log().count(f"-k {self.NEW}'."), times)
            self.assertEqual(self.lab.bus.log().count(over), times - 1)
            self.lab.write(f'boot/initrd.img-{self.NEW}', whole)
            wait_until(lambda: self.lab.bus.log().count(over) == times, what='its end')

    def test_everybody_who_looks_is_told_and_how_to_mend_it(self):
        self.bootctl('refresh')
        self.initrd().unlink()
        refresh = self.bootctl('refresh')
        self.assertIn(f'initrd.img-{self.NEW}', refresh.err)
        status = self.bootctl('status')
        self.assertIn(f"'update-initramfs -c -k {self.NEW}'", status.out)
        shown = self.bootctl('status', '--json').json
        self.assertIn(f"'/boot/initrd.img-{self.NEW}' is missing", shown['redundancy_reason'])
        warning, = [w for w in shown['warnings'] if w['id'] == 'kernel-without-initrd']
        self.assertEqual((warning['severity'], warning['subject']), ('fault', self.NEW))
        self.assertIn(f'update-initramfs -c -k {self.NEW}', warning['action'])
        self.assertIn(f"  ! {warning['sentence']}\n    action: {warning['action']}\n", status.out)
        self.assertRegex(self.bootctl('kernel', 'list').out, rf'{self.NEW} +initrd-missing')

    def test_nobody_is_told_of_anything_while_all_is_well(self):
        self.bootctl('refresh')
        self.assertNotIn(' but ', self.bootctl('status', '--json').json['redundancy_reason'])

    def test_a_kernel_of_debian_leaves_only_when_what_took_its_place_is_complete(self):
        self.bootctl('refresh')
        self.add(self.NEXT, initrd=None)
        self.bootctl('refresh')
        self.assert_synced(versions=(self.OLD, self.NEW))
        self.lab.write_boot(f'initrd.img-{self.NEXT}', self.lab.bytes(4096))
        self.bootctl('refresh')
        self.assert_synced(versions=(self.NEW, self.NEXT))

    def test_apt_keeps_the_package_of_a_kernel_without_initrd(self):
        self.initrd().unlink()
        self.bootctl('refresh')
        escaped = self.NEW.replace('.', '\\.')
        self.assertIn(f'"^linux-image-{escaped}$"', self.lab.read('etc/apt/apt.conf.d/76pveconf'))


class Replaced(LabCase):
    NEXT = '6.8.12-9-pve'

    def prepare(self):
        super().prepare()
        for name in ('proxmox-kernel-6.8', 'proxmox-kernel-6.5'):
            self.lab.add_package(name)
        self.lab.add_kernel('6.8.12-3-pve')

    def test_a_kernel_leaves_only_when_what_took_its_place_is_complete(self):
        self.bootctl('refresh')
        before = self.lab.kernels_on(self.ESPS[0])
        self.assertIn('6.8.12-3-pve', before)
        self.lab.write('proc/sys/kernel/osrelease', self.OLD + '\n')
        self.lab.add_kernel(self.NEXT, initrd=None)
        self.bootctl('refresh')
        for uuid in self.ESPS:
            self.assertEqual(self.lab.kernels_on(uuid), before)
        self.lab.write_boot(f'initrd.img-{self.NEXT}', self.lab.bytes(4096))
        self.bootctl('refresh')
        self.assert_synced(versions=(self.OLD, self.NEW, self.NEXT))


class EmptyBoot(LabCase):
    APT = 'etc/apt/apt.conf.d/76pveconf'

    def prepare(self):
        super().prepare()
        self.lab.add_kernel('6.2.16-20-pve')
        self.lab.write('proc/sys/kernel/osrelease', '6.2.16-20-pve\n')
        self.bootctl('refresh')

    def unmount(self, *keep):
        self.lab.path('below').mkdir()
        for file in self.lab.path('boot').iterdir():
            if not file.name.startswith(keep or ('*',)):
                file.rename(self.lab.path('below') / file.name)

    def mount(self):
        for file in self.lab.path('below').iterdir():
            file.rename(self.lab.path('boot') / file.name)

    def everything(self):
        return [self.lab.digests(self.lab.esp(uuid)) for uuid in self.ESPS]

    def assert_told(self, words, before):
        refresh = self.bootctl('refresh', status=3)
        self.assertIn(words, refresh.out + refresh.err)
        self.assertEqual(self.everything(), before)
        status = self.bootctl('status', status=3)
        self.assertIn(words, status.out)
        self.assertIn('mounted', status.out)
        shown = self.bootctl('status', '--json', status=3).json
        self.assertFalse(shown['in_sync'])
        self.assertNotEqual(shown['redundancy'], 'redundant')

    def test_a_boot_without_a_kernel_removes_nothing_and_is_told_of(self):
        before, apt = self.everything(), self.lab.read(self.APT)
        self.unmount()
        self.assert_told("'/boot' holds no kernel", before)
        self.assertEqual(self.lab.read(self.APT), apt)

    def test_a_boot_with_initrds_alone_holds_no_kernel(self):
        before = self.everything()
        self.unmount('initrd')
        self.assert_told("'/boot' holds no kernel", before)

    def test_an_entry_that_leads_nowhere_stays_too(self):
        path = self.lab.esp(self.ESPS[0]) / f'EFI/proxmox/{self.OLD}/initrd.img-{self.OLD}'
        path.write_bytes(b'')
        before = self.everything()
        self.unmount()
        self.assert_told("'/boot' holds no kernel", before)

    def test_a_boot_without_the_image_of_an_installed_kernel_is_told_of(self):
        before = self.everything()
        self.lab.path(f'boot/vmlinuz-{self.NEW}').unlink()
        self.assert_told(f"'/boot/vmlinuz-{self.NEW}' is missing", before)

    def test_all_is_well_again_when_boot_is_back(self):
        self.unmount()
        self.bootctl('refresh', status=3)
        self.mount()
        self.bootctl('refresh')
        self.assertEqual(self.bootctl('status', '--json').json['redundancy'], 'redundant')

    def test_a_job_of_the_watching_daemon_is_partial(self):
        self.unmount()
        self.lab.settings(auto_sync=False)
        self.lab.start_daemon()
        self.lab.bus.wait_no_job()
        self.lab.bus.call('Refresh', '(a{sv})', (self.lab.bus.options(),))
        self.lab.bus.wait_idle()
        manager = self.lab.bus.properties()
        self.assertEqual((manager['LastRefreshResult'], manager['InSync']), ('partial', False))
        self.assertIn("'/boot' holds no kernel", manager['RedundancyReason'])


    def test_a_daemon_that_syncs_by_itself_does_not_call_it_syncing(self):
        before = self.everything()
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.unmount()
        wait_until(lambda: self.lab.bus.properties()['LastRefreshResult'] == 'partial',
                   what='the refresh')
        self.lab.bus.wait_no_job()
        manager = self.lab.bus.properties()
        self.assertEqual((manager['InSync'], manager['Redundancy']), (False, 'degraded'))
        self.assertEqual({esp['State'] for esp in self.lab.bus.esps().values()}, {'outdated'})
        self.assertEqual(self.everything(), before)
        self.mount()
        wait_until(lambda: self.lab.bus.properties()['Redundancy'] == 'redundant',
                   what='all ESPs in sync')


class WhatBoots(LabCase):
    def esp_defaults(self):
        status = self.lab.bootctl('status', '--json')
        return {esp['uuid']: esp['default'] for esp in status.json['esps']}

    def lose_initrd(self):
        self.bootctl('refresh')
        self.lab.write(f'boot/initrd.img-{self.NEW}', b'')

    def test_the_default_is_what_the_esps_boot_and_the_wish_stands_beside_it(self):
        self.lose_initrd()
        shown = self.bootctl('status', '--json').json
        self.assertEqual((shown['default'], shown['wanted']), (self.NEW, self.OLD))
        self.assertEqual(self.esp_defaults(), dict.fromkeys(self.ESPS, self.NEW))
        self.assertRegex(self.bootctl('status').out,
                         rf'Default kernel: +{self.NEW} \(wanted: {self.OLD}\)')
        listed = self.bootctl('kernel', 'list')
        self.assertRegex(listed.out, rf'{self.NEW} +initrd-missing +default ')
        self.assertRegex(listed.out, rf'{self.OLD} +complete +wanted default ')

    def test_before_anything_is_synced_nothing_boots(self):
        shown = self.bootctl('status', '--json', status=3).json
        self.assertEqual((shown['default'], shown['wanted']), ('', self.NEW))
        self.assertIn('not known', self.bootctl('status', status=3).out)

    def test_nothing_stands_beside_a_default_that_is_wanted(self):
        self.bootctl('refresh')
        self.assertNotIn('wanted', self.bootctl('status').out)
        self.assertNotIn('wanted', self.bootctl('kernel', 'list').out)

    def test_each_esp_tells_its_own_default(self):
        self.bootctl('refresh')
        conf = self.lab.esp(self.ESPS[1]) / 'loader/loader.conf'
        for value, boots in ((f'PROXMOX-{self.OLD}.conf', self.OLD), ('proxmox-6.5*', self.OLD),
                             ('nothing-*', self.NEW), ('@saved', '')):
            conf.write_text(f'default {value}\n')
            self.assertEqual(self.esp_defaults(), {self.ESPS[0]: self.NEW, self.ESPS[1]: boots},
                             value)

    def test_an_entry_without_tries_comes_last(self):
        self.bootctl('refresh')
        entries = self.lab.esp(self.ESPS[0]) / 'loader/entries'
        (entries / f'proxmox-{self.NEW}.conf').rename(entries / f'proxmox-{self.NEW}+0-3.conf')
        self.assertEqual(self.esp_defaults()[self.ESPS[0]], self.OLD)

    def test_a_default_without_its_initrd_is_named_and_does_not_count_as_bootable(self):
        self.bootctl('refresh')
        for uuid in self.ESPS:
            (self.lab.esp(uuid) / f'EFI/proxmox/{self.NEW}/initrd.img-{self.NEW}').unlink()
        shown = self.bootctl('status', '--json', status=3).json
        self.assertEqual(shown['default'], self.NEW)
        self.assertEqual([esp['kernels'] for esp in shown['esps']], [[self.OLD]] * 2)
        self.assertEqual(shown['redundancy'], 'unbootable')

    def test_the_first_esp_whose_disk_is_there_tells_for_the_host(self):
        self.bootctl('refresh')
        conf = self.lab.esp(self.ESPS[0]) / 'loader/loader.conf'
        conf.write_text(f'default proxmox-{self.OLD}.conf\n')
        self.assertEqual(self.lab.bootctl('status', '--json').json['default'], self.OLD)
        self.lab.take_away(self.ESPS[0])
        self.assertEqual(self.lab.bootctl('status', '--json').json['default'], self.NEW)

    def test_whoever_listens_hears_when_the_default_changes(self):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.wait_idle()
        self.assertEqual(bus.properties()['DefaultKernel'], self.NEW)
        bus.drain()
        self.lab.write(f'boot/initrd.img-{self.NEW}', b'')
        wait_until(lambda: bus.properties()['WantedKernel'] == self.OLD, what='the other wish')
        self.assertEqual(bus.properties()['DefaultKernel'], self.NEW)
        self.lab.add_kernel('6.8.12-9-pve')
        wait_until(lambda: bus.properties()['DefaultKernel'] == '6.8.12-9-pve', what='the default')
        bus.wait_idle()
        changed = [change for signal in bus.seen('PropertiesChanged') for change in signal[-1][1]]
        self.assertIn('WantedKernel', changed)
        self.assertIn('DefaultKernel', changed)
        self.assertEqual({esp['DefaultKernel'] for esp in bus.esps().values()}, {'6.8.12-9-pve'})


class WhatGrubBoots(LabCase):
    ID = '0815-4711'
    ESPS = ('AAAA-0001',)

    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        esp = self.lab.add_esp(self.ESPS[0], loader='grub')
        for version in (self.OLD, self.NEW):
            for stem in ('vmlinuz', 'initrd.img'):
                (esp / f'{stem}-{version}').write_bytes(
                    self.lab.path(f'boot/{stem}-{version}').read_bytes())

    def menu(self, default):
        entries = ''.join(
            f"menuentry 'Linux {v}' $menuentry_id_option 'gnulinux-{v}-advanced-{self.ID}' {{\n"
            f'\tlinux\t/vmlinuz-{v} root=x\n\tinitrd\t/initrd.img-{v}\n}}\n'
            for v in (self.NEW, self.OLD))
        (self.lab.esp(self.ESPS[0]) / 'grub/grub.cfg').write_text(
            f'set default="{default}"\nsubmenu \'Advanced\' $menuentry_id_option '
            f"'gnulinux-advanced-{self.ID}' {{\n{entries}}}\n")

    def environment(self, *lines):
        text = '# GRUB Environment Block\n' + ''.join(line + '\n' for line in lines)
        (self.lab.esp(self.ESPS[0]) / 'grub/grubenv').write_text(text.ljust(1024, '#'))

    def name(self, version):
        return f'gnulinux-advanced-{self.ID}>gnulinux-{version}-advanced-{self.ID}'

    def boots(self):
        return self.lab.bootctl('status', '--json').json['default']

    def test_the_default_of_the_menu_is_found_by_id_and_by_index(self):
        for default, boots in (('0', self.NEW), ('0>1', self.OLD), (self.name(self.OLD), self.OLD),
                               ('nothing', self.NEW)):
            self.menu(default)
            self.assertEqual(self.boots(), boots, default)

    def test_saved_entry_is_the_default_where_the_menu_says_so(self):
        self.menu('${saved_entry}')
        self.assertEqual(self.boots(), self.NEW)
        self.environment(f'saved_entry={self.name(self.OLD)}')
        self.assertEqual(self.boots(), self.OLD)
        self.environment('saved_entry=', 'next_entry=' + self.name(self.OLD))
        self.assertEqual(self.boots(), self.NEW)
        self.menu('0')
        self.environment(f'saved_entry={self.name(self.OLD)}')
        self.assertEqual(self.boots(), self.NEW)

    def test_what_nobody_can_tell_is_not_known(self):
        self.menu('${saved_entry}')
        self.environment('saved_entry=what is this')
        self.assertEqual(self.boots(), '')
        self.menu('${somewhere}')
        self.assertEqual(self.boots(), '')

    def test_a_default_without_its_initrd_is_named_and_does_not_count_as_bootable(self):
        self.menu('0')
        (self.lab.esp(self.ESPS[0]) / f'initrd.img-{self.NEW}').unlink()
        shown = self.bootctl('status', '--json', status=3).json
        self.assertEqual((shown['default'], shown['redundancy']), (self.NEW, 'unbootable'))


if __name__ == '__main__':
    lab.main()
