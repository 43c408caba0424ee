/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sentences about bad lines: readable, and not without end. */

#include "core/line-warnings.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

START_TEST(sentence_names_line_text_and_reason) {
        _cleanup_strv_ char **l = NULL;
        LineWarnings w = { .sentences = &l };

        ck_assert_int_eq(line_warnings_add(&w, 3,
                                           "foo\x01"
                                           "bar",
                                           4, "is odd"),
                         0);
        ck_assert_int_eq(line_warnings_finish(&w), 0);
        ck_assert_uint_eq(strv_length(l), 1);
        ck_assert_str_eq(l[0], "line 3: 'foo?' is odd, ignoring");
}
END_TEST

START_TEST(no_bad_line_means_no_sentence) {
        _cleanup_strv_ char **l = NULL;
        LineWarnings w = { .sentences = &l };

        ck_assert_int_eq(line_warnings_finish(&w), 0);
        ck_assert_ptr_null(l);
}
END_TEST

START_TEST(lines_over_the_limit_are_only_counted) {
        _cleanup_strv_ char **l = NULL;
        LineWarnings w = { .sentences = &l };

        for (size_t i = 1; i <= LINE_WARNINGS_MAX; i++)
                ck_assert_int_eq(line_warnings_add(&w, i, "x", 1, "is odd"), 0);
        ck_assert_int_eq(line_warnings_finish(&w), 0);
        ck_assert_uint_eq(strv_length(l), LINE_WARNINGS_MAX);

        for (size_t i = 0; i < 17; i++)
                ck_assert_int_eq(line_warnings_add(&w, 100, "x", 1, "is odd"), 0);
        ck_assert_uint_eq(strv_length(l), LINE_WARNINGS_MAX);
        ck_assert_int_eq(line_warnings_finish(&w), 0);
        ck_assert_uint_eq(strv_length(l), LINE_WARNINGS_MAX + 1);
        ck_assert_str_eq(l[LINE_WARNINGS_MAX], "17 more lines cannot be used either, ignoring");
}
END_TEST

START_TEST(long_text_is_cut) {
        _cleanup_strv_ char **l = NULL;
        LineWarnings w = { .sentences = &l };
        char text[LINE_WARNING_TEXT_MAX + 1];

        memset(text, 'x', sizeof(text));
        ck_assert_int_eq(line_warnings_add(&w, 1, text, LINE_WARNING_TEXT_MAX, "is odd"), 0);
        ck_assert_int_eq(line_warnings_add(&w, 2, text, sizeof(text), "is odd"), 0);
        ck_assert_ptr_null(strstr(l[0], "..."));
        ck_assert_ptr_nonnull(strstr(l[1], "x...' is odd"));
        ck_assert_uint_eq(strlen(l[1]), strlen(l[0]) + strlen("..."));
}
END_TEST

CHECK_MAIN("line-warnings", sentence_names_line_text_and_reason, no_bad_line_means_no_sentence,
           lines_over_the_limit_are_only_counted, long_text_is_cut)
