/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel command line: the first line of etc/kernel/cmdline, or proc/cmdline cleaned. */

#include "common/enum.h"

#define CMDLINE_LENGTH_MAX 2048 /* x86 COMMAND_LINE_SIZE, the NUL included */

typedef enum CmdlineSource {
        CMDLINE_NONE,    /* nothing usable anywhere */
        CMDLINE_FILE,    /* etc/kernel/cmdline */
        CMDLINE_ENTRIES, /* the options of the entries already on the ESPs stay */
        CMDLINE_ADOPTED, /* proc/cmdline, adopted once into var/lib/bootsync/cmdline */
        _CMDLINE_SOURCE_MAX,
        _CMDLINE_SOURCE_INVALID = -EINVAL,
} CmdlineSource;

/* "none", "file", "entries", "adopted" */
const char *cmdline_source_to_string(CmdlineSource source);

/* The first line, trimmed. -ENODATA without a root= word, -EINVAL with control characters or bytes
 * that are not UTF-8, -E2BIG from CMDLINE_LENGTH_MAX bytes on. */
int cmdline_parse(const char *text, size_t size, char **ret);

/* proc/cmdline without the words initrd=… and BOOT_IMAGE=…, which the loader adds for one boot.
 * Words may hold blanks inside double quotes. Same errors. */
int cmdline_clean(const char *text, size_t size, char **ret);
