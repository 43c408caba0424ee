/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a grub.cfg says, as grub-mkconfig of GRUB 2.06 writes it: which kernels are in its menu and
 * which of them boots by default. */

#include "core/esp-image.h"
#include "core/grub-menu.h"

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

/* Read a grub.cfg, with the errors of grub_menu_read(). */
int grub_config_parse(const char *text, size_t size, GrubConfig *ret);

/* What the daemon needs of a grub.cfg, short enough to be reported: records "inputs sha256=…"
 * (unless there is no such line), "default value=… version=…" and, for each entry but those of the
 * recovery mode, "entry id=… submenu=… linux=… initrd=…", where what is NULL is left out. The
 * errors of grub_config_parse(), or -EFBIG beyond REPORT_TEXT_MAX. */
int grub_config_summarise(const char *text, size_t size, char **ret);
/* -EBADMSG for anything that grub_config_summarise() would not write, but for the order. */
int grub_config_parse_summary(const char *text, GrubConfig *ret);

/* The last line "# bootsync: inputs=HEX" with a digest of the configuration that a grub.cfg was
 * made from. 0, or -ENOENT if there is none. */
int grub_config_inputs(const char *text, size_t size, char ret[static DIGEST_HEX_SIZE]);
/* @text with such a line at its end, instead of the one that it may have there. @hex is
 * digest_is_valid(). */
int grub_config_append_inputs(const char *text, const char *hex, char **ret);

/* The entry that @value names as GRUB's default, by the ids of its submenu and itself ("A>B"), or
 * by the submenu's alone, which stands for the first in it; empty is the first of all. NULL if none
 * has these ids: it may be a title or an index, which are not kept. */
const GrubEntry *grub_config_find(const GrubConfig *c, const char *value) _pure_;

/* What grub-mkconfig identifies the root file system with: ID in the submenu
 * "gnulinux-advanced-ID", or, where there are no submenus, in "gnulinux-VER-advanced-ID". -ENOENT
 * if the file has neither. */
int grub_config_root_id(const GrubConfig *c, char **ret);
