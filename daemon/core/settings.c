/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's own settings. A bad line never stops the daemon, which has more important work: it
 * is named and has no effect. The table below is all there is to set. */

#include "core/settings.h"

#include "common/string-util.h"
#include "core/line-warnings.h"

static int set_auto_sync(Settings *s, const char *value) {
        int r = parse_boolean(value);

        if (r < 0)
                return r;
        s->auto_sync = r ? AUTO_SYNC_YES : AUTO_SYNC_NO;
        return 0;
}

static int set_settle_sec(Settings *s, const char *value) {
        uint64_t sec;
        int r;

        r = parse_u64(value, &sec);
        if (r < 0)
                return r;
        if (sec > SETTLE_SEC_MAX)
                return -ERANGE;
        s->settle_sec = sec;
        return 0;
}

#define TO_STRING(x)       #x
#define MACRO_TO_STRING(x) TO_STRING(x)

static const struct {
        const char *key;
        int (*set)(Settings *s, const char *value);
        const char *bad_value;
} sync_keys[] = {
        { "AutoSync", set_auto_sync, "is neither yes nor no" },
        { "SettleSec", set_settle_sec,
          "is not a number of seconds from 0 to " MACRO_TO_STRING(SETTLE_SEC_MAX) },
};

typedef enum Section {
        SECTION_NONE,
        SECTION_SYNC,
        SECTION_UNKNOWN,
} Section;

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
        if (text_is(line, size, "[Sync]")) {
                p->section = SECTION_SYNC;
                return 0;
        }
        p->section = SECTION_UNKNOWN;
        return parser_warn(p, line, size, "is not a known section");
}

static int parse_assignment(Parser *p, const char *line, size_t size) {
        _cleanup_free_ char *value = NULL;
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
        value = strndup(text, text_size);
        if (!value)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(sync_keys); i++) {
                if (!text_is(line, key_size, sync_keys[i].key))
                        continue;
                /* A value with a NUL byte in it is longer than its copy. */
                if (strlen(value) != text_size || sync_keys[i].set(p->settings, value) < 0)
                        return parser_warn(p, text, text_size, sync_keys[i].bad_value);
                return 0;
        }
        return parser_warn(p, line, key_size, "is not a key of section [Sync]");
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
