/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The firmware's own entry for the boot loader on an ESP. */

#include "blocking/esp-open.h"

/* Have the firmware know @loader on @v's partition, see bootvar_ensure_entry(). There is nothing to
 * do for a plain directory, or on a host without UEFI. 1 if something was written, 0 if not, or
 * -errno with @error. */
int esp_ensure_boot_entry(const EspVolume *v, const Root *root, EspLoader loader, Error *error);
