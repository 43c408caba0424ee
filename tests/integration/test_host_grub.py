#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host without ESPs that boots by GRUB from its own /boot: the pin is in its menu, which a
grub-mkconfig makes that is a few lines of shell."""

import os
import re
import shutil
import subprocess
import unittest

import lab
from lab import LabCase

MENU = 'boot/grub/grub.cfg'
ENV = 'boot/grub/grubenv'
SNIPPET = 'etc/default/grub.d/proxmox-kernel-pin.cfg'
RUNS = 'var/lib/runs'  # a line for each run of grub-mkconfig
ID = '0815-4711'

# What GRUB 2.06 makes of it, newest kernel first, without the lines that only draw.
MKCONFIG = r'''#!/bin/sh
set -e
echo run >>/var/lib/runs
GRUB_DEFAULT=0
for f in /etc/default/grub /etc/default/grub.d/*.cfg; do
        if [ -e "$f" ]; then . "$f"; fi
done
entry() {
        printf "menuentry 'x' \$menuentry_id_option '%s' {\n\tlinux\t/boot/vmlinuz-%s root=x\n}\n" \
                "$1" "$2"
}
versions=
for f in /boot/vmlinuz-*; do versions="${f#/boot/vmlinuz-} $versions"; done
{
        echo "if [ \"\${next_entry}\" ] ; then"
        echo "   set default=\"\${next_entry}\""
        echo "else"
        echo "   set default=\"$GRUB_DEFAULT\""
        echo "fi"
        echo "submenu 'Advanced' \$menuentry_id_option 'gnulinux-advanced-ID' {"
        for v in $versions; do entry "gnulinux-$v-advanced-ID" "$v"; done
        echo "}"
} >"$2"
'''.replace('ID', ID)


def entry_id(version):
    return f'gnulinux-advanced-{ID}>gnulinux-{version}-advanced-{ID}'


class HostGrub(LabCase):
    def prepare(self):
        for version in (self.OLD, self.NEW):
            self.lab.add_kernel(version)
        self.lab.write(MENU, self.menu((self.NEW, self.OLD)))

    @staticmethod
    def menu(versions, default='0'):
        return (f'set default="{default}"\n'
                f"submenu 'Advanced' $menuentry_id_option 'gnulinux-advanced-{ID}' {{\n"
                + ''.join(f"menuentry 'x' $menuentry_id_option 'gnulinux-{v}-advanced-{ID}' {{\n"
                          f'\tlinux\t/boot/vmlinuz-{v} root=x\n}}\n' for v in versions) + '}\n')

    def install_mkconfig(self, script=MKCONFIG):
        """With the shell of this host, which a chroot can run."""
        shell = os.path.realpath('/bin/sh')
        listed = subprocess.run(['ldd', shell], check=True, capture_output=True, text=True,
                                timeout=60).stdout
        for source in [shell, *re.findall(r'(/\S+) \(', listed)]:
            target = self.lab.path(source.lstrip('/'))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.lab.path('bin').mkdir(exist_ok=True)
        if not self.lab.path('bin/sh').exists():
            shutil.copy(shell, self.lab.path('bin/sh'))
        self.lab.write('usr/sbin/grub-mkconfig', script)
        self.lab.path('usr/sbin/grub-mkconfig').chmod(0o755)

    def runs(self):
        path = self.lab.path(RUNS)
        return len(path.read_text().splitlines()) if path.exists() else 0

    def default(self):
        return re.findall(r'set default="([^$"]*)"', self.lab.read(MENU))[-1]

    def pinned(self):
        """What the snippet says."""
        path = self.lab.path(SNIPPET)
        return re.search(r'GRUB_DEFAULT="(.*)"', path.read_text())[1] if path.exists() else None

    def next_entry(self):
        found = re.findall(r'^next_entry=(.*)$', self.lab.read(ENV), re.MULTILINE)
        return found[-1] if found else None

    def grub_can_write(self):
        """As if /boot/grub were ext4 on a partition."""
        number = os.stat(self.lab.path('boot/grub')).st_dev
        number = f'{os.major(number)}:{os.minor(number)}'
        self.lab.write('proc/self/mountinfo', f'28 1 {number} / / rw - ext4 /dev/sda2 rw\n')
        link = self.lab.path(f'sys/dev/block/{number}')
        link.parent.mkdir(parents=True)
        link.symlink_to('../../devices/pci0000:00/ata1/block/sda/sda2')


class Default(HostGrub):
    def shown(self):
        shown = self.lab.bootctl('kernel', 'list', '--json').json
        return shown['default'], shown['wanted']

    def test_what_is_shown_as_the_default_is_that_of_the_menu(self):
        self.assertEqual(self.shown(), (self.NEW, self.NEW))
        self.lab.write(MENU, self.menu((self.NEW, self.OLD), default=entry_id(self.OLD)))
        self.assertEqual(self.shown(), (self.OLD, self.NEW))
        self.lab.write(MENU, self.menu((self.NEW, self.OLD), default='${saved_entry}'))
        text = f'# GRUB Environment Block\nsaved_entry={entry_id(self.OLD)}\n'
        self.lab.write(ENV, text.ljust(1024, '#'))
        self.assertEqual(self.shown(), (self.OLD, self.NEW))
        self.lab.write(MENU, self.menu((self.NEW, self.OLD), default='${mine}'))
        self.assertEqual(self.shown(), ('', self.NEW))

    def test_a_menu_that_somebody_else_makes_is_heard_of(self):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        bus = self.lab.bus
        bus.wait_idle()
        self.assertEqual(bus.properties()['DefaultKernel'], self.NEW)
        self.lab.write(MENU, self.menu((self.NEW, self.OLD), default=entry_id(self.OLD)))
        lab.wait_until(lambda: bus.properties()['DefaultKernel'] == self.OLD, what='the default')


class WithoutMkconfig(HostGrub):
    def test_a_refresh_with_nothing_to_do_is_done_and_names_what_boots(self):
        before = self.lab.read(MENU)
        result = self.bootctl('refresh')
        self.assertIn('No ESP is configured', result.out)
        self.assertIn('GRUB', result.out)
        self.assertEqual(self.lab.read(MENU), before)
        self.assertFalse(self.lab.path(SNIPPET).exists())

    def test_a_pin_fails_with_the_programs_name_and_the_menu_stays(self):
        before = self.lab.read(MENU)
        result = self.bootctl('kernel', 'pin', self.OLD, '--yes', status=1)
        self.assertIn('/usr/sbin/grub-mkconfig', result.err)
        self.assertEqual(self.lab.read(MENU), before)
        # Whoever makes a menu makes the right one.
        self.assertEqual(self.pinned(), entry_id(self.OLD))
        self.bootctl('refresh', status=1)

    def plan(self, status=0):
        """A dry run's rows without their sizes; nothing but what a lock leaves is written."""
        before = self.lab.digests(self.lab.path('etc')) | self.lab.digests(self.lab.path('boot'))
        rows = self.bootctl('refresh', '--dry-run', '--json', status=status).json
        after = self.lab.digests(self.lab.path('etc')) | self.lab.digests(self.lab.path('boot'))
        self.assertEqual(before, after)
        return [(row['esp'], row['action'], row['path']) for row in rows]

    def test_a_dry_run_names_the_menu_if_a_refresh_would_make_it_again(self):
        again = [('', 'update-grub', f'/{MENU}')]
        self.assertEqual(self.plan(), [])
        self.bootctl('kernel', 'pin', self.OLD, '--no-refresh')
        self.assertEqual(self.plan(), again)
        self.assertEqual(self.bootctl('refresh', '--dry-run').out,
                         f'This host:\n  makes anew /{MENU}\n')
        self.assertRegex(self.bootctl('refresh', '--dry-run', '--verbose').out,
                         rf'- +update-grub +- +/{MENU}')
        self.lab.write(MENU, self.menu((self.NEW, self.OLD), entry_id(self.OLD)))
        self.assertEqual(self.plan(), again)  # the next update-grub would lose the pin
        self.bootctl('kernel', 'unpin', '--no-refresh')
        self.assertEqual(self.plan(), [])
        self.lab.write(SNIPPET, '')
        self.assertEqual(self.plan(), again)
        self.lab.path(SNIPPET).unlink()
        self.lab.write(MENU, self.menu((self.OLD,)))
        self.assertEqual(self.plan(), again)

    def test_a_dry_run_tells_why_a_pin_cannot_be_brought_into_the_menu(self):
        self.lab.write(MENU, "menuentry 'mine' {\n\tlinux /boot/vmlinuz\n}\n")
        self.bootctl('kernel', 'pin', self.OLD, '--no-refresh')
        (esp, action, reason), = self.plan(status=3)
        self.assertEqual((esp, action), ('', 'problem'))
        self.assertIn('GRUB_DISABLE_SUBMENU', reason)

    def test_a_menu_that_is_not_grub_mkconfigs_is_left_alone(self):
        self.lab.write(MENU, "menuentry 'mine' {\n\tlinux /boot/vmlinuz\n}\n")
        self.bootctl('refresh')
        result = self.bootctl('kernel', 'pin', self.OLD, '--yes', status=1)
        self.assertIn('GRUB_DISABLE_SUBMENU', result.err)
        self.assertFalse(self.lab.path(SNIPPET).exists())

    def test_a_host_without_a_menu_is_not_touched(self):
        shutil.rmtree(self.lab.path('boot/grub'))
        result = self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.assertIn('No ESP is configured', result.out)
        self.assertFalse(self.lab.path(SNIPPET).exists())
        self.assertFalse(self.lab.path('boot/grub').exists())

    def test_where_esps_are_listed_the_hosts_menu_is_not_touched(self):
        before = self.lab.read(MENU)
        self.lab.add_esp(self.ESPS[0])
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.assert_synced(self.ESPS[0])
        self.assertEqual(self.lab.read(MENU), before)
        self.assertFalse(self.lab.path(SNIPPET).exists())


@unittest.skipIf(os.geteuid() != 0, 'chroot needs root')
class WithMkconfig(HostGrub):
    def prepare(self):
        super().prepare()
        self.install_mkconfig()
        self.lab.path('var/lib').mkdir(exist_ok=True)

    def test_a_refresh_with_nothing_to_do_does_not_run_it(self):
        self.bootctl('refresh')
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.bootctl('refresh')
        self.assertEqual(self.runs(), 1)

    def test_a_pin_is_the_default_of_the_menu_until_it_is_taken_back(self):
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.assertEqual(self.default(), entry_id(self.OLD))
        self.assertEqual(self.pinned(), entry_id(self.OLD))
        self.bootctl('kernel', 'unpin', '--yes')
        self.assertEqual(self.default(), '0')
        self.assertFalse(self.lab.path(SNIPPET).exists())
        self.assertEqual(self.runs(), 2)

    def test_a_kept_kernel_that_the_menu_lacks_is_brought_in(self):
        self.lab.write(MENU, self.menu((self.OLD,)))
        self.bootctl('refresh')
        self.assertIn(f'/boot/vmlinuz-{self.NEW} ', self.lab.read(MENU))

    def test_an_unpin_that_was_interrupted_is_completed(self):
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.install_mkconfig('#!/bin/sh\necho "no disk here" >&2\nexit 1\n')
        result = self.bootctl('kernel', 'unpin', '--yes', status=1)
        self.assertIn('no disk here', result.err)
        self.assertEqual(self.default(), entry_id(self.OLD))
        self.install_mkconfig()
        self.bootctl('refresh')
        self.assertEqual(self.default(), '0')
        self.assertFalse(self.lab.path(SNIPPET).exists())

    def test_a_menu_that_would_boot_nothing_is_not_taken(self):
        before = self.lab.read(MENU)
        self.install_mkconfig('#!/bin/sh\necho "set default=0" >"$2"\n')
        result = self.bootctl('kernel', 'pin', self.OLD, '--yes', status=1)
        self.assertIn('no kernel in it', result.err)
        self.assertEqual(self.lab.read(MENU), before)

    def test_a_default_that_is_set_elsewhere_is_told(self):
        self.lab.write('etc/default/grub.d/zz.cfg', 'GRUB_DEFAULT=saved\n')
        result = self.bootctl('kernel', 'pin', self.OLD, '--yes', status=1)
        self.assertIn('GRUB_DEFAULT', result.err)

    def test_nothing_is_left_in_run(self):
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.assertEqual([p.name for p in self.lab.path('run').rglob('*grub*')], [])

    def test_point_3_a_pin_for_the_next_boot_is_grubs_own_one_shot(self):
        self.grub_can_write()
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.assertEqual(self.next_entry(), entry_id(self.OLD))
        self.assertEqual(self.lab.path(ENV).stat().st_size, 1024)
        self.assertEqual(self.default(), '0')
        self.assertEqual(self.runs(), 0)
        status = self.bootctl('status', '--json', status=2).json
        self.assertEqual(status['default'], self.NEW)

    def test_a_kernel_that_is_kept_for_one_boot_is_not_the_default_by_being_the_newest(self):
        self.grub_can_write()
        self.bootctl('kernel', 'pin', self.OLD, '--yes')
        self.bootctl('kernel', 'pin', self.NEW, '--next-boot', '--yes')
        self.assertEqual(self.next_entry(), entry_id(self.NEW))
        self.assertEqual(self.default(), entry_id(self.OLD))

    def test_unpin_takes_the_one_shot_back_but_not_anothers(self):
        self.grub_can_write()
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.bootctl('kernel', 'unpin', '--yes')
        self.assertIsNone(self.next_entry())
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.lab.write(ENV, self.lab.read(ENV).replace(f'next_entry={entry_id(self.OLD)}',
                                                       'next_entry=1')[:1023].ljust(1024, '#'))
        self.bootctl('kernel', 'unpin', '--yes')
        self.assertEqual(self.next_entry(), '1')

    def test_where_grub_cannot_write_it_is_the_default_entry_and_status_says_so(self):
        self.bootctl('kernel', 'pin', self.OLD, '--next-boot', '--yes')
        self.assertFalse(self.lab.path(ENV).exists())
        self.assertEqual(self.default(), entry_id(self.OLD))
        status = self.bootctl('status', '--json', status=2).json
        self.assertEqual(status['default'], self.OLD)

    def test_the_daemon_ends_it_in_the_next_boot(self):
        self.lab.settings(auto_sync=True)
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.lab.bus.call('PinKernel', '(ssa{sv})',
                          (self.OLD, 'next-boot', self.lab.bus.options(wait=True)))
        self.assertEqual(self.default(), entry_id(self.OLD))
        self.lab.stop_daemon()
        self.lab.new_boot()
        self.lab.write('proc/stat', 'cpu 0\nbtime 9999999999\n')
        self.lab.start_daemon()
        self.lab.bus.wait_idle()
        self.assertEqual(self.default(), '0')
        self.assertFalse(self.lab.path(SNIPPET).exists())
        self.assertEqual(self.runs(), 2)
        self.lab.stop_daemon()


if __name__ == '__main__':
    lab.main()
