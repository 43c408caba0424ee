/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One suite, one main: CHECK_MAIN("record", test_a, test_b) runs the tests by TAP. */

#include <check.h>
#include <stdlib.h>

#define CHECK_MAIN(name, ...)                                               \
        int main(void) {                                                    \
                const TTest *const tests[] = { __VA_ARGS__ };               \
                Suite *suite = suite_create(name);                          \
                TCase *cases = tcase_create(name);                          \
                SRunner *runner;                                            \
                int failed;                                                 \
                                                                            \
                for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) \
                        tcase_add_test(cases, tests[i]);                    \
                suite_add_tcase(suite, cases);                              \
                runner = srunner_create(suite);                             \
                srunner_run_all(runner, CK_ENV);                            \
                failed = srunner_ntests_failed(runner);                     \
                srunner_free(runner);                                       \
                return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;           \
        }
