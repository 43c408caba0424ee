/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Warnings about single lines. A binary file in the place of a list has thousands of bad lines, so
 * the sentences are limited in number and in length here, once for all readers. The name of the
 * file is the caller's to add. */

#include "core/line-warnings.h"

#include "common/string-util.h"

int line_warnings_add(LineWarnings *w, size_t line, const char *text, size_t size,
                      const char *what) {
        _cleanup_free_ char *shown = NULL;

        if (w->n++ >= LINE_WARNINGS_MAX)
                return 0;
        shown = string_for_humans(text, size, LINE_WARNING_TEXT_MAX);
        if (!shown)
                return -ENOMEM;
        return strv_extendf(w->sentences, "line %zu: '%s' %s, ignoring", line, shown, what);
}

int line_warnings_finish(LineWarnings *w) {
        if (w->n <= LINE_WARNINGS_MAX)
                return 0;
        return strv_extendf(w->sentences, "%zu more lines cannot be used either, ignoring",
                            w->n - LINE_WARNINGS_MAX);
}
