/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot loaders under the names that they have on arm64, by UEFI ("Removable Media Boot Behavior"),
 * systemd-boot, GRUB and shim. What is looked at is built with LOADER_FILES_OF_ARM64. */

#include "../check-main.h"
#include "blocking/grub/grub-tools.h"
#include "blocking/loader/esp-bootloader.h"
#include "blocking/loader/loader-install.h"
#include "core/esp/esp-image.h"
#include "core/firmware/load-option.h"
#include "core/loader/loader.h"
#include "throwaway-esp.h"

#define PACKAGES "usr/lib/systemd/boot/efi/"

static char *grub_words;
/* To its ESP grub-install writes; NULL: nothing. */
static const Throwaway *grub_writes_to;
static const char *grub_writes_shim;

int __wrap_program_must_run(const Root *root, const char *const *argv, const char *variable,
                            unsigned timeout_sec, const CopyWatch *watch, Error *error);

/* In the place of the library's own, by the linker: what GRUB's program is asked for. */
int __wrap_program_must_run(const Root *root, const char *const *argv, const char *variable,
                            unsigned timeout_sec, const CopyWatch *watch, Error *error) {
        free(grub_words);
        grub_words = strv_join((char **) argv, " ");
        if (grub_writes_to) {
                throwaway_put_text(grub_writes_to, ESP("EFI/proxmox/grubaa64.efi"), "grub");
                throwaway_put_text(grub_writes_to, ESP("EFI/proxmox/mmaa64.efi"), "manager");
                if (grub_writes_shim)
                        throwaway_put_text(grub_writes_to, ESP("EFI/proxmox/shimaa64.efi"),
                                           grub_writes_shim);
        }
        return grub_words ? 0 : -ENOMEM;
}

static int install_systemd_boot(Throwaway *t, Error *error) {
        Counter counter = {};
        const CopyWatch watch = counter_watch(&counter);

        return esp_install_loader(&t->volume, t->root, ESP_LOADER_SYSTEMD_BOOT, true, &watch,
                                  error);
}

START_TEST(systemd_boot_is_installed_under_both_of_its_names) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};

        throwaway_init(&t);
        throwaway_put_text(&t, PACKAGES "systemd-bootx64.efi", "of another machine");
        throwaway_put_text(&t, PACKAGES "systemd-bootaa64.efi", "loader");
        ck_assert_int_eq(install_systemd_boot(&t, &error), 0);
        throwaway_assert_text(&t, ESP("EFI/systemd/systemd-bootaa64.efi"), "loader");
        throwaway_assert_text(&t, ESP("EFI/BOOT/BOOTAA64.EFI"), "loader");
        ck_assert(!throwaway_has(&t, ESP("EFI/systemd/systemd-bootx64.efi")));
        ck_assert(!throwaway_has(&t, ESP("EFI/BOOT/BOOTX64.EFI")));
}
END_TEST

START_TEST(systemd_boot_of_another_machine_does_not_do) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};

        throwaway_init(&t);
        throwaway_put_text(&t, PACKAGES "systemd-bootx64.efi", "of another machine");
        ck_assert_int_lt(install_systemd_boot(&t, &error), 0);
        ck_assert_int_eq(error.code, ERROR_NOT_SUPPORTED);
        ck_assert_ptr_nonnull(strstr(error.message, PACKAGES "systemd-bootaa64.efi"));
}
END_TEST

/* By a grub-install that writes @shim (NULL: none), on an ESP that systemd-boot boots. */
static int install_grub(Throwaway *t, const char *shim, Error *error) {
        Counter counter = {};
        const CopyWatch watch = counter_watch(&counter);
        Installer i;
        int r;

        throwaway_init(t);
        throwaway_put_text(t, "usr/sbin/grub-install", "");
        throwaway_put_text(t, "usr/lib/shim/shimaa64.efi.signed", "shim");
        throwaway_put_text(t, "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed", "grub");
        throwaway_put_text(t, ESP("EFI/BOOT/BOOTAA64.EFI"), "systemd-boot");
        t->volume.mount.root = t->root;
        i = (Installer){
                .volume = &t->volume,
                .root = t->root,
                .uefi = true,
                .watch = &watch,
                .stage = { .volume = &t->volume },
                .commit = { .volume = &t->volume },
                .error = error,
        };
        grub_writes_to = t;
        grub_writes_shim = shim;
        r = loader_install_grub.install(&i);
        grub_writes_to = NULL;
        esp_commit_done(&i.commit);
        esp_stage_done(&i.stage);
        t->volume.mount.root = NULL;
        return r;
}

START_TEST(grub_is_asked_for_with_the_target_of_arm64) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(install_grub(&t, NULL, &error), 0);
        ck_assert_ptr_nonnull(strstr(grub_words, "grub-install --target=arm64-efi "));
        ck_assert_ptr_null(strstr(grub_words, "x86_64"));
        ck_assert_str_eq(loader_install_grub.files(true)[0], "EFI/proxmox/grubaa64.efi");
        ck_assert_str_eq(loader_install_grub.files(true)[1], "EFI/BOOT/BOOTAA64.EFI");
        throwaway_assert_text(&t, ESP("EFI/BOOT/BOOTAA64.EFI"), "grub");
        ck_assert(!throwaway_has(&t, ESP("EFI/BOOT/grubaa64.efi")));
}
END_TEST

START_TEST(a_removable_medium_is_started_by_shim_with_all_that_it_starts) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};

        ck_assert_msg(install_grub(&t, "shim", &error) >= 0, "%s", error.message);
        /* grub-install would write over what boots now, in place. */
        ck_assert_ptr_null(strstr(grub_words, "removable"));
        throwaway_assert_text(&t, ESP("EFI/BOOT/BOOTAA64.EFI"), "shim");
        throwaway_assert_text(&t, ESP("EFI/BOOT/grubaa64.efi"), "grub");
        throwaway_assert_text(&t, ESP("EFI/BOOT/mmaa64.efi"), "manager");
        ck_assert(throwaway_has(&t, ESP("EFI/BOOT/grub.cfg")));
}
END_TEST

START_TEST(what_is_not_as_in_its_package_replaces_nothing_that_boots) {
        _cleanup_throwaway_ Throwaway t;
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(install_grub(&t, "torn", &error), 0);
        ck_assert_int_eq(error.code, ERROR_VERIFY_FAILED);
        ck_assert_ptr_nonnull(strstr(error.message, "EFI/proxmox/shimaa64.efi"));
        throwaway_assert_text(&t, ESP("EFI/BOOT/BOOTAA64.EFI"), "systemd-boot");
}
END_TEST

START_TEST(boot_variables_name_the_programs_of_arm64_and_are_known_as_ours) {
        _cleanup_throwaway_ Throwaway t;
        LoadOption option = {};

        throwaway_init(&t);
        ck_assert_str_eq(loader_install_systemd_boot.efi_path(&t.volume),
                         "\\EFI\\systemd\\systemd-bootaa64.efi");
        ck_assert_str_eq(loader_install_grub.efi_path(&t.volume), "\\EFI\\proxmox\\grubaa64.efi");
        throwaway_put_text(&t, ESP("EFI/proxmox/shimaa64.efi"), "shim");
        ck_assert_str_eq(loader_install_grub.efi_path(&t.volume), "\\EFI\\proxmox\\shimaa64.efi");
        option.path = (char *) loader_install_systemd_boot.efi_path(&t.volume);
        ck_assert(load_option_is_ours(&option));
        option.path = (char *) loader_install_grub.efi_path(&t.volume);
        ck_assert(load_option_is_ours(&option));
}
END_TEST

/* True if an ESP with these two, told to be @expect's, has a boot loader that this machine starts.
 */
static bool has_loader(const char *directory, const char *program, EspLoader expect) {
        _cleanup_(esp_image_done) EspImage image = {};
        EspFile *file;

        esp_image_get(&image, directory)->type = FILE_DIRECTORY;
        if (expect == ESP_LOADER_SYSTEMD_BOOT)
                esp_image_get(&image, "loader/loader.conf")->type = FILE_REGULAR;
        file = esp_image_get(&image, program);
        file->type = FILE_REGULAR;
        file->size = 1;
        image.loader = esp_image_tell_loader(&image);
        ck_assert_int_eq(image.loader, expect);
        return esp_image_has_loader(&image);
}

START_TEST(only_a_program_of_arm64_is_a_boot_loader_there) {
        ck_assert(has_loader("EFI/proxmox", "EFI/systemd/systemd-bootaa64.efi",
                             ESP_LOADER_SYSTEMD_BOOT));
        ck_assert(has_loader("EFI/proxmox", "EFI/BOOT/BOOTAA64.EFI", ESP_LOADER_SYSTEMD_BOOT));
        ck_assert(!has_loader("EFI/proxmox", "EFI/systemd/systemd-bootx64.efi",
                              ESP_LOADER_SYSTEMD_BOOT));
        ck_assert(!has_loader("EFI/proxmox", "EFI/BOOT/BOOTX64.EFI", ESP_LOADER_SYSTEMD_BOOT));
        ck_assert(has_loader("grub", "EFI/proxmox/grubaa64.efi", ESP_LOADER_GRUB));
        ck_assert(!has_loader("grub", "EFI/proxmox/grubx64.efi", ESP_LOADER_GRUB));
}
END_TEST

START_TEST(half_written_loader_of_arm64_is_a_leftover_of_ours) {
        ck_assert(esp_path_is_leftover("EFI/systemd/systemd-bootaa64.efi.new"));
        ck_assert(esp_path_is_leftover("EFI/BOOT/BOOTAA64.EFI.new"));
        ck_assert(!esp_path_is_leftover("EFI/BOOT/BOOTX64.EFI.new"));
        ck_assert(!esp_path_is_leftover("EFI/proxmox/grubaa64.efi.new"));
}
END_TEST

CHECK_MAIN("arm64-loaders", systemd_boot_is_installed_under_both_of_its_names,
           systemd_boot_of_another_machine_does_not_do, grub_is_asked_for_with_the_target_of_arm64,
           a_removable_medium_is_started_by_shim_with_all_that_it_starts,
           what_is_not_as_in_its_package_replaces_nothing_that_boots,
           boot_variables_name_the_programs_of_arm64_and_are_known_as_ours,
           only_a_program_of_arm64_is_a_boot_loader_there,
           half_written_loader_of_arm64_is_a_leftover_of_ours)
