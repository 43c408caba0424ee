/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A section, NUL, a level: a component is named only if it is too old, and nothing is too old for
 * no level. */

#include "core/secure-boot/sbat.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *sbat = (const char *) data, *nul = memchr(data, '\0', size);
        size_t n = nul ? (size_t) (nul - sbat) : size;
        _cleanup_free_ char *component = NULL;
        SbatVerdict v;

        v = sbat_judge(sbat, n, nul ? nul + 1 : sbat, nul ? size - n - 1 : 0, &component);
        FUZZ_ASSERT((v == SBAT_TOO_OLD) == (component != NULL));
        FUZZ_ASSERT(nul || v == SBAT_ACCEPTED);
        FUZZ_ASSERT(sbat_judge(sbat, n, NULL, 0, NULL) == SBAT_ACCEPTED);
        /* Nothing replaces itself, nor each other. */
        FUZZ_ASSERT(!sbat_level_replaces(sbat, n, sbat, n));
        if (nul)
                FUZZ_ASSERT(!sbat_level_replaces(sbat, n, nul + 1, size - n - 1) ||
                            !sbat_level_replaces(nul + 1, size - n - 1, sbat, n));
        return 0;
}
