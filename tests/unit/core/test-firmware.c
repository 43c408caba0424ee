/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The firmware's variables are understood, and survive the way from the worker. */

#include "core/firmware/firmware.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define PARTUUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define SD_BOOT  "\\EFI\\systemd\\systemd-bootx64.efi"

#define _cleanup_firmware_ _cleanup_(firmware_done)

static void add(Firmware *f, uint16_t number, const char *partuuid, const char *path) {
        LoadOption o = { .number = number, .active = true, .title = strdup("T") };

        o.path = strdup(path);
        (void) strcpy(o.partuuid, partuuid);
        ck_assert_int_eq(firmware_add_entry(f, &o), 0);
        ck_assert_ptr_null(o.title);
}

static void order(Firmware *f, const char *data, size_t size) {
        ck_assert_int_eq(firmware_set_boot_order(f, (const uint8_t *) data, size), 0);
}

START_TEST(one_shot_is_a_feature_of_the_loader) {
        Firmware f = FIRMWARE_INIT;

        ck_assert(!firmware_offers_one_shot(&f));
        f.loader_features = ~UINT64_C(8);
        ck_assert(!firmware_offers_one_shot(&f));
        f.loader_features = 8;
        ck_assert(firmware_offers_one_shot(&f));
}
END_TEST

START_TEST(secure_boot_is_told_by_two_variables) {
        const uint8_t yes = 1, no = 0, odd[2] = { 1, 0 };

        ck_assert_int_eq(secure_boot_decode(NULL, 0, NULL, 0), SECURE_BOOT_UNSUPPORTED);
        ck_assert_int_eq(secure_boot_decode(odd, 2, NULL, 0), SECURE_BOOT_UNSUPPORTED);
        ck_assert_int_eq(secure_boot_decode(&yes, 1, NULL, 0), SECURE_BOOT_ENABLED);
        ck_assert_int_eq(secure_boot_decode(&yes, 1, &no, 1), SECURE_BOOT_ENABLED);
        ck_assert_int_eq(secure_boot_decode(&no, 1, &no, 1), SECURE_BOOT_DISABLED);
        ck_assert_int_eq(secure_boot_decode(&no, 1, &yes, 1), SECURE_BOOT_SETUP);
}
END_TEST

START_TEST(boot_order_may_be_odd_empty_or_endless) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        char endless[4 * FIRMWARE_ORDER_MAX] = "";

        order(&f, "\x01\x00\x1a\x00\x02", 5);
        ck_assert_uint_eq(f.n_boot_order, 2);
        ck_assert_uint_eq(f.boot_order[1], 0x1a);
        ck_assert(firmware_orders(&f, 1) && !firmware_orders(&f, 2));
        order(&f, NULL, 0);
        ck_assert_uint_eq(f.n_boot_order, 0);
        order(&f, endless, sizeof(endless));
        ck_assert_uint_eq(f.n_boot_order, FIRMWARE_ORDER_MAX);
}
END_TEST

START_TEST(entries_are_sorted_unique_and_bounded) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
        LoadOption more = { .number = 5 };

        for (unsigned i = 0; i < FIRMWARE_ENTRIES_MAX - 1; i++)
                add(&f, (uint16_t) (i * 37 % 1000 + 10), "", "");
        more.number = 10;
        ck_assert_int_eq(firmware_add_entry(&f, &more), -EEXIST);
        add(&f, 0, "", "");
        more.number = 5;
        ck_assert_int_eq(firmware_add_entry(&f, &more), -E2BIG);
        for (size_t i = 1; i < f.n_entries; i++)
                ck_assert_uint_lt(f.entries[i - 1].number, f.entries[i].number);
}
END_TEST

START_TEST(entry_that_boot_order_has_is_preferred) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        add(&f, 1, PARTUUID, "\\EFI\\BOOT\\BOOTX64.EFI");
        add(&f, 2, PARTUUID, SD_BOOT);
        add(&f, 3, PARTUUID, SD_BOOT);
        ck_assert_uint_eq(firmware_find(&f, PARTUUID, SD_BOOT)->number, 2);
        order(&f, "\x01\x00\x03\x00", 4);
        ck_assert_uint_eq(firmware_find(&f, PARTUUID, SD_BOOT)->number, 3);
        ck_assert_ptr_null(firmware_find(&f, PARTUUID, "\\x"));
        ck_assert_uint_eq(firmware_find(&f, "0123ABCD-4567-89AB-CDEF-0123456789AB",
                                        "\\efi\\SYSTEMD\\systemd-bootx64.EFI")
                                          ->number,
                          3);
        ck_assert_ptr_null(firmware_find(&f, "", SD_BOOT));
}
END_TEST

/* Each in the spelling of firmware_format(). */
static const char *const complete[] = {
        "firmware uefi=0\n",
        "firmware uefi=1 features=0 secure-boot=unsupported\n",
        "firmware uefi=1 features=511 secure-boot=enabled current=3 order=0003,001A "
        "loader-info=systemd-boot%20252 selected=proxmox-6.8.conf one-shot=a.conf "
        "loader-partuuid=" PARTUUID "\n"
        "boot-entry number=0 active=0 title= partuuid= path=\n"
        "boot-entry number=3 active=1 title=Linux%20Boot%20Manager partuuid=" PARTUUID
        " path=\\EFI\\systemd\\systemd-bootx64.efi\n",
};

static int parse(const char *text, Firmware *ret) {
        return firmware_parse(text, strlen(text), ret);
}

static void add_to(Firmware *f, uint16_t number, const char *partuuid, bool active) {
        LoadOption entry = { .number = number, .active = active };

        entry.title = strdup("T");
        entry.path = strdup("\\EFI\\systemd\\systemd-bootx64.efi");
        (void) snprintf(entry.partuuid, sizeof(entry.partuuid), "%s", partuuid);
        ck_assert_int_eq(firmware_add_entry(f, &entry), 0);
}

START_TEST(partition_that_boot_order_has_first_boots_first) {
        static const char one[] = "11111111-0000-4000-8000-00000000000a";
        static const char two[] = "22222222-0000-4000-8000-00000000000b";
        static const char three[] = "33333333-0000-4000-8000-00000000000c";
        static const uint8_t order[] = { 9, 0, 3, 0, 2, 0, 1, 0 };
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        add_to(&f, 1, one, true);
        add_to(&f, 2, two, true);
        add_to(&f, 3, one, false);
        ck_assert_int_eq(firmware_set_boot_order(&f, order, sizeof(order)), 0);
        ck_assert_uint_eq(firmware_rank(&f, two), 2);
        ck_assert_uint_eq(firmware_rank(&f, "22222222-0000-4000-8000-00000000000B"), 2);
        ck_assert_uint_eq(firmware_rank(&f, one), 3);
        ck_assert(firmware_rank(&f, three) == SIZE_MAX);
        f.loader_partuuid = strdup(three);
        ck_assert_uint_eq(firmware_rank(&f, three), 4);
        ck_assert(firmware_rank(&f, "") == SIZE_MAX);
        ck_assert(firmware_rank(&FIRMWARE_INIT, one) == SIZE_MAX);
}
END_TEST

START_TEST(firmware_survives_the_round_trip) {
        for (size_t i = 0; i < ELEMENTSOF(complete); i++) {
                _cleanup_firmware_ Firmware f = FIRMWARE_INIT;
                _cleanup_free_ char *text = NULL;
                size_t size;

                ck_assert_msg(parse(complete[i], &f) == 0, "%s", complete[i]);
                ck_assert_int_eq(firmware_format(&f, &text, &size), 0);
                ck_assert_str_eq(text, complete[i]);
                ck_assert_uint_eq(size, strlen(text));
        }
}
END_TEST

START_TEST(fields_land_where_they_belong) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        ck_assert_int_eq(parse(complete[2], &f), 0);
        ck_assert(f.uefi && firmware_offers_one_shot(&f));
        ck_assert_str_eq(f.loader_info, "systemd-boot 252");
        ck_assert_str_eq(f.entry_selected, "proxmox-6.8.conf");
        ck_assert_str_eq(f.entry_one_shot, "a.conf");
        ck_assert_str_eq(f.loader_partuuid, PARTUUID);
        ck_assert_int_eq(f.boot_current, 3);
        ck_assert_uint_eq(f.n_boot_order, 2);
        ck_assert_uint_eq(f.boot_order[1], 0x1a);
        ck_assert_int_eq(f.secure_boot, SECURE_BOOT_ENABLED);
        ck_assert_uint_eq(f.n_entries, 2);
        ck_assert(!f.entries[0].active && f.entries[1].active);
        ck_assert_str_eq(f.entries[1].path, SD_BOOT);
        firmware_done(&f);
        ck_assert_int_eq(parse(complete[1], &f), 0);
        ck_assert_int_eq(f.boot_current, -1);
        ck_assert_ptr_null(f.loader_info);
}
END_TEST

START_TEST(anything_else_is_refused) {
#define HEAD "firmware uefi=1 features=0 secure-boot=disabled"
        static const char *const bad[] = {
                "",
                "\n",
                "firmware\n",
                "firmware uefi=0",
                "firmware uefi=2\n",
                "firmware uefi=1\n",
                "firmware uefi=0 features=0\n",
                "firmware uefi=0\n\n",
                "firmware uefi=0\nboot-entry number=0 active=0 title= partuuid= path=\n",
                HEAD " x=1\n",
                HEAD " current=65536\n",
                HEAD " order=\n",
                HEAD " order=0001,\n",
                HEAD " order=0001;0002\n",
                HEAD " order=00012\n",
                HEAD " order=000a\n",
                HEAD " one-shot=\n",
                HEAD " one-shot=a%0A\n",
                HEAD " one-shot=%FF\n",
                HEAD "\n" HEAD "\n",
                "boot-entry number=0 active=0 title= partuuid= path=\n",
                HEAD "\nboot-entry number=0 active=0 title= partuuid=\n",
                HEAD "\nboot-entry number=65536 active=0 title= partuuid= path=\n",
                HEAD "\nboot-entry number=0 active=2 title= partuuid= path=\n",
                HEAD "\nboot-entry number=0 active=0 title= partuuid=x path=\n",
                HEAD "\nboot-entry number=0 active=0 title= partuuid=0123ABCD-4567-89ab-cdef-"
                     "0123456789ab path=\n",
                HEAD "\nboot-entry number=0 active=0 title= partuuid= path=EFI\n",
                HEAD "\nboot-entry number=1 active=0 title= partuuid= path=\n"
                     "boot-entry number=1 active=0 title= partuuid= path=\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Firmware f = { .boot_current = 7 };

                ck_assert_msg(parse(bad[i], &f) == -EBADMSG, "accepted: %s", bad[i]);
                ck_assert_int_eq(f.boot_current, 7);
        }
}
END_TEST

START_TEST(what_is_no_guid_is_refused) {
        static const char *const bad[] = {
                "12345678-01", /* the PARTUUID of an MBR */
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb",
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93g",
                "c12a7328-f81f-11d2-ba4b000a0c93ec93b",
                "c12a7328f-81f-11d2-ba4b-00a0c93ec93b",
                "{12a7328-f81f-11d2-ba4b-00a0c93ec93}",
                "C12A7328-f81f-11d2-ba4b-00a0c93ec93b",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = strprintf(
                                HEAD "\nboot-entry number=0 active=0 title= partuuid=%s path=\n",
                                bad[i]);
                Firmware f = { .boot_current = 7 };

                ck_assert_msg(parse(text, &f) == -EBADMSG, "accepted: %s", bad[i]);
                ck_assert_int_eq(f.boot_current, 7);
        }
}
END_TEST

START_TEST(entries_that_do_not_fit_are_left_out) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT, back = FIRMWARE_INIT;
        char path[LOAD_OPTION_PATH_MAX + 1] = "\\";
        _cleanup_free_ char *text = NULL;
        size_t size;

        f.uefi = true;
        memset(path + 1, ' ', sizeof(path) - 2);
        for (uint16_t i = 0; i < FIRMWARE_ENTRIES_MAX; i++)
                add(&f, i, PARTUUID, path);
        ck_assert_int_eq(firmware_format(&f, &text, &size), 0);
        ck_assert_uint_le(size, FIRMWARE_SIZE_MAX);
        ck_assert_int_eq(firmware_parse(text, size, &back), 0);
        ck_assert_uint_gt(back.n_entries, FIRMWARE_ENTRIES_MAX / 4);
        ck_assert_uint_lt(back.n_entries, FIRMWARE_ENTRIES_MAX);
}
END_TEST

START_TEST(entry_is_ours_by_its_path_and_the_list_and_double_beside_its_like) {
        static const char other[] = "fedcba98-4567-89ab-cdef-0123456789ab";
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        f.uefi = true;
        add(&f, 1, PARTUUID, SD_BOOT);
        add(&f, 2, PARTUUID, SD_BOOT);
        add(&f, 3, PARTUUID, "\\EFI\\debian\\shimx64.efi");
        add(&f, 4, other, SD_BOOT);
        add(&f, 5, PARTUUID, "\\EFI\\proxmox\\shimx64.efi");
        add(&f, 6, "", SD_BOOT);
        order(&f, "\x02\x00", 2);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 2), true, true),
                         BOOT_ENTRY_OURS);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 2), true, false),
                         BOOT_ENTRY_OURS);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 5), true, true),
                         BOOT_ENTRY_OURS);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 3), true, true),
                         BOOT_ENTRY_FOREIGN);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 4), false, true),
                         BOOT_ENTRY_FOREIGN);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 4), false, false),
                         BOOT_ENTRY_STALE);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 6), false, false),
                         BOOT_ENTRY_FOREIGN);
        ck_assert_int_eq(firmware_entry_kind(&f, firmware_entry(&f, 1), true, true),
                         BOOT_ENTRY_DOUBLE);
}
END_TEST

static void assert_loader(const Firmware *f, const char *cmdline, const char *name, bool certain,
                          const char *evidence) {
        LoaderInUse l = {};

        ck_assert_int_eq(firmware_tell_loader(f, cmdline, &l), 0);
        ck_assert_str_eq(l.name, name);
        ck_assert_int_eq(l.certain, certain);
        ck_assert_msg(strstr(l.evidence, evidence), "'%s' lacks '%s'", l.evidence, evidence);
        free(l.evidence);
}

START_TEST(loader_in_use_is_told_by_itself_or_by_what_it_left_or_not_at_all) {
        _cleanup_firmware_ Firmware f = FIRMWARE_INIT;

        f.uefi = true;
        assert_loader(&f, NULL, "unknown", false, "neither");
        assert_loader(&f, "root=x notBOOT_IMAGE=/y", "unknown", false, "neither");
        assert_loader(&f, "BOOT_IMAGE=/vmlinuz-6 root=x", "grub", false, "BOOT_IMAGE=");
        assert_loader(&f, "root=x BOOT_IMAGE=/vmlinuz-6", "grub", false, "BOOT_IMAGE=");
        assert_loader(&f, "initrd=\\EFI\\proxmox\\6.8-pve\\initrd.img root=x", "systemd-boot",
                      false, "systemd-boot adds");
        add(&f, 3, PARTUUID, "\\EFI\\proxmox\\shimx64.efi");
        add(&f, 4, PARTUUID, SD_BOOT);
        add(&f, 5, PARTUUID, "\\EFI\\debian\\shimx64.efi");
        f.boot_current = 3;
        assert_loader(&f, NULL, "grub", false, "Boot0003");
        f.boot_current = 4;
        assert_loader(&f, NULL, "systemd-boot", false, "Boot0004");
        f.boot_current = 5;
        assert_loader(&f, NULL, "unknown", false, "neither");
        f.loader_info = strdup("systemd-boot 257.7-1");
        assert_loader(&f, "BOOT_IMAGE=/x", "systemd-boot", true, "'systemd-boot 257.7-1'");
        free(f.loader_info);
        f.loader_info = strdup("GRUB 2.12-9");
        assert_loader(&f, NULL, "grub", true, "LoaderInfo");
        free(f.loader_info);
        f.loader_info = strdup("rEFInd 0.14");
        assert_loader(&f, NULL, "other", true, "rEFInd");
}
END_TEST

CHECK_MAIN("firmware", entry_is_ours_by_its_path_and_the_list_and_double_beside_its_like,
           loader_in_use_is_told_by_itself_or_by_what_it_left_or_not_at_all,
           partition_that_boot_order_has_first_boots_first, one_shot_is_a_feature_of_the_loader,
           secure_boot_is_told_by_two_variables, boot_order_may_be_odd_empty_or_endless,
           entries_are_sorted_unique_and_bounded, entry_that_boot_order_has_is_preferred,
           firmware_survives_the_round_trip, fields_land_where_they_belong,
           anything_else_is_refused, what_is_no_guid_is_refused,
           entries_that_do_not_fit_are_left_out)
