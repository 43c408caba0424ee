/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A difference is that of diff -u, line for line. */

#include "client/terminal/diff.h"

#include <stdio.h>
#include <unistd.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static char *differ(const char *old, const char *new) {
        _cleanup_strv_ char **lines = diff_unified("old", "new", old, new);
        _cleanup_free_ char *text = strv_join(lines, "\n");

        return strprintf("%s%s", text, strv_isempty(lines) ? "" : "\n");
}

static void put(char *path, const char *text) {
        int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), strlen(text));
        (void) close(fd);
}

/* The answer of diff(1). */
static char *ask_diff(const char *old, const char *new) {
        char one[] = "/tmp/bootsync-test-XXXXXX", other[] = "/tmp/bootsync-test-XXXXXX";
        _cleanup_free_ char *command = NULL;
        Buffer b = {};
        char part[256];
        size_t n;
        FILE *pipe;
        char *text;

        put(one, old);
        put(other, new);
        command = strprintf("diff -u --label old --label new %s %s", one, other);
        pipe = popen(command, "re");
        ck_assert_ptr_nonnull(pipe);
        while ((n = fread(part, 1, sizeof(part), pipe)) > 0)
                buffer_append(&b, part, n);
        (void) pclose(pipe);
        (void) unlink(one);
        (void) unlink(other);
        buffer_puts(&b, "");
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

static void assert_as_diff(const char *old, const char *new) {
        _cleanup_free_ char *ours = differ(old, new), *theirs = ask_diff(old, new);

        ck_assert_str_eq(ours, theirs);
}

START_TEST(equal_texts_have_no_difference) {
        _cleanup_free_ char *same = differ("a\nb\n", "a\nb\n"), *none = differ("", "");

        ck_assert_str_eq(same, "");
        ck_assert_str_eq(none, "");
}
END_TEST

START_TEST(changed_line_stands_among_three_of_its_neighbours) {
        _cleanup_free_ char *text =
                        differ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n");

        ck_assert_str_eq(text,
                         "--- old\n+++ new\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
}
END_TEST

START_TEST(difference_is_that_of_diff) {
        assert_as_diff("", "a\nb\n");
        assert_as_diff("a\nb\n", "");
        assert_as_diff("a\n", "b\n");
        assert_as_diff("a\nb\nc\n", "a\nc\n");
        assert_as_diff("timeout 3\ndefault a\n", "timeout 3\ndefault b\nconsole-mode max\n");
        assert_as_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
                       "0\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\nx\n");
        assert_as_diff("1\n2\n3\n4\n5\n6\n7\n8\n", "0\n2\n3\n4\n5\n6\n7\nx\n");
        assert_as_diff("a", "a\n");
        assert_as_diff("a\nb", "a\nc");
        assert_as_diff("\n\n", "\n");
}
END_TEST

START_TEST(difference_leads_from_one_text_to_the_other_whatever_they_are) {
        static const char *const words[] = { "a", "b", "c", "" };
        unsigned seed = 1;

        for (unsigned round = 0; round < 300; round++) {
                _cleanup_free_ char *old = NULL, *new = NULL;
                Buffer texts[2] = {}, sides[2] = {};
                _cleanup_strv_ char **lines = NULL;

                for (unsigned t = 0; t < 2; t++)
                        for (unsigned i = rand_r(&seed) % 7; i > 0; i--)
                                buffer_printf(&texts[t], "%s\n", words[rand_r(&seed) % 4]);
                for (unsigned t = 0; t < 2; t++)
                        buffer_puts(&texts[t], "");
                ck_assert_int_eq(buffer_take(&texts[0], &old, NULL), 0);
                ck_assert_int_eq(buffer_take(&texts[1], &new, NULL), 0);
                lines = diff_unified("x", "y", old, new);
                ck_assert_int_eq(strv_isempty(lines), streq(old, new));
                /* With so few lines all of them are in it. */
                for (char **l = lines ? lines + 3 : NULL; l && *l; l++) {
                        if (l[0][0] != '+')
                                buffer_printf(&sides[0], "%s\n", *l + 1);
                        if (l[0][0] != '-')
                                buffer_printf(&sides[1], "%s\n", *l + 1);
                }
                for (unsigned t = 0; t < 2 && lines; t++) {
                        _cleanup_free_ char *side = NULL;

                        buffer_puts(&sides[t], "");
                        ck_assert_int_eq(buffer_take(&sides[t], &side, NULL), 0);
                        ck_assert_ptr_nonnull(strstr(t == 0 ? old : new, side));
                }
        }
}
END_TEST

START_TEST(text_of_too_many_lines_is_replaced_as_a_whole) {
        _cleanup_strv_ char **lines = NULL;
        _cleanup_free_ char *old = NULL;
        Buffer b = {};

        for (unsigned i = 0; i < 600; i++)
                buffer_puts(&b, "x\n");
        ck_assert_int_eq(buffer_take(&b, &old, NULL), 0);
        lines = diff_unified("x", "y", old, "x\n");
        ck_assert_uint_eq(strv_length(lines), 3 + 600 + 1);
}
END_TEST

CHECK_MAIN("client-diff", equal_texts_have_no_difference,
           changed_line_stands_among_three_of_its_neighbours, difference_is_that_of_diff,
           difference_leads_from_one_text_to_the_other_whatever_they_are,
           text_of_too_many_lines_is_replaced_as_a_whole)
