/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A next-boot pin, and in which boot it was set: it is spent in any later boot. */

#include "common/enum.h"

typedef struct NextBoot {
        char *version;
        uint64_t inode; /* of the pin file */
        uint64_t mtime; /* of the pin file, ns since the epoch */
        char *boot_id;  /* of the boot it was set in; of the present one in what is judged */
} NextBoot;

void next_boot_done(NextBoot *n);

/* First line "v1", then "pin version=… inode=… mtime=… boot-id=…". -EPROTONOSUPPORT for another
 * version, -EBADMSG for a malformed record: the caller goes on as if there were none. */
int next_boot_parse(const char *text, size_t size, NextBoot *ret);
int next_boot_format(const NextBoot *n, char **ret, size_t *ret_size);

typedef enum NextBootVerdict {
        NEXT_BOOT_KEEP,  /* it was set in this boot */
        NEXT_BOOT_ADOPT, /* nobody wrote down when it was set, and it may have been in this boot */
        NEXT_BOOT_SPENT, /* it was set in an earlier boot */
        _NEXT_BOOT_VERDICT_MAX,
} NextBootVerdict;

/* @record: what was written down, NULL if nothing. @pin: the pin file as it is, with the present
 * boot id, NULL if that is unknown. @boot_time: when this boot began, s since the epoch, 0 if
 * unknown. A record of another pin file (its inode, mtime or version differ) counts as none. When
 * in doubt the pin stays. */
NextBootVerdict next_boot_judge(const NextBoot *record, const NextBoot *pin, uint64_t boot_time)
                _pure_;
