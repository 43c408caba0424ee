/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Make the FAT of an ESP one that may be written to. */

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"

/* PLAN_REPAIR, before anything is written: unmount the volume, see that no two files share
 * clusters, clear the dirty bit, and mount it again, writable. A leftover of an interrupted staging
 * that shares its clusters with a live file is made an empty one first, so that removing it frees
 * nothing; other files that share are damage that is left for a person. Nothing to do on a plain
 * directory. While the volume is mounted elsewhere, too, it is only looked at. NotAnEsp with the
 * names if files share clusters. */
int esp_repair(EspVolume *v, const CopyWatch *watch, Error *error);

/* The part of it that needs no mount, on the unmounted volume @fd (O_RDWR). Of what is there only
 * the slots of leftovers are written by us; then fsck.vfat has its turn, if there is reason. */
int esp_repair_fat(int fd, const char *uuid, const CopyWatch *watch, Error *error);
