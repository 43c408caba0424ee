/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manifests: what is read is written back to the same text, and every entry is complete. */

#include "core/esp/manifest.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(manifest_done) Manifest manifest = {}, again = {};
        _cleanup_free_ char *first = NULL, *second = NULL;
        size_t first_size, second_size;
        int r;

        r = manifest_parse((const char *) data, size, &manifest);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;

        for (size_t i = 0; i < manifest.n_entries; i++) {
                const ManifestEntry *e = &manifest.entries[i];

                FUZZ_ASSERT(!isempty(e->path));
                FUZZ_ASSERT(manifest_find(&manifest, e->path) == e);
        }
        FUZZ_ASSERT(manifest_format(&manifest, &first, &first_size) == 0);
        FUZZ_ASSERT(manifest_parse(first, first_size, &again) == 0);
        FUZZ_ASSERT(manifest_format(&again, &second, &second_size) == 0);
        FUZZ_ASSERT(first_size == second_size && memcmp(first, second, first_size) == 0);
        return 0;
}
