/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice is the administrator's, then that of whoever set the ESP up, and only then ours. What
 * is chosen must be able to boot on this host. */

#include "core/loader-choice.h"

static int refuse_systemd_boot(const char *esp_uuid, const char *why, Error *error) {
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "ESP '%s' cannot boot by systemd-boot here: %s; give 'grub' instead",
                         esp_uuid, why);
}

int loader_choose(const char *esp_uuid, EspLoader asked, EspLoader present,
                  const Firmware *firmware, EspLoader *ret, Error *error) {
        bool secure = firmware->secure_boot == SECURE_BOOT_ENABLED;
        EspLoader loader = asked != ESP_LOADER_NONE ? asked : present;

        if (loader == ESP_LOADER_NONE)
                loader = firmware->uefi && !secure ? ESP_LOADER_SYSTEMD_BOOT : ESP_LOADER_GRUB;
        if (loader == ESP_LOADER_SYSTEMD_BOOT) {
                if (!firmware->uefi)
                        return refuse_systemd_boot(esp_uuid,
                                                   "this host was started by a legacy "
                                                   "BIOS",
                                                   error);
                if (secure)
                        return refuse_systemd_boot(esp_uuid,
                                                   "Secure Boot is enabled, and refuses "
                                                   "it",
                                                   error);
                if (present == ESP_LOADER_GRUB)
                        return error_set(error, ERROR_NOT_SUPPORTED,
                                         "ESP '%s' is set up with GRUB; format it first to set it "
                                         "up with systemd-boot",
                                         esp_uuid);
        }
        /* Such an ESP would still be told as one with systemd-boot. */
        if (loader == ESP_LOADER_GRUB && !firmware->uefi && present == ESP_LOADER_SYSTEMD_BOOT)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "ESP '%s' is set up with systemd-boot; format it first to set it "
                                 "up with GRUB for a legacy BIOS",
                                 esp_uuid);
        *ret = loader;
        return 0;
}
