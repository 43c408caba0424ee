/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel command line as text. It is passed on as the administrator wrote it, never completed
 * or corrected: what cannot be a command line of a host that boots is refused instead. Words end
 * where the kernel's own parser (lib/cmdline.c, next_arg()) ends them. */

#include "core/conf/cmdline.h"

#include "common/string-util.h"

static const char *const cmdline_source_table[_CMDLINE_SOURCE_MAX] = {
        [CMDLINE_NONE] = "none",
        [CMDLINE_FILE] = "file",
        [CMDLINE_ENTRIES] = "entries",
        [CMDLINE_ADOPTED] = "adopted",
};
DEFINE_TO_STRING(cmdline_source, CmdlineSource)

/* The next word; blanks between double quotes belong to it. False at the end. */
static bool word_next(const char *s, size_t size, size_t *pos, const char **ret, size_t *ret_size) {
        bool quoted = false;
        size_t start;

        while (*pos < size && (s[*pos] == ' ' || s[*pos] == '\t'))
                (*pos)++;
        start = *pos;
        for (; *pos < size && (quoted || (s[*pos] != ' ' && s[*pos] != '\t')); (*pos)++)
                if (s[*pos] == '"')
                        quoted = !quoted;

        *ret = s + start;
        *ret_size = *pos - start;
        return *pos > start;
}

/* True if @word is @name with its "=" and any value, or all of that in quotes. */
static bool word_assigns(const char *word, size_t size, const char *name) {
        if (size > 0 && word[0] == '"') {
                word++;
                size--;
        }
        return size >= strlen(name) && memcmp(word, name, strlen(name)) == 0;
}

static int cmdline_check(const char *s, size_t size) {
        const char *word;
        size_t pos = 0, n;

        if (size >= CMDLINE_LENGTH_MAX)
                return -E2BIG;
        if (!text_is_clean(s, size) || !utf8_is_valid(s, size))
                return -EINVAL;
        while (word_next(s, size, &pos, &word, &n))
                if (word_assigns(word, n, "root="))
                        return 0;
        return -ENODATA;
}

int cmdline_parse(const char *text, size_t size, char **ret) {
        size_t pos = 0, n = 0;
        const char *line = "";
        char *cmdline;
        int r;

        (void) line_next(text, size, &pos, &line, &n);
        text_trim(&line, &n);
        r = cmdline_check(line, n);
        if (r < 0)
                return r;
        cmdline = strndup(line, n);
        if (!cmdline)
                return -ENOMEM;

        *ret = cmdline;
        return 0;
}

int cmdline_clean(const char *text, size_t size, char **ret) {
        _cleanup_free_ char *cmdline = NULL;
        size_t pos = 0, word_pos = 0, n = 0, m;
        const char *line = "", *word;
        Buffer b = {};
        int r;

        (void) line_next(text, size, &pos, &line, &n);
        text_trim(&line, &n);
        while (word_next(line, n, &word_pos, &word, &m)) {
                if (word_assigns(word, m, "initrd=") || word_assigns(word, m, "BOOT_IMAGE="))
                        continue;
                if (b.size > 0)
                        buffer_puts(&b, " ");
                buffer_append(&b, word, m);
        }
        r = buffer_take(&b, &cmdline, &n);
        if (r < 0)
                return r;
        r = cmdline_check(cmdline, n);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(cmdline);
        return 0;
}
