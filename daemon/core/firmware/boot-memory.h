/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The boot entries of ours as they were seen last, so that what the firmware loses can be put back:
 * a value, and the text of its file in var/lib/bootsync. */

#include "core/firmware/firmware.h"

#define BOOT_MEMORY_SIZE_MAX    (64 * 1024) /* of the text */
#define BOOT_MEMORY_ENTRIES_MAX 64

/* The repair of one thing, and what the firmware made of it. */
typedef struct Mend {
        bool now;   /* the repair that is under way does it; never stored */
        bool done;  /* the last repair did it, and no later boot has found it so */
        bool again; /* the firmware has undone it: it is left as it is, and told */
} Mend;

typedef struct KeptEntry {
        char esp[sizeof("AAAA-0001")]; /* FAT UUID of the ESP, which may be away */
        LoadOption option;             /* with its hex */
        Mend put;                      /* it was dropped, and put back */
        Mend pruned;                   /* others did the same, and were deleted */
} KeptEntry;

typedef struct BootMemory {
        char *boot_id;  /* of the boot in which all was so; NULL: nothing is remembered */
        char *repaired; /* of the boot of the last repair; NULL: none */
        uint16_t order[FIRMWARE_ORDER_MAX];
        size_t n_order;
        Mend ordered; /* the order among ours was changed, and restored */
        KeptEntry *entries;
        size_t n_entries, n_allocated;
} BootMemory;

void boot_memory_done(BootMemory *m);
/* -ENOMEM, and *@ret is as it was. */
int boot_memory_copy(const BootMemory *m, BootMemory *ret);
/* Of @esp, with a copy of @option, which has its hex. -E2BIG beyond BOOT_MEMORY_ENTRIES_MAX, or
 * -ENOMEM. */
int boot_memory_add(BootMemory *m, const char *esp, const LoadOption *option, KeptEntry **ret);
/* The entry that starts the same program as @option from the same partition; NULL if there is none.
 */
KeptEntry *boot_memory_find(const BootMemory *m, const LoadOption *option) _pure_;

/* A record "boot-entries …" and a record "kept-entry …" for each. @m remembers something. What
 * would make it larger than BOOT_MEMORY_SIZE_MAX is left out, the last ones first. 0 or -ENOMEM. */
int boot_memory_format(const BootMemory *m, char **ret, size_t *ret_size);
/* -EPROTONOSUPPORT for another version, -EBADMSG for what boot_memory_format() would not write, but
 * for the order of the fields; or -ENOMEM. */
int boot_memory_parse(const char *text, size_t size, BootMemory *ret);
