/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A grub.cfg as grub-mkconfig of GRUB 2.06 writes it: the kernels in its menu, the one of them that
 * boots by default, and how a kernel is named to GRUB: by the ids of its submenu and entry,
 * "gnulinux-advanced-ID>gnulinux-VER-advanced-ID". */

#include "core/esp/esp-image.h"
#include "core/grub/grub-menu.h"

#define ESP_GRUB_DIR    "grub"
#define ESP_GRUB_CONFIG ESP_GRUB_DIR "/grub.cfg"

typedef struct GrubConfig {
        char *default_value;   /* GRUB_DEFAULT, as the file has it; NULL: none */
        char *default_version; /* which version that boots; NULL: no kernel of ours, or nobody can
                                * tell ("${saved_entry}") */
        char inputs[DIGEST_HEX_SIZE]; /* what it was made from, see grub_config_inputs(); or "" */
        GrubEntry *entries;           /* in order */
        size_t n_entries, n_allocated;
} GrubConfig;

void grub_config_done(GrubConfig *c);

/* Make the summary of a grub.cfg that the daemon needs, short enough to be reported: records
 * "inputs sha256=…" (unless there is no such line), "default value=… version=…" and, for each entry
 * but those of the recovery mode, "entry id=… submenu=… linux=… initrd=…". A field that is NULL is
 * left out. The errors of grub_menu_read(), or -EFBIG beyond ESP_FILE_TEXT_MAX. */
int grub_config_summarise(const char *text, size_t size, char **ret);
/* -EBADMSG for anything that grub_config_summarise() would not write, but for the order. */
int grub_config_parse_summary(const char *text, GrubConfig *ret);

/* The last line "# bootsync: inputs=HEX" with a digest of the configuration that a grub.cfg was
 * made from. 0, or -ENOENT if there is none. */
int grub_config_inputs(const char *text, size_t size, char ret[static DIGEST_HEX_SIZE]);
/* @text with such a line at its end, instead of the one that it may have there. @hex is
 * digest_is_valid(). */
int grub_config_append_inputs(const char *text, const char *hex, char **ret);

/* The identity of the root file system in grub-mkconfig's menu: ID in the submenu
 * "gnulinux-advanced-ID" or, without submenus, in "gnulinux-VER-advanced-ID". -ENOENT if the file
 * has neither. */
int grub_config_root_id(const GrubConfig *c, char **ret);

/* How @version is named in the menu whose grub_config_root_id() is @root_id. NULL when out of
 * memory. */
char *grub_entry_id(const char *version, const char *root_id);

/* The version that such a name stands for. -EINVAL if @value is none; or -ENOMEM. */
int grub_entry_id_version(const char *value, char **ret);

/* The text of etc/default/grub.d/proxmox-kernel-pin.cfg: GRUB_DEFAULT for a pinned version, and a
 * line for the administrator who wonders where it comes from. */
int grub_pin_render(const char *version, const char *root_id, char **ret);
