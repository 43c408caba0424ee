/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program that a boot loader's package has brought is found, or is not there. */

#include "sys/boot-dir.h"

#include "common/string-util.h"
#include "core/loader/loader-files.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

START_TEST(program_that_is_missing_or_no_file_is_not_there) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        LoaderSource source;

        loader_source_find(t.root, &loader_systemd_boot, &source);
        ck_assert_ptr_null(source.path);
        temp_mkdir(&t, SYSTEMD_BOOT_SOURCE);
        loader_source_find(t.root, &loader_systemd_boot, &source);
        ck_assert_ptr_null(source.path);
}
END_TEST

START_TEST(signed_program_goes_before_the_other) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        LoaderSource source;

        temp_puts(&t, SYSTEMD_BOOT_SOURCE, "plain");
        loader_source_find(t.root, &loader_systemd_boot, &source);
        ck_assert_str_eq(source.path, SYSTEMD_BOOT_SOURCE);
        ck_assert_uint_eq(source.stamp.size, strlen("plain"));
        ck_assert(!source.is_signed);
        temp_puts(&t, SYSTEMD_BOOT_SOURCE ".signed", "with a signature");
        loader_source_find(t.root, &loader_systemd_boot, &source);
        ck_assert_str_eq(source.path, SYSTEMD_BOOT_SOURCE ".signed");
        ck_assert_uint_eq(source.stamp.size, strlen("with a signature"));
        ck_assert(source.is_signed);
}
END_TEST

START_TEST(loader_that_is_made_on_the_spot_has_no_program) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        LoaderSource source;

        loader_source_find(t.root, &loader_grub, &source);
        ck_assert_ptr_null(source.path);
}
END_TEST

CHECK_MAIN("loader-source", program_that_is_missing_or_no_file_is_not_there,
           signed_program_goes_before_the_other, loader_that_is_made_on_the_spot_has_no_program)
