/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Room on an ESP that is too full: which of the things that will not be needed go early, and in
 * which order; and which kernels that are needed, but not now, go and come back. What boots now is
 * not among them, whatever else may happen. */

#include "core/plan/plan-room.h"

#include "common/string-util.h"
#include "core/plan/plan-memtest.h"

/* Take the first off *@l. */
static char *take_first(char **l) {
        char *first = l[0];

        for (; *l; l++)
                *l = l[1];
        return first;
}

/* Remove a kernel's directory that was left from the time of systemd-boot, on an ESP that GRUB
 * boots. */
static bool evict_copy(PlanBuilder *b) {
        char **v = b->survey.copies;

        if (strv_isempty(v))
                return false;
        plan_builder_remove(b, (char *[]){ *v, NULL }, false);
        b->free += plan_survey_dir_bytes(&b->survey, *v);
        free(take_first(v));
        return true;
}

/* A stale kernel. */
static bool must_stay(const PlanBuilder *b, const char *version) {
        return b->loader->holds(b, version) || plan_survey_is_last_accepted(&b->survey, version);
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
                if (must_stay(b, *v))
                        continue;
                strv_remove(b->survey.complete, *v); /* it is spared no more */
                /* So a menu without it may be another now. */
                if (must_stay(b, *v))
                        continue;
                b->loader->remove(b, (char *[]){ *v, NULL }, false);
                b->free += plan_survey_version_bytes(&b->survey, *v);
                free(take_first(v));
                return true;
        }
        return false;
}

/* The bytes that are free once all is evicted that may be. */
static uint64_t reachable_bytes(const PlanBuilder *b) {
        uint64_t reachable = b->free + plan_memtest_bytes(b);

        STRV_FOREACH(v, b->survey.copies)
                reachable += plan_survey_dir_bytes(&b->survey, *v);
        STRV_FOREACH(v, b->survey.stale)
                if (!must_stay(b, *v))
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

/* The kernels that give way to a target, and the bytes that this comes to. */
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

static const char *entry_text(const PlanInput *in, const PlanTarget *t) {
        const EspFile *entry = t->entry_path ? esp_image_find(in->image, t->entry_path) : NULL;

        return t->entry_text ?: entry ? entry->text : NULL;
}

/* Bytes that the target needs if nothing of it is on the ESP. @t is not blocked. */
static uint64_t whole_need(const PlanInput *in, const PlanTarget *t) {
        uint64_t cluster = in->image->cluster_bytes;

        return space_allocated(t->kernel->image.size, cluster) +
               space_allocated(t->kernel->initrd.size, cluster) + (t->dir ? cluster : 0) +
               space_allocated(strlen(strempty(entry_text(in, t))), cluster);
}

/* Its files and its entry have gone from the ESP: all is to be copied and written. 0 or -ENOMEM. */
static int take_target_away(const PlanInput *in, PlanTarget *t) {
        uint64_t need = whole_need(in, t);

        if (t->entry_path && !t->entry_text) {
                t->entry_text = strdup(strempty(entry_text(in, t)));
                if (!t->entry_text)
                        return -ENOMEM;
        }
        for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                t->stale[f] = true;
        t->dir_missing = t->dir;
        t->boots = false;
        t->need = need;
        t->frees = 0;
        t->taken = true;
        return 0;
}

/* 1 if something is in the way of copying the whole target; 0, or -ENOMEM. */
static int is_obstructed(const PlanInput *in, const PlanTarget *t) {
        const char *const paths[] = { t->path[KERNEL_FILE_IMAGE], t->path[KERNEL_FILE_INITRD],
                                      t->entry_path };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                const EspFile *obstacle = NULL;
                int r;

                r = paths[i] ? esp_image_find_obstacle(in->image, paths[i], &obstacle) : 0;
                if (r < 0 || obstacle)
                        return r < 0 ? r : 1;
        }
        return 0;
}

/* True if nobody misses @t while it is off the ESP. */
static bool may_be_away(PlanBuilder *b, const PlanTarget *t) {
        static const KernelReason needed[] = { KERNEL_RUNNING, KERNEL_PIN, KERNEL_NEXT_BOOT };
        const char *version = t->kernel->version;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(needed); i++)
                if (kernel_has_reason(t->kernel, needed[i]))
                        return false;
        if (t == b->survey.first || t->status != TARGET_PENDING || t->taken ||
            streq_ptr(version, b->survey.current) || streq_ptr(version, b->survey.pin) ||
            streq_ptr(version, b->survey.next_boot) ||
            plan_survey_is_last_accepted(&b->survey, version) ||
            plan_survey_version_bytes(&b->survey, version) == 0 ||
            b->loader->away_need(b, version) == UINT64_MAX)
                return false;
        r = is_obstructed(b->in, t);
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
                a->need = whole_need(b->in, t) + SPACE_RESERVE_BYTES;
                a->frees = 0;
        } else
                a->return_need += whole_need(b->in, other);
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

/* The kept kernels of @versions go from the ESP until they are placed again. */
static void tell_away(PlanBuilder *b, char *const *versions, const PlanTarget *t) {
        _cleanup_free_ char *names = strv_join(versions, "', '"), *more = NULL;

        more = strprintf("%s%s'%s' is taken off ESP '%s' to make room for '%s', and then copied "
                         "again",
                         strempty(b->plan->away), b->plan->away ? "; " : "", strempty(names),
                         b->in->esp_uuid, t->kernel->version);
        if (!names || !more) {
                b->error = -ENOMEM;
                return;
        }
        free(b->plan->away);
        b->plan->away = TAKE_PTR(more);
}

static void take_away(PlanBuilder *b, const PlanTarget *t, char *const *versions) {
        uint64_t bytes = 0;

        for (char *const *v = versions; *v; v++) {
                PlanTarget *away = plan_survey_find(&b->survey, *v);
                int r;

                for (KernelFile f = 0; f < _KERNEL_FILE_MAX; f++)
                        plan_drop_keep(b->plan, away->path[f]);
                r = take_target_away(b->in, away);
                if (r < 0)
                        b->error = r;
                bytes += plan_survey_version_bytes(&b->survey, *v);
        }
        b->loader->remove(b, versions, false);
        b->free += bytes;
        tell_away(b, versions, t);
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
