/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Room on an ESP that is too full: which of the things that will not be needed go early, and in
 * which order. What boots now is not among them, whatever else may happen. */

#include "common/string-util.h"
#include "core/plan-loader.h"
#include "core/plan-memtest.h"

/* Take the first off *@l. */
static char *take_first(char **l) {
        char *first = l[0];

        for (; *l; l++)
                *l = l[1];
        return first;
}

/* What systemd-boot's time has left on an ESP that GRUB boots. */
static bool evict_copy(PlanBuilder *b) {
        char **v = b->survey.copies;

        if (strv_isempty(v))
                return false;
        plan_builder_remove(b, (char *[]){ *v, NULL }, false);
        b->free += plan_survey_dir_bytes(&b->survey, *v);
        free(take_first(v));
        return true;
}

/* Evict Memtest86+, or else the oldest stale kernel that is not held. False if there is none. */
static bool evict_one(PlanBuilder *b) {
        if (plan_memtest_bytes(b) > 0) {
                plan_memtest_evict(b);
                return true;
        }
        if (evict_copy(b))
                return true;
        STRV_FOREACH(v, b->survey.stale) {
                if (b->loader->holds(b, *v))
                        continue;
                strv_remove(b->survey.complete, *v); /* it is spared no more */
                b->loader->remove(b, (char *[]){ *v, NULL }, false);
                b->free += plan_survey_version_bytes(&b->survey, *v);
                free(take_first(v));
                return true;
        }
        return false;
}

bool plan_make_room(PlanBuilder *b, uint64_t need) {
        uint64_t reachable = b->free + plan_memtest_bytes(b);

        STRV_FOREACH(v, b->survey.copies)
                reachable += plan_survey_dir_bytes(&b->survey, *v);
        STRV_FOREACH(v, b->survey.stale)
                if (!b->loader->holds(b, *v))
                        reachable += plan_survey_version_bytes(&b->survey, *v);
        if (reachable < need)
                return false;
        while (b->free < need)
                if (!evict_one(b))
                        return false;
        return true;
}
