#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootsync-proxmox-compat when dpkg has to turn back half-way: whichever of the two tools was at work
goes on, with all of its hooks. Run by tests/compat/run."""

import os
import shutil
import subprocess

import tap
from tree import ESPS, HOOKS, HOOK_STUB, TreeCase

GRUB_INSTALL = 'usr/sbin/grub-install'


class Aborts(TreeCase):
    def variant(self, version, script=None, line='', at_end=False, files=()):
        """Our package with another version. @line is put into @script, before all or behind all that
        it does; with @files of another package dpkg cannot unpack it."""
        work = self.tree.path('tmp/variant')
        subprocess.run(['dpkg-deb', '--raw-extract', self.tree.path(self.tree.compat()), work],
                       check=True)
        control = work / 'DEBIAN/control'
        lines = control.read_text().splitlines()
        control.write_text(''.join(f'Version: {version}\n' if text.startswith('Version:')
                                   else text + '\n' for text in lines))
        if script:
            path = work / 'DEBIAN' / script
            head, body = path.read_text().split('\n', 1)
            # Its last line is "exit 0".
            body = body.removesuffix('exit 0\n') + line + '\n' if at_end else line + '\n' + body
            path.write_text(f'{head}\n{body}')
        for name in files:
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text('')
        target = f'tmp/compat-{version}.deb'
        subprocess.run(['dpkg-deb', '--build', '--root-owner-group', work, self.tree.path(target)],
                       check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(work)
        return '/' + target

    def refused(self, *command):
        done = self.tree.run(*command, status=None)
        self.assertNotEqual(done.status, 0, done.out)
        return done.out

    def version(self):
        return self.tree.run('dpkg-query', '-W', '-f', '${Version}', 'bootsync-proxmox-compat').out

    def assert_at_work(self):
        """Ours is installed, and a kernel that comes now reaches the ESPs."""
        self.assertEqual(self.tree.state('bootsync-proxmox-compat'), 'installed')
        for hook in HOOKS:
            self.assertEqual(self.tree.read(hook), HOOK_STUB, hook)
        self.assertEqual(os.readlink(self.tree.path(GRUB_INSTALL)),
                         '/usr/libexec/bootsync-compat/grub-install')
        self.assertIn('by bootsync-proxmox-compat',
                      self.tree.run('dpkg-divert', '--list', '/' + GRUB_INSTALL).out)
        self.assertTrue(self.tree.exists('etc/systemd/system/systemd-boot-update.service'))
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assert_on_esps(self.FIRST, self.SECOND)
        self.tree.run('apt-get', 'check')


class Ours(Aborts):
    def setUp(self):
        self.start(ours=True)
        self.before = self.version()

    def test_upgrade_that_its_preinst_ends_leaves_the_old_version_at_work(self):
        new = self.variant('99', 'preinst', '[ "$1" != upgrade ] || exit 1')
        self.assertIn('pre-installation script', self.refused('dpkg', '--install', new))
        self.assertEqual(self.version(), self.before)
        self.assert_at_work()

    def test_upgrade_that_cannot_be_unpacked_leaves_the_old_version_at_work(self):
        new = self.variant('99', files=['usr/bin/apt-get'])
        self.assertIn('trying to overwrite', self.refused('dpkg', '--install', new))
        self.assertEqual(self.version(), self.before)
        self.assert_at_work()

    def test_upgrade_that_cannot_be_configured_is_made_up_for_by_the_next(self):
        new = self.variant('99', 'postinst', '[ "$1" != configure ] || exit 1')
        self.refused('dpkg', '--install', new)
        self.assertEqual(self.tree.state('bootsync-proxmox-compat'), 'half-configured')
        # Its hooks are there already, and fail nobody.
        self.tree.run('dpkg', '--install', self.tree.kernel(self.OLDER))
        self.tree.run('dpkg', '--install', self.variant('100'))
        self.assertIn(self.OLDER, self.tree.kernels_on(ESPS[0]))
        self.tree.apt('purge', f'proxmox-kernel-{self.OLDER}-signed')
        self.assert_at_work()

    def test_old_version_whose_prerm_fails_is_upgraded_all_the_same(self):
        self.tree.run('dpkg', '--install',
                      self.variant('99', 'prerm', '[ "$1" != upgrade ] || exit 1'))
        done = self.tree.run('dpkg', '--install', self.variant('100'))
        self.assertIn('trying script from the new package', done.out)
        self.assertEqual(self.version(), '100')
        self.assert_at_work()

    def test_removal_that_fails_behind_the_giving_back_takes_all_again(self):
        self.tree.run('dpkg', '--install', self.variant('99', 'prerm', 'exit 1', at_end=True))
        out = self.refused('dpkg', '--remove', 'bootsync-proxmox-compat')
        self.assertIn('pre-removal script', out)
        self.assert_at_work()

    def test_package_in_whose_favour_ours_would_go_fails_and_ours_is_at_work_again(self):
        other = self.tree.deb('other', preinst='exit 1\n', fields=(
            'Conflicts: bootsync-proxmox-compat\nReplaces: bootsync-proxmox-compat\n'))
        self.assertIn('in favour of other', self.refused('dpkg', '--install', other))
        self.assert_at_work()

    def test_old_tool_that_cannot_come_back_leaves_a_host_whose_kernels_fail_nobody(self):
        """apt has removed ours before, and the daemon syncs by itself."""
        self.refused('apt-get', '-y', '-o', 'APT::Sandbox::User=root', 'install',
                     self.tree.old_tool(preinst='exit 1\n'))
        self.assertEqual(self.tree.path(GRUB_INSTALL).read_bytes()[:4], b'\x7fELF')
        self.tree.run('dpkg', '--install', self.tree.kernel(self.SECOND))
        self.install_ours()
        self.assert_at_work()


class Takeover(Aborts):
    """The old tool is there, with a hook that was edited and one that was deleted; dpkg removes it in
    favour of ours."""

    def setUp(self):
        super().setUp()
        self.tree.apt('install', self.tree.old_tool())
        self.tree.write(HOOKS[1], '#!/bin/sh\necho edited >>/run/old-hooks\n', 0o755)
        self.tree.path(HOOKS[2]).unlink()

    def hooks(self):
        return {hook: self.tree.read(hook) if self.tree.exists(hook) else None for hook in HOOKS}

    def install(self, compat):
        return 'dpkg', '--install', self.tree.bootsync(), compat

    def test_takeover_that_cannot_be_unpacked_leaves_the_old_tool_as_it_was(self):
        before = self.hooks()
        self.refused(*self.install(self.variant('99', files=['usr/bin/apt-get'])))
        self.assertEqual(self.tree.state('proxmox-kernel-helper'), 'installed')
        self.assertEqual(self.hooks(), before)
        self.assertFalse(self.tree.exists(HOOKS[1] + '.dpkg-old'))
        self.assertIn('by proxmox-kernel-helper',
                      self.tree.run('dpkg-divert', '--list', '/' + GRUB_INSTALL).out)

    def test_takeover_that_its_preinst_ends_leaves_the_old_tool_as_it_was(self):
        before = self.hooks()
        self.refused(*self.install(self.variant('99', 'preinst', 'exit 1', at_end=True)))
        self.assertEqual(self.tree.state('proxmox-kernel-helper'), 'installed')
        self.assertEqual(self.hooks(), before)

    def test_takeover_that_cannot_be_configured_is_done_by_the_next_run(self):
        self.refused(*self.install(self.variant('99', 'postinst', '[ "$1" != configure ] || exit 1')))
        self.assertNotEqual(self.tree.state('proxmox-kernel-helper'), 'installed')
        self.tree.apt('install', self.variant('100'))
        self.assert_at_work()

    def test_hook_of_the_old_tool_stays_aside_when_ours_cannot_be_installed_once_more(self):
        self.install_ours()
        self.tree.apt('remove', 'bootsync-proxmox-compat')
        self.refused('dpkg', '--install', self.variant('99', files=['usr/bin/apt-get']))
        self.assertIn('edited', self.tree.read(HOOKS[1] + '.dpkg-old'))
        self.assertEqual(self.hooks(), {hook: HOOK_STUB for hook in HOOKS})


if __name__ == '__main__':
    tap.main(private_mounts=True)
