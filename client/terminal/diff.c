/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines that are on both sides in the same order are the longest such sequence, which is found by a
 * table of all pairs of lines: the texts are loader entries of some ten lines. */

#include "client/terminal/diff.h"

#include "client/terminal/output.h"
#include "common/string-util.h"

#define LINES_MAX 512
#define CONTEXT   3 /* lines that are shown around a change */

typedef struct Edit {
        char sign; /* ' ', '-' or '+' */
        const char *line;
} Edit;

typedef struct Edits {
        Edit *items;
        size_t n, n_allocated;
} Edits;

/* A last line without its end is another one than the same with it. */
static char **split(const char *text) {
        char **lines = NULL;

        while (*text) {
                const char *end = strchrnul(text, '\n');

                if (strv_extendf(&lines, "%.*s%s", (int) (end - text), text,
                                 *end ? "" : "\n\\ No newline at end of file") < 0)
                        out_of_memory();
                text = *end ? end + 1 : end;
        }
        return lines;
}

static void add_edit(Edits *e, char sign, const char *line) {
        if (!ARRAY_RESERVE(e->items, e->n_allocated, e->n + 1))
                out_of_memory();
        e->items[e->n++] = (Edit){ sign, line };
}

/* The length of the longest common sequence of all lines from i and from k on, at i * (m + 1) + k.
 */
static uint16_t *measure(char *const *a, size_t n, char *const *b, size_t m) {
        uint16_t *common = must(calloc((n + 1) * (m + 1), sizeof(uint16_t)));

        for (size_t i = n; i-- > 0;)
                for (size_t k = m; k-- > 0;) {
                        uint16_t *c = &common[i * (m + 1) + k];

                        *c = streq(a[i], b[k]) ? (uint16_t) (c[m + 2] + 1) : MAX(c[m + 1], c[1]);
                }
        return common;
}

static void compare(char *const *a, char *const *b, Edits *ret) {
        size_t n = strv_length(a), m = strv_length(b), i = 0, k = 0;
        _cleanup_free_ uint16_t *common = NULL;

        if (n <= LINES_MAX && m <= LINES_MAX)
                common = measure(a, n, b, m);
        while (common && i < n && k < m) {
                const uint16_t *c = &common[i * (m + 1) + k];

                if (streq(a[i], b[k])) {
                        add_edit(ret, ' ', a[i++]);
                        k++;
                } else if (c[m + 1] >= c[1])
                        add_edit(ret, '-', a[i++]);
                else
                        add_edit(ret, '+', b[k++]);
        }
        while (i < n)
                add_edit(ret, '-', a[i++]);
        while (k < m)
                add_edit(ret, '+', b[k++]);
}

/* The first change from @i on; e->n if there is none. */
static size_t next_change(const Edits *e, size_t i) {
        while (i < e->n && e->items[i].sign == ' ')
                i++;
        return i;
}

/* Behind the hunk that begins with the change at @i. */
static size_t hunk_end(const Edits *e, size_t i) {
        for (;;) {
                size_t next;

                while (i < e->n && e->items[i].sign != ' ')
                        i++;
                next = next_change(e, i);
                if (next == e->n || next - i > 2 * CONTEXT)
                        return MIN(i + CONTEXT, e->n);
                i = next;
        }
}

/* "3,4", as the first line and their number, which 1 is left out of. */
static char *range(size_t before, size_t count) {
        size_t first = before + (count > 0);

        return must(count == 1 ? strprintf("%zu", first) : strprintf("%zu,%zu", first, count));
}

static void add_hunk(const Edits *e, size_t begin, size_t end, char ***lines) {
        size_t old_before = 0, new_before = 0, old_count = 0, new_count = 0;
        _cleanup_free_ char *old = NULL, *new = NULL;

        for (size_t i = 0; i < end; i++) {
                size_t in_old = e->items[i].sign != '+', in_new = e->items[i].sign != '-';

                *(i < begin ? &old_before : &old_count) += in_old;
                *(i < begin ? &new_before : &new_count) += in_new;
        }
        old = range(old_before, old_count);
        new = range(new_before, new_count);
        if (strv_extendf(lines, "@@ -%s +%s @@", old, new) < 0)
                out_of_memory();
        for (size_t i = begin; i < end; i++) {
                const char *mark = strchr(e->items[i].line, '\n');
                int size = mark ? (int) (mark - e->items[i].line) : (int) strlen(e->items[i].line);

                if (strv_extendf(lines, "%c%.*s", e->items[i].sign, size, e->items[i].line) < 0 ||
                    (mark && strv_extend(lines, mark + 1) < 0))
                        out_of_memory();
        }
}

char **diff_unified(const char *old_name, const char *new_name, const char *old, const char *new) {
        _cleanup_strv_ char **a = split(old), **b = split(new);
        _cleanup_free_ Edit *owned = NULL;
        char **lines = NULL;
        Edits e = {};

        compare(a, b, &e);
        owned = e.items;
        for (size_t i = next_change(&e, 0), end; i < e.n; i = next_change(&e, end)) {
                if (!lines && (strv_extendf(&lines, "--- %s", old_name) < 0 ||
                               strv_extendf(&lines, "+++ %s", new_name) < 0))
                        out_of_memory();
                end = hunk_end(&e, i);
                add_hunk(&e, i > CONTEXT ? i - CONTEXT : 0, end, &lines);
        }
        return lines;
}
