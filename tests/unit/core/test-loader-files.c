/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which files of boot loaders are written by us, and so may be left half-way by us. */

#include "core/loader/loader-files.h"

#include "../check-main.h"
#include "core/esp/esp-image.h"

START_TEST(staged_loader_is_a_leftover_but_not_what_grub_install_writes) {
        ck_assert(esp_path_is_leftover(ESP_SYSTEMD_BOOT ".new"));
        ck_assert(esp_path_is_leftover(ESP_REMOVABLE ".new"));
        ck_assert(esp_path_is_leftover(ESP_GRUB_REMOVABLE_STUB ".new"));
        ck_assert(!esp_path_is_leftover(ESP_SYSTEMD_BOOT));
        ck_assert(!esp_path_is_leftover(ESP_GRUB ".new"));
        ck_assert(!esp_path_is_leftover(ESP_SHIM ".new"));
        ck_assert(!esp_path_is_leftover(ESP_GRUB_EFI_DIR "/grub.cfg.new"));
        ck_assert(!esp_path_is_leftover("EFI/BOOT/OTHER.EFI.new"));
        ck_assert(!esp_path_is_leftover(".new"));
}
END_TEST

CHECK_MAIN("loader-files", staged_loader_is_a_leftover_but_not_what_grub_install_writes)
