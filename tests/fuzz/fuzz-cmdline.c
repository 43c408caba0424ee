/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Command lines, as the administrator writes them and as /proc/cmdline has them: what is accepted
 * can stand in a loader entry, and is accepted again unchanged. */

#include "core/conf/cmdline.h"
#include "tests/fuzz/fuzz.h"

static void check(int (*read)(const char *text, size_t size, char **ret), const char *text,
                  size_t size) {
        _cleanup_free_ char *cmdline = NULL, *again = NULL;
        size_t n;
        int r;

        r = read(text, size, &cmdline);
        FUZZ_ASSERT(r == 0 || r == -ENODATA || r == -EINVAL || r == -E2BIG);
        FUZZ_ASSERT((r == 0) == (cmdline != NULL));
        if (r < 0)
                return;

        n = strlen(cmdline);
        FUZZ_ASSERT(n < CMDLINE_LENGTH_MAX);
        FUZZ_ASSERT(strstr(cmdline, "root="));
        FUZZ_ASSERT(text_is_clean(cmdline, n) && utf8_is_valid(cmdline, n));
        FUZZ_ASSERT(cmdline[0] != ' ' && cmdline[n - 1] != ' ');
        FUZZ_ASSERT(read(cmdline, n, &again) == 0);
        FUZZ_ASSERT(streq(cmdline, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        check(cmdline_parse, (const char *) data, size);
        check(cmdline_clean, (const char *) data, size);
        return 0;
}
