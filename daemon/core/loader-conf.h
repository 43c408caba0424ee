/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* loader/loader.conf: we own the "default" key, and of it only values that name our entries. */

#include "common/macros.h"

#define LOADER_DEFAULT_ANY "proxmox-*"

/* The value of the last "default" line, which is the one systemd-boot uses; NULL if there is none.
 * Values that systemd-boot ignores ('@' and anything but "saved") do not count. */
int loader_conf_default(const char *text, char **ret);

/* The new text. @old == NULL: "timeout 3" and the default. Otherwise every line, comment, blank and
 * line end of the administrator stays byte for byte and in order; the default is replaced where it
 * stands (later "default" lines are dropped) or appended. @version: the pinned version, written as
 * "default proxmox-VER.conf"; NULL: "default proxmox-*", except that a default of the
 * administrator's own (one that does not begin with "proxmox-") stays. Case does not matter, as it
 * does not to systemd-boot. If nothing has to change, the result equals @old. */
int loader_conf_render(const char *old, const char *version, char **ret);
