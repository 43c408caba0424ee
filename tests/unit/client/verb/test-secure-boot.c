/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `secure-boot status` says who has signed what, what would be refused and why, and what is not
 * known. */

#include "tests/unit/client/bench.h"

#define SHA256 "b8ffee40fce32383c69a202f0051df82b8a982868e36165042792872cfea171f"

static const Value full[] = {
        { "Firmware", "s", "uefi" },
        { "SecureBoot", "s", "enabled" },
        { "Shim", "b", "y" },
        { "SbatLevel", "s", "sbat,1,2024010900" },
        { "MokEnrolled", "b", "" },
        { "SignaturesKnown", "b", "y" },
        { "Keys", "a(sssts)",
          "pk|Vendor PK|11|0|;db|Microsoft Corporation UEFI CA 2011|22|1782604800000000|;"
          "dbx|Bad|33|0|;mok|Debian Secure Boot CA|44|0|;"
          "mok-waiting|DKMS|" SHA256 "|0|;dkms|DKMS|" SHA256
          "|4102444800000000|/var/lib/dkms/mok.pub;"
          "dkms|Old DKMS|55|0|/root/old.der" },
        { "KeyDigests", "a(st)", "dbx|371" },
        { "SignedFiles", "a(ssbsstsbs)",
          "1111-AAAA|/EFI/proxmox/shimx64.efi|y|Microsoft Publisher|"
          "Microsoft Corporation UEFI CA 2011|1782604800000000|firmware|y|signed;"
          "1111-AAAA|/vmlinuz-6|y|Debian Signer|Debian Secure Boot CA|0|shim|y|signed;"
          "2222-BBBB|/EFI/BOOT/BOOTX64.EFI||||0|firmware||it is not signed" },
        { "RefusedModules", "a(ssss)",
          "6.8.12-4-pve|/lib/modules/6.8.12-4-pve/updates/dkms/zfs.ko|zfs-dkms|nobody knows its "
          "key;6.8.12-4-pve|/lib/modules/6.8.12-4-pve/extra/x.ko.xz||not known: it is odd" },
        { "SecureBootPackages", "a(sb)", "shim-signed|y;grub-efi-amd64-signed|" },
        {},
};
static const Value bare[] = {
        { "Firmware", "s", "bios" },
        { "SecureBoot", "s", "unsupported" },
        { "Keys", "a(sssts)", "" },
        {},
};
static const Value early[] = {
        { "Firmware", "s", "uefi" },
        { "SecureBoot", "s", "disabled" },
        { "SignaturesKnown", "b", "" },
        {},
};
static const Value odd[] = {
        { "SecureBoot", "s", "setup" },
        { "Keys", "a(sst)", "db|x|1" },
        {},
};
static const Value both[] = {
        { "SecureBoot", "s", "setup" },
        { "SignaturesKnown", "b", "y" },
        { "ShimChecksNothing", "b", "y" },
        { "ShimIgnoresDb", "b", "y" },
        { "Keys", "a(sssts)",
          "db|Microsoft Corporation UEFI CA 2011|22|0|;db|Microsoft UEFI CA 2023|33|0|;"
          "mok|\033[1mbold|44|0|" },
        { "SignedFiles", "a(ssbsstsbs)",
          "1111-AAAA|/EFI/BOOT/BOOTX64.EFI|y|P|Microsoft Corporation UEFI CA 2011|0|firmware|y|;"
          "2222-BBBB|/EFI/BOOT/BOOTX64.EFI|y|P|Nobody's CA|0|firmware||db lacks it" },
        {},
};

enum { FULL, BARE, EARLY, ODD, BOTH };
const Scene scenes[] = {
        [FULL] = { .boot = full, .job = "done" },   [BARE] = { .boot = bare, .job = "done" },
        [EARLY] = { .boot = early, .job = "done" }, [ODD] = { .boot = odd, .job = "done" },
        [BOTH] = { .boot = both, .job = "done" },
};

START_TEST(private_daemon_is_asked_to_look_at_keys) {
        _cleanup_outcome_ Outcome o = RUN(FULL, "secure-boot", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "ProbePartitions keys");
}
END_TEST

START_TEST(keys_are_named_and_what_dbx_has_is_counted) {
        _cleanup_outcome_ Outcome o = RUN(FULL, "secure-boot", "status");

        assert_contains(o.out, "Secure Boot      enabled (the firmware starts only what");
        assert_contains(o.out, "Shim             this boot came through it\n");
        assert_contains(o.out, "SBAT level       sbat,1,2024010900\n");
        assert_contains(o.out, "Platform key     Vendor PK\n");
        assert_contains(o.out, "db               Microsoft Corporation UEFI CA 2011 (expired "
                               "2026-06-28)\n");
        assert_contains(o.out, "dbx              1 certificate, 371 digests\n");
        assert_contains(o.out, "MOK              Debian Secure Boot CA\n");
        assert_contains(o.out, "MOK, waiting     DKMS\n");
        assert_contains(o.out, "Packages         shim-signed\n");
        assert_contains(o.out, "Not installed    grub-efi-amd64-signed\n");
        assert_lacks(o.out, "Note");
}
END_TEST

START_TEST(files_are_told_with_who_signed_them_and_why_they_are_refused) {
        _cleanup_outcome_ Outcome o = RUN(FULL, "secure-boot", "status");

        assert_contains(o.out, "1111-AAAA  /EFI/proxmox/shimx64.efi  firmware    yes\n"
                               "  signed: by Microsoft Publisher, until 2026-06-28; Microsoft "
                               "Corporation UEFI CA 2011 vouches for that\n");
        assert_contains(o.out, "  signed: by Debian Signer; Debian Secure Boot CA vouches");
        assert_contains(o.out, "2222-BBBB  /EFI/BOOT/BOOTX64.EFI     firmware    no\n"
                               "  refused: it is not signed\n");
        assert_contains(o.out, "DKMS      waiting       2100-01-01  /var/lib/dkms/mok.pub\n"
                               "  SHA-256: " SHA256 "\n");
        assert_contains(o.out, "Old DKMS  not enrolled  -           /root/old.der\n");
        assert_contains(o.out, "zfs.ko          6.8.12-4-pve  zfs-dkms\n"
                               "  refused: nobody knows its key\n");
        assert_contains(o.out, "x.ko.xz         6.8.12-4-pve  -\n"
                               "  not known: it is odd\n");
}
END_TEST

START_TEST(authority_that_boot_loaders_need_is_told_with_its_heir) {
        _cleanup_outcome_ Outcome one = RUN(FULL, "secure-boot", "status");
        _cleanup_outcome_ Outcome two = RUN(BOTH, "secure-boot", "status");

        assert_contains(one.out, "newer boot loaders need 'Microsoft UEFI CA 2023', which the "
                                 "firmware has not)");
        assert_contains(two.out, "which the firmware has, too)");
        assert_contains(two.out, "CA needed        Nobody's CA (the firmware does not have it");
        assert_contains(two.out, "its validation is disabled");
        assert_contains(two.out, "it accepts nothing for the firmware's db");
        assert_lacks(two.out, "\033");
}
END_TEST

START_TEST(host_without_secure_boot_is_told_in_a_line) {
        _cleanup_outcome_ Outcome o = RUN(BARE, "secure-boot", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Secure Boot      unsupported (the firmware of this host does not "
                                "have it)\n");
}
END_TEST

START_TEST(what_is_not_known_yet_is_said_not_to_be) {
        _cleanup_outcome_ Outcome o = RUN(EARLY, "secure-boot", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "keys and signatures are not all known");
        assert_lacks(o.out, "Shim");
}
END_TEST

START_TEST(keys_of_another_form_are_a_bad_reply) {
        _cleanup_outcome_ Outcome o = RUN(ODD, "secure-boot", "status");

        ck_assert_int_eq(o.status, STATUS_FAILED);
}
END_TEST

START_TEST(all_is_in_json) {
        _cleanup_outcome_ Outcome o = RUN(FULL, "--json", "secure-boot", "status");

        assert_contains(o.out, "\"secure_boot\": \"enabled\"");
        assert_contains(o.out, "\"enrolment\": \"waiting\"");
        assert_contains(o.out, "\"enrolment\": \"not-enrolled\"");
        assert_contains(o.out, "\"number\": 371");
        assert_contains(o.out, "\"checker\": \"shim\"");
        assert_contains(o.out, "\"package\": \"zfs-dkms\"");
        assert_contains(o.out, "\"installed\": true");
}
END_TEST

CHECK_MAIN("client-verb-secure-boot", private_daemon_is_asked_to_look_at_keys,
           keys_are_named_and_what_dbx_has_is_counted,
           files_are_told_with_who_signed_them_and_why_they_are_refused,
           authority_that_boot_loaders_need_is_told_with_its_heir,
           host_without_secure_boot_is_told_in_a_line, what_is_not_known_yet_is_said_not_to_be,
           keys_of_another_form_are_a_bad_reply, all_is_in_json)
