/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Columns on stdout, as --full, --no-legend and --output want them. */

#include "client/terminal/options.h"

typedef struct Table Table;

/* A table with these column titles, up to the closing NULL. */
Table *table_new(const char *title, ...) _sentinel_;

/* A column that can be named by its title in lower case or by its member in JSON. */
typedef struct Column {
        const char *title;
        const char *key;     /* NULL: JSON has none */
        bool only_if_chosen; /* shown only if --output names it */
        unsigned leaves;     /* when there is no room: 1 goes first; 0: none of those that go */
} Column;

/* A table of @n columns, whose cells are added whichever of them --output has chosen; refuses a
 * name that is none of them, and one that is given twice. */
ExitStatus table_new_chosen(const Options *options, const Column *columns, size_t n, Table **ret);

Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)
#define _cleanup_table_ _cleanup_(table_freep)

/* The next cell, row by row. NULL or empty is shown as "-". */
void table_add(Table *t, const char *text);
void table_add_coloured(Table *t, const char *text, Colour colour);

/* A line below the row that was added last: "  NAME: TEXT", wrapped. Without a text nothing. */
void table_add_note(Table *t, const char *name, const char *text);

/* The last @n columns leave when a terminal has no room for them, the very last first. */
void table_set_optional(Table *t, size_t n);

/* On a terminal that is too narrow even so, the widest cells are cut in the middle; not with
 * --full. Without a row there is the sentence @none in its place, unless that is NULL; with
 * --no-legend neither that nor the titles. */
void table_print(const Table *t, const Options *options, const char *none);
