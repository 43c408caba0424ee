/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The decision of the boot entries' guard: what the firmware has lost since the last boot, and the
 * writes that bring it back. */

#include "core/firmware/boot-memory.h"

/* An ESP that is on the list. */
typedef struct GuardEsp {
        const char *uuid;
        const char *part_uuid; /* "" while its disk is away */
} GuardEsp;

typedef struct GuardInput {
        const BootMemory *memory;
        const Firmware *firmware; /* of UEFI */
        const GuardEsp *esps;
        size_t n_esps;
        const char *boot_id; /* of this boot */
        bool may_begin;      /* a repair may begin now, if there was none in this boot */
        bool goes_on;        /* one has begun, and its last writes were done */
} GuardInput;

/* In the order in which they are done, each only when a look has found the one before it done: an
 * entry is there before an order names it, and no order names it when it is deleted. So whenever
 * power fails the order leads to entries that are there. */
typedef enum GuardWrite {
        GUARD_WRITES_NOTHING,
        GUARD_PUTS_ENTRIES,  /* each step: "0003 HEX", the number it had and its value */
        GUARD_SETS_ORDER,    /* "OLD NEW", each as boot_order_format() has it, or "-" if it is empty
                              */
        GUARD_DROPS_ENTRIES, /* "0003 HEX", of one that is there */
        _GUARD_WRITE_MAX,
} GuardWrite;

typedef struct GuardVerdict {
        GuardWrite write;
        char **steps;     /* one for each write */
        char **sentences; /* what they do, as parts of a sentence: "put Boot0003 … back" */
        bool waits; /* something is to be repaired, and this boot has had its repair, or it is not
                     * the time */
        /* To be remembered from now on: stored before anything is written, and given back as the
         * input's when the writes are done. */
        BootMemory memory;
} GuardVerdict;

void guard_verdict_done(GuardVerdict *v);

/* Other entries than those of loaders of ours on listed ESPs are neither written nor moved, but
 * that one more may stand before them. An order is never emptied. What has changed in the boot that
 * the memory is of was changed by a person or a tool, and is adopted; doubles alone are deleted in
 * any boot. Without a memory nothing is written. What the firmware has undone after a repair is not
 * repaired again (Mend). 0 or -ENOMEM. */
int boot_guard_judge(const GuardInput *in, GuardVerdict *ret);
