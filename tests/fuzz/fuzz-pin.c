/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pin files: a kernel version, nothing, or an error. */

#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *pin = NULL, *again = NULL;
        int r;

        r = pin_parse((const char *) data, size, &pin);
        FUZZ_ASSERT(r == 0 || r == -EINVAL);
        FUZZ_ASSERT(r == 0 || !pin);
        if (!pin)
                return 0;

        FUZZ_ASSERT(kernel_version_is_valid(pin));
        FUZZ_ASSERT(pin_parse(pin, strlen(pin), &again) == 0);
        FUZZ_ASSERT(streq_ptr(pin, again));
        return 0;
}
