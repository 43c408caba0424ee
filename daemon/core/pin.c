/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a pin file says. Whether that kernel exists and would boot is not asked here: a pin that
 * cannot be honoured is still the administrator's word, and is reported as such. */

#include "core/pin.h"

#include "common/string-util.h"
#include "core/kernel-version.h"

int pin_parse(const char *text, size_t size, char **ret) {
        size_t pos = 0, n = 0;
        const char *line = "";

        (void) line_next(text, size, &pos, &line, &n);
        text_trim(&line, &n);
        if (n == 0) {
                *ret = NULL;
                return 0;
        }
        return kernel_version_parse(line, n, ret);
}
