/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clusters. */

#include "core/esp/esp-image.h"

#include "tests/unit/check-main.h"

START_TEST(empty_file_occupies_nothing) {
        ck_assert_uint_eq(space_allocated(0, 1), 0);
        ck_assert_uint_eq(space_allocated(0, 4096), 0);
}
END_TEST

START_TEST(files_occupy_whole_clusters) {
        ck_assert_uint_eq(space_allocated(1, 4096), 4096);
        ck_assert_uint_eq(space_allocated(4095, 4096), 4096);
        ck_assert_uint_eq(space_allocated(4096, 4096), 4096);
        ck_assert_uint_eq(space_allocated(4097, 4096), 8192);
        ck_assert_uint_eq(space_allocated(7, 1), 7);
        ck_assert_uint_eq(space_allocated(7, 3), 9); /* not only powers of two */
}
END_TEST

START_TEST(sizes_over_four_gigabytes_are_fine) {
        ck_assert_uint_eq(space_allocated((UINT64_C(1) << 32) + 1, 65536),
                          (UINT64_C(1) << 32) + 65536);
}
END_TEST

START_TEST(absurd_sizes_do_not_wrap) {
        ck_assert_uint_eq(space_allocated(UINT64_MAX, 1), UINT64_MAX);
        ck_assert_uint_eq(space_allocated(UINT64_MAX, 4096), UINT64_MAX);
        ck_assert_uint_eq(space_allocated(UINT64_MAX, UINT64_MAX), UINT64_MAX);
        ck_assert_uint_eq(space_allocated(1, UINT64_MAX), UINT64_MAX);
        ck_assert_uint_eq(space_allocated(UINT64_MAX - 4095, 4096), UINT64_MAX - 4095);
}
END_TEST

CHECK_MAIN("space", empty_file_occupies_nothing, files_occupy_whole_clusters,
           sizes_over_four_gigabytes_are_fine, absurd_sizes_do_not_wrap)
