#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which kernels are kept and why, as `kernel list --json` and 76pveconf tell it. The keys are what
scripts rely on: they may grow, but none may go or change its type."""

import re

import lab
from lab import LabCase

KEYS = {'running': str, 'default': str, 'wanted': str, 'manual': list, 'automatic': list,
        'selected': list, 'protected': list, 'pinned': str, 'next_boot': str, 'kernels': list}
KERNEL_KEYS = {'version': str, 'bootable': bool, 'reasons': list}


class KernelList(LabCase):
    def list(self):
        return self.bootctl('kernel', 'list', '--json').json

    def reasons(self):
        return {k['version']: k['reasons'] for k in self.list()['kernels']}

    def test_keys_and_types_are_exactly_these(self):
        result = self.list()
        self.assertEqual({k: type(v) for k, v in result.items()}, KEYS)
        self.assertEqual(list(result), list(KEYS))
        for kernel in result['kernels']:
            self.assertEqual({k: type(v) for k, v in kernel.items()}, KERNEL_KEYS)

    def test_a_host_with_two_kernels(self):
        self.bootctl('refresh')
        self.assertEqual(self.list(), {
            'running': self.NEW, 'default': self.NEW, 'wanted': self.NEW, 'manual': [],
            'automatic': [self.NEW, self.OLD], 'selected': [self.NEW, self.OLD],
            'protected': [self.NEW, '6.8', self.OLD, '6.5'],
            'pinned': '', 'next_boot': '',
            'kernels': [{'version': self.NEW, 'bootable': True, 'reasons': ['running', 'newest']},
                        {'version': self.OLD, 'bootable': True, 'reasons': ['newest', 'series']}]})

    def test_order_is_by_version_newest_first(self):
        for version in ('6.8.12-10-pve', '6.8.12-9-pve', '6.11.0-1-pve', '6.8.4-2-pve'):
            self.lab.add_kernel(version)
        self.assertEqual([k['version'] for k in self.list()['kernels']],
                         ['6.11.0-1-pve', '6.8.12-10-pve', '6.8.12-9-pve', self.NEW, '6.8.4-2-pve',
                          self.OLD])

    def test_every_reason_is_given_and_kernels_without_one_are_listed_too(self):
        for version in ('6.2.16-20-pve', '6.8.12-5-pve', '6.8.12-6-pve', '6.11.0-1-pve',
                        '6.11.0-2-pve', '6.1.10-1-pve', '5.15.1-1-pve'):
            self.lab.add_kernel(version)
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels', '6.2.16-20-pve\n')
        self.lab.write('etc/kernel/proxmox-boot-pin', '6.8.12-5-pve\n')
        self.lab.write('etc/kernel/next-boot-pin', '6.1.10-1-pve\n')
        self.assertEqual(self.reasons(), {
            '6.11.0-2-pve': ['newest'], '6.11.0-1-pve': ['newest'], '6.8.12-6-pve': ['series'],
            '6.8.12-5-pve': ['pin'], self.NEW: ['running'], self.OLD: [],
            '6.2.16-20-pve': ['manual'], '6.1.10-1-pve': ['next-boot'], '5.15.1-1-pve': []})
        result = self.list()
        self.assertEqual(result['manual'], ['6.2.16-20-pve'])
        self.assertNotIn('6.2.16-20-pve', result['automatic'])
        self.assertEqual((result['pinned'], result['next_boot'], result['wanted']),
                         ('6.8.12-5-pve', '6.1.10-1-pve', '6.1.10-1-pve'))

    def test_a_kernel_handed_over_by_a_hook_is_installing(self):
        self.lab.add_kernel('6.2.16-20-pve', package=False)
        self.bootctl('refresh', '--new-kernel', '6.2.16-20-pve')
        self.assertEqual(self.reasons()['6.2.16-20-pve'], ['installing'])

    def test_what_a_hook_hands_over_is_a_kernel_whose_image_is_there_or_whose_package_is(self):
        self.lab.add_package('linux-image-foreign')
        self.assertIn("'6.2.16-20-pve'",
                      self.bootctl('refresh', '--new-kernel', '6.2.16-20-pve', status=1).err)
        self.assertNotIn('6.2.16-20-pve', self.reasons())
        for status in ('install reinstreq half-installed', 'install ok unpacked',
                       'install ok half-configured'):
            with self.subTest(status=status):
                self.lab.new_boot()
                self.lab.write('var/lib/dpkg/updates/0001', 'Package: proxmox-kernel-6.2.16-20-pve\n'
                               f'Status: {status}\n')
                self.bootctl('refresh', '--new-kernel', '6.2.16-20-pve')
                self.assertIn('installing', self.reasons()['6.2.16-20-pve'])
        self.lab.path('var/lib/dpkg/updates/0001').unlink()
        self.lab.write_boot('vmlinuz-6.2.16-21-pve', b'image')
        self.bootctl('refresh', '--new-kernel', '6.2.16-21-pve')

    def test_what_a_hook_hands_over_is_believed_where_the_database_cannot_be_read(self):
        self.lab.path('var/lib/dpkg/status').unlink()
        self.bootctl('refresh', '--new-kernel', '6.2.16-20-pve')

    def test_a_kernel_without_initrd_is_listed_as_not_bootable_and_is_no_default(self):
        self.lab.add_kernel('6.8.12-9-pve', initrd=None)
        result = self.list()
        self.assertEqual(result['kernels'][0],
                         {'version': '6.8.12-9-pve', 'bootable': False, 'reasons': ['newest']})
        self.assertEqual(result['wanted'], self.NEW)
        self.assertIn('initrd', self.bootctl('kernel', 'list').out)

    def test_a_running_kernel_whose_image_is_gone_is_not_kept_for_running(self):
        self.lab.write('proc/sys/kernel/osrelease', '6.1.0-99-pve\n')
        self.assertEqual(self.list()['running'], '6.1.0-99-pve')
        self.assertNotIn('6.1.0-99-pve', self.list()['selected'])

    def test_wanted_and_state_of_a_package_decide_whether_it_is_installed(self):
        for version, status, kept in (('6.11.0-9-pve', 'deinstall ok config-files', False),
                                      ('6.11.0-8-pve', 'deinstall ok installed', False),
                                      ('6.11.0-7-pve', 'install ok not-installed', False),
                                      ('6.11.0-6-pve', 'hold ok installed', True),
                                      ('6.11.0-5-pve', 'install ok half-configured', True)):
            self.lab.add_kernel(version, package=False)
            self.lab.add_package(f'proxmox-kernel-{version}-signed', status)
        reasons = self.reasons()
        self.assertEqual([v for v in reasons if 'newest' in reasons[v]],
                         ['6.11.0-6-pve', '6.11.0-5-pve'])

    def test_a_package_that_is_only_in_updates_counts(self):
        self.lab.add_kernel('6.8.12-9-pve', package=False)
        self.lab.write('var/lib/dpkg/updates/0001',
                       'Package: proxmox-kernel-6.8.12-9-pve-signed\n'
                       'Status: install ok half-configured\nVersion: 1\n')
        self.assertEqual(self.reasons()['6.8.12-9-pve'], ['newest'])

    def test_series_come_from_the_meta_packages_where_there_are_some(self):
        for name in ('proxmox-kernel-6.8', 'proxmox-kernel-6.5', 'pve-kernel-6.2',
                     'proxmox-kernel-6.11-dbg'):
            self.lab.add_package(name)
        self.assertEqual(self.list()['protected'], [self.NEW, '6.8', self.OLD, '6.5'])

    def test_apt_is_told_to_protect_each_name_anchored_and_escaped(self):
        self.bootctl('refresh')
        text = self.lab.read('etc/apt/apt.conf.d/76pveconf')
        self.assertRegex(text, r'(?s)NeverAutoRemove\s*\{.*\};')
        patterns = re.findall(r'"([^"]*)"', text)
        expected = [f'^{form.format(re.escape(name).replace("-", "-"))}$'
                    for name in self.list()['protected']
                    for form in ('pve-kernel-{}', 'proxmox-kernel-{}', 'proxmox-kernel-{}-signed')]
        # apt reads the value as it stands: one backslash may be written as two.
        unescaped = sorted(p.replace('\\\\', '\\') for p in patterns)
        self.assertEqual(unescaped, sorted(e.replace('\\-', '-') for e in expected))
        matching = [p for p in unescaped if re.search(p, f'proxmox-kernel-{self.NEW}-signed')]
        self.assertEqual(len(matching), 1)
        other = 'proxmox-kernel-6x8x12-4-pve-signed'
        self.assertFalse([p for p in unescaped if re.search(p, other)])

    def test_apt_is_left_alone_while_the_package_database_cannot_be_read(self):
        self.bootctl('refresh')
        before = self.lab.read('etc/apt/apt.conf.d/76pveconf')
        self.lab.path('var/lib/dpkg/status').write_bytes(b'\0garbage')
        self.lab.path(f'boot/vmlinuz-{self.OLD}').unlink()
        self.lab.bootctl('refresh')
        after = self.lab.path('etc/apt/apt.conf.d/76pveconf')
        self.assertTrue(after.exists())
        for pattern in re.findall(r'"([^"]*)"', before):
            self.assertIn(pattern, after.read_text())

    def test_add_and_remove_change_the_list_and_the_esps(self):
        self.bootctl('refresh')
        self.lab.add_kernel('6.2.16-20-pve')
        self.bootctl('kernel', 'add', '6.2.16-20-pve', '--yes')
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-manual-kernels'), '6.2.16-20-pve\n')
        self.assert_synced(versions=['6.2.16-20-pve', self.OLD, self.NEW])
        self.bootctl('kernel', 'remove', '6.2.16-20-pve', '--yes')
        self.assertEqual(self.lab.read('etc/kernel/proxmox-boot-manual-kernels'), '')
        self.assert_synced()

    def test_adding_what_is_no_kernel_is_refused_by_name(self):
        for version in ('../../etc', '9.9.9-9-pve'):
            result = self.bootctl('kernel', 'add', version, status=1)
            self.assertIn(version, result.err)
        self.assertFalse(self.lab.path('etc/kernel/proxmox-boot-manual-kernels').exists())

    def test_bad_lines_of_a_list_are_kept_at_its_head_when_it_is_rewritten(self):
        self.lab.write('etc/kernel/proxmox-boot-manual-kernels',
                       b'# mine\r\nwhat?is this\n' + self.OLD.encode() + b'\r\n\n\xff\xfe\n')
        self.assertEqual(self.list()['manual'], [self.OLD])
        self.bootctl('kernel', 'add', self.NEW, '--yes')
        data = self.lab.path('etc/kernel/proxmox-boot-manual-kernels').read_bytes()
        self.assertEqual([line.rstrip(b'\r') for line in data.splitlines()],
                         [b'# mine', b'what?is this', b'\xff\xfe', self.OLD.encode(),
                          self.NEW.encode()])


class PlainDebian(LabCase):
    """No kernel packages of Proxmox: what is in /boot takes their place."""
    OLD, NEW = '6.1.0-18-amd64', '6.1.0-21-amd64'

    def prepare(self):
        for version in ('5.10.0-28-amd64', '6.1.0-17-amd64', self.OLD, self.NEW):
            self.lab.add_kernel(version, package=False)
        self.lab.add_package(f'linux-image-{self.NEW}')
        self.lab.write('proc/sys/kernel/osrelease', self.NEW + '\n')
        for uuid in self.ESPS:
            self.lab.add_esp(uuid)

    def test_kernels_and_series_come_from_boot(self):
        result = self.bootctl('kernel', 'list', '--json').json
        self.assertEqual({k['version']: k['reasons'] for k in result['kernels']}, {
            self.NEW: ['running', 'newest'], self.OLD: ['newest'], '6.1.0-17-amd64': [],
            '5.10.0-28-amd64': ['series']})
        self.assertEqual(result['selected'], [self.NEW, self.OLD, '5.10.0-28-amd64'])

    def test_refresh_works(self):
        self.bootctl('refresh')
        self.assert_synced(versions=[self.NEW, self.OLD, '5.10.0-28-amd64'])


if __name__ == '__main__':
    lab.main()
