/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The grammar of loader.conf and loader entries. Only lines and their parts are told apart here, so
 * that readers agree with systemd-boot to the byte, and so that a writer can leave alone whatever
 * it does not own. */

#include "core/loader-line.h"

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

int loader_line_next(const char *text, size_t size, size_t *pos, LoaderLine *ret) {
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

bool loader_line_has_key(const LoaderLine *line, const char *key) {
        return line->key && line->key_size == strlen(key) &&
               memcmp(line->key, key, line->key_size) == 0;
}
