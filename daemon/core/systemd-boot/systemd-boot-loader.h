/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The entries on an ESP with systemd-boot: what planning wants to know besides its Loader. That
 * takes loader.conf and the entries as systemd-boot 252 does: loader.conf's default is a glob over
 * the file names, case-insensitive; entries without tries left come last, then by sort-key,
 * machine-id and version where there is a sort-key, else by file name, newest first; without a
 * match the first of all. Like systemd-boot it passes over an entry of ours whose image is not
 * there, and does not look for the initrd. */

#include "core/esp/esp-image.h"

/* 1 if the file at @path is an entry of ours that names an image and an initrd which are in the ESP
 * and not empty, else 0. An entry whose text was not read does not count. Or -ENOMEM. */
int systemd_boot_entry_boots(const EspImage *image, const char *path);

/* The entry of @version: the plain name if it is there, else a boot-counted one, whose counter is
 * part of the name and stays; NULL if there is none. Never a second entry beside a counted one. */
const EspFile *systemd_boot_find_entry(const EspImage *image, const char *version);
