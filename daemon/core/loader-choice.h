/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which boot loader an ESP gets. */

#include "common/error.h"
#include "core/esp-image.h"
#include "core/firmware.h"

/* For the ESP @esp_uuid: the one that was @asked for; else (ESP_LOADER_NONE) the one that is
 * @present; else systemd-boot with UEFI and GRUB with a BIOS or while Secure Boot is enabled, which
 * refuses systemd-boot as Debian ships it. NotSupported, with @error, for what would not boot here,
 * and where the loader that is present would still be the one that counts. */
int loader_choose(const char *esp_uuid, EspLoader asked, EspLoader present,
                  const Firmware *firmware, EspLoader *ret, Error *error);
