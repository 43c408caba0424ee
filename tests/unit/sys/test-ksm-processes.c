/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that gain from KSM are found, as four kernels tell of them. */

#include "sys/ksm.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"
#include "tests/unit/sys/temp-root.h"

#define GUEST_100 "0::/qemu.slice/100.scope\n"
#define SERVICE   "0::/system.slice/cron.service\n"

static void put(const TempRoot *t, unsigned pid, const char *name, const char *text) {
        _cleanup_free_ char *path = strprintf("proc/%u/%s", pid, name);

        temp_puts(t, path, text);
}

/* fs/proc/base.c: ksm_merging_pages since 5.19, ksm_stat since 6.1, with the profit since 6.4. */
static void put_process(const TempRoot *t, LabKernel kernel, unsigned pid, const char *comm,
                        const char *cgroup, unsigned merging) {
        const long profit = (long) merging * (long) LAB_PAGE_BYTES - (long) merging * 64;
        _cleanup_free_ char *pages = strprintf("%u\n", merging);
        _cleanup_free_ char *old = strprintf("ksm_rmap_items %u\n", merging);
        _cleanup_free_ char *new = strprintf("ksm_rmap_items %u\nksm_zero_pages 0\n"
                                             "ksm_merging_pages %u\nksm_process_profit %ld\n",
                                             merging, merging, profit);

        put(t, pid, "comm", comm);
        put(t, pid, "cgroup", cgroup);
        if (kernel >= LAB_6_2)
                put(t, pid, "ksm_merging_pages", pages);
        if (kernel >= LAB_6_2)
                put(t, pid, "ksm_stat", kernel >= LAB_6_8 ? new : old);
}

static TempRoot root_of(LabKernel kernel) {
        TempRoot t = temp_root_new();

        put_process(&t, kernel, 1, "systemd\n", "0::/init.scope\n", 0);
        put_process(&t, kernel, 700, "cron\n", SERVICE, 10);
        put_process(&t, kernel, 4711, "kvm\n", GUEST_100, 2000);
        put_process(&t, kernel, 4712, "kvm\n", "0::/qemu.slice/101.scope\n", 0);
        temp_mkdir(&t, "proc/sys/kernel");
        return t;
}

static KsmProcesses list(const TempRoot *t) {
        KsmProcesses l = {};

        ck_assert_int_eq(ksm_processes_list(t->root, &l), 0);
        ksm_processes_sort(&l, 100);
        return l;
}

START_TEST(before_5_19_only_guests_are_known) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_5_15);
        _cleanup_(ksm_processes_done) KsmProcesses l = list(&t);

        ck_assert_uint_eq(l.n, 2);
        for (size_t i = 0; i < l.n; i++) {
                ck_assert_uint_eq(l.items[i].vmid, 100 + i);
                ck_assert_str_eq(l.items[i].name, "kvm");
                ck_assert(!l.items[i].has_merged && !l.items[i].has_profit);
        }
}
END_TEST

START_TEST(before_6_4_merged_pages_are_known_and_no_profit) {
        _cleanup_temp_root_ TempRoot t = root_of(LAB_6_2);
        _cleanup_(ksm_processes_done) KsmProcesses l = list(&t);

        ck_assert_uint_eq(l.n, 3);
        ck_assert_uint_eq(l.items[0].pid, 4711);
        ck_assert_uint_eq(l.items[0].merged_bytes, 2000 * (uint64_t) sysconf(_SC_PAGESIZE));
        ck_assert_uint_eq(l.items[1].pid, 700);
        ck_assert_uint_eq(l.items[1].vmid, 0);
        ck_assert_str_eq(l.items[1].name, "cron");
        ck_assert_uint_eq(l.items[2].vmid, 101);
        for (size_t i = 0; i < l.n; i++)
                ck_assert(l.items[i].has_merged && !l.items[i].has_profit);
}
END_TEST

START_TEST(newer_kernels_tell_the_profit) {
        for (LabKernel i = LAB_6_8; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_temp_root_ TempRoot t = root_of(i);
                _cleanup_(ksm_processes_done) KsmProcesses l = list(&t);

                ck_assert_uint_eq(l.n, 3);
                ck_assert_uint_eq(l.items[0].vmid, 100);
                ck_assert(l.items[0].has_profit);
                ck_assert_int_eq(l.items[0].profit_bytes, 2000 * (4096 - 64));
                ck_assert_uint_eq(l.items[2].vmid, 101);
                ck_assert(l.items[2].has_merged && l.items[2].has_profit);
                ck_assert_uint_eq(l.items[2].merged_bytes, 0);
        }
}
END_TEST

START_TEST(kernel_thread_tells_nothing) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        put(&t, 36, "comm", "ksmd\n");
        put(&t, 36, "cgroup", "0::/\n");
        put(&t, 36, "ksm_merging_pages", "");
        put(&t, 36, "ksm_stat", "");
        l = list(&t);
        ck_assert_uint_eq(l.n, 0);
}
END_TEST

START_TEST(process_that_ends_meanwhile_is_left_out) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        temp_mkdir(&t, "proc/10");
        put(&t, 11, "ksm_merging_pages", "5\n");
        put(&t, 12, "cgroup", GUEST_100);
        put(&t, 13, "comm", "a\n");
        put(&t, 13, "ksm_merging_pages", "5\n");
        l = list(&t);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_uint_eq(l.items[0].pid, 13);
}
END_TEST

START_TEST(hostile_files_are_not_told) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        memset(large, '7', 1024 * 1024);
        for (unsigned pid = 10; pid < 16; pid++) {
                put(&t, pid, "comm", "x\n");
                put(&t, pid, "cgroup", GUEST_100);
        }
        put(&t, 10, "ksm_merging_pages", "-1\n");
        put(&t, 11, "ksm_merging_pages", "18446744073709551615\n");
        put(&t, 12, "ksm_merging_pages", "99999999999999999999\n");
        temp_write(&t, "proc/13/ksm_merging_pages", large, 1024 * 1024);
        temp_mkdir(&t, "proc/14/ksm_merging_pages");
        temp_mkfifo(&t, "proc/15/ksm_merging_pages");
        put(&t, 15, "ksm_stat", "ksm_process_profit \xff\n");
        l = list(&t);
        ck_assert_uint_eq(l.n, 6);
        for (size_t i = 0; i < l.n; i++) {
                ck_assert(!l.items[i].has_merged && !l.items[i].has_profit);
                ck_assert_uint_eq(l.items[i].merged_bytes, 0);
        }
}
END_TEST

START_TEST(name_may_be_anything) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        put_process(&t, LAB_6_14, 10, "\n", SERVICE, 3);
        put_process(&t, LAB_6_14, 11, "a \x1b[2J\n", SERVICE, 2);
        put_process(&t, LAB_6_14, 12, "no newline", SERVICE, 1);
        l = list(&t);
        ck_assert_uint_eq(l.n, 3);
        ck_assert_str_eq(l.items[0].name, "");
        ck_assert_str_eq(l.items[1].name, "a \x1b[2J");
        ck_assert_str_eq(l.items[2].name, "no newline");
}
END_TEST

START_TEST(processes_are_told_from_what_else_is_in_proc) {
        static const char *const names[] = { "1",          "36", "2147483647", "0",   "036", "self",
                                             "2147483648", "1x", "-1",         "sys", "+1" };
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_free_ char *comm = strprintf("proc/%s/comm", names[i]);
                _cleanup_free_ char *cgroup = strprintf("proc/%s/cgroup", names[i]);

                temp_puts(&t, comm, "kvm\n");
                temp_puts(&t, cgroup, GUEST_100);
        }
        l = list(&t);
        ck_assert_uint_eq(l.n, 3);
        ck_assert_uint_eq(l.items[0].pid, 1);
        ck_assert_uint_eq(l.items[1].pid, 36);
        ck_assert_uint_eq(l.items[2].pid, 2147483647);
}
END_TEST

START_TEST(file_of_a_process_is_read_if_it_is_there_and_small) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        memset(large, 'x', 1024 * 1024);
        for (unsigned pid = 36; pid < 40; pid++)
                put(&t, pid, "ksm_merging_pages", "5\n");
        put(&t, 36, "comm", "kvm\n");
        temp_write(&t, "proc/37/comm", large, 1024 * 1024);
        temp_mkfifo(&t, "proc/38/comm");
        l = list(&t);
        ck_assert_uint_eq(l.n, 1);
        ck_assert_uint_eq(l.items[0].pid, 36);
        ck_assert_str_eq(l.items[0].name, "kvm");
}
END_TEST

START_TEST(without_proc_the_list_is_empty) {
        _cleanup_temp_root_ TempRoot t = temp_root_new();
        _cleanup_(ksm_processes_done) KsmProcesses l = list(&t);

        ck_assert_uint_eq(l.n, 0);
}
END_TEST

CHECK_MAIN("ksm-processes", before_5_19_only_guests_are_known,
           before_6_4_merged_pages_are_known_and_no_profit, newer_kernels_tell_the_profit,
           kernel_thread_tells_nothing, process_that_ends_meanwhile_is_left_out,
           hostile_files_are_not_told, name_may_be_anything,
           processes_are_told_from_what_else_is_in_proc,
           file_of_a_process_is_read_if_it_is_there_and_small, without_proc_the_list_is_empty)
