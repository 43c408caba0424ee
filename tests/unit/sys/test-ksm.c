/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM as it is found below a root that looks like one of four kernels, like one without KSM, or
 * like nothing that a kernel would show. */

#include "sys/ksm.h"

#include "common/names.h"
#include "common/string-util.h"
#include "core/ksm/ksm-model.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"
#include "tests/unit/sys/temp-root.h"

#define STAT_TAIL " 0 0 25 5 1 0 34 0 0 18446744073709551615 0 0\n"

static void put_file(const TempRoot *t, const char *name, mode_t mode, const char *text) {
        _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", name);

        temp_puts(t, path, text);
        ck_assert_int_eq(fchmodat(t->fd, path, mode, 0), 0);
}

static TempRoot root_of(LabKernel kernel) {
        TempRoot t = temp_root_new();

        LAB_FOREACH_FILE(f, kernel)
        put_file(&t, f->name, f->mode, f->text);
        return t;
}

static Ksm look(const TempRoot *t) {
        Ksm k = {};

        ck_assert_int_eq(ksm_look(t->root, &k), 0);
        ck_assert_uint_eq(k.page_bytes, (uint64_t) sysconf(_SC_PAGESIZE));
        return k;
}

static void assert_same(const KsmAttributes *a, const KsmAttributes *b) {
        ck_assert_uint_eq(a->n, b->n);
        for (size_t i = 0; i < a->n; i++) {
                ck_assert_str_eq(a->items[i].name, b->items[i].name);
                ck_assert_str_eq(a->items[i].value, b->items[i].value);
        }
}

START_TEST(each_kernel_shows_what_it_has_and_nothing_else) {
        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_temp_root_ TempRoot t = root_of(i);
                _cleanup_(ksm_done) Ksm k = look(&t), expect = lab_ksm(i);

                ck_assert_int_eq(k.state, KSM_RUNNING);
                ck_assert_uint_eq(k.counters.n, lab_expect[i].n_counters);
                ck_assert_uint_eq(k.tunables.n, lab_expect[i].n_tunables);
                assert_same(&k.counters, &expect.counters);
                assert_same(&k.tunables, &expect.tunables);
        }
}
END_TEST

START_TEST(what_an_older_kernel_does_not_count_is_absent) {
        static const char *const later[] = { "general_profit", "ksm_zero_pages", "pages_scanned",
                                             "pages_skipped" };

        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_temp_root_ TempRoot t = root_of(i);
                _cleanup_(ksm_done) Ksm k = look(&t);

                for (size_t j = 0; j < ELEMENTSOF(later); j++)
                        ck_assert((ksm_attributes_get(&k.counters, later[j]) != NULL) ==
                                  (i >= LAB_6_8));
                ck_assert((ksm_attributes_get(&k.tunables, "advisor_mode") != NULL) ==
                          (i >= LAB_6_8));
                ck_assert_ptr_null(ksm_attributes_get(&k.tunables, "run"));
        }
}
END_TEST

START_TEST(sums_and_memory_are_right_for_each_kernel) {
        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_temp_root_ TempRoot t = root_of(i);
                _cleanup_(ksm_done) Ksm k = look(&t);
                uint64_t available, total;

                k.page_bytes = LAB_PAGE_BYTES; /* whatever this machine's are */
                ck_assert_uint_eq(ksm_figures(&k).saved_bytes, lab_expect[i].saved);
                ck_assert_uint_eq(ksm_figures(&k).metadata_bytes, lab_expect[i].metadata);
                ck_assert_int_eq(ksm_figures(&k).profit_bytes, lab_expect[i].profit);

                /* Without 131072 kB that must remain, enough for what older kernels count. */
                temp_puts(&t, PATH_MEMINFO, "MemTotal: 4194304 kB\nMemAvailable: 232000 kB\n");
                ck_assert_int_eq(memory_look(t.root, &available, &total), 0);
                ck_assert_int_eq(ksm_check_memory(&k, available, total, NULL),
                                 i < LAB_6_8 ? 0 : -ENOMEM);
        }
}
END_TEST

START_TEST(settings_may_be_written_where_the_kernel_has_them) {
        static const struct {
                const char *name, *value;
                ErrorCode old, new;
        } cases[] = {
                { "sleep_millisecs", "50", ERROR_NONE, ERROR_NONE },
                { "pages_to_scan", "1250", ERROR_NONE, ERROR_NONE },
                { "use_zero_pages", "1", ERROR_NONE, ERROR_NONE },
                { "max_page_sharing", "512", ERROR_BUSY, ERROR_BUSY },
                { "merge_across_nodes", "0", ERROR_BUSY, ERROR_BUSY },
                { "smart_scan", "0", ERROR_NOT_SUPPORTED, ERROR_NONE },
                { "advisor_mode", "scan-time", ERROR_NOT_SUPPORTED, ERROR_NONE },
                { "advisor_max_pages_to_scan", "499", ERROR_NOT_SUPPORTED, ERROR_NONE },
                { "advisor_target_scan_time", "0", ERROR_INVALID_OPTION, ERROR_INVALID_OPTION },
                { "pages_sharing", "0", ERROR_INVALID_OPTION, ERROR_INVALID_OPTION },
                { "run", "2", ERROR_INVALID_OPTION, ERROR_INVALID_OPTION },
        };

        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_temp_root_ TempRoot t = root_of(i);
                _cleanup_(ksm_done) Ksm k = look(&t);

                for (size_t j = 0; j < ELEMENTSOF(cases); j++) {
                        _cleanup_error_ Error error = {};

                        (void) ksm_tunable_check(&k, cases[j].name, cases[j].value, &error);
                        ck_assert_msg(error.code == (i < LAB_6_8 ? cases[j].old : cases[j].new),
                                      "%s: %s", cases[j].name, error.message);
                }
        }
}
END_TEST

START_TEST(states_follow_run) {
        static const struct {
                const char *run, *sharing;
                KsmState state;
        } cases[] = {
                { "0\n", "25000\n", KSM_STOPPED },   { "1\n", "0\n", KSM_RUNNING },
                { "2\n", "25000\n", KSM_UNMERGING }, { "2\n", "0\n", KSM_UNMERGED },
                { "5\n", "25000\n", KSM_UNKNOWN },
        };
        _cleanup_temp_root_ TempRoot t = root_of(LAB_6_14);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(ksm_done) Ksm k = {};

                put_file(&t, "run", 0644, cases[i].run);
                put_file(&t, "pages_sharing", 0444, cases[i].sharing);
                k = look(&t);
                ck_assert_int_eq(k.state, cases[i].state);
        }
}
END_TEST

START_TEST(kernel_without_ksm_is_unsupported) {
        _cleanup_temp_root_ TempRoot bare = temp_root_new(), t = temp_root_new();
        _cleanup_(ksm_done) Ksm nothing = look(&bare), k = {};

        temp_mkdir(&t, "sys/kernel/mm/transparent_hugepage");
        k = look(&t);
        ck_assert_int_eq(nothing.state, KSM_UNSUPPORTED);
        ck_assert_int_eq(k.state, KSM_UNSUPPORTED);
        ck_assert_uint_eq(k.counters.n + k.tunables.n, 0);
        ck_assert_uint_eq(ksm_figures(&k).saved_bytes, 0);
        ck_assert_int_eq(ksm_tunable_check(&k, "sleep_millisecs", "20", NULL), -EOPNOTSUPP);
}
END_TEST

START_TEST(hostile_files_are_left_out) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_5_15);
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(ksm_done) Ksm k = {};

        memset(large, '7', 1024 * 1024);
        temp_puts(&t, "secret", "4711\n");
        temp_write(&t, PATH_KSM "/binary", "\x7f\x45LF\0\1", 6);
        temp_puts(&t, PATH_KSM "/empty", "");
        temp_write(&t, PATH_KSM "/large", large, 1024 * 1024);
        temp_mkdir(&t, PATH_KSM "/directory/deeper");
        temp_mkfifo(&t, PATH_KSM "/fifo");
        temp_symlink(&t, PATH_KSM "/outside", "../../../../../etc/hostname");
        temp_symlink(&t, PATH_KSM "/loop", "loop");
        temp_puts(&t, PATH_KSM "/odd name", "1\n");
        temp_puts(&t, PATH_KSM "/\x1b[2J", "1\n");
        temp_puts(&t, PATH_KSM "/caf\xc3\xa9", "1\n");
        put_file(&t, "words", 0444, "no number\n");
        put_file(&t, "too_large", 0444, "9223372036854775808\n");
        k = look(&t);
        ck_assert_int_eq(k.state, KSM_RUNNING);
        ck_assert_uint_eq(k.counters.n, lab_expect[LAB_5_15].n_counters);
        ck_assert_uint_eq(k.tunables.n, lab_expect[LAB_5_15].n_tunables);
}
END_TEST

START_TEST(symlink_leads_nowhere_but_below_the_root) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_5_15);
        _cleanup_(ksm_done) Ksm k = {};

        ck_assert_int_eq(unlinkat(t.fd, PATH_KSM "/pages_sharing", 0), 0);
        temp_symlink(&t, PATH_KSM "/pages_sharing", "/proc/sys/kernel/pid_max");
        k = look(&t);
        ck_assert_ptr_null(ksm_attributes_get(&k.counters, "pages_sharing"));
        ck_assert_uint_eq(ksm_figures(&k).saved_bytes, 0);
}
END_TEST

START_TEST(negative_and_unknown_counters_are_shown) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_6_14);
        _cleanup_(ksm_done) Ksm k = {};

        put_file(&t, "general_profit", 0444, "-4096\n");
        put_file(&t, "newer_counter", 0444, "9223372036854775807\n");
        put_file(&t, "newer_setting", 0644, "[auto] never\n");
        k = look(&t);
        ck_assert_int_eq(ksm_figures(&k).profit_bytes, -4096);
        ck_assert_str_eq(ksm_attributes_get(&k.counters, "newer_counter"), "9223372036854775807");
        ck_assert_str_eq(ksm_attributes_get(&k.tunables, "newer_setting"), "auto");
}
END_TEST

START_TEST(flood_of_files_is_cut_off) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_done) Ksm k = {};

        for (unsigned i = 0; i < 3 * KSM_ATTRIBUTES_MAX; i++) {
                _cleanup_free_ char *name = strprintf("file_%03u", i);

                put_file(&t, name, i % 2 ? 0444 : 0644, "1\n");
        }
        k = look(&t);
        ck_assert_uint_eq(k.counters.n, KSM_ATTRIBUTES_MAX);
        ck_assert_uint_eq(k.tunables.n, KSM_ATTRIBUTES_MAX);
}
END_TEST

START_TEST(run_that_cannot_be_understood_is_an_unknown_state) {
        static const char *const texts[] = { "", "\n", "on\n", "-1\n", "1\n1\n", "\xff\n" };
        _cleanup_temp_root_ TempRoot t = root_of(LAB_6_8), u = root_of(LAB_6_8);
        _cleanup_(ksm_done) Ksm directory = {};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(ksm_done) Ksm k = {};

                put_file(&t, "run", 0644, texts[i]);
                k = look(&t);
                ck_assert_int_eq(k.state, KSM_UNKNOWN);
        }
        ck_assert_int_eq(unlinkat(u.fd, PATH_KSM "/run", 0), 0);
        temp_mkdir(&u, PATH_KSM "/run");
        directory = look(&u);
        ck_assert_int_eq(directory.state, KSM_UNKNOWN);
}
END_TEST

START_TEST(file_that_may_not_be_read_is_left_out) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_6_8);
        _cleanup_(ksm_done) Ksm k = {};

        put_file(&t, "pages_shared", 0000, "1000\n");
        temp_drop_privileges();
        k = look(&t);
        temp_regain_privileges();
        ck_assert_ptr_null(ksm_attributes_get(&k.counters, "pages_shared"));
        ck_assert_uint_eq(k.counters.n, lab_expect[LAB_6_8].n_counters - 1);
}
END_TEST

START_TEST(memory_is_that_of_meminfo_or_unknown) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *large = calloc(1, 1024 * 1024);
        uint64_t available = 5, total = 5;

        ck_assert_int_eq(memory_look(t.root, &available, &total), -ENOENT);
        temp_puts(&t, PATH_MEMINFO, "MemTotal: 2048 kB\nMemAvailable: much\n");
        ck_assert_int_eq(memory_look(t.root, &available, &total), -EBADMSG);
        temp_write(&t, PATH_MEMINFO, large, 1024 * 1024);
        ck_assert_int_eq(memory_look(t.root, &available, &total), -EFBIG);
        ck_assert_uint_eq(available + total, 10);
        temp_puts(&t, PATH_MEMINFO, "MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\n");
        ck_assert_int_eq(memory_look(t.root, &available, &total), 0);
        ck_assert_uint_eq(available, 1024 * 1024);
        ck_assert_uint_eq(total, 2 * 1024 * 1024);
}
END_TEST

static uint64_t usec(uint64_t ticks) {
        return ticks * 1000000 / (uint64_t) sysconf(_SC_CLK_TCK);
}

START_TEST(ksmd_is_the_kernel_thread_of_that_name) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        pid_t pid = 0;
        uint64_t time = 5;

        temp_puts(&t, "proc/1/stat", "1 (systemd) S 0 1 1 0 -1 4194560 0 0 0 0 9 9" STAT_TAIL);
        temp_puts(&t, "proc/20/stat", "20 (ksmd) S 1 20 20 0 -1 4194560 0 0 0 0 9 9" STAT_TAIL);
        temp_mkdir(&t, "proc/21");
        ck_assert_int_eq(ksmd_cpu_usec(t.root, &pid, &time), -ESRCH);
        ck_assert_uint_eq(time, 5);
        temp_puts(&t, "proc/36/stat", "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" STAT_TAIL);
        ck_assert_int_eq(ksmd_cpu_usec(t.root, &pid, &time), 0);
        ck_assert_int_eq(pid, 36);
        ck_assert_uint_eq(time, usec(42));
}
END_TEST

START_TEST(ksmd_is_searched_for_once_and_again_where_its_pid_is_another_process) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        pid_t pid = 36;
        uint64_t time = 0;

        temp_puts(&t, "proc/36/stat", "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" STAT_TAIL);
        temp_puts(&t, "proc/35/stat", "35 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 1 1" STAT_TAIL);
        ck_assert_int_eq(ksmd_cpu_usec(t.root, &pid, &time), 0);
        ck_assert_uint_eq(time, usec(42));

        temp_puts(&t, "proc/36/stat", "36 (kswapd0) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" STAT_TAIL);
        ck_assert_int_eq(ksmd_cpu_usec(t.root, &pid, &time), 0);
        ck_assert_int_eq(pid, 35);
        ck_assert_uint_eq(time, usec(2));
}
END_TEST

START_TEST(without_proc_there_is_no_ksmd) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        pid_t pid = 36;
        uint64_t time;

        ck_assert_int_eq(ksmd_cpu_usec(t.root, &pid, &time), -ESRCH);
}
END_TEST

CHECK_MAIN("ksm", each_kernel_shows_what_it_has_and_nothing_else,
           what_an_older_kernel_does_not_count_is_absent, sums_and_memory_are_right_for_each_kernel,
           settings_may_be_written_where_the_kernel_has_them, states_follow_run,
           kernel_without_ksm_is_unsupported, hostile_files_are_left_out,
           symlink_leads_nowhere_but_below_the_root, negative_and_unknown_counters_are_shown,
           flood_of_files_is_cut_off, run_that_cannot_be_understood_is_an_unknown_state,
           file_that_may_not_be_read_is_left_out, memory_is_that_of_meminfo_or_unknown,
           ksmd_is_the_kernel_thread_of_that_name,
           ksmd_is_searched_for_once_and_again_where_its_pid_is_another_process,
           without_proc_there_is_no_ksmd)
