/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The menu of a grub.cfg: its entries, and which of them boots by default; a part of grub-config.
 */

#include "common/macros.h"

typedef struct GrubEntry {
        char *id;      /* the title where the entry has none, as GRUB does it */
        char *submenu; /* id of the submenu it is in; NULL: top level */
        char *image;   /* first word behind "linux", without leading slash; NULL: no such command */
        char *initrd;  /* last word behind "initrd", likewise: microcode comes before it */
        char *version; /* of an image "vmlinuz-VER" in the root; else NULL */
        bool is_whole; /* it names image and initrd of its version; see grub_image_config() */
} GrubEntry;

void grub_entry_done(GrubEntry *e);

/* Set the image, with the version that it is of, and the initrd by copies of these paths; NULL
 * leaves one as it is. 0 or -ENOMEM. */
int grub_entry_set_files(GrubEntry *e, const char *image, const char *initrd);

/* An entry or a submenu. */
typedef struct GrubMenuItem {
        GrubEntry entry;
        char *title;
        bool is_submenu;
        size_t parent; /* the submenu that it is in, or GRUB_NO_ITEM */
} GrubMenuItem;

#define GRUB_NO_ITEM    SIZE_MAX
#define GRUB_BLOCKS_MAX 16 /* nested in each other */

typedef struct GrubMenu {
        GrubMenuItem *items;
        size_t n_items, n_allocated;
        char *default_value; /* NULL: none is set */
        /* While it is read: the items that the open blocks belong to, or GRUB_NO_ITEM. */
        size_t blocks[GRUB_BLOCKS_MAX];
        size_t n_blocks;
} GrubMenu;

void grub_menu_done(GrubMenu *m);

/* Read a script. The default is the last one that is set outside of all blocks to anything but
 * "${next_entry}", which is spent by the time it is looked at. -EBADMSG if the script is damaged: a
 * NUL byte, a quote or a block that is not closed; or -ENOMEM. */
int grub_menu_read(const char *text, size_t size, GrubMenu *ret);

/* True if @value, a default as a script has it, is whatever grubenv says: "${saved_entry}". NULL is
 * not. */
bool grub_default_is_saved(const char *value) _pure_;

/* The entry that boots by default, as GRUB finds it: by id, title or index, "SUBMENU>ENTRY"
 * included; what is not found is the first of its menu. @saved: saved_entry of grubenv, or NULL if
 * that is not known. *@ret is NULL if there is no entry, or the default depends on a variable that
 * is not known. 0 or -ENOMEM. */
int grub_menu_default(const GrubMenu *m, const char *saved, const GrubMenuItem **ret);
