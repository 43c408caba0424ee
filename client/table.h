/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Columns on stdout. */

#include "client/output.h"

typedef struct Table Table;

/* A table with these column titles, up to the closing NULL. */
Table *table_new(const char *title, ...) _sentinel_;
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free)
#define _cleanup_table_ _cleanup_(table_freep)

/* The next cell, row by row. NULL or empty is shown as "-". */
void table_add(Table *t, const char *text);
void table_add_coloured(Table *t, const char *text, Colour colour);

void table_print(const Table *t);
