/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The record of a next-boot pin: what is read is complete and written back to the same value, and a
 * pin of the present boot is never judged spent by its own record. */

#include "core/kernel/kernel-version.h"
#include "core/kernel/pin.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(next_boot_done) NextBoot record = {}, again = {};
        _cleanup_free_ char *text = NULL;
        size_t text_size;
        int r;

        r = next_boot_parse((const char *) data, size, &record);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
        if (r < 0)
                return 0;

        FUZZ_ASSERT(kernel_version_is_valid(record.version) && !isempty(record.boot_id));
        FUZZ_ASSERT(next_boot_judge(&record, &record, UINT64_MAX) == NEXT_BOOT_KEEP);
        FUZZ_ASSERT(next_boot_format(&record, &text, &text_size) == 0);
        FUZZ_ASSERT(next_boot_parse(text, text_size, &again) == 0);
        FUZZ_ASSERT(streq(record.version, again.version) && streq(record.boot_id, again.boot_id));
        FUZZ_ASSERT(record.inode == again.inode && record.mtime == again.mtime);
        return 0;
}
