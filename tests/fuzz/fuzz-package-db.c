/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* dpkg's status and updates: what is understood is sorted, unique and valid, and reading a file a
 * second time, as if it were an update, changes nothing. */

#include "core/kernel/kernel-version.h"
#include "core/kernel/package-db.h"
#include "tests/fuzz/fuzz.h"

static int read_times(PackageDb *db, const char *text, size_t size, unsigned times) {
        for (unsigned i = 0; i < times; i++) {
                _cleanup_free_ char *reason = NULL;
                int r;

                r = package_db_parse(db, text, size, &reason);
                FUZZ_ASSERT(r == 0 || r == -EBADMSG);
                FUZZ_ASSERT((r < 0) == (reason != NULL));
                if (r < 0) {
                        fuzz_check_warnings((char *[]){ reason, NULL });
                        return r;
                }
        }
        return package_db_finish(db);
}

static void check_versions(char *const *versions) {
        for (; versions && *versions; versions++) {
                FUZZ_ASSERT(kernel_version_is_valid(*versions));
                FUZZ_ASSERT(!versions[1] || kernel_version_compare(versions[0], versions[1]) > 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(package_db_done) PackageDb once = {}, twice = {};
        int r;

        r = read_times(&once, (const char *) data, size, 1);
        FUZZ_ASSERT(read_times(&twice, (const char *) data, size, 2) == r);
        if (r < 0)
                return 0;

        check_versions(once.kernels);
        check_versions(once.series);
        FUZZ_ASSERT(strv_equal(once.kernels, twice.kernels));
        FUZZ_ASSERT(strv_equal(once.series, twice.series));
        FUZZ_ASSERT(once.kernel_helper == twice.kernel_helper);
        return 0;
}
