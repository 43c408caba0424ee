/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM's files as values, what the kernel takes for those that are settings, and which of them are
 * wished for at the next boot. Which files there are is the kernel's affair and grows with it, so
 * they are kept by name, and only what is reckoned with here is known by name. The kernel reads its
 * counters without a lock: sums of them may be off by some pages, and a difference may be below
 * zero. The table of settings is that of the kernel's store functions (mm/ksm.c); if one of them
 * takes an unsigned long and then works with 32 bits of it, or multiplies it without a look,
 * UINT32_MAX is the limit here. A number has one spelling, so that a value that is read back can be
 * compared. The file of wishes has one spelling, too: it is read loosely, written again in memory,
 * and believed only if that gives the same bytes. */

#include "core/ksm/ksm-model.h"

#include <limits.h>

#include "common/string-util.h"

#define MIB         (1024 * 1024ull)
#define RESERVE_MIN (64 * MIB)

/* sizeof(struct ksm_rmap_item) where a pointer has 64 bits; see ksm.rst, "Monitoring KSM profit".
 */
#define RMAP_ITEM_BYTES 64

static const char *const ksm_state_table[_KSM_STATE_MAX] = {
        [KSM_UNSUPPORTED] = "unsupported", [KSM_STOPPED] = "stopped",   [KSM_RUNNING] = "running",
        [KSM_UNMERGING] = "unmerging",     [KSM_UNMERGED] = "unmerged", [KSM_UNKNOWN] = "unknown",
};
DEFINE_TO_STRING(ksm_state, KsmState)

static void attribute_done(KsmAttribute *a) {
        free(a->name);
        free(a->value);
        *a = (KsmAttribute){};
}

void ksm_attributes_done(KsmAttributes *l) {
        for (size_t i = 0; i < l->n; i++)
                attribute_done(&l->items[i]);
        free(l->items);
        *l = (KsmAttributes){};
}

/* Find @name; *@ret is its index, or else the one that it would get. */
static bool find(const KsmAttributes *l, const char *name, size_t *ret) {
        size_t i = 0;

        while (i < l->n && strcmp(l->items[i].name, name) < 0)
                i++;
        *ret = i;
        return i < l->n && streq(l->items[i].name, name);
}

int ksm_attributes_add(KsmAttributes *l, const char *name, const char *value) {
        _cleanup_(attribute_done) KsmAttribute a = { .name = strdup(name), .value = strdup(value) };
        size_t i;

        if (!a.name || !a.value || !ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1))
                return -ENOMEM;
        if (find(l, name, &i))
                attribute_done(&l->items[i]);
        else
                memmove(&l->items[i + 1], &l->items[i], (l->n++ - i) * sizeof(a));
        l->items[i] = TAKE_STRUCT(a);
        return 0;
}

static void ksm_attributes_remove(KsmAttributes *l, const char *name) {
        size_t i;

        if (!find(l, name, &i))
                return;
        attribute_done(&l->items[i]);
        memmove(&l->items[i], &l->items[i + 1], (--l->n - i) * sizeof(l->items[0]));
}

const char *ksm_attributes_get(const KsmAttributes *l, const char *name) {
        size_t i;

        return find(l, name, &i) ? l->items[i].value : NULL;
}

int ksm_attributes_get_number(const KsmAttributes *l, const char *name, int64_t *ret) {
        const char *value = ksm_attributes_get(l, name);

        if (!value)
                return -ENOENT;
        return parse_i64(value, ret) < 0 ? -EBADMSG : 0;
}

void ksm_done(Ksm *k) {
        ksm_attributes_done(&k->counters);
        ksm_attributes_done(&k->tunables);
        *k = (Ksm){};
}

bool ksm_name_is_valid(const char *name) {
        static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_";
        size_t n = strlen(name);

        return n > 0 && n <= KSM_NAME_MAX && strspn(name, characters) == n;
}

static bool is_printable(const char *text, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (text[i] < ' ' || text[i] > '~')
                        return false;
        return true;
}

int ksm_value_parse(const char *text, size_t size, char **ret) {
        _cleanup_free_ char *value = NULL;
        char *open, *close;

        if (size > 0 && text[size - 1] == '\n')
                size--;
        if (size == 0 || size > KSM_VALUE_MAX || !is_printable(text, size))
                return -EBADMSG;
        value = strndup(text, size);
        if (!value)
                return -ENOMEM;

        open = strchr(value, '[');
        close = open ? strchr(open, ']') : NULL;
        if (close) {
                size = (size_t) (close - open) - 1;
                memmove(value, open + 1, size);
                value[size] = '\0';
        }
        if (size == 0)
                return -EBADMSG;
        *ret = TAKE_PTR(value);
        return 0;
}

int ksm_add(Ksm *k, const char *name, bool writable, const char *value) {
        KsmAttributes *l = writable ? &k->tunables : &k->counters;
        int64_t number;

        if (!ksm_name_is_valid(name) || l->n == KSM_ATTRIBUTES_MAX)
                return 0;
        if (writable ? streq(name, "run") : parse_i64(value, &number) < 0)
                return 0;
        return ksm_attributes_add(l, name, value);
}

KsmState ksm_state_of(const char *run, const char *pages_sharing) {
        int64_t sharing;

        if (!run)
                return KSM_UNSUPPORTED;
        if (streq(run, "0"))
                return KSM_STOPPED;
        if (streq(run, "1"))
                return KSM_RUNNING;
        if (!streq(run, "2") || parse_i64(pages_sharing, &sharing) < 0)
                return KSM_UNKNOWN;
        return sharing == 0 ? KSM_UNMERGED : KSM_UNMERGING;
}

/* The sum of these counters, @each bytes for each; what is absent or makes no sense counts as 0. */
static uint64_t sum_bytes(const Ksm *k, const char *const *names, uint64_t each) {
        uint64_t total = 0;

        for (; *names; names++) {
                uint64_t bytes;
                int64_t count;

                if (ksm_attributes_get_number(&k->counters, *names, &count) < 0 || count < 0)
                        continue;
                if (__builtin_mul_overflow((uint64_t) count, each, &bytes))
                        bytes = INT64_MAX;
                total = MIN(total + MIN(bytes, (uint64_t) INT64_MAX), (uint64_t) INT64_MAX);
        }
        return total;
}

static uint64_t saved_bytes(const Ksm *k) {
        static const char *const names[] = { "pages_sharing", "ksm_zero_pages", NULL };

        return sum_bytes(k, names, k->page_bytes);
}

static uint64_t metadata_bytes(const Ksm *k, uint64_t saved) {
        static const char *const names[] = { "pages_shared", "pages_sharing", "pages_unshared",
                                             "pages_volatile", NULL };
        int64_t profit;

        if (ksm_attributes_get_number(&k->counters, "general_profit", &profit) < 0)
                return sum_bytes(k, names, RMAP_ITEM_BYTES);
        return profit >= (int64_t) saved ? 0 : saved - (uint64_t) profit;
}

KsmFigures ksm_figures(const Ksm *k) {
        const uint64_t saved = saved_bytes(k), metadata = metadata_bytes(k, saved);

        return (KsmFigures){
                .saved_bytes = saved,
                .metadata_bytes = metadata,
                .profit_bytes = (int64_t) (saved - metadata),
        };
}

static uint64_t reserve_bytes(uint64_t total) {
        return MAX(total / 32, RESERVE_MIN);
}

bool ksm_memory_is_short(uint64_t available, uint64_t total) {
        return available < reserve_bytes(total) / 2;
}

int ksm_check_memory(const Ksm *k, uint64_t available, uint64_t total, Error *error) {
        uint64_t need = saved_bytes(k), reserve = reserve_bytes(total);

        if (need == 0 || (available >= reserve && available - reserve >= need))
                return 0;
        return error_set(error, ERROR_INSUFFICIENT_MEMORY,
                         "To unmerge all pages takes %llu MiB of memory, and of the %llu MiB that "
                         "are available %llu must remain; free some memory first, or insist with "
                         "--force",
                         (unsigned long long) (need / MIB + (need % MIB != 0)),
                         (unsigned long long) (available / MIB),
                         (unsigned long long) (reserve / MIB));
}

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

static const Tunable *find_tunable(const char *name) {
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
        const Tunable *t = find_tunable(name);
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
        const Tunable *t = find_tunable(name);

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

#define CONFIG_VERSION "v1"
#define CONFIG_RUN     "run=1"

void ksm_config_done(KsmConfig *c) {
        ksm_attributes_done(&c->tunables);
        *c = (KsmConfig){};
}

static int config_parse_line(KsmConfig *c, const char *line, size_t size) {
        _cleanup_free_ char *name = NULL, *value = NULL;
        const char *equals = memchr(line, '=', size);
        int r;

        if (text_is(line, size, CONFIG_RUN)) {
                c->run = true;
                return 0;
        }
        if (!equals || c->tunables.n == KSM_ATTRIBUTES_MAX)
                return -EBADMSG;
        name = strndup(line, (size_t) (equals - line));
        if (!name)
                return -ENOMEM;
        if (!ksm_name_is_valid(name) || streq(name, "run"))
                return -EBADMSG;
        r = ksm_value_parse(equals + 1, size - (size_t) (equals + 1 - line), &value);
        if (r < 0)
                return r;
        return ksm_attributes_add(&c->tunables, name, value);
}

static int config_parse(const char *text, size_t size, KsmConfig *c) {
        const char *line;
        size_t pos = 0, n;

        if (!line_next(text, size, &pos, &line, &n) || !text_is(line, n, CONFIG_VERSION))
                return -EBADMSG;
        while (line_next(text, size, &pos, &line, &n)) {
                int r = config_parse_line(c, line, n);

                if (r < 0)
                        return r;
        }
        return 0;
}

int ksm_config_parse(const char *text, size_t size, KsmConfig *ret) {
        _cleanup_(ksm_config_done) KsmConfig c = {};
        _cleanup_free_ char *again = NULL;
        int r;

        r = config_parse(text, size, &c);
        if (r >= 0)
                r = ksm_config_format(&c, &again);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !again || !text_is(text, size, again))
                ksm_config_done(&c);
        *ret = TAKE_STRUCT(c);
        return 0;
}

int ksm_config_format(const KsmConfig *c, char **ret) {
        Buffer b = {};

        if (!c->run && c->tunables.n == 0) {
                *ret = NULL;
                return 0;
        }
        buffer_puts(&b, CONFIG_VERSION "\n");
        if (c->run)
                buffer_puts(&b, CONFIG_RUN "\n");
        for (size_t i = 0; i < c->tunables.n; i++)
                buffer_printf(&b, "%s=%s\n", c->tunables.items[i].name, c->tunables.items[i].value);
        return buffer_take(&b, ret, NULL);
}

int ksm_config_set(KsmConfig *c, const char *name, const char *value) {
        if (streq(name, "advisor_mode"))
                ksm_attributes_remove(&c->tunables, "pages_to_scan");
        return ksm_attributes_add(&c->tunables, name, value);
}
