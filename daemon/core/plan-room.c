/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Room on an ESP that is too full: which of the things that will not be needed go early, and in
 * which order; and which kernels that are needed, but not now, go and come back. What boots now is
 * not among them, whatever else may happen. */

#include "common/string-util.h"
#include "core/plan-loader.h"
#include "core/plan-memtest.h"
#include "core/space.h"

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

/* What is free once all is evicted that may be. */
static uint64_t reachable_bytes(const PlanBuilder *b) {
        uint64_t reachable = b->free + plan_memtest_bytes(b);

        STRV_FOREACH(v, b->survey.copies)
                reachable += plan_survey_dir_bytes(&b->survey, *v);
        STRV_FOREACH(v, b->survey.stale)
                if (!b->loader->holds(b, *v))
                        reachable += plan_survey_version_bytes(&b->survey, *v);
        return reachable;
}

bool plan_make_room(PlanBuilder *b, uint64_t need) {
        if (reachable_bytes(b) < need)
                return false;
        while (b->free < need)
                if (!evict_one(b))
                        return false;
        return true;
}

/* What gives way to a target, and what that comes to. */
typedef struct Away {
        char **versions;
        uint64_t bytes;       /* free when they are gone */
        uint64_t return_need; /* bytes to bring the others back, when the target is placed */
        uint64_t loader_need; /* that must be free besides */
        uint64_t need;        /* of the target itself */
        uint64_t frees;       /* bytes that it gives back when it is placed */
} Away;

static void away_done(Away *a) {
        strv_free(a->versions);
        *a = (Away){};
}

/* True if nobody misses @t while it is off the ESP. */
static bool may_be_away(PlanBuilder *b, const PlanTarget *t) {
        static const KernelReason needed[] = { KERNEL_RUNNING, KERNEL_PIN, KERNEL_NEXT_BOOT };
        const char *version = t->kernel->version;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (kernel_has_reason(t->kernel, needed[i]))
                        return false;
        if (t == plan_default_target(b) || t->status != TARGET_PENDING || t->taken ||
            streq_ptr(version, b->survey.current) || streq_ptr(version, b->in->pin) ||
            streq_ptr(version, b->in->next_boot) ||
            plan_survey_version_bytes(&b->survey, version) == 0 ||
            b->loader->away_need(b, version) == UINT64_MAX)
                return false;
        r = plan_target_is_obstructed(b->in, t);
        if (r < 0)
                b->error = r;
        return r == 0;
}

static void add_away(PlanBuilder *b, const PlanTarget *t, const PlanTarget *other, Away *a) {
        if (!may_be_away(b, other))
                return;
        if (strv_extend(&a->versions, other->kernel->version) < 0) {
                b->error = -ENOMEM;
                return;
        }
        a->bytes += plan_survey_version_bytes(&b->survey, other->kernel->version);
        a->loader_need = b->loader->away_need(b, other->kernel->version);
        if (other == t) {
                a->need = plan_target_whole_need(b->in, t) + SPACE_RESERVE_BYTES;
                a->frees = 0;
        } else
                a->return_need += plan_target_whole_need(b->in, other);
}

/* The target itself first, as much of it is copied anyway; then the oldest. */
static void choose_away(PlanBuilder *b, const PlanTarget *t, Away *a) {
        add_away(b, t, t, a);
        for (size_t i = b->survey.n_targets; i > 0 && a->bytes < a->need + a->loader_need; i--)
                if (&b->survey.targets[i - 1] != t)
                        add_away(b, t, &b->survey.targets[i - 1], a);
}

/* The target fits when they have gone, and they fit when it is placed. */
static bool fits(const Away *a) {
        return !strv_isempty(a->versions) && a->bytes >= a->need + a->loader_need &&
               a->bytes - a->need + a->frees >= a->return_need + a->loader_need;
}

static void take_away(PlanBuilder *b, const PlanTarget *t, char *const *versions) {
        uint64_t bytes = 0;

        for (char *const *v = versions; *v; v++) {
                PlanTarget *away = plan_survey_find(&b->survey, *v);
                int r;

                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                        plan_drop_keep(b->plan, away->path[f]);
                r = plan_target_take_away(b->in, away);
                if (r < 0)
                        b->error = r;
                bytes += plan_survey_version_bytes(&b->survey, *v);
        }
        b->loader->remove(b, versions, false);
        b->free += bytes;
        plan_builder_tell_away(b, versions, t);
}

bool plan_give_way(PlanBuilder *b, PlanTarget *t) {
        _cleanup_(away_done) Away a = {
                .bytes = reachable_bytes(b),
                .need = plan_target_need(t),
                .frees = t->frees,
        };

        if (!b->in->kernels->database_readable)
                return false;
        choose_away(b, t, &a);
        if (!fits(&a) || !plan_make_room(b, reachable_bytes(b)))
                return false;
        take_away(b, t, a.versions);
        return true;
}
