/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ESP holds, against what is kept; a part of plan-build. */

#include "core/plan-target.h"

typedef struct PlanSurvey {
        const PlanInput *in;
        PlanTarget *targets; /* kept bootable kernels, newest first */
        size_t n_targets, n_targets_allocated;
        char **complete;  /* versions that it can boot without those that come, newest first */
        char **stale;     /* versions on the ESP that are not kept, oldest first */
        char **dangling;  /* entries that lead to no complete kernel, and go first */
        char **tolerated; /* such entries that must stay: nobody knows what is needed */
        char **copies; /* with GRUB: versions that systemd-boot's files are left of, oldest first;
                        * they may be evicted */
        char **leftovers; /* staged files of a run that was interrupted */
        uint64_t leftover_bytes;
        char *current; /* the version that this ESP boots now, or NULL */
} PlanSurvey;

void plan_survey_done(PlanSurvey *s);

/* @in must outlive the survey. Targets that cannot be brought into sync are blocked, the first
 * reason is told in @problem. 0 or -ENOMEM. */
int plan_survey_make(const PlanInput *in, PlanSurvey *ret, Error *problem);

/* True if kernels may be removed: it is known what is installed, and boot/ holds something. */
bool plan_survey_may_remove(const PlanSurvey *s);

/* True if @version, although stale, shall stay as long as nothing else needs its room: one that was
 * kept in its place, as a newest one or of its series, is not complete on the ESP by the steps so
 * far. For each such one the newest stale kernel that is complete is spared. */
bool plan_survey_spares(const PlanSurvey *s, const char *version);

PlanTarget *plan_survey_find(const PlanSurvey *s, const char *version);
/* True if there is something to remove in the directory of @version: files of ours, or, where
 * nothing else is in it, the directory itself. */
bool plan_survey_dir_is_ours(const PlanSurvey *s, const char *version);
/* Bytes that removing the kernel files of @version from where the loader looks would free. */
uint64_t plan_survey_version_bytes(const PlanSurvey *s, const char *version);
/* The same for its directory. */
uint64_t plan_survey_dir_bytes(const PlanSurvey *s, const char *version);
