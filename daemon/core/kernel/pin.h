/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The pins of the pin files, how long they hold (a next-boot pin is spent in any boot after the one
 * that it was set in), and which kernel boots by default. */

#include "common/enum.h"
#include "core/kernel/kernel-select.h"

typedef enum PinScope {
        PIN_PERMANENT,
        PIN_NEXT_BOOT,
        _PIN_SCOPE_MAX,
} PinScope;

/* *@ret is NULL for an empty file or blank first line (no pin). -EINVAL if the first line is no
 * kernel version. Blanks around it and CRLF are fine; further lines are not read. */
int pin_parse(const char *text, size_t size, char **ret);

/* A next-boot pin, and in which boot it was set. */
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

/* The kernel that boots by default when everything is in sync: with @next_boot (no loader can take
 * it once) the next-boot pin if it is bootable; else the pin, else the newest kept bootable kernel.
 * Where one of @checkers (bits) refuses that, the newest that all of them accept takes its place,
 * or, if there is none, the newest that nobody refuses; if there is none of them either, nothing is
 * better. NULL if there is none. */
const Kernel *kernel_set_default(const KernelSet *set, bool next_boot, unsigned checkers);
/* The version that a boot loader must be told by name where the default should be @wish (NULL: the
 * newest kernel): @wish itself, unless it is refused and another one takes its place as above. NULL
 * if the newest is the right one. */
const char *kernel_set_name_default(const KernelSet *set, const char *wish, unsigned checkers);
