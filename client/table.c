/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lays out cells in columns as wide as their widest cell. It neither wraps nor cuts: the output
 * must be whole when it is piped, and a terminal wraps by itself. */

#include "client/table.h"

#include "common/string-util.h"

typedef struct Cell {
        char *text;
        Colour colour;
} Cell;

struct Table {
        Cell *cells;
        size_t n, allocated;
        size_t n_columns;
};

Table *table_new(const char *title, ...) {
        Table *t = must((Table *) calloc(1, sizeof(Table)));
        va_list ap;

        va_start(ap, title);
        for (const char *i = title; i; i = va_arg(ap, const char *))
                table_add_coloured(t, i, COLOUR_BOLD);
        va_end(ap);
        t->n_columns = t->n;
        return t;
}

Table *table_free(Table *t) {
        for (size_t i = 0; t && i < t->n; i++)
                free(t->cells[i].text);
        if (t)
                free(t->cells);
        return mfree(t);
}

void table_add_coloured(Table *t, const char *text, Colour colour) {
        if (!ARRAY_RESERVE(t->cells, t->allocated, t->n + 1))
                out_of_memory();
        t->cells[t->n++] = (Cell){ shown(isempty(text) ? "-" : text), colour };
}

void table_add(Table *t, const char *text) {
        table_add_coloured(t, text, COLOUR_NONE);
}

/* Columns on the screen: code points, which is right for all that occurs here. */
static size_t display_width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                if (((unsigned char) *s & 0xc0) != 0x80)
                        n++;
        return n;
}

static size_t column_width(const Table *t, size_t column) {
        size_t width = 0;

        for (size_t i = column; i < t->n; i += t->n_columns)
                width = MAX(width, display_width(t->cells[i].text));
        return width;
}

void table_print(const Table *t) {
        for (size_t i = 0; i < t->n; i++) {
                const Cell *cell = &t->cells[i];
                size_t column = i % t->n_columns;

                printf("%s%s%s", colour_on(cell->colour), cell->text, colour_off(cell->colour));
                if (column + 1 == t->n_columns)
                        (void) putchar('\n');
                else
                        printf("%*s",
                               (int) (column_width(t, column) + 2 - display_width(cell->text)), "");
        }
}
