/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One suite, one main: CHECK_MAIN("record", test_a, test_b) runs the tests by TAP. */

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whoever starts a test by posix_spawn(), as make does, leaves the two signals ignored that are the
 * C library's own. Its sigaction() refuses to change them, so the kernel is asked. */
static inline void check_main_reset_signals(void) {
        const unsigned long action[4] = {}; /* SIG_DFL, as the kernel lays it out */

        for (int number = 32; number < SIGRTMIN; number++)
                (void) syscall(SYS_rt_sigaction, number, action, NULL, _NSIG / 8);
}

#define CHECK_MAIN(name, ...)                                               \
        int main(void) {                                                    \
                const TTest *const tests[] = { __VA_ARGS__ };               \
                Suite *suite = suite_create(name);                          \
                TCase *cases = tcase_create(name);                          \
                SRunner *runner;                                            \
                int failed;                                                 \
                                                                            \
                check_main_reset_signals();                                 \
                for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) \
                        tcase_add_test(cases, tests[i]);                    \
                suite_add_tcase(suite, cases);                              \
                runner = srunner_create(suite);                             \
                srunner_run_all(runner, CK_ENV);                            \
                failed = srunner_ntests_failed(runner);                     \
                srunner_free(runner);                                       \
                return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;           \
        }
