/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first line of a pin file is the pin, whoever wrote it and however. */

#include "core/kernel/pin.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static void assert_pin(const char *text, size_t size, const char *expect) {
        _cleanup_free_ char *pin = NULL;
        char *parsed = (char *) "overwritten";

        ck_assert_int_eq(pin_parse(text, size, &parsed), 0);
        pin = parsed;
        ck_assert_msg(streq_ptr(pin, expect), "'%s' instead of '%s'", strempty(pin),
                      strempty(expect));
}

static void assert_refused(const char *text, size_t size) {
        char *pin = (char *) "untouched";

        ck_assert_int_eq(pin_parse(text, size, &pin), -EINVAL);
        ck_assert_str_eq(pin, "untouched");
}

START_TEST(first_line_is_the_pin) {
        assert_pin("6.8.12-4-pve\n", 13, "6.8.12-4-pve");
        assert_pin("6.8.12-4-pve", 12, "6.8.12-4-pve");
}
END_TEST

START_TEST(further_lines_are_not_read) {
        assert_pin("6.8.12-4-pve\n6.5.13-6-pve\n\0\xff", 28, "6.8.12-4-pve");
}
END_TEST

START_TEST(blanks_and_crlf_around_the_pin_are_cut) {
        const char *text = " \t6.8.12-4-pve \t\r\nrest";

        assert_pin(text, strlen(text), "6.8.12-4-pve");
}
END_TEST

START_TEST(empty_file_or_blank_first_line_is_no_pin) {
        assert_pin("", 0, NULL);
        assert_pin(NULL, 0, NULL);
        assert_pin("\n", 1, NULL);
        assert_pin("\r\n", 2, NULL);
        assert_pin(" \t \n6.8.12-4-pve\n", 17, NULL);
}
END_TEST

START_TEST(what_is_no_version_is_refused) {
        assert_refused("../../etc/passwd\n", 17);
        assert_refused("6.8.12-4-pve 6.5.13-6-pve\n", 26);
        assert_refused("# 6.8.12-4-pve\n", 15);
        assert_refused("6.8.12-4-pve\r\r\n", 15);
        assert_refused("6.8.12-4-pve\0\n", 14);
        assert_refused("\0", 1);
}
END_TEST

START_TEST(line_of_a_megabyte_is_refused) {
        _cleanup_free_ char *text = malloc(1024 * 1024);

        memset(text, '6', 1024 * 1024);
        assert_refused(text, 1024 * 1024);
}
END_TEST

CHECK_MAIN("pin", first_line_is_the_pin, further_lines_are_not_read,
           blanks_and_crlf_around_the_pin_are_cut, empty_file_or_blank_first_line_is_no_pin,
           what_is_no_version_is_refused, line_of_a_megabyte_is_refused)
