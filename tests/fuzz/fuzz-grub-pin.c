/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's pin: a version that is read can be written, and is then read again. */

#include "core/grub-pin.h"

#include "core/kernel-version.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *value) {
        _cleanup_free_ char *version = NULL;
        int r = grub_entry_id_version(value, &version);

        FUZZ_ASSERT(r == -EINVAL || (r == 0 && kernel_version_is_valid(version)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *version = NULL;
        _cleanup_free_ char *new = NULL, *again = NULL;

        FUZZ_ASSERT(text);
        check_name(text);
        FUZZ_ASSERT(grub_pin_parse((const char *) data, size, &version) == 0);
        if (!version)
                return 0;
        FUZZ_ASSERT(kernel_version_is_valid(version));
        FUZZ_ASSERT(grub_pin_render(version, "0e4a-5d2c", &new) == 0);
        FUZZ_ASSERT(grub_pin_parse(new, strlen(new), &again) == 0);
        FUZZ_ASSERT(streq(version, again));
        return 0;
}
