/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's name of a kernel: a version that is read can be written, and is then read again. */

#include "core/grub/grub-config.h"

#include "core/kernel/kernel-version.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size), *version = NULL;
        _cleanup_free_ char *new = NULL, *again = NULL;
        int r;

        FUZZ_ASSERT(text);
        r = grub_entry_id_version(text, &version);
        FUZZ_ASSERT(r == 0 || r == -EINVAL);
        if (r < 0)
                return 0;
        FUZZ_ASSERT(kernel_version_is_valid(version));
        new = grub_entry_id(version, "0e4a-5d2c");
        FUZZ_ASSERT(new &&grub_entry_id_version(new, &again) == 0);
        FUZZ_ASSERT(streq(version, again));
        return 0;
}
