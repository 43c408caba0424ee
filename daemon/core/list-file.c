/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lists that administrators edit by hand and the older tool writes. Reading never fails because of
 * what a line says, and rewriting never loses a line that we do not understand: it may be a
 * comment, a typo, or an item of a later version. */

#include "core/list-file.h"

#include "core/kernel-version.h"
#include "core/line-warnings.h"

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
