/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which files of boot loaders are written by us, and so may be left half-way by us. */

#include "core/loader-files.h"

#include "../check-main.h"
#include "core/esp-image.h"

START_TEST(what_we_place_is_ours_and_what_grub_install_writes_is_not) {
        ck_assert(esp_path_is_loader(ESP_SYSTEMD_BOOT));
        ck_assert(esp_path_is_loader(ESP_REMOVABLE));
        ck_assert(esp_path_is_loader(ESP_GRUB_REMOVABLE_STUB));
        ck_assert(!esp_path_is_loader(ESP_GRUB));
        ck_assert(!esp_path_is_loader(ESP_SHIM));
        ck_assert(!esp_path_is_loader(ESP_GRUB_STUB));
        ck_assert(!esp_path_is_loader("EFI/BOOT/OTHER.EFI"));
        ck_assert(!esp_path_is_loader(""));
}
END_TEST

START_TEST(staged_loader_is_a_leftover) {
        ck_assert(esp_path_is_leftover(ESP_SYSTEMD_BOOT ".new"));
        ck_assert(esp_path_is_leftover(ESP_REMOVABLE ".new"));
        ck_assert(esp_path_is_leftover(ESP_GRUB_REMOVABLE_STUB ".new"));
        ck_assert(!esp_path_is_leftover(ESP_SYSTEMD_BOOT));
        ck_assert(!esp_path_is_leftover(ESP_GRUB ".new"));
}
END_TEST

CHECK_MAIN("loader-files", what_we_place_is_ours_and_what_grub_install_writes_is_not,
           staged_loader_is_a_leftover)
