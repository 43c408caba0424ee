/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Summarises a grub.cfg for the daemon: the worker reads the file, which is as long as
 * grub-mkconfig likes it, and reports a few lines. A summary comes from a process that has just
 * read a disk, so reading one is as strict as reading a report. The names by which a kernel is
 * pinned, in GRUB's configuration and in its environment, are ids of such a menu; whether one has
 * that entry is not asked. */

#include "core/grub/grub-config.h"

#include "common/record.h"
#include "common/string-util.h"
#include "core/kernel/kernel-version.h"

#define INPUTS_PREFIX "# bootsync: inputs="

/* The ids that grub-mkconfig gives. */
#define SUBMENU_PREFIX "gnulinux-advanced-"
#define ENTRY_PREFIX   "gnulinux-"

void grub_config_done(GrubConfig *c) {
        for (size_t i = 0; i < c->n_entries; i++)
                grub_entry_done(&c->entries[i]);
        free(c->entries);
        free(c->default_value);
        free(c->default_version);
        *c = (GrubConfig){};
}

static int config_add(GrubConfig *c, GrubEntry *entry) {
        if (!ARRAY_RESERVE(c->entries, c->n_allocated, c->n_entries + 1))
                return -ENOMEM;
        c->entries[c->n_entries++] = TAKE_STRUCT(*entry);
        return 0;
}

static int config_take_menu(GrubConfig *c, GrubMenu *m) {
        const GrubMenuItem *boots;
        int r;

        r = grub_menu_default(m, NULL, &boots);
        if (r < 0)
                return r;
        if (boots && boots->entry.version) {
                c->default_version = strdup(boots->entry.version);
                if (!c->default_version)
                        return -ENOMEM;
        }
        c->default_value = TAKE_PTR(m->default_value);
        for (size_t i = 0; i < m->n_items; i++)
                if (!m->items[i].is_submenu) {
                        r = config_add(c, &m->items[i].entry);
                        if (r < 0)
                                return r;
                }
        return 0;
}

static int config_read(const char *text, size_t size, GrubConfig *ret) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        _cleanup_(grub_menu_done) GrubMenu m = {};
        int r;

        assert(ret);

        r = grub_menu_read(text, size, &m);
        if (r < 0)
                return r;
        r = config_take_menu(&c, &m);
        if (r < 0)
                return r;
        (void) grub_config_inputs(text, size, c.inputs);

        *ret = TAKE_STRUCT(c);
        return 0;
}

static bool is_recovery(const GrubEntry *e) {
        return startswith(e->id, ENTRY_PREFIX) && strstr(e->id, "-recovery-");
}

int grub_config_summarise(const char *text, size_t size, char **ret) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        Buffer b = {};
        int r;

        assert(ret);

        r = config_read(text, size, &c);
        if (r < 0)
                return r;

        if (c.inputs[0] != '\0') {
                record_begin(&b, "inputs");
                record_add(&b, "sha256", c.inputs);
                record_end(&b);
        }
        record_begin(&b, "default");
        record_add(&b, "value", c.default_value);
        record_add(&b, "version", c.default_version);
        record_end(&b);
        for (size_t i = 0; i < c.n_entries; i++) {
                const GrubEntry *e = &c.entries[i];

                if (is_recovery(e))
                        continue;
                record_begin(&b, "entry");
                record_add(&b, "id", e->id);
                record_add(&b, "submenu", e->submenu);
                record_add(&b, "linux", e->image);
                record_add(&b, "initrd", e->initrd);
                record_end(&b);
        }
        if (b.size > ESP_FILE_TEXT_MAX) {
                buffer_done(&b);
                return -EFBIG;
        }
        return buffer_take(&b, ret, NULL);
}

/* A copy of the field into *@target; counts it in *@n. */
static int take_field(const Record *record, const char *key, char **target, size_t *n) {
        const char *value = record_get(record, key);

        if (!value)
                return 0;
        *target = strdup(value);
        if (!*target)
                return -ENOMEM;
        ++*n;
        return 0;
}

static int summary_take_inputs(GrubConfig *c, const Record *record) {
        const char *sha256 = record_get(record, "sha256");

        if (record->n_fields != 1 || !digest_is_valid(sha256) || c->inputs[0] != '\0')
                return -EBADMSG;
        memcpy(c->inputs, sha256, DIGEST_HEX_SIZE);
        return 0;
}

static int summary_take_default(GrubConfig *c, const Record *record) {
        size_t n = 0;
        int r;

        if (c->default_value || c->default_version)
                return -EBADMSG;
        r = take_field(record, "value", &c->default_value, &n);
        if (r >= 0)
                r = take_field(record, "version", &c->default_version, &n);
        if (r < 0)
                return r;
        if (n != record->n_fields ||
            (c->default_version && !kernel_version_is_valid(c->default_version)))
                return -EBADMSG;
        return 0;
}

static int summary_take_entry(GrubConfig *c, const Record *record) {
        _cleanup_(grub_entry_done) GrubEntry e = {};
        const char *image = record_get(record, "linux");
        size_t n = 0;
        int r;

        r = take_field(record, "id", &e.id, &n);
        if (r >= 0)
                r = take_field(record, "submenu", &e.submenu, &n);
        if (r >= 0)
                r = take_field(record, "initrd", &e.initrd, &n);
        if (r >= 0 && image)
                r = grub_entry_set_files(&e, image, NULL);
        if (r < 0)
                return r;
        if (!e.id || n + (image ? 1 : 0) != record->n_fields)
                return -EBADMSG;
        return config_add(c, &e);
}

static const struct {
        const char *verb;
        int (*take)(GrubConfig *c, const Record *record);
} summary_verbs[] = {
        { "inputs", summary_take_inputs },
        { "default", summary_take_default },
        { "entry", summary_take_entry },
};

static int summary_take_line(GrubConfig *c, const char *line, size_t size) {
        _cleanup_(record_done) Record record = {};
        int r;

        r = record_parse(line, size, &record);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(summary_verbs); i++)
                if (streq(record.verb, summary_verbs[i].verb))
                        return summary_verbs[i].take(c, &record);
        return -EBADMSG;
}

int grub_config_parse_summary(const char *text, GrubConfig *ret) {
        _cleanup_(grub_config_done) GrubConfig c = {};
        size_t size = strlen(text), pos = 0, n;
        const char *line;

        assert(ret);

        while (line_next(text, size, &pos, &line, &n) > 0) {
                int r = summary_take_line(&c, line, n);

                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(c);
        return 0;
}

/* The offset of the line with the inputs, which is the last one of @text; @size if there is none.
 */
static size_t inputs_position(const char *text, size_t size) {
        size_t length = strlen(INPUTS_PREFIX) + DIGEST_HEX_SIZE, begin = size - length;

        if (size < length || text[size - 1] != '\n' || (begin > 0 && text[begin - 1] != '\n') ||
            memcmp(text + begin, INPUTS_PREFIX, strlen(INPUTS_PREFIX)) != 0)
                return size;
        return begin;
}

int grub_config_inputs(const char *text, size_t size, char ret[static DIGEST_HEX_SIZE]) {
        size_t begin = inputs_position(text, size);
        char hex[DIGEST_HEX_SIZE] = "";

        if (begin < size)
                memcpy(hex, text + begin + strlen(INPUTS_PREFIX), DIGEST_HEX_SIZE - 1);
        if (!digest_is_valid(hex))
                return -ENOENT;
        memcpy(ret, hex, DIGEST_HEX_SIZE);
        return 0;
}

int grub_config_append_inputs(const char *text, const char *hex, char **ret) {
        size_t keep = inputs_position(text, strlen(text));
        Buffer b = {};

        assert(digest_is_valid(hex));
        assert(ret);

        buffer_append(&b, text, keep);
        if (keep > 0 && text[keep - 1] != '\n')
                buffer_puts(&b, "\n");
        buffer_printf(&b, INPUTS_PREFIX "%s\n", hex);
        return buffer_take(&b, ret, NULL);
}

int grub_config_root_id(const GrubConfig *c, char **ret) {
        assert(ret);

        for (size_t i = 0; i < c->n_entries; i++) {
                const GrubEntry *e = &c->entries[i];
                _cleanup_free_ char *prefix = NULL;
                const char *id = e->submenu ? startswith(e->submenu, SUBMENU_PREFIX) : NULL;

                if (!id && e->version) {
                        prefix = strprintf(ENTRY_PREFIX "%s-advanced-", e->version);
                        if (!prefix)
                                return -ENOMEM;
                        id = startswith(e->id, prefix);
                }
                if (isempty(id))
                        continue;
                *ret = strdup(id);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}

char *grub_entry_id(const char *version, const char *root_id) {
        return strprintf(SUBMENU_PREFIX "%s>" ENTRY_PREFIX "%s-advanced-%s", root_id, version,
                         root_id);
}

int grub_entry_id_version(const char *value, char **ret) {
        const char *root_id = startswith(value, SUBMENU_PREFIX), *entry, *version, *end;
        _cleanup_free_ char *tail = NULL;

        assert(ret);

        entry = root_id ? strstr(root_id, ">" ENTRY_PREFIX) : NULL;
        if (!entry || entry == root_id)
                return -EINVAL;
        version = entry + strlen(">" ENTRY_PREFIX);
        tail = strprintf("-advanced-%.*s", (int) (entry - root_id), root_id);
        if (!tail)
                return -ENOMEM;
        end = endswith(version, tail);
        return end ? kernel_version_parse(version, (size_t) (end - version), ret) : -EINVAL;
}

int grub_pin_render(const char *version, const char *root_id, char **ret) {
        _cleanup_free_ char *id = grub_entry_id(version, root_id), *text = NULL;

        assert(ret);

        text = id ? strprintf("# Written by bootsync; 'bootctl-pve kernel unpin' takes it "
                              "back.\nGRUB_DEFAULT=\"%s\"\n",
                              id)
                  : NULL;
        if (!text)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
