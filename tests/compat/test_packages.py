#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bootsync-proxmox-compat among other packages: how it comes, what it does while kernels and boot
loaders come and go, and how it leaves. Run by tests/compat/run."""

import os
import re

import tap
from tree import ESPS, HOOKS, HOOK_STUB, SOURCE, TreeCase

SYSTEMD_BOOT = ('etc/kernel/postinst.d/zz-systemd-boot', 'etc/kernel/postrm.d/zz-systemd-boot',
                'etc/initramfs/post-update.d/systemd-boot')
UNITS = ('etc/systemd/system-generators/systemd-gpt-auto-generator',
         'etc/systemd/system/systemd-boot-update.service')


class Takeover(TreeCase):
    """From the tool before to ours, and back."""

    def assert_ours(self):
        for hook in HOOKS:
            self.assertEqual(self.tree.read(hook), HOOK_STUB, hook)
        self.assertEqual(os.readlink(self.tree.path('usr/sbin/grub-install')),
                         '/usr/libexec/bootsync-compat/grub-install')
        self.assertEqual(self.tree.run('dpkg-divert', '--list', '/usr/sbin/grub-install').out,
                         'diversion of /usr/sbin/grub-install to /usr/sbin/grub-install.real by '
                         'bootsync-proxmox-compat\n')
        self.assertIn('ELF', self.tree.path('usr/sbin/grub-install.real').read_bytes()[:4]
                      .decode(errors='replace'))
        self.assertEqual(self.tree.read('etc/kernel/proxmox-boot-uuids').split(), list(ESPS))

    def assert_old_is_silent(self):
        self.tree.path('run/old-hooks').unlink(missing_ok=True)
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assertFalse(self.tree.exists('run/old-hooks'))
        self.assert_on_esps(self.FIRST, self.SECOND)

    def test_whoever_depends_on_the_old_tool_stays_installed(self):
        depends = self.tree.deb('proxmox-ve', fields='Depends: proxmox-kernel-helper (>= 9.0)\n')
        self.tree.apt('install', self.tree.old_tool(), depends)
        self.install_ours()
        self.assertEqual(self.tree.state('proxmox-ve'), 'installed')
        self.assertNotEqual(self.tree.state('proxmox-kernel-helper'), 'installed')
        self.assert_ours()
        self.assert_old_is_silent()
        self.tree.run('apt-get', 'check')

    def test_old_tool_that_is_purged_later_takes_nothing_along(self):
        self.tree.apt('install', self.tree.old_tool())
        self.install_ours()
        self.tree.run('dpkg', '--purge', 'proxmox-kernel-helper', status=None)
        self.assert_ours()
        self.assert_old_is_silent()

    def test_old_tool_that_was_removed_leaves_its_place_without_a_question(self):
        self.tree.apt('install', self.tree.old_tool())
        self.tree.apt('remove', 'proxmox-kernel-helper')
        self.assertEqual(self.tree.state('proxmox-kernel-helper'), 'config-files')
        self.install_ours()
        self.assert_ours()
        self.assertFalse(self.tree.exists(HOOKS[1] + '.dpkg-old'))
        self.tree.run('dpkg', '--purge', 'proxmox-kernel-helper', status=None)
        self.assert_ours()
        self.assert_old_is_silent()

    def test_hooks_of_the_old_tool_that_were_edited_or_deleted_are_ours_without_a_question(self):
        for removed in False, True:
            with self.subTest(removed=removed):
                self.tree.apt('install', self.tree.old_tool())
                self.tree.write(HOOKS[1], '#!/bin/sh\necho edited >>/run/old-hooks\n', 0o755)
                self.tree.path(HOOKS[2]).unlink()
                if removed:
                    self.tree.apt('remove', 'proxmox-kernel-helper')
                self.install_ours()
                self.assert_ours()
                self.assertIn('edited', self.tree.read(HOOKS[1] + '.dpkg-old'))
                self.tree.run('dpkg', '--purge', 'proxmox-kernel-helper', status=None)
                self.assert_ours()
                self.tree.apt('purge', 'bootsync-proxmox-compat')
        self.install_ours()
        self.assert_old_is_silent()

    def test_the_way_back_leads_to_the_old_tool_as_it_was(self):
        self.install_ours()
        self.tree.apt('install', self.tree.old_tool())
        self.assertEqual(self.tree.state('proxmox-kernel-helper'), 'installed')
        self.assertNotEqual(self.tree.state('bootsync-proxmox-compat'), 'installed')
        for hook in HOOKS:
            self.assertIn('old-hooks', self.tree.read(hook), hook)
        self.assertIn('by proxmox-kernel-helper',
                      self.tree.run('dpkg-divert', '--list', '/usr/sbin/grub-install').out)
        self.tree.run('dpkg', '--purge', 'bootsync-proxmox-compat', status=None)
        for hook in HOOKS:
            self.assertIn('old-hooks', self.tree.read(hook), hook)
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assertIn('zz-proxmox-boot', self.tree.read('run/old-hooks'))
        self.install_ours()
        self.assert_ours()

    def test_lists_with_the_oldest_names_are_taken_over(self):
        os.rename(self.tree.path('etc/kernel/proxmox-boot-uuids'),
                  self.tree.path('etc/kernel/pve-efiboot-uuids'))
        self.tree.write('etc/kernel/pve-efiboot-manual-kernels', self.FIRST + '\n')
        self.install_ours()
        self.assert_ours()
        self.assertEqual(self.tree.read('etc/kernel/proxmox-boot-manual-kernels'),
                         self.FIRST + '\n')
        self.assertFalse(self.tree.exists('etc/kernel/pve-efiboot-uuids'))

    def test_text_that_is_put_in_place_beforehand_is_that_of_the_package(self):
        preinst = (SOURCE / 'bootsync-proxmox-compat.preinst').read_text()
        self.assertEqual(re.search(r"<<'EOF'\n(.*?)^EOF$", preinst, re.S | re.M)[1], HOOK_STUB)
        for script in 'preinst', 'postrm':
            text = (SOURCE / f'bootsync-proxmox-compat.{script}').read_text()
            hooks = re.search(r'^hooks="(.*?)"$', text, re.S | re.M)[1].split()
            self.assertEqual([h.lstrip('/') for h in hooks], list(HOOKS), script)


class PackageRuns(TreeCase):
    """With ours installed."""

    def setUp(self):
        self.start(ours=True)
        self.tree.syncs()

    def test_installation_brings_the_esps_into_sync(self):
        self.assert_on_esps(self.FIRST)
        for uuid in ESPS:
            self.assertIn('timeout 7', self.tree.esp_file(uuid, 'loader/loader.conf').read_text())

    def test_two_kernels_and_their_initrds_are_one_sync_with_a_line_an_esp(self):
        done = self.tree.apt('install', self.tree.kernel(self.SECOND),
                             self.tree.kernel('6.17.9-1-pve'), self.tree.kernel(self.OLDER))
        self.assertLessEqual(self.tree.syncs(), 2)
        # The oldest is neither of the newest, but was installed just now.
        self.assert_on_esps(self.SECOND, '6.17.9-1-pve', self.OLDER)
        for uuid in ESPS:
            self.assertRegex(done.out, rf'ESP {uuid} holds: uefi \(versions: .*6.17.9-1-pve\)')

    def test_initrd_that_is_made_by_a_trigger_of_dpkg_is_synced_by_ours(self):
        module = self.tree.deb('module', files={'usr/share/initramfs-tools/modules.d/x': 'loop\n'},
                               postinst='dpkg-trigger --no-await update-initramfs\n')
        done = self.tree.apt('install', self.tree.kernel(self.SECOND), module)
        self.assertIn('Processing triggers for initramfs-tools', done.out)
        self.assertNotIn('In sync:', done.out)
        self.assertLessEqual(self.tree.syncs(), 2)
        for uuid in ESPS:
            name = f'initrd.img-{self.SECOND}'
            self.assertEqual(
                self.tree.esp_file(uuid, f'EFI/proxmox/{self.SECOND}/{name}').read_bytes(),
                self.tree.path(f'boot/{name}').read_bytes())

    def test_kernel_that_is_removed_again_leaves_the_esps(self):
        self.tree.apt('install', self.tree.kernel(self.SECOND), self.tree.kernel('6.17.9-1-pve'),
                      self.tree.kernel(self.OLDER))
        self.tree.syncs()
        self.tree.apt('purge', f'proxmox-kernel-{self.OLDER}-signed',
                      f'proxmox-kernel-{self.SECOND}-signed')
        self.assertEqual(self.tree.syncs(), 1)
        self.assert_on_esps(self.FIRST, '6.17.9-1-pve')

    def test_update_initramfs_by_hand_syncs_at_once(self):
        before = self.tree.esp_file(ESPS[0], f'EFI/proxmox/{self.FIRST}/initrd.img-{self.FIRST}'
                                    ).read_bytes()
        self.tree.run('update-initramfs', '-u', '-k', 'all')
        now = self.tree.path(f'boot/initrd.img-{self.FIRST}').read_bytes()
        self.assertNotEqual(now, before)
        for uuid in ESPS:
            self.assertEqual(self.tree.esp_file(
                uuid, f'EFI/proxmox/{self.FIRST}/initrd.img-{self.FIRST}').read_bytes(), now)

    def test_hooks_by_hand_sync_at_once(self):
        self.tree.write(f'boot/vmlinuz-{self.OLDER}', 'kernel')
        self.tree.write(f'boot/initrd.img-{self.OLDER}', 'initrd')
        for hook in HOOKS[0], HOOKS[1]:
            self.tree.run('/' + hook, self.OLDER)
        self.assert_on_esps(self.FIRST, self.OLDER)

    def test_without_any_esp_nothing_fails(self):
        self.tree.list_esps()
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.tree.run('update-initramfs', '-u', '-k', 'all')
        self.assertEqual(self.tree.state('bootsync-proxmox-compat'), 'installed')

    def test_esp_that_is_missing_fails_nobody_and_is_named(self):
        self.tree.take_away(ESPS[1])
        done = self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assertEqual(self.tree.kernels_on(ESPS[0]), {self.FIRST, self.SECOND})
        self.assertIn(f"ESP '{ESPS[1]}'", done.out)

    def test_without_one_esp_in_sync_only_our_own_package_fails(self):
        for uuid in ESPS:
            self.tree.take_away(uuid)
        done = self.tree.apt('install', self.tree.kernel(self.SECOND), status=100)
        self.assertIn('No ESP could be brought into sync', done.out)
        self.assertEqual(self.tree.state(f'proxmox-kernel-{self.SECOND}-signed'), 'installed')
        self.assertNotEqual(self.tree.state('bootsync-proxmox-compat'), 'installed')
        for uuid in ESPS:
            self.tree.bring_back(uuid)
        self.tree.run('dpkg', '--configure', '--pending')
        self.assert_on_esps(self.FIRST, self.SECOND)

    def test_reboot_is_asked_for_once_and_nothing_is_taken_away(self):
        self.tree.write('run/reboot-required', 'because\n')
        self.tree.write('run/reboot-required.pkgs', 'libc6\n')
        for _ in range(2):
            self.tree.apt('install', '--reinstall', self.tree.kernel(self.SECOND))
        self.assertEqual(self.tree.read('run/reboot-required'), 'because\n')
        self.assertEqual(self.tree.read('run/reboot-required.pkgs'),
                         f'libc6\nproxmox-kernel-{self.SECOND}-signed\n')

    def test_in_an_installers_chroot_everything_works_and_nobody_is_to_reboot(self):
        self.tree.path('run/reboot-required').unlink(missing_ok=True)
        self.tree.apt('install', self.tree.kernel(self.SECOND), chroot=True)
        self.assert_on_esps(self.FIRST, self.SECOND)
        self.assertFalse(self.tree.exists('run/reboot-required'))

    def test_init_in_an_installers_chroot_tells_by_its_status_alone(self):
        self.tree.path('sys/firmware/efi/efivars').mkdir(parents=True)
        self.tree.list_esps()
        for path, status in ((f'/dev/disk/by-uuid/{ESPS[0]}', 0), ('/dev/nonsense', 1)):
            self.tree.run('proxmox-boot-tool', 'init', path, chroot=True, status=status)
        self.assertEqual(self.tree.read('etc/kernel/proxmox-boot-uuids').split(), [ESPS[0]])
        self.assertEqual(self.tree.kernels_on(ESPS[0]), {self.FIRST})

    def test_installed_once_more_it_changes_nothing(self):
        before = {name: self.tree.read(name) for name in (*HOOKS, 'var/lib/dpkg/diversions')}
        self.tree.apt('install', '--reinstall', self.tree.compat())
        self.assertEqual({name: self.tree.read(name) for name in before}, before)
        self.assertEqual(os.readlink(self.tree.path('usr/sbin/grub-install')),
                         '/usr/libexec/bootsync-compat/grub-install')

    def test_without_a_place_for_the_version_a_kernel_is_installed_all_the_same(self):
        self.tree.path('run/bootsync/new-kernels').unlink(missing_ok=True)
        self.tree.path('run/bootsync/new-kernels').mkdir(parents=True)
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assert_on_esps(self.FIRST, self.SECOND)

    # Boot loaders

    def assert_loader(self, version):
        for uuid in ESPS:
            for name in 'EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI':
                self.assertEqual(self.tree.esp_file(uuid, name).read_text(), f'loader {version}')

    def test_new_loader_reaches_all_esps_and_settings_stay(self):
        self.assert_loader('1')
        self.tree.apt('install', self.loader('2'))
        self.assertEqual(self.tree.syncs(), 1)
        self.assert_loader('2')
        for uuid in ESPS:
            self.assertIn('timeout 7', self.tree.esp_file(uuid, 'loader/loader.conf').read_text())

    def test_loader_that_is_removed_fails_nobody(self):
        self.tree.apt('remove', 'systemd-boot-efi')
        self.assertEqual(self.tree.state('bootsync-proxmox-compat'), 'installed')
        self.assert_loader('1')

    def grub(self, name):
        return self.tree.deb(name, files={f'usr/share/doc/{name}/x': ''},
                             postinst='[ "$1" != configure ] || grub-install --target=x\n')

    def test_grub_install_by_its_packages_is_one_reinit(self):
        self.tree.esp_file(ESPS[0], 'EFI/systemd/systemd-bootx64.efi').write_text('damaged')
        self.tree.apt('install', self.grub('grub-efi-test'), self.grub('shim-test'))
        self.assertEqual(self.tree.syncs(), 1)
        self.assert_loader('1')

    def test_grub_install_by_hand_is_refused_with_the_name_of_the_real_one(self):
        self.assertIn('/usr/sbin/grub-install.real', self.tree.run('grub-install', status=1).out)
        self.tree.list_esps()
        self.assertIn('GRUB', self.tree.run('grub-install', '--version').out)

    def test_head_of_grubs_menu_says_that_it_is_not_read(self):
        out = self.tree.run('/' + HOOKS[5]).out
        self.assertIn('# This system boots from EFI System Partitions', out)
        self.assertEqual(self.tree.run('/' + HOOKS[5], PVE_EFIBOOT_UNSHARED='1').out, '')
        self.tree.list_esps()
        self.assertEqual(self.tree.run('/' + HOOKS[5]).out, '')

    # Scripts of others

    def test_sourced_functions_answer_as_ever(self):
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        for directory in 'proxmox-kernel-helper', 'pve-kernel-helper':
            script = (f'. /usr/share/{directory}/scripts/functions\n'
                      'each() { echo "esp $curr_uuid"; }\n'
                      'boot_kernel_list\nkernel_keep_versions 1.2.3-4-pve | head -n 1\n'
                      'loop_esp_list each\nget_first_line "$PINNED_KERNEL_CONF"\n'
                      'echo "$ESP_LIST $MANUAL_KERNEL_LIST $PMX_ESP_DIR"\n')
            self.tree.write('etc/kernel/proxmox-boot-pin', f'{self.FIRST}\nmore\n')
            self.assertEqual(self.tree.run('sh', '-euc', script).out.split('\n'), [
                self.FIRST, self.SECOND, '1.2.3-4-pve', f'esp {ESPS[0]}', f'esp {ESPS[1]}',
                self.FIRST, '/etc/kernel/proxmox-boot-uuids '
                '/etc/kernel/proxmox-boot-manual-kernels EFI/proxmox', ''])


class Others(TreeCase):
    """Packages that would write to an ESP, too."""

    def systemd_boot(self, version):
        hook = (f'#!/bin/sh\n# of version {version}\ntouch /run/systemd-boot-ran\n', 0o755)
        return self.tree.deb('systemd-boot', '999.' + version, {h: hook for h in SYSTEMD_BOOT},
                             conffiles=SYSTEMD_BOOT)

    def assert_quiet(self, version):
        for hook in SYSTEMD_BOOT:
            self.assertFalse(self.tree.exists(hook), hook)
            self.assertIn(f'version {version}', self.tree.read(hook + '.bootsync-off'))
        self.tree.path('run/systemd-boot-ran').unlink(missing_ok=True)
        self.tree.apt('install', '--reinstall', self.tree.kernel(self.SECOND))
        self.tree.run('update-initramfs', '-u', '-k', 'all')
        self.assertFalse(self.tree.exists('run/systemd-boot-ran'))

    def assert_back(self, version):
        for hook in SYSTEMD_BOOT:
            self.assertIn(f'version {version}', self.tree.read(hook))
            self.assertFalse(self.tree.exists(hook + '.bootsync-off'))
            self.assertEqual(self.tree.run('dpkg-divert', '--list', '/' + hook).out, '')
        for unit in UNITS:
            self.assertFalse(self.tree.exists(unit), unit)

    def test_hooks_of_systemd_boot_are_quiet_through_upgrades_and_come_back(self):
        self.tree.apt('install', self.systemd_boot('1'))
        self.install_ours()
        self.assert_quiet('1')
        for unit in UNITS:
            self.assertEqual(os.readlink(self.tree.path(unit)), '/dev/null')
        self.tree.apt('install', self.systemd_boot('2'))
        self.assert_quiet('2')
        self.tree.apt('remove', 'bootsync-proxmox-compat')
        self.assert_back('2')
        self.tree.apt('install', '--reinstall', self.tree.kernel(self.SECOND))
        self.assertTrue(self.tree.exists('run/systemd-boot-ran'))

    def test_systemd_boot_that_comes_later_is_quiet_from_the_start(self):
        self.install_ours()
        self.tree.apt('install', self.systemd_boot('1'))
        self.assert_quiet('1')

    def test_hook_whose_package_was_purged_meanwhile_does_not_come_back(self):
        self.tree.apt('install', self.systemd_boot('1'))
        self.install_ours()
        self.tree.apt('purge', 'systemd-boot')
        self.tree.apt('purge', 'bootsync-proxmox-compat')
        for hook in SYSTEMD_BOOT:
            self.assertFalse(self.tree.exists(hook), hook)
            self.assertFalse(self.tree.exists(hook + '.bootsync-off'), hook)

    def test_host_without_an_esp_of_ours_keeps_them_until_it_has_one(self):
        self.tree.list_esps()
        self.tree.apt('install', self.systemd_boot('1'))
        self.install_ours()
        self.assert_back('1')
        self.tree.list_esps(*ESPS)
        self.tree.apt('install', self.tree.kernel(self.SECOND))
        self.assert_quiet('1')

    def test_mask_of_the_administrator_stays(self):
        self.tree.path(UNITS[1]).parent.mkdir(parents=True, exist_ok=True)
        self.tree.path(UNITS[1]).symlink_to('/dev/null')
        self.install_ours()
        self.tree.apt('purge', 'bootsync-proxmox-compat')
        self.assertEqual(os.readlink(self.tree.path(UNITS[1])), '/dev/null')
        self.assertFalse(self.tree.exists(UNITS[0]))

    def test_shared_hooks_of_later_versions_are_hidden_and_come_back(self):
        self.tree.apt('install', self.tree.deb('systemd-boot', '999.258', {
            'usr/share/kernel/postinst.d/zz-systemd-boot': ('#!/bin/sh\n', 0o755)}))
        self.install_ours()
        self.assertIn('Hides', self.tree.read(SYSTEMD_BOOT[0]))
        self.tree.run('/' + SYSTEMD_BOOT[0])
        self.tree.apt('purge', 'bootsync-proxmox-compat')
        self.assertFalse(self.tree.exists(SYSTEMD_BOOT[0]))

    def test_installed_removed_and_purged_twice_it_leaves_a_host_that_boots(self):
        before = self.tree.path('usr/sbin/grub-install').read_bytes()
        for verb in 'remove', 'purge', 'purge':
            self.install_ours()
            self.tree.apt(verb, 'bootsync-proxmox-compat')
            self.assertEqual(self.tree.path('usr/sbin/grub-install').read_bytes(), before)
            self.assertFalse(self.tree.exists('usr/sbin/grub-install.real'))
            self.tree.apt('install', '--reinstall', self.tree.kernel(self.SECOND))
            self.assertEqual(self.tree.read('etc/kernel/proxmox-boot-uuids').split(), list(ESPS))
        for hook in HOOKS:
            self.assertFalse(self.tree.exists(hook), hook)
        self.assertFalse(self.tree.exists('var/lib/bootsync-proxmox-compat'))
        self.assert_on_esps(self.FIRST, self.SECOND)


if __name__ == '__main__':
    tap.main(private_mounts=True)
