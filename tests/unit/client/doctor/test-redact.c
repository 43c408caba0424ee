/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing that tells which host a text is from stays in it, and what a reader needs does. */

#include "client/doctor/redact.h"

#include <ctype.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

static void assert_redacted(Redactor *r, const char *text, const char *expect) {
        _cleanup_free_ char *now = redact(r, text);

        ck_assert_str_eq(now, expect);
}

START_TEST(what_has_a_form_is_known_by_it) {
        static const char *const rows[][2] = {
                { "at 192.0.2.1:8006 and 192.0.2.1", "at ip-1:8006 and ip-1" },
                { "[2001:db8::17]:8006 fe80::1%eno1 ::1", "[ip-1]:8006 ip-2%eno1 ip-3" },
                { "addr:2001:db8:0:1:2:3:4:5/64", "addr:ip-1/64" },
                { "52:54:00:AB:cd:ef 52-54-00-ab-cd-ef", "mac-1 mac-1" },
                { "UUID=0b2f9a4e-5c1d-4e8f-9a70-0123456789ab", "UUID=uuid-1" },
                { "PARTUUID=c0ffee12-02", "PARTUUID=uuid-1" },
                { "FAT 1111-aaaa and 1111-AAAA", "FAT fat-1 and fat-1" },
                { "/dev/disk/by-id/ata-X_Y-part2, /dev/sda", "/dev/disk/by-id/disk-1, /dev/sda" },
                { "wwn-0x5002538e40a1b2c3 eui.0025385b21404321", "disk-1 disk-2" },
                { "iqn.1993-08.org.debian:01:abc", "disk-1" },
                { "0123456789abcdef0123456789abcdef", "id-1" },
                { "12345678901234567890 of a pool", "id-1 of a pool" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Redactor *r = redactor_new();

                assert_redacted(r, rows[i][0], rows[i][1]);
                (void) redactor_free(r);
        }
}
END_TEST

START_TEST(digests_are_keys_with_colons_and_without) {
        char plain[65] = "", colons[96] = "", text[192];
        Redactor *r = redactor_new();

        for (size_t i = 0; i < 32; i++) {
                (void) snprintf(plain + 2 * i, 3, "%02zx", i);
                (void) snprintf(colons + 3 * i, 4, i < 31 ? "%02zX:" : "%02zX", i);
        }
        (void) snprintf(text, sizeof(text), "%s, %s.", plain, colons);
        assert_redacted(r, text, "key-2, key-1.");
        (void) redactor_free(r);
}
END_TEST

START_TEST(values_of_keys_that_are_called_like_secrets_go_as_a_whole) {
        static const char *const rows[][2] = {
                { "quiet password=hunter2 ro", "quiet password=secret-1 ro" },
                { "rd.luks.key=/boot/x root=/dev/sda1", "rd.luks.key=secret-1 root=/dev/sda1" },
                { "GRUB_PASSWORD=\"a b\" X=1", "GRUB_PASSWORD=secret-1 X=1" },
                { "api_token: 4711", "api_token: secret-1" },
                { "password_pbkdf2 root grub.pbkdf2.sha512.10000.AB",
                  "password_pbkdf2 root secret-1" },
                { "http://joe:s3cr3t@192.0.2.1/", "http://secret-1@ip-1/" },
                { "cryptdevice=UUID=1111-AAAA:x", "cryptdevice=secret-1" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Redactor *r = redactor_new();

                assert_redacted(r, rows[i][0], rows[i][1]);
                (void) redactor_free(r);
        }
}
END_TEST

START_TEST(what_tells_nothing_stays) {
        static const char *const texts[] = {
                "proxmox-kernel-6.8.12-4-pve-signed 6.8.12-4",
                "root=ZFS=rpool/ROOT/pve-1 boot=zfs quiet intel_iommu=on mitigations=auto",
                "2026-11-30 18:00:12 UTC, 1764500000000000",
                "ESP on /dev/nvme0n1p2 is 95 % full; run 'bootctl-pve refresh'",
                "systemd-boot 257.7-1, bootsync 0.1.0",
                "/EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve",
                "console=ttyS0,115200 keymap=de",
                "",
        };
        Redactor *r = redactor_new();

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_redacted(r, texts[i], texts[i]);
        (void) redactor_free(r);
}
END_TEST

START_TEST(names_are_learned_and_found_as_words_in_any_case) {
        Redactor *r = redactor_new();

        redactor_learn(r, "host", "zeus.example.net");
        redactor_learn(r, "host", "zeus");
        redactor_learn(r, "host", "pve");
        redactor_learn(r, "host", "x");
        assert_redacted(r, "ZEUS, zeus.example.net:22, zeusx xzeus zeus_1 ssh-zeus",
                        "host-2, host-1:22, zeusx xzeus host-2_1 ssh-host-2");
        assert_redacted(r, "pve runs 6.8.12-4-pve on x", "host-3 runs 6.8.12-4-pve on x");
        (void) redactor_free(r);
}
END_TEST

START_TEST(the_same_value_is_the_same_placeholder_by_form_and_by_name) {
        Redactor *r = redactor_new();

        redactor_learn(r, "machine", "0123456789abcdef0123456789abcdef");
        assert_redacted(r, "id 0123456789ABCDEF0123456789ABCDEF", "id machine-1");
        assert_redacted(r, "machine_id=0123456789abcdef0123456789abcdef", "machine_id=machine-1");
        assert_redacted(r, "key=192.0.2.9 192.0.2.9", "key=secret-1 secret-1");
        (void) redactor_free(r);
}
END_TEST

START_TEST(disks_by_their_names_keep_the_number_of_their_partition) {
        Redactor *r = redactor_new();

        redactor_learn(r, "disk", "ata-MODEL_S47-11");
        redactor_learn(r, "serial", "S47-11");
        assert_redacted(r, "/dev/disk/by-id/ata-MODEL_S47-11-part2, serial S47-11",
                        "/dev/disk/by-id/disk-1-part2, serial serial-1");
        (void) redactor_free(r);
}
END_TEST

START_TEST(uuids_that_are_ours_stay) {
        Redactor *r = redactor_new();

        redactor_keep(r, "1111-AAAA");
        assert_redacted(r, "1111-aaaa 2222-BBBB", "1111-aaaa fat-1");
        (void) redactor_free(r);
}
END_TEST

CHECK_MAIN("client-doctor-redact", what_has_a_form_is_known_by_it,
           digests_are_keys_with_colons_and_without,
           values_of_keys_that_are_called_like_secrets_go_as_a_whole, what_tells_nothing_stays,
           names_are_learned_and_found_as_words_in_any_case,
           the_same_value_is_the_same_placeholder_by_form_and_by_name,
           disks_by_their_names_keep_the_number_of_their_partition, uuids_that_are_ours_stay)
