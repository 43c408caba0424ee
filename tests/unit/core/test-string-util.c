/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Strings, buffers and string vectors, at their edges. */

#include "common/string-util.h"

#include "tests/unit/check-main.h"

START_TEST(null_and_empty_strings_are_told_apart_only_where_it_matters) {
        ck_assert(isempty(NULL));
        ck_assert(isempty(""));
        ck_assert(!isempty(" "));
        ck_assert_str_eq(strempty(NULL), "");
        ck_assert_str_eq(strempty("a"), "a");
        ck_assert(streq_ptr(NULL, NULL));
        ck_assert(streq_ptr("a", "a"));
        ck_assert(!streq_ptr(NULL, ""));
        ck_assert(!streq_ptr("", NULL));
        ck_assert(!streq_ptr("a", "b"));
}
END_TEST

START_TEST(prefix_and_suffix_are_found) {
        const char *s = "vmlinuz-6.8";

        ck_assert_ptr_eq(startswith(s, "vmlinuz-"), s + 8);
        ck_assert_ptr_eq(startswith(s, ""), s);
        ck_assert_ptr_eq(startswith(s, s), s + strlen(s));
        ck_assert_ptr_null(startswith(s, "vmlinuz-6.8.1"));
        ck_assert_ptr_null(startswith(s, "x"));
        ck_assert_ptr_eq(endswith(s, "-6.8"), s + 7);
        ck_assert_ptr_eq(endswith(s, ""), s + strlen(s));
        ck_assert_ptr_eq(endswith(s, s), s);
        ck_assert_ptr_null(endswith(s, "xvmlinuz-6.8"));
        ck_assert_ptr_null(endswith(s, "6.9"));
        ck_assert_ptr_null(endswith("", "x"));
}
END_TEST

START_TEST(printing_into_fresh_memory) {
        _cleanup_free_ char *s = strprintf("%s-%d", "a", 7), *empty = strprintf("%s", "");

        ck_assert_str_eq(s, "a-7");
        ck_assert_str_eq(empty, "");
}
END_TEST

START_TEST(numbers_are_decimal_digits_in_range) {
        static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "a", "1\n" };
        uint64_t v = 5;

        ck_assert_int_eq(parse_u64(NULL, &v), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(parse_u64(bad[i], &v) == -EINVAL, "'%s'", bad[i]);
        ck_assert_int_eq(parse_u64("18446744073709551616", &v), -ERANGE);
        ck_assert_int_eq(parse_u64("99999999999999999999", &v), -ERANGE);
        ck_assert_uint_eq(v, 5);

        ck_assert_int_eq(parse_u64("18446744073709551615", &v), 0);
        ck_assert_uint_eq(v, UINT64_MAX);
        ck_assert_int_eq(parse_u64("007", &v), 0);
        ck_assert_uint_eq(v, 7);
        ck_assert_int_eq(parse_u64("0", &v), 0);
        ck_assert_uint_eq(v, 0);
}
END_TEST

START_TEST(signed_numbers_may_have_a_minus) {
        static const char *const bad[] = { "", "-", "--1", "+1", "- 1", "-1 ", "-a" };
        int64_t v = 5;

        ck_assert_int_eq(parse_i64(NULL, &v), -EINVAL);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(parse_i64(bad[i], &v) == -EINVAL, "'%s'", bad[i]);
        ck_assert_int_eq(parse_i64("9223372036854775808", &v), -ERANGE);
        ck_assert_int_eq(parse_i64("-9223372036854775809", &v), -ERANGE);
        ck_assert_int_eq(v, 5);

        ck_assert_int_eq(parse_i64("9223372036854775807", &v), 0);
        ck_assert_int_eq(v, INT64_MAX);
        ck_assert_int_eq(parse_i64("-9223372036854775808", &v), 0);
        ck_assert_int_eq(v, INT64_MIN);
        ck_assert_int_eq(parse_i64("-0", &v), 0);
        ck_assert_int_eq(v, 0);
}
END_TEST

START_TEST(booleans_have_the_words_of_systemd) {
        static const char *const yes[] = { "1", "yes", "y", "true", "t", "on", "YES", "True" },
                                 *const no[] = { "0", "no", "n", "false", "f", "off", "NO", "Off" },
                                 *const bad[] = { "", "2", "yes ", "yess", "enable", "ye" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                ck_assert_int_eq(parse_boolean(yes[i]), 1);
        for (size_t i = 0; i < ELEMENTSOF(no); i++)
                ck_assert_int_eq(parse_boolean(no[i]), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(parse_boolean(bad[i]), -EINVAL);
}
END_TEST

/* The lines of the bytes, each between bars. */
static char *lines_of(const char *text, size_t size) {
        size_t pos = 0, n;
        const char *line;
        char *s = NULL;
        Buffer b = {};

        while (line_next(text, size, &pos, &line, &n)) {
                buffer_puts(&b, "|");
                buffer_append(&b, line, n);
        }
        ck_assert_uint_eq(pos, size);
        ck_assert_int_eq(buffer_take(&b, &s, NULL), 0);
        return s;
}

START_TEST(lines_end_in_lf_or_crlf) {
        static const struct {
                const char *text, *lines;
        } cases[] = {
                { "", "" },
                { "\n", "|" },
                { "a", "|a" },
                { "a\n", "|a" },
                { "a\nb", "|a|b" },
                { "a\r\nb\r\n", "|a|b" },
                { "\n\n", "||" },
                { "\r\n\r\n", "||" },
                { "a\rb\n", "|a\rb" },
                { "a\r\r\n", "|a\r" },
                { "a\r", "|a" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *s = lines_of(cases[i].text, strlen(cases[i].text));

                ck_assert_str_eq(s, cases[i].lines);
        }
}
END_TEST

START_TEST(line_may_hold_nul_bytes) {
        size_t pos = 0, n;
        const char *line;

        ck_assert_int_eq(line_next("a\0b\nc", 5, &pos, &line, &n), 1);
        ck_assert_uint_eq(n, 3);
        ck_assert_mem_eq(line, "a\0b", 3);
        ck_assert_int_eq(line_next("a\0b\nc", 5, &pos, &line, &n), 1);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(line_next("a\0b\nc", 5, &pos, &line, &n), 0);
        ck_assert_int_eq(line_next(NULL, 0, &(size_t){ 0 }, &line, &n), 0);
}
END_TEST

START_TEST(line_may_be_a_megabyte_long) {
        _cleanup_free_ char *text = malloc(1024 * 1024);
        size_t pos = 0, n;
        const char *line;

        memset(text, 'x', 1024 * 1024);
        ck_assert_int_eq(line_next(text, 1024 * 1024, &pos, &line, &n), 1);
        ck_assert_uint_eq(n, 1024 * 1024);
        ck_assert_int_eq(line_next(text, 1024 * 1024, &pos, &line, &n), 0);
}
END_TEST

START_TEST(blanks_are_cut_at_both_ends) {
        static const struct {
                const char *text, *trimmed;
        } cases[] = {
                { "", "" },           { " \t ", "" }, { "a", "a" }, { " \ta b\t ", "a b" },
                { "\ra\n", "\ra\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *s = cases[i].text;
                size_t n = strlen(s);

                text_trim(&s, &n);
                ck_assert(text_is(s, n, cases[i].trimmed));
        }
}
END_TEST

START_TEST(words_are_compared_whole) {
        ck_assert(text_is("Sync]", 4, "Sync"));
        ck_assert(text_is("x", 0, ""));
        ck_assert(!text_is("Sync", 4, "Syn"));
        ck_assert(!text_is("Syn", 3, "Sync"));
        ck_assert(!text_is("Sync\0", 5, "Sync"));
        ck_assert(!text_is("sync", 4, "Sync"));
}
END_TEST

START_TEST(control_characters_make_text_unclean) {
        for (unsigned c = 0; c < 256; c++) {
                char s[] = { 'a', (char) c, 'b' };
                bool clean = c == '\t' || (c >= 0x20 && c != 0x7f);

                ck_assert_msg(text_is_clean(s, sizeof(s)) == clean, "byte %u", c);
        }
        ck_assert(text_is_clean("", 0));
}
END_TEST

START_TEST(utf8_is_that_of_the_rfc) {
        static const char *const good[] = {
                "",
                "ascii\n",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xef\xbf\xbf",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
        };
        static const char *const bad[] = {
                "\x80",             /* continuation alone */
                "\xc3",             /* cut off */
                "\xe2\x82",         /* cut off */
                "\xf0\x9f\x98",     /* cut off */
                "\xc3(",            /* no continuation */
                "\xe2\x82(",        /* no continuation */
                "\xc0\xaf",         /* overlong */
                "\xc1\xbf",         /* overlong */
                "\xe0\x9f\xbf",     /* overlong */
                "\xf0\x8f\xbf\xbf", /* overlong */
                "\xed\xa0\x80",     /* surrogate */
                "\xf4\x90\x80\x80", /* beyond U+10FFFF */
                "\xf5\x80\x80\x80", /* beyond U+10FFFF */
                "\xff",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                ck_assert_msg(utf8_is_valid(good[i], strlen(good[i])), "good %zu", i);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!utf8_is_valid(bad[i], strlen(bad[i])), "bad %zu", i);
        ck_assert(!utf8_is_valid("a\0b", 3));
}
END_TEST

static void assert_shown(const char *s, size_t size, size_t max, const char *expect) {
        _cleanup_free_ char *shown = string_for_humans(s, size, max);

        ck_assert_str_eq(shown, expect);
        ck_assert(utf8_is_valid(shown, strlen(shown)));
}

START_TEST(humans_are_shown_no_control_characters) {
        assert_shown("", 0, 10, "");
        assert_shown("caf\xc3\xa9 \xe2\x82\xac\t.", 11, 20, "caf\xc3\xa9 \xe2\x82\xac\t.");
        assert_shown("a\0b\n\x1b[31m\x7f", 10, 20, "a?b??[31m?");
        assert_shown("\xff\xc3[\xe2\x82", 5, 20, "??[??");
        /* U+0080 and U+009B, which terminals obey; U+00A0 they do not. */
        assert_shown("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", 8, 20, "???\xc2\xa0");
}
END_TEST

START_TEST(humans_are_shown_no_endless_text) {
        assert_shown("abcd", 4, 4, "abcd");
        assert_shown("abcde", 5, 4, "abcd...");
        assert_shown("abcde", 5, 0, "...");
        assert_shown("abc\xc3\xa9", 5, 5, "abc\xc3\xa9");
        assert_shown("abc\xc3\xa9", 5, 4, "abc...");
        assert_shown("abc\xff\xff", 5, 4, "abc?...");
}
END_TEST

START_TEST(buffer_grows_and_hands_over) {
        Buffer b = {};
        char *s = NULL;
        size_t size;

        buffer_append(&b, "a\0b", 3);
        buffer_append(&b, NULL, 0);
        buffer_puts(&b, "");
        buffer_printf(&b, "%05d", 42);
        ck_assert_int_eq(buffer_take(&b, &s, &size), 0);
        ck_assert_uint_eq(size, 8);
        ck_assert_mem_eq(s, "a\0b00042", 9);
        free(s);
        ck_assert_ptr_null(b.data);
        ck_assert_uint_eq(b.size, 0);

        for (size_t i = 0; i < 100000; i++)
                buffer_puts(&b, "0123456789");
        ck_assert_int_eq(buffer_take(&b, &s, &size), 0);
        ck_assert_uint_eq(size, 1000000);
        ck_assert_uint_eq(strlen(s), size);
        free(s);
}
END_TEST

START_TEST(empty_buffer_gives_an_empty_string) {
        _cleanup_free_ char *s = NULL;
        Buffer b = {};

        ck_assert_int_eq(buffer_take(&b, &s, NULL), 0);
        ck_assert_str_eq(s, "");
}
END_TEST

START_TEST(failure_of_a_buffer_is_sticky_and_leaks_nothing) {
        Buffer b = {};
        char *s = (char *) "untouched";

        buffer_puts(&b, "text");
        b.failed = true;
        buffer_puts(&b, "more");
        ck_assert_uint_eq(b.size, 4);
        ck_assert_int_eq(buffer_take(&b, &s, NULL), -ENOMEM);
        ck_assert_str_eq(s, "untouched");
        ck_assert_ptr_null(b.data);
        ck_assert(!b.failed);
}
END_TEST

START_TEST(null_vector_is_an_empty_one) {
        _cleanup_free_ char *joined = strv_join(NULL, ", ");
        char **l = NULL, *none[] = { NULL };

        ck_assert_uint_eq(strv_length(NULL), 0);
        ck_assert(strv_isempty(NULL));
        ck_assert(strv_isempty(none));
        ck_assert(!strv_contains(NULL, ""));
        ck_assert(strv_equal(NULL, none));
        ck_assert(!strv_remove(NULL, "a"));
        ck_assert_ptr_null(strv_free(NULL));
        ck_assert_str_eq(joined, "");
        ck_assert_int_eq(strv_copy(NULL, &l), 0);
        ck_assert_ptr_null(l);
        ck_assert_int_eq(strv_extend_uniq(&l, NULL), 0);
        ck_assert_ptr_null(l);
        strv_sort_uniq(NULL, strcmp);
        strv_sort_uniq(none, strcmp);
        STRV_FOREACH(i, l)
                ck_abort();
}
END_TEST

START_TEST(vector_grows_by_copies_and_by_strings_handed_over) {
        _cleanup_strv_ char **l = NULL;
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(strv_extend(&l, "a"), 0);
        ck_assert_int_eq(strv_consume(&l, strdup("b")), 0);
        ck_assert_int_eq(strv_extendf(&l, "%d", 3), 0);
        ck_assert_int_eq(strv_consume(&l, NULL), -ENOMEM);
        ck_assert_uint_eq(strv_length(l), 3);
        ck_assert(strv_contains(l, "b"));
        ck_assert(!strv_contains(l, ""));
        joined = strv_join(l, ", ");
        ck_assert_str_eq(joined, "a, b, 3");
}
END_TEST

START_TEST(union_adds_only_what_is_new) {
        _cleanup_strv_ char **l = NULL;
        char *more[] = { (char *) "b", (char *) "a", (char *) "b", NULL };
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(strv_extend(&l, "a"), 0);
        ck_assert_int_eq(strv_extend_uniq(&l, more), 0);
        joined = strv_join(l, " ");
        ck_assert_str_eq(joined, "a b");
}
END_TEST

START_TEST(vectors_are_equal_in_order_and_length) {
        char *ab[] = { (char *) "a", (char *) "b", NULL },
             *ba[] = { (char *) "b", (char *) "a", NULL }, *a[] = { (char *) "a", NULL };
        _cleanup_strv_ char **copy = NULL;

        ck_assert_int_eq(strv_copy(ab, &copy), 0);
        ck_assert(strv_equal(ab, copy));
        ck_assert_ptr_ne(copy[0], ab[0]);
        ck_assert(!strv_equal(ab, ba));
        ck_assert(!strv_equal(ab, a));
        ck_assert(!strv_equal(a, ab));
        ck_assert(!strv_equal(a, NULL));
}
END_TEST

START_TEST(every_repetition_is_removed) {
        char *from[] = { (char *) "a", (char *) "b", (char *) "a", NULL };
        _cleanup_strv_ char **l = NULL;

        ck_assert_int_eq(strv_copy(from, &l), 0);
        ck_assert(!strv_remove(l, "c"));
        ck_assert_uint_eq(strv_length(l), 3);
        ck_assert(strv_remove(l, "a"));
        ck_assert_uint_eq(strv_length(l), 1);
        ck_assert_str_eq(l[0], "b");
        ck_assert(strv_remove(l, "b"));
        ck_assert(strv_isempty(l));
}
END_TEST

START_TEST(sorting_drops_repetitions) {
        char *from[] = { (char *) "c", (char *) "a", (char *) "c", (char *) "b",
                         (char *) "a", (char *) "c", NULL };
        _cleanup_strv_ char **l = NULL;
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(strv_copy(from, &l), 0);
        strv_sort_uniq(l, strcmp);
        joined = strv_join(l, "");
        ck_assert_str_eq(joined, "abc");
}
END_TEST

START_TEST(array_keeps_its_content_as_it_grows) {
        _cleanup_free_ uint64_t *array = NULL;
        size_t allocated = 0;

        ck_assert(ARRAY_RESERVE(array, allocated, 1));
        ck_assert_uint_ge(allocated, 1);
        array[0] = 42;
        ck_assert(ARRAY_RESERVE(array, allocated, 1000));
        ck_assert_uint_ge(allocated, 1000);
        ck_assert_uint_eq(array[0], 42);
        array[999] = 43;
}
END_TEST

START_TEST(names_are_quoted_and_a_few_of_many_are_named) {
        static const struct {
                const char *l[5];
                const char *expect;
        } cases[] = {
                { { NULL }, "" },
                { { "a", NULL }, "'a'" },
                { { "a", "b", "c", NULL }, "'a', 'b', 'c'" },
                { { "a", "b", "c", "d", NULL }, "'a', 'b', 'c' and 1 more" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *s = strv_quote((char *const *) cases[i].l, 3);

                ck_assert_str_eq(s, cases[i].expect);
        }
}
END_TEST

CHECK_MAIN("string-util", null_and_empty_strings_are_told_apart_only_where_it_matters,
           prefix_and_suffix_are_found, printing_into_fresh_memory,
           numbers_are_decimal_digits_in_range, signed_numbers_may_have_a_minus,
           booleans_have_the_words_of_systemd, lines_end_in_lf_or_crlf, line_may_hold_nul_bytes,
           line_may_be_a_megabyte_long, blanks_are_cut_at_both_ends, words_are_compared_whole,
           control_characters_make_text_unclean, utf8_is_that_of_the_rfc,
           humans_are_shown_no_control_characters, humans_are_shown_no_endless_text,
           buffer_grows_and_hands_over, empty_buffer_gives_an_empty_string,
           failure_of_a_buffer_is_sticky_and_leaks_nothing, null_vector_is_an_empty_one,
           vector_grows_by_copies_and_by_strings_handed_over, union_adds_only_what_is_new,
           vectors_are_equal_in_order_and_length, every_repetition_is_removed,
           sorting_drops_repetitions, array_keeps_its_content_as_it_grows,
           names_are_quoted_and_a_few_of_many_are_named)
