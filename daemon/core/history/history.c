/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing is decided by the history, so it is read as far as it can be understood, line by line;
 * but a line is believed as a whole or not at all. What another version has written is kept as it
 * is. An entry in memory is made of its own text, so that it says the same after a restart. */

#include "core/history/history.h"

#include <inttypes.h>

#include "common/record.h"
#include "core/kernel/kernel-version.h"

#define MESSAGE_MAX  1024 /* bytes, before escaping */
#define ERROR_MAX    400
#define WORD_MAX     64                        /* of a type, a result, a uid, a UUID */
#define VERSIONS_MAX 16                        /* of one list */
#define ESPS_MAX     64                        /* of one job */
#define NUMBER_MAX   ((UINT64_C(1) << 53) - 1) /* what JSON can hold */

static void entry_done(HistoryEntry *e) {
        buffer_done(&e->text);
        deed_done(&e->deed);
        *e = (HistoryEntry){};
}

void history_done(History *h) {
        for (size_t i = 0; i < h->n; i++)
                entry_done(&h->entries[i]);
        free(h->entries);
        free(h->pin_version);
        free(h->pin_by);
        *h = (History){};
}

/* Fields of a record. Each is -EBADMSG if it is not as we write it. */

static int take_text(const Record *r, const char *key, size_t max, char **ret) {
        const char *value = strempty(record_get(r, key));
        size_t size = strlen(value);

        if (size > max || !text_is_clean(value, size) || !utf8_is_valid(value, size))
                return -EBADMSG;
        *ret = strdup(value);
        return *ret ? 0 : -ENOMEM;
}

static int take_word(const Record *r, const char *key, char **ret) {
        return isempty(record_get(r, key)) ? -EBADMSG : take_text(r, key, WORD_MAX, ret);
}

/* One that is absent is 0. */
static int take_number(const Record *r, const char *key, uint64_t *ret) {
        int q = record_get_u64(r, key, ret);

        return q == -ENOENT ? 0 : q < 0 || *ret > NUMBER_MAX ? -EBADMSG : 0;
}

static int take_flag(const Record *r, const char *key, bool *ret) {
        uint64_t value = 0;
        int q = take_number(r, key, &value);

        if (q < 0 || value > 1)
                return -EBADMSG;
        *ret = value == 1;
        return 0;
}

static int take_versions(const Record *r, const char *key, char ***ret) {
        const char *value = record_get(r, key);
        _cleanup_strv_ char **l = NULL;

        while (!isempty(value)) {
                size_t size = strcspn(value, ",");
                char *version = NULL;
                int q = kernel_version_parse(value, size, &version);

                if (q >= 0)
                        q = strv_consume(&l, version);
                if (q < 0 || strv_length(l) > VERSIONS_MAX)
                        return q == -ENOMEM ? q : -EBADMSG;
                value += size + (value[size] == ',');
        }
        *ret = TAKE_PTR(l);
        return 0;
}

static const struct {
        const char *key;
        size_t offset; /* of a bool in EspDeed */
} esp_flags[] = {
        { "entries", offsetof(EspDeed, entries) },
        { "default-entry", offsetof(EspDeed, default_entry) },
        { "loader", offsetof(EspDeed, loader) },
        { "repaired", offsetof(EspDeed, repaired) },
        { "in-sync", offsetof(EspDeed, in_sync) },
        { "synced", offsetof(EspDeed, synced) },
        { "verified", offsetof(EspDeed, verified) },
};

static bool *esp_flag(const EspDeed *d, size_t i) {
        return (bool *) ((char *) d + esp_flags[i].offset);
}

static int parse_esp(const Record *r, EspDeed *ret) {
        _cleanup_(esp_deed_done) EspDeed d = {};
        int q;

        q = take_word(r, "uuid", &d.uuid);
        if (q >= 0)
                q = take_versions(r, "copied", &d.copied);
        if (q >= 0)
                q = take_versions(r, "removed", &d.removed);
        if (q >= 0)
                q = take_number(r, "bytes", &d.bytes);
        if (q >= 0)
                q = take_number(r, "kernels", &d.n_kernels);
        for (size_t i = 0; q >= 0 && i < ELEMENTSOF(esp_flags); i++)
                q = take_flag(r, esp_flags[i].key, esp_flag(&d, i));
        if (q >= 0)
                q = take_text(r, "error", ERROR_MAX + 3, &d.error);
        if (q >= 0)
                *ret = TAKE_STRUCT(d);
        return q;
}

static int parse_job(const Record *r, Deed *ret) {
        _cleanup_(deed_done) Deed d = {};
        int q;

        q = take_number(r, "id", &d.id);
        if (q >= 0)
                q = take_number(r, "start", &d.start_usec);
        if (q >= 0)
                q = take_number(r, "end", &d.end_usec);
        if (q >= 0)
                q = take_word(r, "type", &d.type);
        if (q >= 0)
                q = take_word(r, "by", &d.by);
        if (q >= 0)
                q = take_word(r, "result", &d.result);
        if (q >= 0)
                q = take_text(r, "error", WORD_MAX, &d.error);
        if (q >= 0)
                q = take_text(r, "message", MESSAGE_MAX + 3, &d.message);
        if (q >= 0)
                q = take_flag(r, "host-menu", &d.host_menu);
        if (q >= 0)
                *ret = TAKE_STRUCT(d);
        return q;
}

static int parse_pin(const Record *r, History *h) {
        _cleanup_free_ char *version = NULL, *by = NULL;
        uint64_t usec = 0;
        int q;

        q = take_word(r, "by", &by);
        if (q >= 0)
                q = take_number(r, "since", &usec);
        if (q < 0)
                return q;
        if (!kernel_version_is_valid(strempty(record_get(r, "version"))))
                return -EBADMSG;
        version = strdup(record_get(r, "version"));
        return version ? history_set_pin(h, version, usec, by) : -ENOMEM;
}

/* Entries. */

static int append_text(History *h, HistoryEntry *e, const char *line, size_t size) {
        buffer_append(&e->text, line, size);
        buffer_puts(&e->text, "\n");
        h->size += size + 1;
        return e->text.failed ? -ENOMEM : 0;
}

static void drop_entry(History *h, size_t i) {
        h->size -= h->entries[i].text.size;
        entry_done(&h->entries[i]);
        h->n--;
        memmove(&h->entries[i], &h->entries[i + 1], (h->n - i) * sizeof(HistoryEntry));
}

/* For so many bytes that are not there yet the oldest give way. */
static int begin_entry(History *h, size_t size) {
        while (h->n > 0 && (h->n >= HISTORY_JOBS_MAX || h->size + size > HISTORY_SIZE_MAX))
                drop_entry(h, 0);
        if (!ARRAY_RESERVE(h->entries, h->n_allocated, h->n + 1))
                return -ENOMEM;
        h->entries[h->n++] = (HistoryEntry){};
        return 0;
}

/* A record that we do not know stays with the one that it follows. */
static int take_esp(HistoryEntry *e, const Record *r) {
        _cleanup_(esp_deed_done) EspDeed esp = {};
        int q;

        if (!e->known || !streq(r->verb, "esp") || e->deed.n_esps == ESPS_MAX)
                return 0;
        q = parse_esp(r, &esp);
        return q == -EBADMSG ? 0 : q < 0 ? q : deed_add_esp(&e->deed, &esp);
}

static int take_record(History *h, const Record *r, const char *line, size_t size) {
        bool begins = startswith(r->verb, "job");
        HistoryEntry *e;
        int q = 0;

        if (streq(r->verb, "pin")) {
                q = parse_pin(r, h);
                return q == -EBADMSG ? 0 : q;
        }
        if (begins || h->n == 0)
                q = begin_entry(h, size);
        if (q < 0)
                return q;
        e = &h->entries[h->n - 1];
        if (streq(r->verb, "job")) {
                q = parse_job(r, &e->deed);
                e->known = q >= 0;
        } else
                q = take_esp(e, r);
        return q == -ENOMEM ? q : append_text(h, e, line, size);
}

static int parse_lines(History *h, const char *text, size_t size) {
        const char *line;
        size_t pos = 0, n;

        while (line_next(text, size, &pos, &line, &n) > 0) {
                _cleanup_(record_done) Record record = {};
                int r = n > HISTORY_LINE_MAX ? -EBADMSG : record_parse(line, n, &record);

                /* Cut short in mid-number it would otherwise read as a number. */
                if (pos == size && text[size - 1] != '\n')
                        r = r == -ENOMEM ? r : -EBADMSG;
                if (r >= 0)
                        r = take_record(h, &record, line, n);
                if (r == -ENOMEM)
                        return r;
                h->damaged |= r < 0;
        }
        return 0;
}

int history_parse(const char *text, size_t size, History *ret) {
        _cleanup_(history_done) History h = {};
        int r = parse_lines(&h, text, size);

        if (r < 0)
                return r;
        while (h.n > 0 && h.size > HISTORY_SIZE_MAX)
                drop_entry(&h, 0);
        *ret = TAKE_STRUCT(h);
        return 0;
}

int history_format(const History *h, char **ret, size_t *ret_size) {
        Buffer b = {};

        if (h->pin_version) {
                record_begin(&b, "pin");
                record_add(&b, "version", h->pin_version);
                record_add_u64(&b, "since", h->pin_usec);
                record_add(&b, "by", h->pin_by);
                record_end(&b);
        }
        for (size_t i = 0; i < h->n; i++)
                buffer_append(&b, h->entries[i].text.data, h->entries[i].text.size);
        return buffer_take(&b, ret, ret_size);
}

int history_set_pin(History *h, const char *version, uint64_t usec, const char *by) {
        char *version_copy = strdup(version), *by_copy = strdup(by);

        if (!version_copy || !by_copy) {
                free(version_copy);
                free(by_copy);
                return -ENOMEM;
        }
        free(h->pin_version);
        free(h->pin_by);
        h->pin_version = version_copy;
        h->pin_by = by_copy;
        h->pin_usec = usec;
        return 0;
}

/* Writing. */

static void put_number(Buffer *b, const char *key, uint64_t value) {
        if (value > 0)
                record_add_u64(b, key, MIN(value, NUMBER_MAX));
}

static void put_text(Buffer *b, const char *key, const char *value, size_t max) {
        _cleanup_free_ char *cut = NULL;

        if (isempty(value))
                return;
        cut = string_for_humans(value, strlen(value), max);
        if (cut)
                record_add(b, key, cut);
        else
                b->failed = true;
}

static void put_versions(Buffer *b, const char *key, char *const *l) {
        _cleanup_free_ char *text = NULL;
        Buffer list = {};

        for (size_t i = 0; l && l[i] && i < VERSIONS_MAX; i++) {
                buffer_puts(&list, i == 0 ? "" : ",");
                buffer_puts(&list, l[i]);
        }
        if (buffer_take(&list, &text, NULL) < 0)
                b->failed = true;
        else if (!isempty(text))
                record_add(b, key, text);
}

static void put_esp(Buffer *b, const EspDeed *d) {
        record_begin(b, "esp");
        put_text(b, "uuid", d->uuid, WORD_MAX);
        put_number(b, "kernels", d->n_kernels);
        put_versions(b, "copied", d->copied);
        put_versions(b, "removed", d->removed);
        put_number(b, "bytes", d->bytes);
        for (size_t i = 0; i < ELEMENTSOF(esp_flags); i++)
                put_number(b, esp_flags[i].key, *esp_flag(d, i));
        put_text(b, "error", d->error, ERROR_MAX);
        record_end(b);
}

static int format_deed(const Deed *d, char **ret, size_t *ret_size) {
        Buffer b = {};

        record_begin(&b, "job");
        put_number(&b, "id", d->id);
        put_text(&b, "type", d->type, WORD_MAX);
        put_number(&b, "start", d->start_usec);
        put_number(&b, "end", d->end_usec);
        put_text(&b, "by", d->by, WORD_MAX);
        put_text(&b, "result", d->result, WORD_MAX);
        put_text(&b, "error", d->error, WORD_MAX);
        put_text(&b, "message", d->message, MESSAGE_MAX);
        put_number(&b, "host-menu", d->host_menu);
        record_end(&b);
        for (size_t i = 0; i < d->n_esps && i < ESPS_MAX; i++)
                put_esp(&b, &d->esps[i]);
        return buffer_take(&b, ret, ret_size);
}

/* Sentences of success tell the time that it took, so that no two are the same. */
static bool says_same(const Deed *a, const Deed *b) {
        return streq_ptr(a->type, b->type) && streq_ptr(a->by, b->by) &&
               streq_ptr(a->result, b->result) && streq(strempty(a->error), strempty(b->error)) &&
               !deed_changed(a) && !deed_changed(b) &&
               (streq(strempty(a->result), "done") ||
                streq(strempty(a->message), strempty(b->message)));
}

int history_add(History *h, const Deed *d) {
        _cleanup_(history_done) History one = {};
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = format_deed(d, &text, &size);
        if (r >= 0)
                r = history_parse(text, size, &one);
        if (r < 0 || one.n != 1)
                return r < 0 ? r : -EBADMSG;
        if (h->n > 0 && h->entries[h->n - 1].known &&
            says_same(&h->entries[h->n - 1].deed, &one.entries[0].deed))
                drop_entry(h, h->n - 1);
        r = begin_entry(h, size);
        if (r < 0)
                return r;
        h->size += size;
        h->entries[h->n - 1] = TAKE_STRUCT(one.entries[0]);
        return 0;
}
