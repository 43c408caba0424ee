/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that gain from KSM, and files of proc. */

#include "core/ksm/ksm-process.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static void add(KsmProcesses *l, uint32_t pid, uint32_t vmid, int64_t profit) {
        KsmProcess p = { .name = strdup("kvm"),
                         .pid = pid,
                         .vmid = vmid,
                         .has_merged = true,
                         .has_profit = true,
                         .merged_bytes = 4096,
                         .profit_bytes = profit };

        ck_assert_int_eq(ksm_processes_take(l, &p), 0);
        ck_assert_ptr_null(p.name);
}

static void assert_pids(KsmProcesses *l, size_t max, const char *expect) {
        _cleanup_strv_ char **pids = NULL;
        _cleanup_free_ char *joined = NULL;

        ksm_processes_sort(l, max);
        for (size_t i = 0; i < l->n; i++)
                ck_assert_int_eq(strv_extendf(&pids, "%u", l->items[i].pid), 0);
        joined = strv_join(pids, " ");
        ck_assert_str_eq(joined, expect);
}

START_TEST(who_gains_most_comes_first) {
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        add(&l, 1, 0, -100);
        add(&l, 2, 0, 500);
        add(&l, 9, 101, 300);
        add(&l, 4, 100, 300);
        add(&l, 8, 0, 300);
        add(&l, 7, 0, 300);
        assert_pids(&l, 10, "2 7 8 4 9 1");
}
END_TEST

START_TEST(no_guest_is_left_out_before_every_other_process) {
        _cleanup_(ksm_processes_done) KsmProcesses l = {}, none = {};

        add(&l, 1, 0, 900);
        add(&l, 2, 100, 800);
        add(&l, 3, 0, 700);
        add(&l, 4, 101, 0);
        add(&l, 5, 0, 600);
        assert_pids(&l, 5, "1 2 3 5 4");
        assert_pids(&l, 3, "1 2 4");
        assert_pids(&l, 2, "2 4");
        assert_pids(&l, 1, "2");
        assert_pids(&l, 0, "");
        assert_pids(&none, 3, "");
}
END_TEST

START_TEST(without_a_profit_merged_pages_tell) {
        _cleanup_(ksm_processes_done) KsmProcesses l = {};

        add(&l, 1, 0, 900);
        add(&l, 2, 0, 0);
        add(&l, 3, 0, 0);
        for (size_t i = 0; i < 3; i++)
                l.items[i].has_profit = false;
        l.items[1].merged_bytes = UINT64_MAX;
        l.items[2].merged_bytes = 8192;
        assert_pids(&l, 3, "2 3 1");
}
END_TEST

START_TEST(guest_is_known_by_its_cgroup) {
        static const struct {
                const char *text;
                uint32_t vmid;
        } cases[] = {
                { "0::/qemu.slice/100.scope\n", 100 },
                { "0::/qemu.slice/4294967295.scope", 4294967295 },
                { "1:name=systemd:/qemu.slice/101.scope\n", 101 },
                { "12:cpuset:/\n0::/qemu.slice/102.scope\n", 102 },
                { "0::/qemu.slice/4294967296.scope\n", 0 },
                { "0::/qemu.slice/99999999999999999999.scope\n", 0 },
                { "0::/qemu.slice/0.scope\n", 0 },
                { "0::/qemu.slice/0100.scope\n", 0 },
                { "0::/qemu.slice/-1.scope\n", 0 },
                { "0::/qemu.slice/.scope\n", 0 },
                { "0::/qemu.slice/1a.scope\n", 0 },
                { "0::/qemu.slice/100.scope/sub\n", 0 },
                { "0::/qemu.slice/100.service\n", 0 },
                { "0::/qemu.slice\n", 0 },
                { "0::/system.slice/pvedaemon.service\n", 0 },
                { "/qemu.slice/100.scope\n", 0 },
                { ":/qemu.slice/100.scope\n", 0 },
                { "0::/", 0 },
                { "", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_msg(ksm_vmid_of_cgroup(cases[i].text) == cases[i].vmid, "case %zu", i);
}
END_TEST

START_TEST(container_cannot_pass_for_a_guest) {
        ck_assert_uint_eq(ksm_vmid_of_cgroup("0::/lxc/105/ns/qemu.slice/100.scope\n"), 0);
        ck_assert_uint_eq(ksm_vmid_of_cgroup("0::/lxc/105/ns/x:/qemu.slice/100.scope\n"), 0);
        ck_assert_uint_eq(ksm_vmid_of_cgroup("0::/lxc/105/ns/0::/qemu.slice/100.scope\n"), 0);
}
END_TEST

static char *format(const KsmProcess *p) {
        Buffer b = {};
        char *line = NULL;

        record_begin(&b, "process");
        ksm_process_format(p, &b);
        ck_assert_int_eq(buffer_take(&b, &line, NULL), 0);
        return line;
}

static int parse(const char *line, KsmProcess *ret) {
        _cleanup_(record_done) Record record = {};

        ck_assert_int_eq(record_parse(line, strlen(line), &record), 0);
        return ksm_process_parse(&record, ret);
}

START_TEST(process_travels_as_a_record) {
        const KsmProcess p = { .name = (char *) "kvm",
                               .pid = 4711,
                               .vmid = 100,
                               .has_merged = true,
                               .has_profit = true,
                               .merged_bytes = 409600,
                               .profit_bytes = -6400 };
        _cleanup_free_ char *line = format(&p), *again = NULL;
        _cleanup_(ksm_process_done) KsmProcess q = {};

        ck_assert_str_eq(line, "process name=kvm pid=4711 vmid=100 merged=409600 profit=-6400");
        ck_assert_int_eq(parse(line, &q), 5);
        again = format(&q);
        ck_assert_str_eq(line, again);
}
END_TEST

START_TEST(what_the_kernel_does_not_tell_is_not_told) {
        const KsmProcess p = { .name = (char *) "", .pid = 1 };
        _cleanup_free_ char *line = format(&p);
        _cleanup_(ksm_process_done) KsmProcess q = {};

        ck_assert_str_eq(line, "process name= pid=1 vmid=0");
        ck_assert_int_eq(parse(line, &q), 3);
        ck_assert(!q.has_merged && !q.has_profit);
        ck_assert_str_eq(q.name, "");
}
END_TEST

START_TEST(name_is_made_fit_for_humans_and_is_not_cut_twice) {
        char name[1000];
        KsmProcess p = { .name = name, .pid = 1 };
        _cleanup_(ksm_process_done) KsmProcess q = {}, odd = {};
        _cleanup_free_ char *line = NULL, *again = NULL, *odd_line = NULL;

        memset(name, 'x', sizeof(name));
        name[sizeof(name) - 1] = '\0';
        line = format(&p);
        ck_assert_int_eq(parse(line, &q), 3);
        ck_assert_uint_eq(strlen(q.name), 64);
        ck_assert_ptr_nonnull(endswith(q.name, "..."));
        again = format(&q);
        ck_assert_str_eq(line, again);

        p.name = (char *) "a\n\x1b\xff b";
        odd_line = format(&p);
        ck_assert_int_eq(parse(odd_line, &odd), 3);
        ck_assert_str_eq(odd.name, "a??? b");
}
END_TEST

START_TEST(records_that_nobody_writes_are_refused) {
        static const char *const lines[] = {
                "process",
                "process pid=1 vmid=0",
                "process name=a vmid=0",
                "process name=a pid=1",
                "process name=a pid=0 vmid=0",
                "process name=a pid=-1 vmid=0",
                "process name=a pid=4294967296 vmid=0",
                "process name=a pid=1 vmid=4294967296",
                "process name=a pid=1 vmid=0 merged=-1",
                "process name=a pid=1 vmid=0 merged=",
                "process name=a pid=1 vmid=0 profit=x",
                "process name=a pid=1 vmid=0 profit=9223372036854775808",
                "process name=a%0Ab pid=1 vmid=0",
                "process name=%FF pid=1 vmid=0",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                KsmProcess p = {};

                ck_assert_msg(parse(lines[i], &p) == -EBADMSG, "%s", lines[i]);
                ck_assert_ptr_null(p.name);
        }
}
END_TEST

#define TAIL " 0 0 25 5 1 0 34 0 0 18446744073709551615 0 0\n"

static int read_memory(const char *text, uint64_t *ret_available, uint64_t *ret_total) {
        return meminfo_parse(text, strlen(text), ret_available, ret_total);
}

START_TEST(memory_is_two_lines_of_meminfo_in_bytes) {
        uint64_t available = 0, total = 0;

        ck_assert_int_eq(read_memory("MemTotal:       16384256 kB\nMemFree:         1048576 kB\n"
                                     "MemAvailable:    8388608 kB\nBuffers:           10240 kB\n",
                                     &available, &total),
                         0);
        ck_assert_uint_eq(available, 8388608 * UINT64_C(1024));
        ck_assert_uint_eq(total, 16384256 * UINT64_C(1024));
}
END_TEST

START_TEST(memory_that_is_not_told_is_no_zero) {
        static const struct {
                const char *text;
                int expect;
        } cases[] = {
                { "", -ENOENT },
                { "MemTotal: 1 kB\n", -ENOENT },
                { "MemAvailable: 1 kB\n", -ENOENT },
                { "XMemTotal: 1 kB\nMemAvailable: 1 kB\n", -ENOENT },
                { "MemTotal: 1 kB\nMemAvailable: 1\n", -EBADMSG },
                { "MemTotal: 1 kB\nMemAvailable: kB\n", -EBADMSG },
                { "MemTotal: 1 MB\nMemAvailable: 1 kB\n", -EBADMSG },
                { "MemTotal: -1 kB\nMemAvailable: 1 kB\n", -EBADMSG },
                { "MemTotal: 9007199254740992 kB\nMemAvailable: 1 kB\n", -EBADMSG },
                { "MemTotal: 99999999999999999999999 kB\nMemAvailable: 1 kB\n", -EBADMSG },
                { "MemTotal: 9007199254740991 kB\nMemAvailable: 0 kB", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t available = 5, total = 5;

                ck_assert_msg(read_memory(cases[i].text, &available, &total) == cases[i].expect,
                              "case %zu", i);
                ck_assert(cases[i].expect == 0 || (available == 5 && total == 5));
        }
}
END_TEST

START_TEST(time_of_ksmd_is_user_and_system_time) {
        static const char text[] = "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" TAIL;
        uint64_t ticks = 0;

        ck_assert_int_eq(ksmd_stat_parse(text, strlen(text), &ticks), 0);
        ck_assert_uint_eq(ticks, 42);
}
END_TEST

START_TEST(who_only_calls_itself_so_is_not_ksmd) {
        static const char *const texts[] = {
                "736 (ksmd) S 1 736 736 0 -1 4194560 0 0 0 0 7 35" TAIL,
                "36 (ksmd2) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" TAIL,
                "36 (KSMD) S 2 0 0 0 -1 2097216 0 0 0 0 7 35" TAIL,
                "736 (x) (ksmd) S 1 736 736 0 -1 2097216 0 0 0 0 7 35" TAIL,
                "736 (ksmd) S 2 0 0 0 -1 2097216) S 1 736 736 0 -1 4194560 0 0 0 0 7 35" TAIL,
                "36 ksmd S 2 0 0 0 -1 2097216 0 0 0 0 7 35" TAIL,
                "36 )ksmd( S 2 0 0 0 -1 2097216 0 0 0 0 7 35" TAIL,
                "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7",
                "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 -35" TAIL,
                "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 99999999999999999999" TAIL,
                "36 (ksmd) S 2 0 0 0 -1 flags 0 0 0 0 7 35" TAIL,
                "36 (ksmd)",
                "36 (ksmd) ",
                "36 (ksmd",
                "(",
                "",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                uint64_t ticks = 5;

                ck_assert_msg(ksmd_stat_parse(texts[i], strlen(texts[i]), &ticks) == -ESRCH,
                              "case %zu", i);
                ck_assert_uint_eq(ticks, 5);
        }
}
END_TEST

START_TEST(profit_is_a_line_of_ksm_stat) {
        static const struct {
                const char *text;
                int expect;
                int64_t profit;
        } cases[] = {
                { "ksm_rmap_items 1000\n", -ENOENT, 5 }, /* Linux 6.1 to 6.3 */
                { "ksm_rmap_items 1000\nksm_merging_pages 900\nksm_process_profit 3622400\n", 0,
                  3622400 },
                { "ksm_rmap_items 1000\nksm_zero_pages 0\nksm_merging_pages 0\n"
                  "ksm_process_profit -64000\nksm_merge_any: no\nksm_mergeable: yes\n",
                  0, -64000 },
                { "ksm_process_profit \n", -EBADMSG, 5 },
                { "ksm_process_profit 9223372036854775808\n", -EBADMSG, 5 },
                { "ksm_process_profit much\n", -EBADMSG, 5 },
                { "", -ENOENT, 5 }, /* of a kernel thread */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int64_t profit = 5;

                ck_assert_msg(ksm_stat_parse(cases[i].text, strlen(cases[i].text), &profit) ==
                                              cases[i].expect,
                              "case %zu", i);
                ck_assert_int_eq(profit, cases[i].profit);
        }
}
END_TEST

START_TEST(nul_bytes_are_no_numbers) {
        static const char stat[] = "36 (ksmd) S 2 0 0 0 -1 2097216 0 0 0 0 7 3\0005 0";
        static const char profit[] = "ksm_process_profit 1\0002\n";
        uint64_t ticks;
        int64_t number;

        ck_assert_int_eq(ksmd_stat_parse(stat, sizeof(stat) - 1, &ticks), -ESRCH);
        ck_assert_int_eq(ksm_stat_parse(profit, sizeof(profit) - 1, &number), -EBADMSG);
}
END_TEST

CHECK_MAIN("ksm-process", who_gains_most_comes_first,
           no_guest_is_left_out_before_every_other_process, without_a_profit_merged_pages_tell,
           guest_is_known_by_its_cgroup, container_cannot_pass_for_a_guest,
           process_travels_as_a_record, what_the_kernel_does_not_tell_is_not_told,
           name_is_made_fit_for_humans_and_is_not_cut_twice, records_that_nobody_writes_are_refused,
           memory_is_two_lines_of_meminfo_in_bytes, memory_that_is_not_told_is_no_zero,
           time_of_ksmd_is_user_and_system_time, who_only_calls_itself_so_is_not_ksmd,
           profit_is_a_line_of_ksm_stat, nul_bytes_are_no_numbers)
