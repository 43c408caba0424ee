/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lines as systemd-boot splits them. */

#include "core/loader-line.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

/* Expect exactly one line with this key and value; NULL: neither. */
static void assert_line(const char *text, const char *key, const char *value) {
        LoaderLine line;
        size_t pos = 0;

        ck_assert_int_eq(loader_line_next(text, strlen(text), &pos, &line), 1);
        ck_assert_uint_eq(pos, strlen(text));
        ck_assert_ptr_eq(line.text, text);
        ck_assert_uint_eq(line.size + line.end_size, strlen(text));
        if (!key) {
                ck_assert_msg(!line.key, "'%s' gave a key", text);
                return;
        }
        ck_assert_msg(line.key, "'%s' gave no key", text);
        ck_assert_msg(loader_line_has_key(&line, key), "'%s'", text);
        ck_assert_uint_eq(line.value_size, strlen(value));
        ck_assert_mem_eq(line.value, value, strlen(value));
}

START_TEST(key_and_value_are_split_at_blanks) {
        assert_line("timeout 3", "timeout", "3");
        assert_line("options \t root=/dev/sda1  ro \t\n", "options", "root=/dev/sda1  ro");
        assert_line("  title\tProxmox Virtual Environment\r\n", "title",
                    "Proxmox Virtual Environment");
        assert_line("a b\r", "a", "b");
}
END_TEST

START_TEST(comments_blanks_and_lone_keys_have_no_key) {
        assert_line("# default x", NULL, NULL);
        assert_line(" \t#default x\n", NULL, NULL);
        assert_line("\n", NULL, NULL);
        assert_line(" \t \r\n", NULL, NULL);
        assert_line("default", NULL, NULL);
        assert_line("default \n", NULL, NULL);
}
END_TEST

START_TEST(hash_in_a_value_is_no_comment) {
        assert_line("title a #1", "title", "a #1");
}
END_TEST

START_TEST(double_quotes_around_a_value_are_cut) {
        assert_line("default \"a b\"\n", "default", "a b");
        assert_line("default \"\"", "default", "");
        assert_line("default \"", "default", "");
        assert_line("default \"a", "default", "\"a");
        assert_line("default a\"", "default", "a\"");
        assert_line("default 'a'", "default", "'a'");
}
END_TEST

START_TEST(keys_are_compared_whole_and_with_case) {
        LoaderLine line;
        size_t pos = 0;

        ck_assert_int_eq(loader_line_next("default x", 9, &pos, &line), 1);
        ck_assert(loader_line_has_key(&line, "default"));
        ck_assert(!loader_line_has_key(&line, "Default"));
        ck_assert(!loader_line_has_key(&line, "defaul"));
        ck_assert(!loader_line_has_key(&line, "defaults"));
        ck_assert(!loader_line_has_key(&(LoaderLine){}, ""));
}
END_TEST

START_TEST(lines_add_up_to_the_text) {
        static const char text[] = "a 1\r\n\r\rb 2\n\n\rc\0 3\nd 4";
        size_t size = sizeof(text) - 1, pos = 0, sum = 0, n = 0;
        LoaderLine line;

        while (loader_line_next(text, size, &pos, &line) > 0) {
                ck_assert_ptr_eq(line.text, text + sum);
                sum += line.size + line.end_size;
                ck_assert_uint_eq(sum, pos);
                n++;
        }
        ck_assert_uint_eq(sum, size);
        ck_assert_uint_eq(n, 8);
}
END_TEST

START_TEST(empty_text_has_no_lines) {
        LoaderLine line;
        size_t pos = 0;

        ck_assert_int_eq(loader_line_next("", 0, &pos, &line), 0);
        ck_assert_int_eq(loader_line_next("", 0, &pos, &line), 0);
}
END_TEST

START_TEST(line_of_a_megabyte_is_one_line) {
        _cleanup_free_ char *text = malloc(1024 * 1024);
        LoaderLine line;
        size_t pos = 0;

        memset(text, ' ', 1024 * 1024);
        text[0] = 'a';
        text[1024 * 1024 - 1] = 'b';
        ck_assert_int_eq(loader_line_next(text, 1024 * 1024, &pos, &line), 1);
        ck_assert_uint_eq(line.size, 1024 * 1024);
        ck_assert_uint_eq(line.value_size, 1);
}
END_TEST

CHECK_MAIN("loader-line", key_and_value_are_split_at_blanks,
           comments_blanks_and_lone_keys_have_no_key, hash_in_a_value_is_no_comment,
           double_quotes_around_a_value_are_cut, keys_are_compared_whole_and_with_case,
           lines_add_up_to_the_text, empty_text_has_no_lines, line_of_a_megabyte_is_one_line)
