/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The texts that systemd-boot reads: loader entries (UAPI.1, Boot Loader Specification, type #1),
 * and loader/loader.conf, of which we own the "default" key, and of it only values that name our
 * entries. */

#include "common/macros.h"

typedef struct BootEntry {
        char *title, *version, *options;
        char *sort_key, *machine_id;
        char *image, *initrd; /* the keys "linux" and "initrd"; NULL where a key is absent */
} BootEntry;

void boot_entry_done(BootEntry *e);

/* The text of @version's entry: title, version, options, linux, initrd, in this order. Without
 * options (NULL or "") there is no such line. */
int boot_entry_render(const char *title, const char *version, const char *options, char **ret);

/* Read the keys of the fields out of any entry text; unknown keys and comments are skipped, a
 * repeated "options" is joined with a blank as the specification says, of other repeated keys the
 * last counts. Text with NUL bytes: -EBADMSG. */
int boot_entry_parse(const char *text, size_t size, BootEntry *ret);

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
