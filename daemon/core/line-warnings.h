/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the reader of a text file says about lines that it cannot use: a sentence each, but not
 * without end. */

#include "common/macros.h"

#define LINE_WARNINGS_MAX     20
#define LINE_WARNING_TEXT_MAX 64

typedef struct LineWarnings {
        char ***sentences; /* where they are appended */
        size_t n;          /* lines so far */
} LineWarnings;

/* "line 3: 'foo?bar' is not a FAT UUID, ignoring", with @what being "is not a FAT UUID" and the
 * text made fit for humans, at most LINE_WARNING_TEXT_MAX bytes of it. Only counts once there are
 * LINE_WARNINGS_MAX of them. 0 or -ENOMEM. */
int line_warnings_add(LineWarnings *w, size_t line, const char *text, size_t size,
                      const char *what);

/* Called once after the last line: says how many lines were only counted, if any. 0 or -ENOMEM. */
int line_warnings_finish(LineWarnings *w);
