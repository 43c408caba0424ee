/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes are directories with a number for a name. */

#include "sys/proc.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/sys/temp-root.h"

START_TEST(processes_are_told_from_what_else_is_in_proc) {
        static const char *const names[] = { "1",          "36", "2147483647", "0",   "036", "self",
                                             "2147483648", "1x", "-1",         "sys", "+1" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_strv_ char **pids = NULL;
        _cleanup_free_ char *joined = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *path = strprintf("proc/%s", names[i]);

                temp_mkdir(&t, path);
        }
        ck_assert_int_eq(proc_list(t.root, &pids), 0);
        strv_sort_uniq(pids, strcmp);
        joined = strv_join(pids, " ");
        ck_assert_str_eq(joined, "1 2147483647 36");
}
END_TEST

START_TEST(without_proc_there_is_no_list) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        char **pids = NULL;

        ck_assert_int_eq(proc_list(t.root, &pids), -ENOENT);
        ck_assert_ptr_null(pids);
}
END_TEST

START_TEST(file_of_a_process_is_read_if_it_is_there_and_small) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *text = NULL, *large = malloc(1024 * 1024);
        size_t size = 0;

        memset(large, 'x', 1024 * 1024);
        temp_puts(&t, "proc/36/comm", "ksmd\n");
        temp_write(&t, "proc/36/stat", large, 1024 * 1024);
        temp_mkfifo(&t, "proc/36/cgroup");
        ck_assert_int_eq(proc_read(t.root, "36", "comm", &text, &size), 0);
        ck_assert_str_eq(text, "ksmd\n");
        ck_assert_uint_eq(size, 5);
        ck_assert_int_eq(proc_read(t.root, "36", "stat", &text, &size), -EFBIG);
        ck_assert_int_eq(proc_read(t.root, "36", "cgroup", &text, &size), -EINVAL);
        ck_assert_int_eq(proc_read(t.root, "37", "comm", &text, &size), -ENOENT);
}
END_TEST

CHECK_MAIN("proc", processes_are_told_from_what_else_is_in_proc, without_proc_there_is_no_list,
           file_of_a_process_is_read_if_it_is_there_and_small)
