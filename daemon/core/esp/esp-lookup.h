/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names by which people call an ESP. */

#include "common/error.h"

/* An ESP as it is known; "" or NULL where something is not. */
typedef struct EspNames {
        const char *uuid;      /* of its FAT */
        const char *part_uuid; /* of its partition */
        const char *device;    /* "/dev/sda2" */
} EspNames;

/* The one of the @n that @name means: a FAT UUID or PARTUUID in any case; the device, with "/dev/"
 * or without; or, where it is none of these, the beginning of one FAT UUID alone, of two characters
 * at least. 0 with its place in *@ret, NoSuchEsp, which names those that @name may mean, or
 * -ENOMEM. */
int esp_lookup(const EspNames *esps, size_t n, const char *name, size_t *ret, Error *error);
