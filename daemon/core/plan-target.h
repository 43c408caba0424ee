/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What one kept kernel still needs on one ESP; a part of plan-build. */

#include "common/error.h"
#include "core/boot-entry.h"
#include "core/plan.h"

typedef enum TargetStatus {
        TARGET_PENDING, /* not placed yet; or nothing to do */
        TARGET_PLACED,
        TARGET_BLOCKED, /* cannot be brought into sync: no room, no command line, something in the
                           way */
} TargetStatus;

typedef struct PlanTarget {
        const Kernel *kernel;
        TargetStatus status;
        char *dir; /* EFI/proxmox/VER; NULL with GRUB, which has neither directories nor entries */
        bool dir_missing;
        char *path[_KERNEL_FILE_MAX];
        bool stale[_KERNEL_FILE_MAX]; /* to be copied: absent or different */
        char *entry_path;
        bool exhausted;   /* the entry's name says that it has no tries left */
        char *entry_text; /* to be written; NULL: the entry is as it should be */
        bool boots;    /* the ESP, as it is, holds the entry, unless it is GRUB's, and both files */
        uint64_t need; /* bytes allocated on the ESP while old and new are side by side */
        uint64_t frees; /* bytes of replaced files, free again after the barrier */
        bool taken;     /* the plan has taken it, with all its entries, off the ESP to make room */
} PlanTarget;

void plan_target_done(PlanTarget *t);

/* True while the plan has taken it off the ESP and not yet placed it again. */
static inline bool plan_target_is_away(const PlanTarget *t) {
        return t->taken && t->status == TARGET_PENDING;
}

/* Compare @kernel with what @in->image holds. @default_options are the options of the entry that
 * the ESP boots now, for a kernel that has no entry yet; NULL if unknown. What is in the way is
 * told in @problem and leaves the target blocked. 0 or -ENOMEM. */
int plan_target_init(const PlanInput *in, const Kernel *kernel, const char *default_options,
                     PlanTarget *ret, Error *problem);

/* Bytes that must be free before it can be staged. */
uint64_t plan_target_need(const PlanTarget *t) _pure_;
/* Bytes that the target needs if nothing of it is on the ESP. @t is not blocked. */
uint64_t plan_target_whole_need(const PlanInput *in, const PlanTarget *t);
/* Its files and its entry have gone from the ESP: all is to be copied and written. 0 or -ENOMEM. */
int plan_target_take_away(const PlanInput *in, PlanTarget *t);
/* 1 if something is in the way of copying the whole target; 0, or -ENOMEM. */
int plan_target_is_obstructed(const PlanInput *in, const PlanTarget *t);

/* True if something has to be copied or written. */
bool plan_target_has_work(const PlanTarget *t);

/* What stands at @path, or where a file for @path would be staged, and is no regular file; NULL if
 * there is nothing in the way. 0 or -ENOMEM. */
int esp_image_find_obstacle(const EspImage *image, const char *path, const EspFile **ret);

/* The options of the entry of @version on @image; *@ret is NULL if there is no such entry or it has
 * none. GRUB has its options from the host's own configuration, so none are told. */
int esp_image_entry_options(const EspImage *image, const char *version, char **ret);
