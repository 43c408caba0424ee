/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* bootsyncd.conf: whatever it says, the settings stay within their ranges. */

#include "core/conf/conf-file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_strv_ char **warnings = NULL, **more = NULL;
        Settings once = SETTINGS_INIT, twice;

        FUZZ_ASSERT(settings_parse(&once, (const char *) data, size, &warnings) == 0);
        FUZZ_ASSERT(once.settle_sec <= SETTLE_SEC_MAX);
        FUZZ_ASSERT(once.auto_sync == AUTO_SYNC_UNSET || once.auto_sync == AUTO_SYNC_NO ||
                    once.auto_sync == AUTO_SYNC_YES);
        FUZZ_ASSERT(strv_length(warnings) <= LINE_WARNINGS_MAX + 1);
        fuzz_check_warnings(warnings);

        twice = once;
        FUZZ_ASSERT(settings_parse(&twice, (const char *) data, size, &more) == 0);
        FUZZ_ASSERT(once.settle_sec == twice.settle_sec && once.auto_sync == twice.auto_sync);
        FUZZ_ASSERT(strv_equal(warnings, more));
        return 0;
}
