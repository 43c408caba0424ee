/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ESPs on the list by the names that people call them, and the verbs about it: each changes
 * that one file durably, and touches no ESP. Who calls has read the files a moment ago, and reads
 * them again. */

#include "core/firmware/firmware.h"
#include "engine/esp/esp.h"

/* Of those that are listed, the one that @name means, see esp_lookup(). 0, NoSuchEsp or -ENOMEM. */
int esp_list_find(const Esps *esps, const char *name, Esp **ret, Error *error);
/* The FAT UUIDs of all that @names (may be NULL) mean, each once. Errors likewise. */
int esp_list_find_all(const Esps *esps, char *const *names, char ***ret, Error *error);

/* Take those off whose partition is gone; with @dry_run only tell which. *@ret_removed are their
 * FAT UUIDs. Failed if there is not one link in dev/disk/by-uuid: then nothing can be told. */
int esp_list_clean(const Root *root, const Esps *esps, bool dry_run, char ***ret_removed,
                   Error *error);

/* Take @esp, which is one of @esps, off. LastEsp, unless with @force, if it may boot this host and
 * no other one is known to; or ReadOnly, NoSpace or Failed. */
int esp_list_remove(const Root *root, const Esps *esps, const Esp *esp, bool force, Error *error);

/* A setup of @device has failed with @error, or has a warning: let that say whether its ESP (@uuid;
 * NULL: nobody knows which) is on the list now, and how to go on or back. @loader is the one that
 * was asked for, ESP_LOADER_NONE: any. 0 or -ENOMEM. */
int esp_list_tell_setup(const Esps *esps, const char *uuid, const char *device, EspLoader loader,
                        Error *error);

/* The firmware's entries of ours that lead to @esp, as "Boot0003"; none where they are not known.
 * 0 or -ENOMEM. */
int esp_list_entries(const Firmware *firmware, const Esp *esp, char ***ret);
