/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Remembers which files we copied to an ESP, so that the next refresh need not read them again. A
 * manifest is a hint: one that cannot be understood in full is worth nothing, so there is no
 * partial reading, and no repair. Its callers compare it with the ESP, and decide whether to
 * believe it. */

#include "core/esp/manifest.h"

#include "common/record.h"

#define MANIFEST_HEAD "v2"
#define MANIFEST_VERB "file"

static const struct {
        const char *key;
        size_t offset; /* of a uint64_t in ManifestEntry */
} number_fields[] = {
        { "inode", offsetof(ManifestEntry, source.inode) },
        { "size", offsetof(ManifestEntry, source.size) },
        { "mtime", offsetof(ManifestEntry, source.mtime) },
        { "ctime", offsetof(ManifestEntry, source.ctime) },
        { "esp-size", offsetof(ManifestEntry, size) },
        { "esp-mtime", offsetof(ManifestEntry, mtime) },
};

static uint64_t *entry_number(const ManifestEntry *e, size_t index) {
        return (uint64_t *) ((char *) e + number_fields[index].offset);
}

void manifest_done(Manifest *m) {
        for (size_t i = 0; i < m->n_entries; i++)
                free(m->entries[i].path);
        free(m->entries);
        *m = (Manifest){};
}

/* The index of @path, or else the one that it would get. */
static size_t manifest_position(const Manifest *m, const char *path) {
        size_t low = 0, high = m->n_entries;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(m->entries[middle].path, path) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool manifest_has(const Manifest *m, size_t position, const char *path) {
        return position < m->n_entries && streq(m->entries[position].path, path);
}

const ManifestEntry *manifest_find(const Manifest *m, const char *path) {
        size_t i = manifest_position(m, path);

        return manifest_has(m, i, path) ? &m->entries[i] : NULL;
}

/* The entry of @path, added in order if it is not there; NULL when out of memory. */
static ManifestEntry *manifest_get(Manifest *m, const char *path) {
        size_t i = manifest_position(m, path);
        char *copy;

        if (manifest_has(m, i, path))
                return &m->entries[i];
        if (!ARRAY_RESERVE(m->entries, m->n_allocated, m->n_entries + 1))
                return NULL;
        copy = strdup(path);
        if (!copy)
                return NULL;
        memmove(m->entries + i + 1, m->entries + i, (m->n_entries - i) * sizeof(ManifestEntry));
        m->entries[i] = (ManifestEntry){ .path = copy };
        m->n_entries++;
        return &m->entries[i];
}

int manifest_put(Manifest *m, const char *path, const FileStamp *source, uint64_t size,
                 uint64_t mtime) {
        ManifestEntry *e;

        e = manifest_get(m, path);
        if (!e)
                return -ENOMEM;
        e->source = *source;
        e->size = size;
        e->mtime = mtime;
        return 0;
}

void manifest_remove(Manifest *m, const char *path) {
        size_t i = manifest_position(m, path);

        if (!manifest_has(m, i, path))
                return;
        free(m->entries[i].path);
        m->n_entries--;
        memmove(m->entries + i, m->entries + i + 1, (m->n_entries - i) * sizeof(ManifestEntry));
}

static int manifest_parse_line(Manifest *m, const char *line, size_t size) {
        _cleanup_(record_done) Record record = {};
        const char *path;
        ManifestEntry e = {};
        int r;

        r = record_parse(line, size, &record);
        if (r < 0)
                return r;

        path = record_get(&record, "path");
        if (!streq(record.verb, MANIFEST_VERB) || isempty(path))
                return -EBADMSG;
        for (size_t i = 0; i < ELEMENTSOF(number_fields); i++)
                if (record_get_u64(&record, number_fields[i].key, entry_number(&e, i)) < 0)
                        return -EBADMSG;
        if (record.n_fields != ELEMENTSOF(number_fields) + 1 || manifest_find(m, path) ||
            m->n_entries == MANIFEST_ENTRIES_MAX)
                return -EBADMSG;

        return manifest_put(m, path, &e.source, e.size, e.mtime);
}

/* "v" and a number, but not ours, is what a newer program wrote. */
static int manifest_check_head(const char *line, size_t size) {
        if (size == strlen(MANIFEST_HEAD) && memcmp(line, MANIFEST_HEAD, size) == 0)
                return 0;
        if (size < 2 || line[0] != 'v')
                return -EBADMSG;
        for (size_t i = 1; i < size; i++)
                if (line[i] < '0' || line[i] > '9')
                        return -EBADMSG;
        return -EPROTONOSUPPORT;
}

int manifest_parse(const char *text, size_t size, Manifest *ret) {
        _cleanup_(manifest_done) Manifest m = {};
        const char *line;
        size_t n, pos = 0;
        int r;

        assert(ret);

        /* A file cut short in mid-number would otherwise read as a number. */
        if (size == 0 || text[size - 1] != '\n')
                return -EBADMSG;

        (void) line_next(text, size, &pos, &line, &n);
        r = manifest_check_head(line, n);
        if (r < 0)
                return r;
        while (line_next(text, size, &pos, &line, &n) > 0) {
                r = manifest_parse_line(&m, line, n);
                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(m);
        return 0;
}

int manifest_format(const Manifest *m, char **ret, size_t *ret_size) {
        Buffer b = {};

        assert(ret);

        buffer_puts(&b, MANIFEST_HEAD "\n");
        for (size_t i = 0; i < m->n_entries; i++) {
                const ManifestEntry *e = &m->entries[i];

                record_begin(&b, MANIFEST_VERB);
                record_add(&b, "path", e->path);
                for (size_t k = 0; k < ELEMENTSOF(number_fields); k++)
                        record_add_u64(&b, number_fields[k].key, *entry_number(e, k));
                record_end(&b);
        }
        return buffer_take(&b, ret, ret_size);
}
