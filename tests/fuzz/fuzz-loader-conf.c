/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* loader.conf: every line of the administrator's survives a change of the default, in order, and a
 * second change to the same changes nothing. */

#include "core/systemd-boot/systemd-boot-text.h"

#include <strings.h>

#include "tests/fuzz/fuzz.h"

/* A line without its end. */
typedef struct Line {
        const char *text;
        size_t size;
} Line;

static bool next(const char **text, Line *ret) {
        if (**text == '\0')
                return false;
        *ret = (Line){ .text = *text, .size = strcspn(*text, "\r\n") };
        *text += ret->size;
        *text += (*text)[0] == '\r' && (*text)[1] == '\n' ? 2 : **text != '\0';
        return true;
}

static bool line_equal(const Line *a, const Line *b) {
        return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* True if it gives "default" a value. */
static bool sets_default(const Line *line) {
        static const char blanks[] = " \t", key[] = "default";
        _cleanup_free_ char *copy = strndup(line->text, line->size);
        const char *p = copy + strspn(copy, blanks), *value = startswith(p, key);

        return value && strspn(value, blanks) > 0 && value[strspn(value, blanks)] != '\0';
}

/* True if the lines of @old are among those of @new, in this order. Defaults may go, and a blank
 * line is none any more where its "\n" comes to stand behind a "\r". */
static bool lines_survive(const char *old, const char *new) {
        Line a, b;

        while (next(&old, &a)) {
                if (a.size == 0 || sets_default(&a))
                        continue;
                do
                        if (!next(&new, &b))
                                return false;
                while (!line_equal(&a, &b));
        }
        return true;
}

static void check(const char *old, const char *version) {
        _cleanup_free_ char *new = NULL, *again = NULL, *value = NULL, *wanted = NULL;

        FUZZ_ASSERT(loader_conf_render(old, version, &new) == 0);
        FUZZ_ASSERT(loader_conf_render(new, version, &again) == 0);
        FUZZ_ASSERT(streq(new, again));
        FUZZ_ASSERT(lines_survive(old, new));

        FUZZ_ASSERT(loader_conf_default(new, &value) == 0);
        FUZZ_ASSERT(value);
        if (!version)
                return;
        wanted = strprintf("proxmox-%s.conf", version);
        FUZZ_ASSERT(wanted && strcasecmp(value, wanted) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *old = strndup((const char *) data, size);

        FUZZ_ASSERT(old);
        check(old, NULL);
        check(old, "6.8.12-4-pve");
        return 0;
}
