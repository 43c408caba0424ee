/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tables. One fits a terminal: optional columns go first, then the widest cells are cut in the
 * middle, since the ends of a path or a version tell more. Nothing is cut or left out where stdout
 * is no terminal, or with --full. What --output chooses is checked before a verb asks the daemon
 * anything, so the columns of such a table are known before its rows. */

#include "client/terminal/table.h"

#include "common/string-util.h"

#define COLUMN_MIN 9 /* a FAT UUID stays whole */

typedef struct Cell {
        char *text;
        char **notes; /* below the row that it ends */
        Colour colour;
} Cell;

/* A column that is shown, in its place. */
typedef struct Chosen {
        size_t column;
        unsigned leaves; /* see Column */
} Chosen;

struct Table {
        Cell *cells; /* the first row has the titles */
        size_t n, allocated;
        size_t n_columns;
        Chosen *chosen;
        size_t n_chosen, n_chosen_allocated;
};

static void choose(Table *t, size_t column, unsigned leaves) {
        if (!ARRAY_RESERVE(t->chosen, t->n_chosen_allocated, t->n_chosen + 1))
                out_of_memory();
        t->chosen[t->n_chosen++] = (Chosen){ .column = column, .leaves = leaves };
}

static void add_title(Table *t, const char *title) {
        table_add_coloured(t, title, COLOUR_BOLD);
        t->n_columns++;
}

Table *table_new(const char *title, ...) {
        Table *t = must((Table *) calloc(1, sizeof(Table)));
        va_list ap;

        va_start(ap, title);
        for (const char *i = title; i; i = va_arg(ap, const char *)) {
                choose(t, t->n_columns, 0);
                add_title(t, i);
        }
        va_end(ap);
        return t;
}

/* "last-sync" for "LAST SYNC". Never NULL. */
static char *name_of(const Column *column) {
        char *name = must(strdup(column->title));

        for (char *p = name; *p; p++)
                if (*p == ' ')
                        *p = '-';
                else if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p - 'A' + 'a');
        return name;
}

/* The place of the column that the @size bytes at @word name; @n: none has that name. */
static size_t find_column(const Column *columns, size_t n, const char *word, size_t size) {
        size_t i;

        for (i = 0; i < n; i++) {
                _cleanup_free_ char *name = name_of(&columns[i]);

                if (text_is(word, size, name) ||
                    (columns[i].key && text_is(word, size, columns[i].key)))
                        break;
        }
        return i;
}

static ExitStatus no_such_column(const Column *columns, size_t n, const char *word, size_t size) {
        _cleanup_strv_ char **names = NULL;
        _cleanup_free_ char *list = NULL;

        for (size_t i = 0; i < n; i++)
                if (strv_consume(&names, name_of(&columns[i])) < 0)
                        out_of_memory();
        list = must(strv_join(names, ", "));
        return fail(STATUS_USAGE, "There is no column '%.*s'; there are: %s.", (int) size, word,
                    list);
}

static bool is_chosen(const Table *t, size_t column) {
        for (size_t i = 0; i < t->n_chosen; i++)
                if (t->chosen[i].column == column)
                        return true;
        return false;
}

static ExitStatus choose_named(Table *t, const char *names, const Column *columns, size_t n) {
        for (const char *word = names;; word++) {
                size_t size = strcspn(word, ","), column = find_column(columns, n, word, size);

                if (column == n)
                        return no_such_column(columns, n, word, size);
                if (is_chosen(t, column))
                        return fail(STATUS_USAGE, "The column '%.*s' is named twice.", (int) size,
                                    word);
                choose(t, column, 0);
                word += size;
                if (*word == '\0')
                        return STATUS_DONE;
        }
}

ExitStatus table_new_chosen(const Options *options, const Column *columns, size_t n, Table **ret) {
        _cleanup_table_ Table *t = must((Table *) calloc(1, sizeof(Table)));
        ExitStatus status = STATUS_DONE;

        for (size_t i = 0; i < n; i++) {
                add_title(t, columns[i].title);
                if (!options->columns && !columns[i].only_if_chosen)
                        choose(t, i, columns[i].leaves);
        }
        if (options->columns)
                status = choose_named(t, options->columns, columns, n);
        if (status == STATUS_DONE)
                *ret = TAKE_PTR(t);
        return status;
}

Table *table_free(Table *t) {
        for (size_t i = 0; t && i < t->n; i++) {
                free(t->cells[i].text);
                strv_free(t->cells[i].notes);
        }
        if (t) {
                free(t->cells);
                free(t->chosen);
        }
        return mfree(t);
}

void table_add_coloured(Table *t, const char *text, Colour colour) {
        if (!ARRAY_RESERVE(t->cells, t->allocated, t->n + 1))
                out_of_memory();
        t->cells[t->n++] = (Cell){ .text = shown(isempty(text) ? "-" : text), .colour = colour };
}

void table_add(Table *t, const char *text) {
        table_add_coloured(t, text, COLOUR_NONE);
}

void table_add_note(Table *t, const char *name, const char *text) {
        assert(t->n > 0);

        if (!isempty(text) && strv_extendf(&t->cells[t->n - 1].notes, "  %s: %s", name, text) < 0)
                out_of_memory();
}

static void print_note(const char *note) {
        const char *text = strstr(note, ": ") + 2;
        _cleanup_free_ char *head = must(strndup(note, (size_t) (text - note)));

        say_below(head, COLOUR_NONE, text);
}

void table_set_optional(Table *t, size_t n) {
        for (size_t i = 0; i < n; i++)
                t->chosen[t->n_chosen - 1 - i].leaves = (unsigned) i + 1;
}

/* From the cell @first on, with which a row begins. */
static size_t column_width(const Table *t, size_t column, size_t first) {
        size_t width = 0;

        for (size_t i = first + column; i < t->n; i += t->n_columns)
                width = MAX(width, display_width(t->cells[i].text));
        return width;
}

/* The one of the chosen columns that is to leave next; n_chosen: none of those that are left. */
static size_t next_to_leave(const Table *t, const size_t *widths) {
        size_t next = t->n_chosen;

        for (size_t i = 0; i < t->n_chosen; i++)
                if (t->chosen[i].leaves > 0 && widths[i] > 0 &&
                    (next == t->n_chosen || t->chosen[i].leaves < t->chosen[next].leaves))
                        next = i;
        return next;
}

/* The width of each chosen column, so that a row fits within @columns; 0: it is left out. */
static void fit_columns(const Table *t, size_t columns, size_t first, size_t *widths) {
        size_t total = 0, next;

        for (size_t i = 0; i < t->n_chosen; i++)
                total += 2 + (widths[i] = column_width(t, t->chosen[i].column, first));
        total -= 2;
        while (total > columns && (next = next_to_leave(t, widths)) < t->n_chosen) {
                total -= 2 + widths[next];
                widths[next] = 0;
        }
        while (total > columns) {
                size_t widest = 0;

                for (size_t i = 1; i < t->n_chosen; i++)
                        if (widths[i] > widths[widest])
                                widest = i;
                if (widths[widest] <= COLUMN_MIN)
                        break;
                widths[widest]--;
                total--;
        }
}

/* @text within @width (0: whatever), without its middle if it is longer. Never NULL. */
static char *cut_middle(const char *text, size_t width) {
        size_t all = display_width(text), head, tail;

        if (all <= width || width == 0)
                return must(strdup(text));
        head = (width - 3) / 2;
        tail = width - 3 - head;
        return must(strprintf("%.*s...%s", (int) (skip_characters(text, head) - text), text,
                              skip_characters(text, all - tail)));
}

static void print_row(const Table *t, size_t row, const size_t *widths) {
        size_t blanks = 0; /* before the next cell */

        for (size_t i = 0; i < t->n_chosen; i++) {
                const Cell *cell = &t->cells[row + t->chosen[i].column];
                _cleanup_free_ char *text = cut_middle(cell->text, widths[i]);

                if (widths[i] == 0)
                        continue;
                printf("%*s", (int) blanks, "");
                put_coloured(text, cell->colour);
                blanks = widths[i] + 2 - display_width(text);
        }
        (void) putchar('\n');
        STRV_FOREACH(note, t->cells[row + t->n_columns - 1].notes)
                print_note(*note);
}

void table_print(const Table *t, const Options *options, const char *none) {
        _cleanup_free_ size_t *widths = must((size_t *) calloc(t->n_chosen, sizeof(*widths)));
        bool legend = !option_given(options, OPTION_NO_LEGEND);
        size_t first = legend ? 0 : t->n_columns;

        if (t->n == t->n_columns && none) {
                if (legend)
                        say("%s", none);
                return;
        }
        fit_columns(t, option_given(options, OPTION_FULL) ? SIZE_MAX : stdout_columns(), first,
                    widths);
        for (size_t row = first; row < t->n; row += t->n_columns)
                print_row(t, row, widths);
}
