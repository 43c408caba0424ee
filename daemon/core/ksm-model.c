/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM's files as values. Which there are is the kernel's affair and grows with it, so they are kept
 * by name, and only what is reckoned with here is known by name. The kernel reads its counters
 * without a lock: sums of them may be off by some pages, and a difference may be below zero. */

#include "core/ksm-model.h"

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
DEFINE_STRING_TABLE(ksm_state, KsmState)

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

/* Where @name stands; if it does not, where it belongs. */
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

void ksm_attributes_remove(KsmAttributes *l, const char *name) {
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

uint64_t ksm_saved_bytes(const Ksm *k) {
        static const char *const names[] = { "pages_sharing", "ksm_zero_pages", NULL };

        return sum_bytes(k, names, k->page_bytes);
}

uint64_t ksm_metadata_bytes(const Ksm *k) {
        static const char *const names[] = { "pages_shared", "pages_sharing", "pages_unshared",
                                             "pages_volatile", NULL };
        uint64_t saved;
        int64_t profit;

        if (ksm_attributes_get_number(&k->counters, "general_profit", &profit) < 0)
                return sum_bytes(k, names, RMAP_ITEM_BYTES);
        saved = ksm_saved_bytes(k);
        return profit >= (int64_t) saved ? 0 : saved - (uint64_t) profit;
}

int64_t ksm_profit_bytes(const Ksm *k) {
        return (int64_t) (ksm_saved_bytes(k) - ksm_metadata_bytes(k));
}

static uint64_t reserve_bytes(uint64_t total) {
        return MAX(total / 32, RESERVE_MIN);
}

bool ksm_memory_is_short(uint64_t available, uint64_t total) {
        return available < reserve_bytes(total) / 2;
}

int ksm_check_memory(const Ksm *k, uint64_t available, uint64_t total, Error *error) {
        uint64_t need = ksm_saved_bytes(k), reserve = reserve_bytes(total);

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
