/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which boot loader an ESP gets: what was asked for, else what is there, else what boots here. */

#include "core/loader-choice.h"

#include "tests/unit/check-main.h"

#define NONE         ESP_LOADER_NONE
#define SYSTEMD_BOOT ESP_LOADER_SYSTEMD_BOOT
#define GRUB         ESP_LOADER_GRUB

static const Firmware bios = { .uefi = false };
static const Firmware uefi = { .uefi = true, .secure_boot = SECURE_BOOT_DISABLED };
static const Firmware setup = { .uefi = true, .secure_boot = SECURE_BOOT_SETUP };
static const Firmware secure = { .uefi = true, .secure_boot = SECURE_BOOT_ENABLED };

static void assert_choice(EspLoader asked, EspLoader present, const Firmware *firmware,
                          EspLoader expect) {
        _cleanup_error_ Error error = {};
        EspLoader loader = NONE;

        ck_assert_int_eq(loader_choose("AAAA-0001", asked, present, firmware, &loader, &error), 0);
        ck_assert_str_eq(esp_loader_to_string(loader), esp_loader_to_string(expect));
        ck_assert(!error_is_set(&error));
}

static void assert_refused(EspLoader asked, EspLoader present, const Firmware *firmware,
                           const char *why) {
        _cleanup_error_ Error error = {};
        EspLoader loader = NONE;

        ck_assert_int_lt(loader_choose("AAAA-0001", asked, present, firmware, &loader, &error), 0);
        ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
        ck_assert_ptr_nonnull(strstr(error.message, "AAAA-0001"));
        ck_assert_msg(strstr(error.message, why), "%s", error.message);
        ck_assert_int_eq(loader, NONE);
}

START_TEST(an_empty_esp_gets_what_boots_here) {
        assert_choice(NONE, NONE, &uefi, SYSTEMD_BOOT);
        assert_choice(NONE, NONE, &setup, SYSTEMD_BOOT);
        assert_choice(NONE, NONE, &secure, GRUB);
        assert_choice(NONE, NONE, &bios, GRUB);
}
END_TEST

START_TEST(the_loader_that_is_there_stays) {
        assert_choice(NONE, GRUB, &uefi, GRUB);
        assert_choice(NONE, GRUB, &secure, GRUB);
        assert_choice(NONE, GRUB, &bios, GRUB);
        assert_choice(NONE, SYSTEMD_BOOT, &uefi, SYSTEMD_BOOT);
}
END_TEST

START_TEST(what_is_asked_for_wins) {
        assert_choice(GRUB, NONE, &uefi, GRUB);
        assert_choice(GRUB, SYSTEMD_BOOT, &uefi, GRUB);
        assert_choice(SYSTEMD_BOOT, NONE, &uefi, SYSTEMD_BOOT);
}
END_TEST

START_TEST(what_would_not_boot_here_is_refused) {
        assert_refused(SYSTEMD_BOOT, NONE, &bios, "legacy BIOS");
        assert_refused(SYSTEMD_BOOT, NONE, &secure, "Secure Boot");
        assert_refused(NONE, SYSTEMD_BOOT, &bios, "legacy BIOS");
        assert_refused(NONE, SYSTEMD_BOOT, &secure, "Secure Boot");
}
END_TEST

START_TEST(a_loader_that_would_not_count_is_refused) {
        assert_refused(SYSTEMD_BOOT, GRUB, &uefi, "format it first");
        assert_refused(GRUB, SYSTEMD_BOOT, &bios, "format it first");
}
END_TEST

CHECK_MAIN("loader-choice", an_empty_esp_gets_what_boots_here, the_loader_that_is_there_stays,
           what_is_asked_for_wins, what_would_not_boot_here_is_refused,
           a_loader_that_would_not_count_is_refused)
