/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files that administrators edit by hand: lists, which the older tool writes, too, and our
 * settings. Reading never fails because of what a line says. Rewriting a list never loses a line
 * that we do not understand: it may be a comment, a typo, or an item of a later version. A mistake
 * in the settings never stops the daemon, which has more important work: it is named and has no
 * effect. A binary file in the place of a list has thousands of bad lines, so the sentences about
 * them are limited in number and in length, once for both readers. The name of the file is the
 * caller's to add. */

#include "core/conf/conf-file.h"

#include "core/kernel/kernel-version.h"

/* The sentences of a reader about lines that it cannot use: one each, but not without end. */
typedef struct LineWarnings {
        char ***sentences; /* where they are appended */
        size_t n;          /* lines so far */
} LineWarnings;

/* "line 3: 'foo?bar' is not a FAT UUID, ignoring", with @what being "is not a FAT UUID" and the
 * text made fit for humans, at most LINE_WARNING_TEXT_MAX bytes of it. Only counts once there are
 * LINE_WARNINGS_MAX of them. 0 or -ENOMEM. */
static int line_warnings_add(LineWarnings *w, size_t line, const char *text, size_t size,
                             const char *what) {
        _cleanup_free_ char *shown = NULL;

        if (w->n++ >= LINE_WARNINGS_MAX)
                return 0;
        shown = string_for_humans(text, size, LINE_WARNING_TEXT_MAX);
        if (!shown)
                return -ENOMEM;
        return strv_extendf(w->sentences, "line %zu: '%s' %s, ignoring", line, shown, what);
}

/* Called once after the last line: says how many lines were only counted, if any. 0 or -ENOMEM. */
static int line_warnings_finish(LineWarnings *w) {
        if (w->n <= LINE_WARNINGS_MAX)
                return 0;
        return strv_extendf(w->sentences, "%zu more lines cannot be used either, ignoring",
                            w->n - LINE_WARNINGS_MAX);
}

void list_file_done(ListFile *l) {
        strv_free(l->items);
        for (size_t i = 0; i < l->n_other; i++)
                free(l->other[i].text);
        free(l->other);
        *l = (ListFile){};
}

static bool is_hex_digit(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

static bool is_fat_uuid(const char *s, size_t size) {
        if (size != strlen("XXXX-XXXX"))
                return false;
        for (size_t i = 0; i < size; i++)
                if (i == 4 ? s[i] != '-' : !is_hex_digit(s[i]))
                        return false;
        return true;
}

bool fat_uuid_is_valid(const char *s) {
        return is_fat_uuid(s, strlen(s));
}

static int fat_uuid_parse(const char *text, size_t size, char **ret) {
        char *uuid;

        if (!is_fat_uuid(text, size))
                return -EINVAL;
        uuid = strndup(text, size);
        if (!uuid)
                return -ENOMEM;
        for (char *c = uuid; *c; c++)
                if (*c >= 'a' && *c <= 'f')
                        *c = (char) (*c - 'a' + 'A');

        *ret = uuid;
        return 0;
}

static const struct {
        int (*parse)(const char *text, size_t size, char **ret);
        string_compare_t compare;
        const char *bad_line;
} list_kinds[] = {
        [LIST_ESPS] = { fat_uuid_parse, strcmp, "is not a FAT UUID" },
        [LIST_KERNELS] = { kernel_version_parse, kernel_version_compare,
                           "is not a kernel version" },
};

static int list_file_keep(ListFile *l, const char *line, size_t size) {
        char *text;

        if (!ARRAY_RESERVE(l->other, l->n_other_allocated, l->n_other + 1))
                return -ENOMEM;
        text = malloc(size);
        if (!text)
                return -ENOMEM;
        memcpy(text, line, size);
        l->other[l->n_other++] = (ListLine){ .text = text, .size = size };
        return 0;
}

/* Take in the one item in @text. -EINVAL if it is none, -E2BIG if there are enough of them. */
static int list_file_add(ListFile *l, ListKind kind, const char *text, size_t size) {
        _cleanup_free_ char *item = NULL;
        int r;

        r = list_kinds[kind].parse(text, size, &item);
        if (r < 0)
                return r;
        if (strv_contains(l->items, item))
                return 0;
        if (strv_length(l->items) >= LIST_ITEMS_MAX)
                return -E2BIG;
        return strv_consume(&l->items, TAKE_PTR(item));
}

int list_file_parse(const char *text, size_t size, ListKind kind, ListFile *ret, char ***warnings) {
        _cleanup_(list_file_done) ListFile list = {};
        LineWarnings w = { .sentences = warnings };
        size_t pos = 0, start = 0, n;
        const char *line;
        int r;

        for (size_t number = 1; line_next(text, size, &pos, &line, &n); number++, start = pos) {
                size_t whole = pos - start - (text[pos - 1] == '\n' ? 1 : 0);

                text_trim(&line, &n);
                if (n == 0)
                        continue;
                if (line[0] != '#') {
                        r = list_file_add(&list, kind, line, n);
                        if (r == -ENOMEM)
                                return r;
                        if (r >= 0)
                                continue;
                        r = line_warnings_add(&w, number, line, n,
                                              r == -E2BIG ? "is one line too many"
                                                          : list_kinds[kind].bad_line);
                        if (r < 0)
                                return r;
                }
                r = list_file_keep(&list, text + start, whole);
                if (r < 0)
                        return r;
        }
        r = line_warnings_finish(&w);
        if (r < 0)
                return r;

        *ret = TAKE_STRUCT(list);
        return 0;
}

int list_file_format(const ListFile *l, ListKind kind, char **ret, size_t *ret_size) {
        _cleanup_strv_ char **items = NULL;
        Buffer b = {};
        int r;

        r = strv_copy(l->items, &items);
        if (r < 0)
                return r;
        strv_sort_uniq(items, list_kinds[kind].compare);

        for (size_t i = 0; i < l->n_other; i++) {
                buffer_append(&b, l->other[i].text, l->other[i].size);
                buffer_puts(&b, "\n");
        }
        STRV_FOREACH(i, items) {
                buffer_puts(&b, *i);
                buffer_puts(&b, "\n");
        }
        return buffer_take(&b, ret, ret_size);
}

static int set_auto_sync(Settings *s, const char *value) {
        int r = parse_boolean(value);

        if (r < 0)
                return r;
        s->auto_sync = r ? AUTO_SYNC_YES : AUTO_SYNC_NO;
        return 0;
}

static int parse_sec(const char *value, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t sec;
        int r;

        r = parse_u64(value, &sec);
        if (r < 0)
                return r;
        if (sec < min || sec > max)
                return -ERANGE;
        *ret = sec;
        return 0;
}

static int set_settle_sec(Settings *s, const char *value) {
        return parse_sec(value, 0, SETTLE_SEC_MAX, &s->settle_sec);
}

static const char *const entries_mode_table[_ENTRIES_MODE_MAX] = {
        [ENTRIES_OFF] = "off",
        [ENTRIES_INIT] = "init",
        [ENTRIES_KEEP] = "keep",
};
DEFINE_STRING_TABLE(entries_mode, EntriesMode)

static int set_entries(Settings *s, const char *value) {
        EntriesMode mode = entries_mode_from_string(value);

        if (mode < 0)
                return mode;
        s->entries = mode;
        return 0;
}

static int set_mail(Settings *s, const char *value) {
        bool off = streq(value, "off");

        if (!off && !streq(value, "auto"))
                return -EINVAL;
        s->no_alerts = off;
        return 0;
}

static int set_after_sec(Settings *s, const char *value) {
        return parse_sec(value, 1, ALERT_AFTER_SEC_MAX, &s->alert_after_sec);
}

#define TO_STRING(x)       #x
#define MACRO_TO_STRING(x) TO_STRING(x)

typedef enum Section {
        SECTION_NONE,
        SECTION_SYNC,
        SECTION_FIRMWARE,
        SECTION_ALERTS,
        SECTION_UNKNOWN,
        _SECTION_MAX = SECTION_UNKNOWN,
} Section;

static const char *const headers[_SECTION_MAX] = {
        [SECTION_SYNC] = "[Sync]",
        [SECTION_FIRMWARE] = "[Firmware]",
        [SECTION_ALERTS] = "[Alerts]",
};

static const struct {
        Section section;
        const char *key;
        int (*set)(Settings *s, const char *value);
        const char *bad_value;
} keys[] = {
        { SECTION_SYNC, "AutoSync", set_auto_sync, "is neither yes nor no" },
        { SECTION_SYNC, "SettleSec", set_settle_sec,
          "is not a number of seconds from 0 to " MACRO_TO_STRING(SETTLE_SEC_MAX) },
        { SECTION_FIRMWARE, "Entries", set_entries, "is none of keep, init and off" },
        { SECTION_ALERTS, "Mail", set_mail, "is neither auto nor off" },
        { SECTION_ALERTS, "AfterSec", set_after_sec,
          "is not a number of seconds from 1 to " MACRO_TO_STRING(ALERT_AFTER_SEC_MAX) },
};

typedef struct Parser {
        Settings *settings;
        LineWarnings warnings;
        Section section;
        size_t line;
} Parser;

static int parser_warn(Parser *p, const char *text, size_t size, const char *what) {
        return line_warnings_add(&p->warnings, p->line, text, size, what);
}

static int parse_header(Parser *p, const char *line, size_t size) {
        for (Section section = SECTION_NONE + 1; section < _SECTION_MAX; section++)
                if (text_is(line, size, headers[section])) {
                        p->section = section;
                        return 0;
                }
        p->section = SECTION_UNKNOWN;
        return parser_warn(p, line, size, "is not a known section");
}

/* The sentence's end, about a key. */
static const char *not_a_key(Section section) {
        return section == SECTION_SYNC       ? "is not a key of section [Sync]"
               : section == SECTION_FIRMWARE ? "is not a key of section [Firmware]"
                                             : "is not a key of section [Alerts]";
}

static int set_key(Parser *p, const char *key, size_t key_size, const char *text,
                   size_t text_size) {
        _cleanup_free_ char *value = strndup(text, text_size);

        if (!value)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                if (keys[i].section != p->section || !text_is(key, key_size, keys[i].key))
                        continue;
                /* A value with a NUL byte in it is longer than its copy. */
                if (strlen(value) != text_size || keys[i].set(p->settings, value) < 0)
                        return parser_warn(p, text, text_size, keys[i].bad_value);
                return 0;
        }
        return parser_warn(p, key, key_size, not_a_key(p->section));
}

static int parse_assignment(Parser *p, const char *line, size_t size) {
        const char *equals = memchr(line, '=', size), *text;
        size_t key_size, text_size;

        if (p->section == SECTION_UNKNOWN)
                return 0;
        if (!equals)
                return parser_warn(p, line, size, "is not an assignment");
        if (p->section == SECTION_NONE)
                return parser_warn(p, line, size, "stands outside of a section");

        key_size = (size_t) (equals - line);
        text = equals + 1;
        text_size = size - key_size - 1;
        text_trim(&line, &key_size);
        text_trim(&text, &text_size);
        return set_key(p, line, key_size, text, text_size);
}

int settings_parse(Settings *s, const char *text, size_t size, char ***warnings) {
        Parser p = { .settings = s, .warnings.sentences = warnings };
        size_t pos = 0, n;
        const char *line;

        while (line_next(text, size, &pos, &line, &n)) {
                int r;

                p.line++;
                text_trim(&line, &n);
                if (n == 0 || line[0] == '#' || line[0] == ';')
                        continue;
                r = line[0] == '[' ? parse_header(&p, line, n) : parse_assignment(&p, line, n);
                if (r < 0)
                        return r;
        }
        return line_warnings_finish(&p.warnings);
}
