/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* loader.conf: every line of the administrator's survives a change of the default, in order, and a
 * second change to the same changes nothing. */

#include "core/loader-conf.h"

#include <strings.h>

#include "core/loader-line.h"
#include "tests/fuzz/fuzz.h"

static bool line_equal(const LoaderLine *a, const LoaderLine *b) {
        return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* True if the lines of @old are among those of @new, in this order. Defaults may go, and a blank
 * line is none any more where its "\n" comes to stand behind a "\r". */
static bool lines_survive(const char *old, const char *new) {
        size_t old_pos = 0, new_pos = 0, old_size = strlen(old), new_size = strlen(new);
        LoaderLine a, b;

        while (loader_line_next(old, old_size, &old_pos, &a) > 0) {
                if (a.size == 0 || loader_line_has_key(&a, "default"))
                        continue;
                do
                        if (loader_line_next(new, new_size, &new_pos, &b) == 0)
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
