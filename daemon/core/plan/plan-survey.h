/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of an ESP set against the kernels that are kept, each of which is a target: the work
 * that it still needs there; a part of plan-build. */

#include "common/error.h"
#include "core/loader/esp-path.h"
#include "core/plan/plan-loader.h"
#include "core/plan/plan.h"

typedef enum TargetStatus {
        TARGET_PENDING, /* not placed yet; or nothing to do */
        TARGET_PLACED,
        TARGET_BLOCKED, /* cannot be brought into sync: no room, no command line, something in the
                           way */
} TargetStatus;

/* The word of who checks the kernels that an ESP's loader starts, while Secure Boot is enabled. */
typedef enum Acceptance {
        ACCEPTANCE_UNKNOWN, /* also while it is not */
        ACCEPTANCE_REFUSED,
        ACCEPTANCE_ACCEPTED,
} Acceptance;

struct PlanTarget {
        const Kernel *kernel;
        TargetStatus status;
        char *dir; /* EFI/proxmox/VER; NULL where the loader has no entries */
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
        bool waits;     /* it is refused, and comes only behind a default that is not */
};

struct PlanSurvey {
        const PlanInput *in;
        const PlanLoader *loader; /* of the ESP, which has one */
        PlanTarget *targets;      /* kept bootable kernels, newest first */
        size_t n_targets, n_targets_allocated;
        unsigned checkers;     /* see loader_checkers() */
        const char *pin;       /* what must be the default; NULL: any, so the newest */
        const char *next_boot; /* what boots once, before that, unless it is refused; may be NULL */
        PlanTarget *first; /* that the loader should be led to: the pinned one, else the newest */
        bool may_remove;   /* kernels: it is known what is installed, and boot/ holds something */
        char **complete;   /* versions that it can boot without those that come, newest first */
        char **stale;      /* versions on the ESP that are not kept, oldest first */
        char **dangling;   /* entries that lead to no complete kernel, and go first */
        char **tolerated;  /* such entries that must stay: nobody knows what is needed */
        char **copies;    /* versions with files where this loader does not look, oldest first; they
                           * may be evicted */
        char **leftovers; /* staged files of a run that was interrupted */
        uint64_t leftover_bytes;
        char *current; /* the version that this ESP boots now, or NULL */
};

void plan_survey_done(PlanSurvey *s);

/* @in must outlive the survey. Targets that cannot be brought into sync are blocked, the first
 * reason is told in @problem. 0 or -ENOMEM. */
int plan_survey_make(const PlanInput *in, PlanSurvey *ret, Error *problem);

/* True if @version, although stale, shall stay as long as nothing else needs its room: one that was
 * kept in its place, as a newest one or of its series, is not complete on the ESP by the steps so
 * far. For each such one the newest stale kernel that is complete is spared. */
bool plan_survey_spares(const PlanSurvey *s, const char *version);

PlanTarget *plan_survey_find(const PlanSurvey *s, const char *version);
/* Of the image of @version as it is on the ESP by the steps so far. */
Acceptance plan_survey_acceptance(const PlanSurvey *s, const char *version);
/* True if @version must not leave the ESP, as it is the last one that is accepted: nothing is that
 * the loader should be led to by the steps so far, and it is the newest of what is. */
bool plan_survey_is_last_accepted(const PlanSurvey *s, const char *version);
/* How people call the default @version: "The pinned kernel" or "Kernel". */
const char *plan_survey_title(const PlanSurvey *s, const char *version);
/* A version that would boot, while every kept one is refused; NULL: there is none. */
const char *plan_survey_find_endangered(const PlanSurvey *s);
/* @version is on the ESP: it is stale unless it is kept. 0 or -ENOMEM. */
int plan_survey_add(PlanSurvey *s, const char *version);
/* The version whose directory @path is, if there is something to remove in it; else NULL. */
const char *plan_survey_dir_version(const PlanSurvey *s, const char *path);
/* True if there is something to remove in the directory of @version: files of ours, or, where
 * nothing else is in it, the directory itself. */
bool plan_survey_dir_is_ours(const PlanSurvey *s, const char *version);
/* Bytes that removing the kernel files of @version from where the loader looks would free. */
uint64_t plan_survey_version_bytes(const PlanSurvey *s, const char *version);
/* The same for its directory. */
uint64_t plan_survey_dir_bytes(const PlanSurvey *s, const char *version);

/* True while the plan has taken it off the ESP and not yet placed it again. */
static inline bool plan_target_is_away(const PlanTarget *t) {
        return t->taken && t->status == TARGET_PENDING;
}

/* The target cannot be brought into sync, since what is at @path is not what its name says. 0. */
int plan_target_block(PlanTarget *t, const PlanInput *in, const char *path, Error *problem);
/* The same if something is in the way of its file at @path. 0 or -ENOMEM. */
int plan_target_look_for_obstacle(PlanTarget *t, const PlanInput *in, const char *path,
                                  Error *problem);

/* Bytes that must be free before it can be staged. */
uint64_t plan_target_need(const PlanTarget *t) _pure_;
