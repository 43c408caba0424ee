/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan in terms of what somebody wants to know before he lets it be carried out: not its steps,
 * but what is different afterwards. */

#include "core/esp/esp-image.h"
#include "core/plan/plan.h"

/* Bytes of the texts of one plan; what is beyond that is only named. */
#define PLAN_TEXTS_MAX (128 * 1024)

typedef struct PlanChange {
        /* "copy-kernel", "remove-kernel", "copy-file", "remove-file", "default", "loader", "arm",
         * "disarm", "repair" */
        const char *kind;
        char *name;     /* version, path or loader; "" where there is none */
        char *detail;   /* of "default": the one before; else "" */
        uint64_t bytes; /* copied or freed */
} PlanChange;

typedef struct PlanFile {
        /* "new", "changed", "removed": with its texts; "made": anew, and nobody knows its text
         * before; "large": its texts are left out */
        const char *state;
        char *path;
        char *old, *new; /* "" where there is none */
} PlanFile;

typedef struct PlanDescription {
        PlanChange *changes; /* in the order of the plan, one for each thing */
        size_t n_changes, n_changes_allocated;
        PlanFile *files;
        size_t n_files, n_files_allocated;
        uint64_t write_bytes;
        uint64_t free_bytes; /* on the ESP afterwards, a menu that is made counted as the old one */
} PlanDescription;

void plan_description_done(PlanDescription *d);

/* @image is what the plan was made from; NULL for one that is not about an ESP. @wanted is the
 * default that a menu which is made anew will have, @next_boot the kernel that boots once; both may
 * be NULL. 0 or -ENOMEM. */
int plan_describe(const Plan *plan, const EspImage *image, const char *wanted,
                  const char *next_boot, PlanDescription *ret);
