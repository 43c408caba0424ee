/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The boot is told by what is known, and what is not known is not guessed. */

#include "engine/boot.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define PART_A   "aaaa0000-0000-4000-8000-000000000001"
#define PART_OLD "eeee0000-0000-4000-8000-000000000005"
#define SD_BOOT  "\\EFI\\systemd\\systemd-bootx64.efi"

static LoadOption option(uint16_t number, const char *partuuid, const char *path) {
        LoadOption o = {
                .number = number, .active = true, .title = (char *) "T", .path = (char *) path
        };

        (void) strcpy(o.partuuid, partuuid);
        return o;
}

static Boot make_with(const Lab *lab, const Firmware *firmware, const Partitions *partitions,
                      const SecureBootFacts *secure_boot) {
        const StateView *known = manager_info(lab->m).known;
        const VerdictInput in = {
                .root = lab->t.root,
                .facts = known->facts,
                .esps = known->esps,
                .partitions = partitions ?: &(const Partitions){},
                .firmware = firmware,
                .secure_boot = secure_boot,
        };
        Boot boot = {};

        ck_assert_int_eq(boot_make(&in, &boot), 0);
        return boot;
}

static Boot make(const Lab *lab, const Firmware *firmware, const Partitions *partitions) {
        return make_with(lab, firmware, partitions, NULL);
}

/* Before the manager is made: the ESP becomes what udev's link leads to. */
static void place(const Lab *lab) {
        temp_mkdir(&lab->t, "dev/disk/by-partuuid");
        ck_assert_int_eq(renameat(lab->t.fd, "dev/disk/by-uuid/" ESP_A, lab->t.fd, "dev/sda2"), 0);
        temp_symlink(&lab->t, "dev/disk/by-uuid/" ESP_A, "../../sda2");
        temp_symlink(&lab->t, "dev/disk/by-partuuid/" PART_A, "../../sda2");
}

START_TEST(firmware_that_was_not_asked_is_unknown_and_has_no_entries) {
        _cleanup_(boot_done) Boot boot = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_new(&lab);
        boot = make(&lab, NULL, NULL);
        ck_assert_str_eq(boot.firmware, "unknown");
        ck_assert_uint_eq(boot.n_entries, 0);
        ck_assert_str_eq(boot.booted_esp, "");
        ck_assert(strv_isempty(boot.without_entry));
}
END_TEST

START_TEST(bios_has_neither_entries_nor_esps_that_lack_one) {
        const Firmware bios = FIRMWARE_INIT;
        _cleanup_(boot_done) Boot boot = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        place(&lab);
        lab_start(&lab);
        boot = make(&lab, &bios, NULL);
        ck_assert_str_eq(boot.firmware, "bios");
        ck_assert(strv_isempty(boot.without_entry));
}
END_TEST

START_TEST(entries_are_matched_with_esps_and_partitions) {
        LoadOption options[] = { option(3, PART_A, SD_BOOT), option(4, PART_OLD, SD_BOOT),
                                 option(5, "", "") };
        Firmware f = { .uefi = true, .entries = options, .n_entries = 3, .boot_current = 3 };
        Partition here = { .part_uuid = (char *) PART_A, .disk = (char *) "/dev/sda" };
        const Partitions partitions = { .items = &here, .n = 1 };
        _cleanup_(boot_done) Boot boot = {}, again = {}, unseen = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        place(&lab);
        lab_start(&lab);
        boot = make(&lab, &f, &partitions);
        ck_assert_str_eq(boot.firmware, "uefi");
        ck_assert_str_eq(boot.booted_esp, ESP_A);
        ck_assert_uint_eq(boot.n_entries, 3);
        ck_assert_int_eq(boot.entries[0].kind, BOOT_ENTRY_OURS);
        ck_assert(boot.entries[0].present);
        ck_assert_str_eq(boot.entries[0].disk, "/dev/sda");
        ck_assert_int_eq(boot.entries[1].kind, BOOT_ENTRY_STALE);
        ck_assert(!boot.entries[1].present);
        ck_assert_int_eq(boot.entries[2].kind, BOOT_ENTRY_FOREIGN);
        again = make(&lab, &f, &partitions);
        ck_assert(boot_equal(&boot, &again));
        unseen = make(&lab, &f, NULL);
        ck_assert_int_eq(unseen.entries[1].kind, BOOT_ENTRY_FOREIGN);
        ck_assert(!boot_equal(&boot, &unseen));
}
END_TEST

START_TEST(esp_that_no_entry_starts_is_named) {
        Firmware f = { .uefi = true, .boot_current = -1 };
        _cleanup_(boot_done) Boot boot = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        place(&lab);
        lab_start(&lab);
        boot = make(&lab, &f, NULL);
        ck_assert_uint_eq(strv_length(boot.without_entry), 1);
        ck_assert_str_eq(boot.without_entry[0], ESP_A);
}
END_TEST

START_TEST(shim_and_the_keys_that_it_has_are_told_by_what_it_leaves) {
        BootKey keys[] = {
                { .store = KEY_STORE_DB, .sha256 = (char *) "1" },
                { .store = KEY_STORE_MOK_NEW, .sha256 = (char *) "2" },
                { .store = KEY_STORE_DKMS, .sha256 = (char *) "2" },
        };
        const Firmware f = { .uefi = true, .boot_current = -1 };
        SecureBootFacts facts = { .keys = keys, .n_keys = 2, .sbat_level = (char *) "" };
        _cleanup_(boot_done) Boot unknown = {}, none = {}, waits = {}, has = {}, unread = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        unknown = make(&lab, &f, NULL);
        ck_assert(!unknown.shim && !unknown.mok_enrolled);
        none = make_with(&lab, &f, NULL, &facts);
        ck_assert(!none.shim && none.mok_enrolled);
        facts.n_keys = 3;
        waits = make_with(&lab, &f, NULL, &facts);
        ck_assert(!waits.shim && !waits.mok_enrolled);
        keys[1].store = KEY_STORE_MOK;
        has = make_with(&lab, &f, NULL, &facts);
        ck_assert(has.shim && has.mok_enrolled);
        ck_assert(!boot_equal(&has, &waits));
        keys[2].store = KEY_STORE_UNREAD;
        unread = make_with(&lab, &f, NULL, &facts);
        ck_assert(!unread.mok_enrolled);
}
END_TEST

START_TEST(kernels_in_boot_are_checked_by_whoever_checks_their_copies) {
        SignedFile items[] = {
                { .path = (char *) "/EFI/proxmox/6/vmlinuz-6" },
                { .path = (char *) "/EFI/systemd/shimx64.efi" },
                { .path = (char *) "/EFI/systemd/systemd-bootx64.efi" },
        };
        SignedFile host[] = {
                { .path = (char *) "/boot/vmlinuz-6" },
                { .path = (char *) "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" },
        };
        const SignedFiles esp = { .items = items, .n = 3 }, ours = { .items = host, .n = 2 };
        const Facts *facts;
        const Esps *esps;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        facts = lab_facts(&lab);
        esps = manager_info(lab.m).known->esps;
        ck_assert_int_eq(boot_checker(facts, esps, lab_esp(&lab, ESP_A), &esp, &items[0]),
                         CHECKER_SHIM);
        ck_assert_int_eq(boot_checker(facts, esps, lab_esp(&lab, ESP_A), &esp, &items[1]),
                         CHECKER_FIRMWARE);
        ck_assert_int_eq(boot_checker(facts, esps, NULL, &ours, &host[0]), CHECKER_FIRMWARE);
        ck_assert_int_eq(boot_checker(facts, esps, NULL, &ours, &host[1]), CHECKER_SHIM);
}
END_TEST

CHECK_MAIN("boot", shim_and_the_keys_that_it_has_are_told_by_what_it_leaves,
           kernels_in_boot_are_checked_by_whoever_checks_their_copies,
           firmware_that_was_not_asked_is_unknown_and_has_no_entries,
           bios_has_neither_entries_nor_esps_that_lack_one,
           entries_are_matched_with_esps_and_partitions, esp_that_no_entry_starts_is_named)
