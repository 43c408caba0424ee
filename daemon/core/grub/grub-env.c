/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The environment block belongs to GRUB and to the administrator; one variable in it is ours. So
 * lines are copied as they are, but for that one. A block that is damaged is not repaired here: the
 * caller decides whether a fresh one may take its place. */

#include "core/grub/grub-env.h"

#include "common/string-util.h"

#define SIGNATURE "# GRUB Environment Block\n"

/* A line with its newline: a variable, or a comment. In values, a backslash hides the next byte,
 * newlines included. */
typedef struct EnvLine {
        const char *text;
        size_t size;
        size_t name_size; /* 0: a comment */
} EnvLine;

/* The bytes before the padding, or -EBADMSG. */
static int env_content_size(const char *text, size_t size) {
        if (size != GRUB_ENV_SIZE || memcmp(text, SIGNATURE, strlen(SIGNATURE)) != 0 ||
            memchr(text, '\0', size))
                return -EBADMSG;
        while (text[size - 1] == '#')
                size--;
        return text[size - 1] == '\n' ? (int) size : -EBADMSG;
}

/* The next line of the content. 1, 0 at the end, -EBADMSG. */
static int env_next(const char *text, size_t size, size_t *pos, EnvLine *ret) {
        EnvLine line = { .text = text + *pos };
        size_t left = size - *pos, n = 0;

        if (left == 0)
                return 0;
        if (line.text[0] != '#') {
                while (n < left && line.text[n] != '=' && line.text[n] != '\n')
                        n++;
                if (n == 0 || n == left || line.text[n] != '=')
                        return -EBADMSG;
                line.name_size = n;
        }
        while (n < left && line.text[n] != '\n')
                n += line.text[n] == '\\' ? 2 : 1;
        if (n >= left)
                return -EBADMSG;
        line.size = n + 1;
        *pos += line.size;

        *ret = line;
        return 1;
}

static bool env_line_sets(const EnvLine *line, const char *name) {
        return text_is(line->text, line->name_size, name);
}

static int env_line_value(const EnvLine *line, char **ret) {
        Buffer b = {};

        for (size_t i = line->name_size + 1; i + 1 < line->size; i++) {
                i += line->text[i] == '\\';
                buffer_append(&b, line->text + i, 1);
        }
        return buffer_take(&b, ret, NULL);
}

int grub_env_get(const char *text, size_t size, const char *name, char **ret) {
        _cleanup_free_ char *value = NULL;
        EnvLine line;
        size_t pos = 0;
        int r;

        assert(ret);

        r = env_content_size(text, size);
        if (r < 0)
                return r;
        size = (size_t) r;
        while ((r = env_next(text, size, &pos, &line)) > 0) {
                if (!env_line_sets(&line, name))
                        continue;
                value = mfree(value);
                r = env_line_value(&line, &value);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        *ret = TAKE_PTR(value);
        return 0;
}

static void append_variable(Buffer *b, const char *name, const char *value) {
        buffer_printf(b, "%s=", name);
        for (; *value; value++) {
                if (*value == '\\' || *value == '\n')
                        buffer_puts(b, "\\");
                buffer_append(b, value, 1);
        }
        buffer_puts(b, "\n");
}

static int append_lines(Buffer *b, const char *text, size_t size, const char *name,
                        const char *value) {
        bool placed = false;
        EnvLine line;
        size_t pos = 0;
        int r;

        while ((r = env_next(text, size, &pos, &line)) > 0) {
                if (!env_line_sets(&line, name))
                        buffer_append(b, line.text, line.size);
                else if (value && !placed) {
                        append_variable(b, name, value);
                        placed = true;
                }
        }
        if (r >= 0 && value && !placed)
                append_variable(b, name, value);
        return r;
}

int grub_env_set(const char *text, size_t size, const char *name, const char *value, char **ret) {
        _cleanup_free_ char *old = NULL;
        size_t content = strlen(SIGNATURE);
        Buffer b = {};
        int r;

        assert(ret);

        if (text) {
                r = grub_env_get(text, size, name, &old);
                if (r < 0)
                        return r;
                content = (size_t) env_content_size(text, size);
        }
        if (text && streq_ptr(old, value)) {
                buffer_append(&b, text, size);
                return buffer_take(&b, ret, NULL);
        }

        r = append_lines(&b, text ?: SIGNATURE, content, name, value);
        if (r >= 0 && b.size > GRUB_ENV_SIZE)
                r = -ENOSPC;
        if (r < 0) {
                buffer_done(&b);
                return r;
        }
        while (b.size < GRUB_ENV_SIZE && !b.failed)
                buffer_append(&b, "#", 1);
        return buffer_take(&b, ret, NULL);
}
