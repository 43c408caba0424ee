/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One line of verb and fields: there is one way only to write a record, so that what is read is
 * written back byte for byte. */

#include "common/record.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(record_done) Record record = {};
        _cleanup_free_ char *line = NULL;
        Buffer b = {};
        size_t n;
        int r;

        r = record_parse((const char *) data, size, &record);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;

        FUZZ_ASSERT(record.n_fields <= RECORD_FIELDS_MAX);
        record_begin(&b, record.verb);
        for (size_t i = 0; i < record.n_fields; i++) {
                uint64_t number;

                FUZZ_ASSERT(streq(record_get(&record, record.fields[i].key),
                                  record.fields[i].value));
                r = record_get_u64(&record, record.fields[i].key, &number);
                FUZZ_ASSERT(r == 0 || r == -EBADMSG);
                record_add(&b, record.fields[i].key, record.fields[i].value);
        }
        record_end(&b);
        FUZZ_ASSERT(buffer_take(&b, &line, &n) == 0);
        FUZZ_ASSERT(n == size + 1 && line[size] == '\n');
        FUZZ_ASSERT(memcmp(line, data, size) == 0);
        return 0;
}
