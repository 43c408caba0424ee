/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The state of a plan with GRUB, and the look that it begins with; parts of grub-plan. */

#include "core/plan/plan-builder.h"
#include "core/plan/plan-loader.h"

/* The menu and its environment as they are by the step that is written down next. */
typedef struct GrubPlan {
        char **complete;        /* versions that were complete in the root before the plan */
        char **shown;           /* versions in the menu, newest first */
        char **gone;            /* versions whose files were removed */
        bool has_dir;           /* grub/ is there */
        bool written;           /* grub.cfg was made by this plan */
        bool due;               /* grub.cfg must be made again, whatever it shows */
        bool takes_newest;      /* GRUB_DEFAULT is 0, and will be in a menu that is made anew */
        char *boots;            /* the version that boots by default; NULL: nobody knows */
        char *root_id;          /* NULL: grub.cfg does not tell */
        char *env;              /* text of grubenv; NULL: there is none, or it is damaged */
        char *next;             /* the version that boots once, if grubenv names one of ours */
        bool next_unknown;      /* it names something else */
        bool pin_is_misspelled; /* GRUB_DEFAULT names it by an id, and in ids GRUB does tell case */
        bool env_stays;         /* grubenv cannot be written */
        bool default_stays;     /* grub.cfg must not be touched */
        bool is_safe; /* the default is a kernel that Secure Boot is not known to refuse */
        bool memtest_shown[_MEMTEST_FILE_MAX]; /* was there when the menu was made */
} GrubPlan;

static inline GrubPlan *grub_plan(const PlanBuilder *b) {
        return b->state;
}

/* The look that planning begins with: see PlanLoader. */
int grub_plan_look(PlanBuilder *b);
