/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The memory beside what there is. An entry is known by its partition and its path, not by
 * its number, which a firmware may change; of several that are the same in this, one is kept and
 * the others are doubles. Who has lost an entry is told by the boot id: within a boot only people
 * and their tools write, over a reboot it was the firmware, or somebody in its menu. The two cannot
 * be told apart, so a repair is tried once: if it is undone again, it stays so, and is reported. */

#include "core/firmware/boot-guard.h"

#include <strings.h>

#include "common/string-util.h"

typedef struct Judge {
        const GuardInput *in;
        const Firmware *now;
        bool known;       /* there is a memory */
        bool same;        /* of this boot */
        BootMemory next;  /* what would be remembered if nothing is to be written */
        BootMemory begun; /* and if something is */
        uint16_t order[FIRMWARE_ORDER_MAX]; /* as it should be */
        size_t n_order;
        char **puts, **drops, **put_words, **drop_words;
} Judge;

static void judge_done(Judge *j) {
        boot_memory_done(&j->next);
        boot_memory_done(&j->begun);
        strv_free(j->puts);
        strv_free(j->drops);
        strv_free(j->put_words);
        strv_free(j->drop_words);
}

void guard_verdict_done(GuardVerdict *v) {
        strv_free(v->steps);
        strv_free(v->sentences);
        boot_memory_done(&v->memory);
        *v = (GuardVerdict){};
}

static const GuardEsp *find_esp(const GuardInput *in, const char *uuid) {
        for (size_t i = 0; i < in->n_esps; i++)
                if (streq(in->esps[i].uuid, uuid))
                        return &in->esps[i];
        return NULL;
}

/* True if the remembered entry's ESP is listed, and is still on that partition or away. */
static bool counts(const GuardInput *in, const KeptEntry *e) {
        const GuardEsp *esp = find_esp(in, e->esp);

        return esp &&
               (isempty(esp->part_uuid) || strcasecmp(esp->part_uuid, e->option.partuuid) == 0);
}

/* FAT UUID of the listed ESP whose loader @o starts; NULL if it is none of ours. */
static const char *esp_of(const GuardInput *in, const LoadOption *o) {
        const KeptEntry *kept;

        if (!o->hex || isempty(o->partuuid) || !load_option_is_ours(o))
                return NULL;
        for (size_t i = 0; i < in->n_esps; i++)
                if (strcasecmp(in->esps[i].part_uuid, o->partuuid) == 0)
                        return in->esps[i].uuid;
        kept = boot_memory_find(in->memory, o);
        return kept && counts(in, kept) ? kept->esp : NULL;
}

static bool does_the_same(const LoadOption *a, const LoadOption *b) {
        return strcasecmp(a->partuuid, b->partuuid) == 0 && strcasecmp(a->path, b->path) == 0;
}

static size_t find_place(const uint16_t *order, size_t n, uint16_t number) {
        for (size_t i = 0; i < n; i++)
                if (order[i] == number)
                        return i;
        return SIZE_MAX;
}

static size_t place_of(const Judge *j, const LoadOption *o) {
        return find_place(j->now->boot_order, j->now->n_boot_order, o->number);
}

/* The firmware tries it, then the one that is remembered, then the first in the order. */
static bool is_better(const Judge *j, const LoadOption *a, const LoadOption *b) {
        const KeptEntry *kept = boot_memory_find(j->in->memory, a);
        const size_t place_a = place_of(j, a), place_b = place_of(j, b);
        const int tried_a = 2 * (place_a != SIZE_MAX) + a->active,
                  tried_b = 2 * (place_b != SIZE_MAX) + b->active;

        if (tried_a != tried_b)
                return tried_a > tried_b;
        if (kept && kept->option.number == a->number)
                return true;
        if (kept && kept->option.number == b->number)
                return false;
        return place_a != place_b ? place_a < place_b : a->number < b->number;
}

/* Of those that do the same as @o, with it, the one that is kept. @o is one of ours. */
static const LoadOption *best_of(const Judge *j, const LoadOption *o) {
        const LoadOption *best = NULL;

        for (size_t i = 0; i < j->now->n_entries; i++) {
                const LoadOption *other = &j->now->entries[i];

                if (other->hex && does_the_same(o, other) && (!best || is_better(j, other, best)))
                        best = other;
        }
        return best;
}

/* Something was not as it should be (@off), or is. */
static Mend go_on(const Judge *j, Mend m, bool off) {
        if (!off)
                return (Mend){ .done = m.now || (j->same && m.done && !m.again) };
        return m.again || (m.done && !j->same) ? (Mend){ .done = true, .again = true } : m;
}

static int add_step(char ***steps, const LoadOption *o) {
        return strv_extendf(steps, "%04X %s", (unsigned) o->number, o->hex);
}

static bool is_listed(const Judge *j, uint16_t number) {
        const LoadOption *o = firmware_entry(j->now, number);

        return o && esp_of(j->in, o);
}

/* True if it is to go: the one that is kept does all that it does, and is tried if it is. */
static bool is_double(const LoadOption *o, const LoadOption *best) {
        return o != best && (best->active || !o->active);
}

static int drop(Judge *j, const LoadOption *o, const LoadOption *best) {
        KeptEntry *begun = boot_memory_find(&j->begun, o);
        int r;

        if (begun)
                begun->pruned.now = true;
        r = add_step(&j->drops, o);
        if (r < 0)
                return r;
        return strv_extendf(&j->drop_words, "deleted Boot%04X, which did the same as Boot%04X",
                            (unsigned) o->number, (unsigned) best->number);
}

/* An entry that is there, the one that is kept of its kind. */
static int take_entry(Judge *j, const char *esp, const LoadOption *best) {
        const KeptEntry *kept = boot_memory_find(j->in->memory, best);
        const Mend put = kept ? kept->put : (Mend){}, pruned = kept ? kept->pruned : (Mend){};
        bool doubled = false;
        KeptEntry *e;
        Mend m;
        int r;

        for (size_t i = 0; i < j->now->n_entries; i++) {
                const LoadOption *o = &j->now->entries[i];

                doubled |= o->hex && does_the_same(o, best) && is_double(o, best);
        }
        m = go_on(j, pruned, doubled);
        for (size_t i = 0; j->known && doubled && !m.again && i < j->now->n_entries; i++) {
                const LoadOption *o = &j->now->entries[i];

                if (!o->hex || !does_the_same(o, best) || !is_double(o, best))
                        continue;
                r = drop(j, o, best);
                if (r < 0)
                        return r;
        }
        r = boot_memory_add(&j->next, esp, best, &e);
        if (r < 0)
                return r == -E2BIG ? 0 : r;
        e->put = go_on(j, put, false);
        e->pruned = m;
        return 0;
}

static int put_back(Judge *j, const KeptEntry *kept) {
        const LoadOption *o = &kept->option;
        int r = add_step(&j->puts, o);

        if (r < 0)
                return r;
        boot_memory_find(&j->begun, o)->put.now = true;
        return strv_extendf(&j->put_words,
                            "put Boot%04X '%s' of ESP '%s' back, which the firmware had dropped",
                            (unsigned) o->number, o->title, kept->esp);
}

/* A remembered entry that is not there. One that a person has removed is forgotten. */
static int miss_entry(Judge *j, const KeptEntry *kept) {
        const Mend put = go_on(j, kept->put, true);
        KeptEntry *e;
        int r;

        if (put.again) {
                r = boot_memory_add(&j->next, kept->esp, &kept->option, &e);
                if (r < 0)
                        return r == -E2BIG ? 0 : r;
                e->put = put;
                return 0;
        }
        return j->same ? 0 : put_back(j, kept);
}

static int judge_entries(Judge *j) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < j->now->n_entries; i++) {
                const LoadOption *o = &j->now->entries[i];
                const char *esp = esp_of(j->in, o);

                if (esp && best_of(j, o) == o)
                        r = take_entry(j, esp, o);
        }
        for (size_t i = 0; r >= 0 && i < j->in->memory->n_entries; i++) {
                const KeptEntry *kept = &j->in->memory->entries[i];

                if (counts(j->in, kept) && !boot_memory_find(&j->next, &kept->option))
                        r = miss_entry(j, kept);
        }
        return r;
}

/* The remembered order in the numbers of now, without what is not there. */
typedef struct Sequence {
        uint16_t numbers[FIRMWARE_ORDER_MAX];
        bool ours[FIRMWARE_ORDER_MAX];
        size_t n;
} Sequence;

static const KeptEntry *find_numbered(const BootMemory *m, uint16_t number) {
        for (size_t i = 0; i < m->n_entries; i++)
                if (m->entries[i].option.number == number)
                        return &m->entries[i];
        return NULL;
}

static void make_sequence(const Judge *j, Sequence *ret) {
        const BootMemory *m = j->in->memory;

        ret->n = 0;
        for (size_t i = 0; i < m->n_order; i++) {
                const KeptEntry *kept = find_numbered(m, m->order[i]);
                const KeptEntry *is = kept ? boot_memory_find(&j->next, &kept->option) : NULL;
                uint16_t number = is ? is->option.number : m->order[i];
                const LoadOption *o = firmware_entry(j->now, number);

                if (kept ? !is || !o || !does_the_same(o, &kept->option) : is_listed(j, number))
                        continue;
                ret->ours[ret->n] = kept;
                ret->numbers[ret->n++] = number;
        }
}

/* SIZE_MAX for one that is not of ours, or is new. */
static size_t rank_of(const Sequence *s, uint16_t number) {
        size_t rank = find_place(s->numbers, s->n, number);

        return rank != SIZE_MAX && s->ours[rank] ? rank : SIZE_MAX;
}

/* Ours change places among themselves, until each later one is later. */
static void sort_ours(Judge *j, const Sequence *s) {
        for (size_t i = 0; i < j->n_order; i++)
                for (size_t k = i + 1; k < j->n_order; k++) {
                        size_t a = rank_of(s, j->order[i]), b = rank_of(s, j->order[k]);
                        uint16_t number = j->order[i];

                        if (a == SIZE_MAX || b == SIZE_MAX || a <= b)
                                continue;
                        j->order[i] = j->order[k];
                        j->order[k] = number;
                }
}

/* Behind the one that it was behind, as far as the order among ours allows. */
static void insert(Judge *j, const Sequence *s, size_t rank) {
        size_t low = 0, high = j->n_order, at = 0;

        for (size_t i = 0; i < j->n_order; i++) {
                size_t other = rank_of(s, j->order[i]);

                if (other < rank)
                        low = i + 1;
                else if (other != SIZE_MAX && high == j->n_order)
                        high = i;
        }
        for (size_t before = rank; before-- > 0 && at == 0;)
                at = find_place(j->order, j->n_order, s->numbers[before]) + 1;
        at = MIN(MAX(at, low), high);
        memmove(j->order + at + 1, j->order + at, (j->n_order - at) * sizeof(*j->order));
        j->order[at] = s->numbers[rank];
        j->n_order++;
}

/* True if the entry was put back by the repair that is under way. */
static bool is_being_put(const Judge *j, uint16_t number) {
        const LoadOption *o = firmware_entry(j->now, number);
        const KeptEntry *kept = o ? boot_memory_find(j->in->memory, o) : NULL;

        return kept && kept->put.now;
}

static void insert_missing(Judge *j, const Sequence *s, bool put) {
        for (size_t rank = 0; rank < s->n; rank++)
                if (s->ours[rank] && j->n_order < FIRMWARE_ORDER_MAX &&
                    find_place(j->order, j->n_order, s->numbers[rank]) == SIZE_MAX &&
                    is_being_put(j, s->numbers[rank]) == put)
                        insert(j, s, rank);
}

static bool is_dropped(const Judge *j, uint16_t number) {
        const LoadOption *o = firmware_entry(j->now, number);

        for (char **step = j->drops; o && step && *step; step++)
                if (strtoul(*step, NULL, 16) == number)
                        return true;
        return false;
}

static void copy_order(Judge *j, bool without_drops) {
        j->n_order = 0;
        for (size_t i = 0; i < j->now->n_boot_order; i++)
                if (!without_drops || !is_dropped(j, j->now->boot_order[i]))
                        j->order[j->n_order++] = j->now->boot_order[i];
}

static bool order_is(const Judge *j, const uint16_t *order, size_t n) {
        return j->n_order == n && (n == 0 || memcmp(j->order, order, n * sizeof(*order)) == 0);
}

/* An order that the firmware changes again after it was restored is taken as it is. */
static void judge_order(Judge *j) {
        const BootMemory *m = j->in->memory;
        uint16_t before[FIRMWARE_ORDER_MAX];
        Sequence s;
        size_t n;
        bool off;

        copy_order(j, true);
        /* An order that is cut cannot be written. */
        if (j->now->n_boot_order == FIRMWARE_ORDER_MAX || !j->known || j->same) {
                if (j->now->n_boot_order == FIRMWARE_ORDER_MAX)
                        copy_order(j, false);
                j->next.ordered = j->known && order_is(j, m->order, m->n_order) ? m->ordered
                                                                                : (Mend){};
                return;
        }
        memcpy(before, j->order, sizeof(before));
        n = j->n_order;
        make_sequence(j, &s);
        sort_ours(j, &s);
        insert_missing(j, &s, false);
        off = !order_is(j, before, n);
        j->next.ordered = go_on(j, m->ordered, off);
        if (j->next.ordered.again) {
                memcpy(j->order, before, sizeof(before));
                j->n_order = n;
                j->next.ordered = (Mend){ .again = true };
        } else
                j->begun.ordered.now |= off;
        insert_missing(j, &s, true);
}

static int add_order_step(char ***steps, const uint16_t *old, size_t n_old, const Judge *j) {
        char before[BOOT_ORDER_TEXT_SIZE], after[BOOT_ORDER_TEXT_SIZE];

        boot_order_format(old, n_old, before);
        boot_order_format(j->order, j->n_order, after);
        return strv_extendf(steps, "%s %s", isempty(before) ? "-" : before, after);
}

static int write(Judge *j, GuardVerdict *v) {
        char order[BOOT_ORDER_TEXT_SIZE];

        if (j->puts) {
                v->write = GUARD_PUTS_ENTRIES;
                v->steps = TAKE_PTR(j->puts);
                v->sentences = TAKE_PTR(j->put_words);
        } else if (!order_is(j, j->now->boot_order, j->now->n_boot_order)) {
                v->write = GUARD_SETS_ORDER;
                boot_order_format(j->order, j->n_order, order);
                if (add_order_step(&v->steps, j->now->boot_order, j->now->n_boot_order, j) < 0 ||
                    strv_extendf(&v->sentences, "set the boot order to %s", order) < 0)
                        return -ENOMEM;
        } else {
                v->write = GUARD_DROPS_ENTRIES;
                v->steps = TAKE_PTR(j->drops);
                v->sentences = TAKE_PTR(j->drop_words);
        }
        return 0;
}

static int set_id(char **id, const char *value) {
        char *copy = value ? strdup(value) : NULL;

        if (value && !copy)
                return -ENOMEM;
        free(*id);
        *id = copy;
        return 0;
}

/* That the firmware has undone something is told, whatever else is to be repaired. */
static void note_undone(const Judge *j, BootMemory *m) {
        for (size_t i = 0; i < m->n_entries; i++) {
                const KeptEntry *e = boot_memory_find(&j->next, &m->entries[i].option);

                if (e && e->put.again)
                        m->entries[i].put = e->put;
                if (e && e->pruned.again)
                        m->entries[i].pruned = e->pruned;
        }
}

static int conclude(Judge *j, GuardVerdict *v) {
        const GuardInput *in = j->in;
        const bool wanted = j->puts || j->drops ||
                            !order_is(j, j->now->boot_order, j->now->n_boot_order);
        const bool allowed = in->goes_on ||
                             (in->may_begin && !streq_ptr(in->memory->repaired, in->boot_id));
        int r;

        if (wanted && allowed) {
                r = set_id(&j->begun.repaired, in->boot_id);
                note_undone(j, &j->begun);
                v->memory = TAKE_STRUCT(j->begun);
                return r < 0 ? r : write(j, v);
        }
        v->waits = wanted;
        if (wanted && !j->same) {
                r = boot_memory_copy(in->memory, &v->memory);
                if (r >= 0)
                        note_undone(j, &v->memory);
                return r;
        }
        r = set_id(&j->next.boot_id, in->boot_id);
        if (r >= 0)
                r = set_id(&j->next.repaired, in->memory->repaired);
        j->next.n_order = j->now->n_boot_order;
        for (size_t i = 0; i < j->next.n_order; i++)
                j->next.order[i] = j->now->boot_order[i];
        v->memory = TAKE_STRUCT(j->next);
        return r;
}

int boot_guard_judge(const GuardInput *in, GuardVerdict *ret) {
        _cleanup_(judge_done) Judge j = {
                .in = in,
                .now = in->firmware,
                .known = in->memory->boot_id,
                .same = streq_ptr(in->memory->boot_id, in->boot_id),
        };
        _cleanup_(guard_verdict_done) GuardVerdict v = {};
        int r;

        assert(in->boot_id);
        assert(ret);

        r = boot_memory_copy(in->memory, &j.begun);
        if (r >= 0)
                r = judge_entries(&j);
        if (r < 0)
                return r;
        judge_order(&j);
        r = conclude(&j, &v);
        if (r < 0)
                return r;
        *ret = TAKE_STRUCT(v);
        return 0;
}
