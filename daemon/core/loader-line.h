/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One line of the files that systemd-boot reads, loader.conf and entries, understood as its
 * line_get_key_value() understands it. */

#include "common/macros.h"

typedef struct LoaderLine {
        const char *text;  /* the whole line, not terminated */
        size_t size;       /* without its end */
        size_t end_size;   /* of its end: "\n", "\r", "\r\n", or nothing at the end of the text */
        const char *key;   /* NULL: a comment, blank, or a key without a value */
        const char *value; /* without the double quotes around it */
        size_t key_size, value_size;
} LoaderLine;

/* The next line of @text. *@pos starts at 0. Returns 1, or 0 at the end. */
int loader_line_next(const char *text, size_t size, size_t *pos, LoaderLine *ret);

/* True if the line gives a value to @key. Keys are case-sensitive. */
bool loader_line_has_key(const LoaderLine *line, const char *key) _pure_;
