/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which boot loader an ESP gets: what was asked for, else what is there, else what boots here. */

#include "core/loader/loader.h"

#include "core/firmware/firmware.h"
#include "core/loader/loader-files.h"
#include "tests/unit/check-main.h"

#define NONE         ESP_LOADER_NONE
#define SYSTEMD_BOOT ESP_LOADER_SYSTEMD_BOOT
#define GRUB         ESP_LOADER_GRUB

static const Firmware bios = { .uefi = false };
static const Firmware uefi = { .uefi = true, .secure_boot = SECURE_BOOT_DISABLED };
static const Firmware setup = { .uefi = true, .secure_boot = SECURE_BOOT_SETUP };
static const Firmware secure = { .uefi = true, .secure_boot = SECURE_BOOT_ENABLED };

static const LoaderSource sources[_ESP_LOADER_MAX] = {
        [SYSTEMD_BOOT] = { SYSTEMD_BOOT_SOURCE ".signed", { .inode = 7, .size = 9 }, true },
};

static LoaderHost host_of(const Firmware *firmware, const SignedFiles *judged) {
        return (LoaderHost){ .firmware = firmware, .judged = judged, .sources = sources };
}

static void assert_choice(EspLoader asked, EspLoader present, const Firmware *firmware,
                          EspLoader expect) {
        const LoaderHost host = host_of(firmware, NULL);
        _cleanup_error_ Error error = {};
        EspLoader loader = NONE;

        ck_assert_int_eq(loader_choose("AAAA-0001", asked, present, &host, &loader, &error), 0);
        ck_assert_str_eq(esp_loader_to_string(loader), esp_loader_to_string(expect));
        ck_assert(!error_is_set(&error));
}

static void assert_refused(EspLoader asked, EspLoader present, const Firmware *firmware,
                           const char *why) {
        const LoaderHost host = host_of(firmware, NULL);
        _cleanup_error_ Error error = {};
        EspLoader loader = NONE;

        ck_assert_int_lt(loader_choose("AAAA-0001", asked, present, &host, &loader, &error), 0);
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

/* A host as somebody has judged it; a file without a reason is accepted. */
typedef struct Judged {
        SignedFile files[3];
        SignedFiles list;
} Judged;

static void judge(Judged *j, const char *path, const char *reason) {
        SignedFile *file = &j->files[j->list.n++];

        *file = (SignedFile){ .path = (char *) path, .stamp = { .inode = 7, .size = 9 } };
        for (Checker c = 0; c < _CHECKER_MAX; c++)
                file->by[c] = (Judgement){ .accepted = !reason, .reason = (char *) reason };
        j->list.items = j->files;
}

#define SIGNED      "/" SYSTEMD_BOOT_SOURCE ".signed"
#define PLAIN       "/" SYSTEMD_BOOT_SOURCE
#define SHIM        "/" SHIM_SIGNED_SOURCE
#define SIGNED_GRUB "/" GRUB_SIGNED_SOURCE

static void choose(EspLoader asked, EspLoader present, const Judged *j, const char *expect) {
        const LoaderHost host = host_of(&secure, &j->list);
        _cleanup_error_ Error error = {};
        EspLoader loader = NONE;

        (void) loader_choose("AAAA-0001", asked, present, &host, &loader, &error);
        if (error_is_set(&error)) {
                ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
                ck_assert_msg(strstr(error.message, expect), "%s", error.message);
        } else
                ck_assert_str_eq(esp_loader_to_string(loader), expect);
}

START_TEST(a_systemd_boot_that_db_vouches_for_is_taken) {
        Judged own = {}, plain = {};

        judge(&own, SIGNED, NULL);
        choose(NONE, NONE, &own, "systemd-boot");
        choose(SYSTEMD_BOOT, NONE, &own, "systemd-boot");
        choose(NONE, SYSTEMD_BOOT, &own, "systemd-boot");

        /* An administrator may have signed it where it is. */
        judge(&plain, PLAIN, NULL);
        choose(NONE, NONE, &plain, "systemd-boot");
}
END_TEST

START_TEST(a_systemd_boot_that_db_refuses_is_not_taken_and_the_reason_told) {
        Judged debian = {};

        judge(&debian, SIGNED, "it is signed by 'Debian', which db lacks");
        judge(&debian, SHIM, NULL);
        judge(&debian, SIGNED_GRUB, NULL);
        choose(NONE, NONE, &debian, "grub");
        choose(SYSTEMD_BOOT, NONE, &debian,
               "refuses '" SIGNED "': it is signed by 'Debian', which db lacks; give 'grub'");
        choose(NONE, SYSTEMD_BOOT, &debian, "which db lacks");
}
END_TEST

START_TEST(a_judgement_of_another_file_is_none) {
        Judged old = {};

        judge(&old, SIGNED, NULL);
        old.files[0].stamp.inode = 8;
        judge(&old, SHIM, NULL);
        judge(&old, SIGNED_GRUB, NULL);
        choose(NONE, NONE, &old, "grub");
        choose(SYSTEMD_BOOT, NONE, &old, "Secure Boot is enabled, and refuses it");
}
END_TEST

START_TEST(what_no_chain_starts_is_put_on_no_esp) {
        Judged snakeoil = {}, no_shim = {}, old_grub = {};

        judge(&snakeoil, SHIM, "it is signed by 'Microsoft', which db lacks");
        judge(&snakeoil, SIGNED_GRUB, NULL);
        choose(NONE, NONE, &snakeoil,
               "no boot loader for ESP 'AAAA-0001' that this host can start; GRUB: Secure Boot is "
               "enabled, and refuses '" SHIM "': it is signed by 'Microsoft', which db lacks");
        choose(GRUB, NONE, &snakeoil, "no boot loader that is known here could");

        judge(&no_shim, SIGNED_GRUB, NULL);
        choose(GRUB, NONE, &no_shim, "and '" SHIM "' is not there");

        judge(&old_grub, SHIM, NULL);
        judge(&old_grub, SIGNED_GRUB, "its SBAT generation is revoked");
        choose(NONE, NONE, &old_grub, "its SBAT generation is revoked");
}
END_TEST

START_TEST(without_secure_boot_no_judgement_counts) {
        Judged debian = {};
        const LoaderHost off = host_of(&uefi, &debian.list);
        EspLoader loader;

        judge(&debian, SIGNED, "it is not signed");
        ck_assert_int_eq(loader_choose("AAAA-0001", NONE, NONE, &off, &loader, NULL), 0);
        ck_assert_int_eq(loader, SYSTEMD_BOOT);
}
END_TEST

CHECK_MAIN("loader", an_empty_esp_gets_what_boots_here, the_loader_that_is_there_stays,
           what_is_asked_for_wins, what_would_not_boot_here_is_refused,
           a_loader_that_would_not_count_is_refused, a_systemd_boot_that_db_vouches_for_is_taken,
           a_systemd_boot_that_db_refuses_is_not_taken_and_the_reason_told,
           a_judgement_of_another_file_is_none, what_no_chain_starts_is_put_on_no_esp,
           without_secure_boot_no_judgement_counts)
