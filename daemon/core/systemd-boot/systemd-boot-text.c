/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The texts that systemd-boot reads, loader.conf and loader entries. Lines and their parts are told
 * apart here, so that this reader agrees with systemd-boot to the byte, and so that a writer can
 * leave alone what it does not own. An entry of ours is ours as a whole. loader.conf belongs to the
 * administrator; one value in it is ours. So a change replaces that one line and copies every other
 * byte, and no change is made where systemd-boot would already choose what we want. */

#include "core/systemd-boot/systemd-boot-text.h"

#include <strings.h>

#include "common/string-util.h"
#include "core/loader/esp-path.h"

#define LOADER_TIMEOUT_SEC 3

/* One line, understood as systemd-boot's line_get_key_value() understands it. */
typedef struct LoaderLine {
        const char *text;  /* the whole line, not terminated */
        size_t size;       /* without its end */
        size_t end_size;   /* of its end: "\n", "\r", "\r\n", or nothing at the end of the text */
        const char *key;   /* NULL: a comment, blank, or a key without a value */
        const char *value; /* without the double quotes around it */
        size_t key_size, value_size;
} LoaderLine;

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* Cut the line into key and value, if it has both. */
static void loader_line_split(LoaderLine *line) {
        const char *p = line->text, *end = p + line->size, *key;

        while (p < end && is_blank(*p))
                p++;
        while (p < end && is_blank(end[-1]))
                end--;
        if (p == end || *p == '#')
                return;

        key = p;
        while (p < end && !is_blank(*p))
                p++;
        if (p == end)
                return;

        line->key = key;
        line->key_size = (size_t) (p - key);
        while (is_blank(*p))
                p++;
        if (*p == '"' && end[-1] == '"') {
                p++;
                end = MAX(p, end - 1);
        }
        line->value = p;
        line->value_size = (size_t) (end - p);
}

/* The next line of @text. *@pos starts at 0. Returns 1, or 0 at the end. */
static int loader_line_next(const char *text, size_t size, size_t *pos, LoaderLine *ret) {
        LoaderLine line = { .text = text + *pos };
        size_t left = size - *pos;

        if (left == 0)
                return 0;

        while (line.size < left && line.text[line.size] != '\n' && line.text[line.size] != '\r')
                line.size++;
        if (line.size < left)
                line.end_size = 1;
        if (left - line.size >= 2 && memcmp(line.text + line.size, "\r\n", 2) == 0)
                line.end_size = 2;
        *pos += line.size + line.end_size;

        loader_line_split(&line);
        *ret = line;
        return 1;
}

/* True if the line gives a value to @key. Keys are case-sensitive. */
static bool loader_line_has_key(const LoaderLine *line, const char *key) {
        return line->key && line->key_size == strlen(key) &&
               memcmp(line->key, key, line->key_size) == 0;
}

void boot_entry_done(BootEntry *e) {
        free(e->title);
        free(e->version);
        free(e->options);
        free(e->sort_key);
        free(e->machine_id);
        free(e->image);
        free(e->initrd);
        *e = (BootEntry){};
}

/* A reader cuts blanks and one pair of double quotes around a value. */
static bool needs_quotes(const char *value) {
        char first = value[0], last = value[strlen(value) - 1];

        return is_blank(first) || is_blank(last) || (first == '"' && last == '"');
}

int boot_entry_render(const char *title, const char *version, const char *options, char **ret) {
        _cleanup_free_ char *image = NULL, *initrd = NULL;
        Buffer b = {};

        assert(title);
        assert(version);
        assert(ret);

        image = esp_kernel_path(version, KERNEL_FILE_IMAGE);
        initrd = esp_kernel_path(version, KERNEL_FILE_INITRD);
        if (!image || !initrd)
                return -ENOMEM;

        buffer_printf(&b, "title    %s\n", title);
        buffer_printf(&b, "version  %s\n", version);
        if (!isempty(options))
                buffer_printf(&b, needs_quotes(options) ? "options  \"%s\"\n" : "options  %s\n",
                              options);
        buffer_printf(&b, "linux    /%s\n", image);
        buffer_printf(&b, "initrd   /%s\n", initrd);
        return buffer_take(&b, ret, NULL);
}

static const struct {
        const char *key;
        size_t offset; /* of a char * in BootEntry */
        bool joined;   /* repetitions are joined with a blank */
} entry_keys[] = {
        { "title", offsetof(BootEntry, title), false },
        { "version", offsetof(BootEntry, version), false },
        { "options", offsetof(BootEntry, options), true },
        { "sort-key", offsetof(BootEntry, sort_key), false },
        { "machine-id", offsetof(BootEntry, machine_id), false },
        { "linux", offsetof(BootEntry, image), false },
        { "initrd", offsetof(BootEntry, initrd), false },
};

static int boot_entry_take(BootEntry *e, const LoaderLine *line) {
        for (size_t i = 0; i < ELEMENTSOF(entry_keys); i++) {
                char **target = (char **) ((char *) e + entry_keys[i].offset);
                bool join = entry_keys[i].joined && *target;
                char *value;

                if (!loader_line_has_key(line, entry_keys[i].key))
                        continue;
                value = strprintf("%s%s%.*s", join ? *target : "", join ? " " : "",
                                  (int) line->value_size, line->value);
                if (!value)
                        return -ENOMEM;
                free(*target);
                *target = value;
        }
        return 0;
}

int boot_entry_parse(const char *text, size_t size, BootEntry *ret) {
        _cleanup_(boot_entry_done) BootEntry entry = {};
        LoaderLine line;
        size_t pos = 0;

        assert(ret);

        if (memchr(text, '\0', size))
                return -EBADMSG;
        while (loader_line_next(text, size, &pos, &line) > 0) {
                int r = boot_entry_take(&entry, &line);

                if (r < 0)
                        return r;
        }

        *ret = TAKE_STRUCT(entry);
        return 0;
}

/* systemd-boot ignores values that begin with '@', but for "@saved". */
static bool is_default(const LoaderLine *line) {
        static const char saved[] = "@saved";

        if (!loader_line_has_key(line, "default"))
                return false;
        return line->value_size == 0 || line->value[0] != '@' ||
               (line->value_size == strlen(saved) &&
                strncasecmp(line->value, saved, strlen(saved)) == 0);
}

int loader_conf_default(const char *text, char **ret) {
        const char *value = NULL;
        size_t size = strlen(text), pos = 0, value_size = 0;
        _cleanup_free_ char *copy = NULL;
        LoaderLine line;

        assert(ret);

        while (loader_line_next(text, size, &pos, &line) > 0)
                if (is_default(&line)) {
                        value = line.value;
                        value_size = line.value_size;
                }
        if (value) {
                copy = strndup(value, value_size);
                if (!copy)
                        return -ENOMEM;
        }

        *ret = TAKE_PTR(copy);
        return 0;
}

/* True if the entry that @old names may stay: it is @wanted (systemd-boot folds the case), or,
 * where any of our entries would do, one of the administrator's own. */
static bool default_may_stay(const char *old, const char *wanted, bool any) {
        if (isempty(old))
                return false;
        return strcasecmp(old, wanted) == 0 ||
               (any && strncasecmp(old, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) != 0);
}

static void replace_default(Buffer *b, const char *old, const char *wanted) {
        size_t size = strlen(old), pos = 0;
        LoaderLine line = {};
        bool placed = false;

        while (loader_line_next(old, size, &pos, &line) > 0) {
                if (!is_default(&line)) {
                        buffer_append(b, line.text, line.size + line.end_size);
                        continue;
                }
                if (!placed) {
                        buffer_printf(b, "default %s", wanted);
                        buffer_append(b, line.text + line.size, line.end_size);
                }
                placed = true;
        }
        if (placed)
                return;

        if (size > 0 && line.end_size == 0)
                buffer_puts(b, "\n");
        buffer_printf(b, "default %s\n", wanted);
}

int loader_conf_render(const char *old, const char *version, char **ret) {
        _cleanup_free_ char *wanted = NULL, *current = NULL;
        Buffer b = {};
        int r;

        assert(ret);

        wanted = version ? strprintf(ENTRY_PREFIX "%s" ENTRY_SUFFIX, version)
                         : strdup(LOADER_DEFAULT_ANY);
        if (!wanted)
                return -ENOMEM;
        if (old) {
                r = loader_conf_default(old, &current);
                if (r < 0)
                        return r;
        }

        if (!old)
                buffer_printf(&b, "timeout %d\ndefault %s\n", LOADER_TIMEOUT_SEC, wanted);
        else if (default_may_stay(current, wanted, !version))
                buffer_puts(&b, old);
        else
                replace_default(&b, old, wanted);
        return buffer_take(&b, ret, NULL);
}
