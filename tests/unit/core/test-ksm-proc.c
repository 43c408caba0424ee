/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers out of files of proc(5). */

#include "core/ksm-proc.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

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

CHECK_MAIN("ksm-proc", memory_is_two_lines_of_meminfo_in_bytes, memory_that_is_not_told_is_no_zero,
           time_of_ksmd_is_user_and_system_time, who_only_calls_itself_so_is_not_ksmd,
           profit_is_a_line_of_ksm_stat, nul_bytes_are_no_numbers)
