/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a kernel is named to GRUB: by the ids that grub-mkconfig gives to its submenu and entry,
 * "gnulinux-advanced-ID>gnulinux-VER-advanced-ID". ID is grub_config_root_id(). */

#include "common/macros.h"

/* NULL when out of memory. */
char *grub_entry_id(const char *version, const char *root_id);

/* The version that such a name stands for. -EINVAL if @value is none; or -ENOMEM. */
int grub_entry_id_version(const char *value, char **ret);

/* The text of etc/default/grub.d/proxmox-kernel-pin.cfg: GRUB_DEFAULT for a pinned version, and a
 * line for the administrator who wonders where it comes from. */
int grub_pin_render(const char *version, const char *root_id, char **ret);

/* The version that such a file pins, as other tools write it, too: of several lines the last
 * counts, as it does to the shell. *@ret is NULL if it pins none. 0 or -ENOMEM. */
int grub_pin_parse(const char *text, size_t size, char **ret);
