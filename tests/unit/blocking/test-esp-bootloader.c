/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* systemd-boot on an ESP that is a directory: what is written, and what stays. GRUB needs a real
 * disk, and has its scenarios in tests/vm. */

#include "blocking/loader/esp-bootloader.h"

#include "../check-main.h"
#include "blocking/esp/esp-stage.h"
#include "blocking/loader/loader-install.h"
#include "core/loader/loader-files.h"
#include "throwaway-esp.h"

#define SOURCE      "usr/lib/systemd/boot/efi/systemd-boot" EFI_ARCH ".efi"
#define LOADER_CONF "loader/loader.conf"

typedef struct Case {
        Throwaway t;
        Counter counter;
        Error error;
} Case;

static void case_done(Case *c) {
        error_done(&c->error);
        throwaway_done(&c->t);
}

#define _cleanup_case_ _cleanup_(case_done)

static void case_init(Case *c) {
        *c = (Case){};
        throwaway_init(&c->t);
        throwaway_put_text(&c->t, SOURCE, "loader");
}

static int install(Case *c, EspLoader loader) {
        const CopyWatch watch = counter_watch(&c->counter);

        return esp_install_loader(&c->t.volume, c->t.root, loader, true, &watch, &c->error);
}

START_TEST(systemd_boot_is_put_on_an_empty_esp_with_a_loader_conf) {
        _cleanup_case_ Case c;

        case_init(&c);
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), 0);
        throwaway_assert_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "loader");
        throwaway_assert_text(&c.t, ESP(ESP_REMOVABLE), "loader");
        throwaway_assert_text(&c.t, ESP(LOADER_CONF), "timeout 3\ndefault proxmox-*\n");
        ck_assert(throwaway_has(&c.t, ESP("EFI/proxmox")));
        ck_assert(throwaway_has(&c.t, ESP("loader/entries")));
        ck_assert(!throwaway_has(&c.t, ESP(ESP_REMOVABLE ".new")));
}
END_TEST

START_TEST(signed_image_is_preferred) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, SOURCE ".signed", "signed");
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), 0);
        throwaway_assert_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "signed");
        throwaway_assert_text(&c.t, ESP(ESP_REMOVABLE), "signed");
}
END_TEST

START_TEST(update_replaces_the_loader_and_nothing_else) {
        static const char conf[] = "# mine\r\ntimeout 9\ndefault proxmox-6.5*\nconsole-mode max";
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "old");
        throwaway_put_text(&c.t, ESP(ESP_REMOVABLE), "old");
        throwaway_put_text(&c.t, ESP(LOADER_CONF), conf);
        throwaway_put_text(&c.t, ESP("loader/random-seed"), "seed");
        throwaway_put_text(&c.t, ESP("loader/entries/mine.conf"), "title mine\n");
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), 0);
        throwaway_assert_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "loader");
        throwaway_assert_text(&c.t, ESP(ESP_REMOVABLE), "loader");
        throwaway_assert_text(&c.t, ESP(LOADER_CONF), conf);
        throwaway_assert_text(&c.t, ESP("loader/random-seed"), "seed");
        throwaway_assert_text(&c.t, ESP("loader/entries/mine.conf"), "title mine\n");
}
END_TEST

START_TEST(leftover_of_an_interrupted_update_is_no_obstacle) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(ESP_SYSTEMD_BOOT ".new"), "half");
        throwaway_put_text(&c.t, ESP(ESP_REMOVABLE ".new"), "half");
        throwaway_put_text(&c.t, ESP(LOADER_CONF ".new"), "half");
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), 0);
        throwaway_assert_text(&c.t, ESP(ESP_REMOVABLE), "loader");
        ck_assert(!throwaway_has(&c.t, ESP(ESP_SYSTEMD_BOOT ".new")));
        ck_assert(!throwaway_has(&c.t, ESP(LOADER_CONF ".new")));
}
END_TEST

START_TEST(stopped_update_leaves_the_old_loader_and_no_leftover) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "old");
        throwaway_put_text(&c.t, ESP(LOADER_CONF), "timeout 9\n");
        c.counter.stop_at = 1;
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), -ECANCELED);
        throwaway_assert_text(&c.t, ESP(ESP_SYSTEMD_BOOT), "old");
        ck_assert(!throwaway_has(&c.t, ESP(ESP_SYSTEMD_BOOT ".new")));
}
END_TEST

START_TEST(missing_package_is_named_and_nothing_is_written) {
        _cleanup_case_ Case c;

        case_init(&c);
        ck_assert_int_eq(unlink(throwaway_path(&c.t, SOURCE)), 0);
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT),
                         error_code_to_errno(ERROR_NOT_SUPPORTED));
        ck_assert_int_eq(c.error.code, ERROR_NOT_SUPPORTED);
        ck_assert_ptr_nonnull(strstr(c.error.message, "install the package systemd-boot-efi"));
        ck_assert(!throwaway_has(&c.t, ESP(LOADER_CONF)));
        ck_assert(!throwaway_has(&c.t, ESP("EFI/BOOT")));
}
END_TEST

START_TEST(empty_image_is_no_success) {
        _cleanup_case_ Case c;

        case_init(&c);
        throwaway_put_text(&c.t, SOURCE, "");
        ck_assert_int_eq(install(&c, ESP_LOADER_SYSTEMD_BOOT), error_code_to_errno(ERROR_FAILED));
        ck_assert_ptr_nonnull(strstr(c.error.message, ESP_SYSTEMD_BOOT));
}
END_TEST

START_TEST(grub_is_refused_for_a_directory) {
        _cleanup_case_ Case c;

        case_init(&c);
        ck_assert_int_eq(install(&c, ESP_LOADER_GRUB), error_code_to_errno(ERROR_NOT_SUPPORTED));
        ck_assert_ptr_nonnull(strstr(c.error.message, UUID));
}
END_TEST

START_TEST(boot_variable_names_shim_where_there_is_one) {
        _cleanup_case_ Case c;

        case_init(&c);
        ck_assert_str_eq(loader_install_systemd_boot.efi_path(&c.t.volume),
                         "\\EFI\\systemd\\systemd-boot" EFI_ARCH ".efi");
        ck_assert_str_eq(loader_install_grub.efi_path(&c.t.volume),
                         "\\EFI\\proxmox\\grub" EFI_ARCH ".efi");
        throwaway_put_text(&c.t, ESP(ESP_SHIM), "shim");
        ck_assert_str_eq(loader_install_grub.efi_path(&c.t.volume),
                         "\\EFI\\proxmox\\shim" EFI_ARCH ".efi");
        ck_assert_str_eq(loader_install_systemd_boot.entry_suffix, " systemd-boot");
        ck_assert_str_eq(loader_install_grub.entry_suffix, "");
}
END_TEST

CHECK_MAIN("esp-bootloader", systemd_boot_is_put_on_an_empty_esp_with_a_loader_conf,
           signed_image_is_preferred, update_replaces_the_loader_and_nothing_else,
           leftover_of_an_interrupted_update_is_no_obstacle,
           stopped_update_leaves_the_old_loader_and_no_leftover,
           missing_package_is_named_and_nothing_is_written, empty_image_is_no_success,
           grub_is_refused_for_a_directory, boot_variable_names_shim_where_there_is_one)
