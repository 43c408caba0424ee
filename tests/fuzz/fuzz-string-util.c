/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines, numbers and text for people out of any bytes. */

#include "tests/fuzz/fuzz.h"

static void check_lines(const char *text, size_t size) {
        size_t pos = 0, start = 0, n;
        const char *line;

        for (; line_next(text, size, &pos, &line, &n) > 0; start = pos) {
                FUZZ_ASSERT(line == text + start);
                FUZZ_ASSERT(pos > start && pos <= size);
                FUZZ_ASSERT(n <= pos - start && pos - start - n <= 2);
                FUZZ_ASSERT(!memchr(line, '\n', n));
                FUZZ_ASSERT(pos == size || text[pos - 1] == '\n');
                text_trim(&line, &n);
                FUZZ_ASSERT(n == 0 || (line[0] != ' ' && line[n - 1] != '\t'));
        }
        FUZZ_ASSERT(pos == size);
}

static void check_for_humans(const char *text, size_t size, size_t max) {
        _cleanup_free_ char *s = string_for_humans(text, size, max), *again = NULL;
        size_t n;

        FUZZ_ASSERT(s);
        n = strlen(s);
        FUZZ_ASSERT(n <= max + strlen("..."));
        FUZZ_ASSERT(text_is_clean(s, n) && utf8_is_valid(s, n));
        again = string_for_humans(s, n, n);
        FUZZ_ASSERT(again && streq(s, again));
}

static void check_numbers(const char *s) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;
        int r;

        r = parse_boolean(s);
        FUZZ_ASSERT(r == 0 || r == 1 || r == -EINVAL);
        r = parse_u64(s, &value);
        FUZZ_ASSERT(r == 0 || r == -EINVAL || r == -ERANGE);
        FUZZ_ASSERT(r != -EINVAL || s[0] == '\0' || s[strspn(s, "0123456789")] != '\0');
        if (r < 0)
                return;
        text = strprintf("%ju", (uintmax_t) value);
        FUZZ_ASSERT(text && streq(text, s + MIN(strspn(s, "0"), strlen(s) - 1)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *s = strndup((const char *) data, size);

        FUZZ_ASSERT(s);
        check_lines((const char *) data, size);
        check_for_humans((const char *) data, size, size);
        check_for_humans((const char *) data, size, size > 0 ? data[0] : 0);
        check_numbers(s);
        return 0;
}
