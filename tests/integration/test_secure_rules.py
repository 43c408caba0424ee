#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds while Secure Boot is enabled: what it refuses never becomes the default of an ESP, what
it accepts stays, and both are told. A directory of variables plays the firmware; one kernel is the
signed program of the fuzzers, the other is nothing that anybody has signed."""

import lab
import test_boot_object
from privatebus import CallError


class SecureRules(test_boot_object.UefiCase):
    def prepare(self):
        super().prepare()
        program = test_boot_object.SecureBoot.LOADER.read_bytes()
        self.set('SecureBoot', b'\1')
        self.set('SetupMode', b'\0')
        self.trust(test_boot_object.SecureBoot.CA)
        self.lab.write_boot(f'vmlinuz-{self.OLD}', program)
        for esp in self.ESPS:
            for path in 'EFI/systemd/systemd-bootx64.efi', 'EFI/BOOT/BOOTX64.EFI':
                (self.lab.esp(esp) / path).write_bytes(program)

    def trust(self, *certificates):
        self.set('db', test_boot_object.SecureBoot.list_of(*certificates), test_boot_object.SecureBoot.DATABASE)

    def start(self):
        super().start()
        self.bus.run(lambda: self.boot()['SignaturesKnown'], what='keys and signatures')
        self.bus.wait_idle()

    def kernel(self, version):
        return next(k for k in self.bus.call('ListKernels')[0] if k[0] == version)

    def warnings(self):
        return {(w[0], w[2]): w[3] for w in self.bus.properties()['Warnings']}

    def defaults(self):
        return [esp['DefaultKernel'] for esp in self.bus.esps().values()]

    def test_the_newest_kernel_that_is_accepted_boots_and_the_refused_one_is_told(self):
        self.start()
        self.assert_synced()
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])
        for esp in self.ESPS:
            self.assertEqual(self.lab.default_patterns(esp), [f'proxmox-{self.OLD}.conf'])
        properties = self.bus.properties()
        self.assertEqual((properties['DefaultKernel'], properties['WantedKernel']), (self.OLD, self.OLD))
        self.assertEqual((properties['InSync'], properties['Redundancy']), (True, 'redundant'),
                         properties['RedundancyReason'])
        self.assertIn('secure-boot', self.kernel(self.OLD)[2])
        self.assertNotIn('secure-boot', self.kernel(self.NEW)[2])
        warnings = self.warnings()
        self.assertIn('no program for this firmware', warnings['kernel-refused', self.NEW])
        self.assertNotIn(('kernel-refused', self.OLD), warnings)
        self.assertEqual([w for w in warnings if w[0] == 'esp-refused'], [])

    def test_a_newer_kernel_that_is_refused_does_not_become_the_default(self):
        self.lab.remove_kernel(self.NEW)
        self.start()
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])
        self.lab.add_kernel(self.NEW)
        self.bus.run(lambda: ('kernel-refused', self.NEW) in self.warnings(), what='its refusal')
        self.bus.wait_idle()
        self.assert_synced()
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])

    def test_a_refused_kernel_is_not_pinned_and_one_in_the_file_not_armed(self):
        self.start()
        for scope in 'permanent', 'next-boot':
            with self.assertRaises(CallError) as caught:
                self.bus.call('PinKernel', '(ssa{sv})', (self.NEW, scope, {}))
            self.assertEqual(caught.exception.name, 'org.bootsync1.Error.NotBootable')
            self.assertIn('no program for this firmware', str(caught.exception))
        self.lab.write('etc/kernel/proxmox-boot-pin', self.NEW + '\n')
        self.bus.run(lambda: self.bus.properties()['PinnedKernel'] == self.NEW, what='the pin')
        self.bus.wait_idle()
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])
        self.assertIn('though it is pinned', self.warnings()['kernel-refused', self.NEW])
        self.bus.call('UnpinKernel', '(sa{sv})', ('all', {}))
        self.bus.call('PinKernel', '(ssa{sv})', (self.OLD, 'permanent', {}))

    def test_esps_that_boot_stay_as_they_are_where_all_that_is_kept_is_refused(self):
        self.start()
        self.lab.write_boot(f'vmlinuz-{self.OLD}', b'rebuilt, and not signed')
        self.bus.run(lambda: ('kernel-refused', self.OLD) in self.warnings(), what='its refusal')
        self.bus.wait_idle()
        program = test_boot_object.SecureBoot.LOADER.read_bytes()
        for esp in self.ESPS:
            path = self.lab.esp(esp) / f'EFI/proxmox/{self.OLD}/vmlinuz-{self.OLD}'
            self.assertEqual(path.read_bytes(), program)
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])
        esp = next(iter(self.bus.esps().values()))
        self.assertEqual(esp['State'], 'outdated')
        self.assertIn('refuses every kernel that is kept', esp['Why'])
        self.assertEqual(self.bus.properties()['Redundancy'], 'degraded')

    def test_an_esp_that_is_refused_is_no_good_and_told(self):
        self.start()
        self.trust()
        self.bus.run(lambda: ('esp-refused', self.ESPS[1]) in self.warnings(), what='the refusal')
        self.bus.wait_idle()
        self.bus.run(lambda: self.bus.properties()['Redundancy'] == 'unbootable', what='the verdict')
        self.assertIn('as Secure Boot is enabled: its boot loader',
                      self.bus.properties()['RedundancyReason'])
        self.trust(test_boot_object.SecureBoot.CA)
        self.bus.run(lambda: self.bus.properties()['Redundancy'] == 'redundant', what='the good verdict')
        self.bus.wait_idle()
        self.assertEqual(self.defaults(), [self.OLD, self.OLD])

    def test_without_secure_boot_the_newest_boots(self):
        self.set('SecureBoot', b'\0')
        self.start()
        self.assertEqual(self.defaults(), [self.NEW, self.NEW])
        for esp in self.ESPS:
            self.assertEqual(self.lab.default_patterns(esp), ['proxmox-*'])
        self.assertEqual(self.kernel(self.OLD)[2], ['newest', 'series'])
        self.assertEqual([w for w in self.warnings() if 'refused' in w[0] or 'enrolled' in w[0]], [])

    def test_a_private_daemon_asks_before_it_plans(self):
        self.bootctl('refresh')
        for esp in self.ESPS:
            self.assertEqual(self.lab.default_patterns(esp), [f'proxmox-{self.OLD}.conf'])
        self.bootctl('kernel', 'pin', self.NEW)
        self.bootctl('refresh')
        for esp in self.ESPS:
            self.assertEqual(self.lab.default_patterns(esp), [f'proxmox-{self.OLD}.conf'])


if __name__ == '__main__':
    lab.main()
