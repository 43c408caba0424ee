/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands of a GRUB script. */

#include "core/grub-script.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

/* @expect: words in brackets, "{" behind a command that opens a block, "}" behind one that closes
 * it, and a newline behind each command. */
static void assert_commands(const char *text, const char *expect) {
        _cleanup_free_ char *got = NULL;
        size_t pos = 0;
        Buffer b = {};

        for (;;) {
                static const char *const blocks[] = { "", "{", "}" };
                _cleanup_(grub_command_done) GrubCommand c = {};
                int r = grub_script_next(text, strlen(text), &pos, &c);

                ck_assert_int_ge(r, 0);
                if (r == 0)
                        break;
                for (size_t i = 0; i < c.n_words; i++)
                        buffer_printf(&b, "[%s]", c.words[i]);
                buffer_printf(&b, "%s\n", blocks[c.block]);
        }
        ck_assert_int_eq(buffer_take(&b, &got, NULL), 0);
        ck_assert_str_eq(got, expect);
}

static void assert_refused(const char *text) {
        GrubCommand c;
        size_t pos = 0;

        ck_assert_int_eq(grub_script_next(text, strlen(text), &pos, &c), -EBADMSG);
}

START_TEST(commands_end_at_newlines_and_semicolons) {
        assert_commands("", "");
        assert_commands("\n ;\t\n", "");
        assert_commands("insmod gzio\n\n set a=b ;echo  x",
                        "[insmod][gzio]\n[set][a=b]\n[echo][x]\n");
        assert_commands("true && false || x | y", "[true]\n[false]\n[x]\n[y]\n");
        assert_commands("a\r\nb\r\n", "[a]\n[b]\n");
}
END_TEST

START_TEST(quotes_and_backslashes_are_taken_away) {
        assert_commands("a 'b  c' \"d e\"f '' g\\ h", "[a][b  c][d ef][][g h]\n");
        assert_commands("'it'\\''s' \"\\\"\\$x\\a\\\\\"", "[it's][\"$x\\a\\]\n");
        assert_commands("'$x;\\{' \"{;}\"", "[$x;\\{][{;}]\n");
        assert_commands("a\\\nb \"c\\\nd\"", "[ab][cd]\n");
}
END_TEST

START_TEST(variables_stay_as_they_are_written) {
        assert_commands("echo $a ${b} \"${c}\" x${d}y \"$e\"",
                        "[echo][$a][${b}][${c}][x${d}y][$e]\n");
}
END_TEST

START_TEST(blocks_belong_to_their_command) {
        assert_commands("menuentry 'x' --id y {\n linux /a\n}\n",
                        "[menuentry][x][--id][y]{\n[linux][/a]\n}\n");
        assert_commands("menuentry x{linux /a}", "[menuentry][x]{\n[linux][/a]}\n");
        assert_commands("}", "}\n");
}
END_TEST

START_TEST(words_that_begin_a_branch_are_skipped) {
        assert_commands("if [ x = y ]; then insmod a; else do b\nfi",
                        "[if][[][x][=][y][]]\n[insmod][a]\n[b]\n[fi]\n");
        assert_commands("echo then else", "[echo][then][else]\n");
}
END_TEST

START_TEST(comments_are_skipped) {
        assert_commands("# menuentry 'x {\na b#c # d '\n", "[a][b#c]\n");
}
END_TEST

START_TEST(what_is_never_closed_is_refused) {
        assert_refused("echo 'a\n}");
        assert_refused("echo \"a\n}");
        assert_refused("echo ${a");
        assert_refused("echo \"${a\"");
}
END_TEST

CHECK_MAIN("grub-script", commands_end_at_newlines_and_semicolons,
           quotes_and_backslashes_are_taken_away, variables_stay_as_they_are_written,
           blocks_belong_to_their_command, words_that_begin_a_branch_are_skipped,
           comments_are_skipped, what_is_never_closed_is_refused)
