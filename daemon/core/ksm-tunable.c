/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may be written to KSM's settings. The table is that of the kernel's store functions
 * (mm/ksm.c); where one of them takes an unsigned long and then works with 32 bits of it, or
 * multiplies it without a look, UINT32_MAX is the limit here. A number has one spelling, so that
 * what is read back can be compared. */

#include "core/ksm-tunable.h"

#include <limits.h>

#include "common/string-util.h"

#define SHOWN_MAX 64 /* bytes of what somebody sent, in a sentence */

#define MIN_PAGES "advisor_min_pages_to_scan"
#define MAX_PAGES "advisor_max_pages_to_scan"

typedef struct Tunable {
        const char *name;
        uint64_t min, max;
        const char *words[2];   /* what it takes instead of numbers */
        bool needs_unmerged;    /* EBUSY while pages are merged */
        bool needs_no_advisor;  /* EINVAL while the advisor chooses it */
        const char *comes_with; /* what has it; NULL: every KSM */
} Tunable;

static const Tunable known[] = {
        { "advisor_max_cpu", 0, UINT32_MAX, .comes_with = "Linux 6.8" },
        { MAX_PAGES, 0, UINT32_MAX, .comes_with = "Linux 6.8" },
        { MIN_PAGES, 0, UINT32_MAX, .comes_with = "Linux 6.8" },
        { "advisor_mode", .words = { "none", "scan-time" }, .comes_with = "Linux 6.8" },
        { "advisor_target_scan_time", 1, UINT32_MAX, .comes_with = "Linux 6.8" },
        { "max_page_sharing", 2, INT_MAX, .needs_unmerged = true, .comes_with = "Linux 4.13" },
        { "merge_across_nodes", 0, 1, .needs_unmerged = true,
          .comes_with = "kernels built for NUMA" },
        { "pages_to_scan", 0, UINT32_MAX, .needs_no_advisor = true },
        { "sleep_millisecs", 0, UINT32_MAX },
        { "smart_scan", 0, 1, .comes_with = "Linux 6.7" },
        { "stable_node_chains_prune_millisecs", 0, UINT32_MAX, .comes_with = "Linux 4.13" },
        { "use_zero_pages", 0, 1, .comes_with = "Linux 4.12" },
};

static const Tunable *find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (streq(known[i].name, name))
                        return &known[i];
        return NULL;
}

static int refuse_name(const char *name, Error *error) {
        _cleanup_free_ char *shown = string_for_humans(name, strlen(name), SHOWN_MAX);

        if (streq(name, "run"))
                return error_set(error, ERROR_INVALID_OPTION,
                                 "'run' is not set by hand; enable or disable KSM, or unmerge");
        return error_set(error, ERROR_INVALID_OPTION,
                         "'%s' is no setting of KSM; 'bootctl-pve ksm status' shows those that "
                         "there are",
                         strempty(shown));
}

static int check_value(const Tunable *t, const char *value, Error *error) {
        _cleanup_free_ char *shown = string_for_humans(value, strlen(value), SHOWN_MAX);
        uint64_t number;

        if (t->words[0]) {
                if (streq(value, t->words[0]) || streq(value, t->words[1]))
                        return 0;
                return error_set(error, ERROR_INVALID_OPTION, "'%s' takes '%s' or '%s', not '%s'",
                                 t->name, t->words[0], t->words[1], strempty(shown));
        }
        if (parse_u64(value, &number) >= 0 && number >= t->min && number <= t->max &&
            (value[0] != '0' || value[1] == '\0'))
                return 0;
        return error_set(error, ERROR_INVALID_OPTION,
                         "'%s' takes a number from %llu to %llu, not '%s'", t->name,
                         (unsigned long long) t->min, (unsigned long long) t->max, strempty(shown));
}

static int check_kernel(const Ksm *k, const Tunable *t, Error *error) {
        if (ksm_attributes_get(&k->tunables, t->name))
                return 0;
        if (k->state == KSM_UNSUPPORTED)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "This kernel has no KSM; boot one that has it");
        return error_set(error, ERROR_NOT_SUPPORTED,
                         "This kernel does not have '%s'%s%s; do without, or boot another one",
                         t->name, t->comes_with ? ", which comes with " : "",
                         strempty(t->comes_with));
}

static int refuse_merged(const char *name, Error *error) {
        return error_set(error, ERROR_BUSY,
                         "'%s' cannot be changed while pages are merged; unmerge them with "
                         "'bootctl-pve ksm unmerge', set it, and enable KSM again",
                         name);
}

static int refuse_advisor(const char *name, Error *error) {
        return error_set(error, ERROR_BUSY,
                         "'%s' is chosen by the advisor; set 'advisor_mode' to 'none' first, or "
                         "give the advisor other limits ('" MIN_PAGES "', '" MAX_PAGES "')",
                         name);
}

/* The kernel asks for pages_shared: a page may be left of whose sharers all but one are gone. */
static bool has_merged(const Ksm *k) {
        int64_t shared;

        return ksm_attributes_get_number(&k->counters, "pages_shared", &shared) >= 0 && shared != 0;
}

int ksm_tunable_check(const Ksm *k, const char *name, const char *value, Error *error) {
        const Tunable *t = find(name);
        const char *advisor = ksm_attributes_get(&k->tunables, "advisor_mode");
        int r;

        if (!t)
                return refuse_name(name, error);
        r = check_value(t, value, error);
        if (r >= 0)
                r = check_kernel(k, t, error);
        if (r < 0)
                return r;

        if (t->needs_no_advisor && advisor && !streq(advisor, "none"))
                return refuse_advisor(name, error);
        if (t->needs_unmerged && has_merged(k) &&
            !streq(ksm_attributes_get(&k->tunables, name), value))
                return refuse_merged(name, error);
        return 0;
}

/* The kernel takes any pair, and then the maximum wins in silence. */
static int check_advisor_limits(const Ksm *k, Error *error) {
        int64_t min, max;

        if (ksm_attributes_get_number(&k->tunables, MIN_PAGES, &min) < 0 ||
            ksm_attributes_get_number(&k->tunables, MAX_PAGES, &max) < 0 || min <= max)
                return 0;
        return error_set(error, ERROR_INVALID_OPTION,
                         "'" MIN_PAGES "' would be %lld, and '" MAX_PAGES "' only %lld; set both "
                         "so that they fit",
                         (long long) min, (long long) max);
}

int ksm_tunables_check(Ksm *k, const KsmAttributes *tunables, Error *error) {
        for (size_t i = 0; i < tunables->n; i++) {
                const KsmAttribute *t = &tunables->items[i];
                int r;

                r = ksm_tunable_check(k, t->name, t->value, error);
                if (r < 0)
                        return r;
                r = ksm_attributes_add(&k->tunables, t->name, t->value);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot check the settings of KSM");
        }
        if (ksm_attributes_get(tunables, MIN_PAGES) || ksm_attributes_get(tunables, MAX_PAGES))
                return check_advisor_limits(k, error);
        return 0;
}

int ksm_tunable_refused(const char *name, const char *value, int r, Error *error) {
        const Tunable *t = find(name);

        if (r == -EBUSY && t && t->needs_unmerged)
                (void) refuse_merged(name, error);
        else if (r == -EINVAL && t && t->needs_no_advisor)
                (void) refuse_advisor(name, error);
        else if (r == -EINVAL)
                (void) error_set(error, ERROR_INVALID_OPTION,
                                 "The kernel does not take '%s' for '%s'; leave it as it is", value,
                                 name);
        else
                (void) error_set_errno(error, r, "'%s' of KSM cannot be set to '%s'", name, value);
        return r;
}
