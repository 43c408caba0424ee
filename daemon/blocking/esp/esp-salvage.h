/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files that fsck.vfat makes of clusters that nobody owns: FSCK0000.REC and so on. */

#include "blocking/esp/esp-open.h"

/* The names of such files in the root directory of @v. 0 or -errno with @error. */
int esp_salvage_list(const EspVolume *v, char ***ret, Error *error);

/* Remove all that are not among @keep, so that they are gone from the disk before anything new is
 * written. 0 or -errno with @error. */
int esp_salvage_drop(const EspVolume *v, char *const *keep, Error *error);
