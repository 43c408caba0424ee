/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* db, dbx and their like: each signature lies within, and reading comes to an end. */

#include "core/secure-boot/signature-list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SignatureReader reader = { .data = data, .size = size };
        size_t n = 0;
        Signature s;
        int r;

        while ((r = signature_next(&reader, &s)) > 0) {
                FUZZ_ASSERT(s.data >= data && s.size <= size - (size_t) (s.data - data));
                FUZZ_ASSERT(s.type != SIGNATURE_SHA256 || s.size == 32);
                FUZZ_ASSERT(s.type != SIGNATURE_X509_SHA256 || s.size == 48);
                FUZZ_ASSERT(strlen(s.owner) == GUID_TEXT_SIZE - 1);
                FUZZ_ASSERT(++n <= size / 16);
        }
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        return 0;
}
