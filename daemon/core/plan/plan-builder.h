/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan while it grows: groups of steps whose order inside is always the same; a part of
 * plan-build, which decides which of them come, and when. */

#include "core/plan/plan-survey.h"

/* Memtest86+ as it is on the ESP by the step that is written down next. */
typedef struct PlanMemtest {
        bool there[_MEMTEST_FILE_MAX];
        bool entry; /* its own is there; false where the loader has no entries */
} PlanMemtest;

struct PlanBuilder {
        const PlanInput *in;
        const PlanLoader *loader;
        Plan *plan;
        PlanSurvey survey;
        void *state; /* of the loader */
        PlanMemtest memtest;
        uint64_t free;
        bool has_token, has_entry_dir, has_optional;
        Error problem;
        Error left_out; /* what of the optional cannot be done */
        int error;      /* sticky -ENOMEM; steps then go nowhere */
        PlanStep nowhere;
};

/* A step; never NULL. */
PlanStep *plan_builder_add(PlanBuilder *b, PlanAction action, const char *path);
PlanStep *plan_builder_add_text(PlanBuilder *b, PlanAction action, const char *path,
                                const char *text);
/* A copy of @source (NULL: out of memory), or a small text. PLAN_PLACE must follow. */
void plan_builder_stage(PlanBuilder *b, const char *path, const char *source,
                        const FileStamp *stamp);
void plan_builder_stage_text(PlanBuilder *b, const char *path, const char *text);
/* Nothing if the last step is one. */
void plan_builder_barrier(PlanBuilder *b);

/* Stage and place a small text, and a barrier. */
void plan_builder_write(PlanBuilder *b, const char *path, const char *text);
/* The directory of entries, and with that loader/, and a barrier, unless it is there. */
void plan_builder_mkdir_entries(PlanBuilder *b);
/* The directories of @versions and their entries and, if @surplus, entries beside the one that a
 * placed kernel should have. The entries first: when they are gone from the disk, nothing leads to
 * the files any more. */
void plan_builder_remove(PlanBuilder *b, char *const *versions, bool surplus);
/* PLAN_REMOVE_FILE of @file; a barrier must follow. */
void plan_builder_remove_file(PlanBuilder *b, const EspFile *file);
/* The steps behind this one are optional; the token is held. */
void plan_builder_optional(PlanBuilder *b);
