/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan while it grows: groups of steps whose order inside is always the same; a part of
 * plan-build, which decides which of them come, and when. */

#include "core/plan-survey.h"

/* With GRUB: its menu and its environment as they are by the step that is written down next. */
typedef struct PlanGrub {
        char **complete;    /* versions that were complete in the root before the plan */
        char **shown;       /* versions in the menu, newest first */
        char **gone;        /* versions whose files were removed */
        bool has_dir;       /* grub/ is there */
        bool written;       /* grub.cfg was made by this plan */
        bool due;           /* grub.cfg must be made again, whatever it shows */
        bool default_known; /* survey.current is what boots next, whatever grubenv says */
        char *root_id;      /* NULL: grub.cfg does not tell */
        char *env;          /* text of grubenv; NULL: there is none, or it is damaged */
        char *next;         /* the version that boots once, if grubenv names one of ours */
        bool env_stays;     /* grubenv cannot be written */
} PlanGrub;

/* Memtest86+ as it is on the ESP by the step that is written down next. */
typedef struct PlanMemtest {
        bool there[_MEMTEST_FILE_MAX];
        bool shown[_MEMTEST_FILE_MAX]; /* with GRUB: was there when its menu was made */
        bool entry;                    /* with systemd-boot: its entry is there */
} PlanMemtest;

typedef struct PlanLoader PlanLoader;

typedef struct PlanBuilder {
        const PlanInput *in;
        const PlanLoader *loader;
        Plan *plan;
        PlanSurvey survey;
        char *loader_conf;  /* the text to be written; NULL: as it should be */
        bool default_stays; /* what decides the default is not as it should be, but must not be
                             * written */
        bool pin_is_there;  /* the ESP, as it is, would boot the pin if its loader were told to */
        PlanGrub grub;
        PlanMemtest memtest;
        uint64_t free;
        bool has_token, has_entry_dir, has_optional;
        Error problem;
        Error left_out; /* what of the optional cannot be done */
        int error;      /* sticky -ENOMEM; steps then go nowhere */
        PlanStep nowhere;
} PlanBuilder;

void plan_builder_done(PlanBuilder *b);

/* What is left as it is must still be as it was seen, or the plan rests on sand. */
void plan_builder_keep(PlanBuilder *b);

/* The kept kernels of @versions go from the ESP until they are placed again. */
void plan_builder_tell_away(PlanBuilder *b, char *const *versions, const PlanTarget *t);

/* Wait for the token, unless the plan does so already. */
void plan_builder_token(PlanBuilder *b);
/* Nothing if the last step is one. */
void plan_builder_barrier(PlanBuilder *b);

void plan_builder_repair(PlanBuilder *b);
void plan_builder_clear_leftovers(PlanBuilder *b);
void plan_builder_remove_dangling(PlanBuilder *b);
/* The directories of @versions and their entries and, if @surplus, entries beside the one that a
 * placed kernel should have. The entries first: when they are gone from the disk, nothing leads to
 * the files any more. */
void plan_builder_remove(PlanBuilder *b, char *const *versions, bool surplus);

/* The directories that @t needs; true if any has to be made. */
bool plan_builder_mkdir(PlanBuilder *b, const PlanTarget *t);
void plan_builder_stage_files(PlanBuilder *b, const PlanTarget *t);
void plan_builder_stage_entry(PlanBuilder *b, const PlanTarget *t);
/* The target counts as placed with its entry. */
void plan_builder_place_files(PlanBuilder *b, const PlanTarget *t);
void plan_builder_place_entry(PlanBuilder *b, PlanTarget *t);
/* Stage and place a small text, and a barrier. */
void plan_builder_write(PlanBuilder *b, const char *path, const char *text);
/* The same with the menu of GRUB. @hidden: what grub-mkconfig must not see. */
void plan_builder_write_grub_config(PlanBuilder *b, char *const *hidden);
/* The kernel files of @version in the root, if there are any; a barrier must follow. */
void plan_builder_remove_root_files(PlanBuilder *b, const char *version);

/* What follows is optional; the token is held. */
void plan_builder_optional(PlanBuilder *b);
/* Of Memtest86+ those of @files that are there and, before them, its entry. */
void plan_builder_remove_memtest(PlanBuilder *b, const bool *files, bool entry);
/* Stage and place @files. */
void plan_builder_bring_memtest(PlanBuilder *b, const bool *files);
void plan_builder_write_memtest_entry(PlanBuilder *b);
