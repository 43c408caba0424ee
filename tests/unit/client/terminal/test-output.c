/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sentences and the line of progress: nothing that comes from outside steers the terminal. */

#include "client/terminal/output.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

static ExitStatus speak(void *userdata) {
        say("A kernel '%s'.", "6.8\033[2J\n");
        say_field("Name:", "value", COLOUR_BOLD, "detail\007");
        say_field("Bare:", "value", COLOUR_NONE, NULL);
        say_field("Left out:", "", COLOUR_NONE, "detail");
        return fail(STATUS_PARTIAL, "No '%s'.",
                    "\x9b"
                    "1m");
}

START_TEST(sentences_carry_no_control_character) {
        _cleanup_outcome_ Outcome o = bench_call(speak, NULL);

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.out, "A kernel '6.8?[2J?'.\n"
                                "Name:            value (detail?)\n"
                                "Bare:            value\n");
        ck_assert_str_eq(o.err, "bootctl-pve: No '?1m'.\n");
}
END_TEST

static ExitStatus print_in_colour(void *userdata) {
        put_coloured("red", COLOUR_BAD);
        return STATUS_DONE;
}

START_TEST(colour_is_for_a_terminal) {
        _cleanup_outcome_ Outcome seen = bench_call_on_terminal(print_in_colour, NULL, "");
        _cleanup_outcome_ Outcome piped = bench_call(print_in_colour, NULL);

        ck_assert_str_eq(seen.out, "\033[31mred\033[0m");
        ck_assert_str_eq(piped.out, "red");
}
END_TEST

static ExitStatus print_on_dumb_terminal(void *userdata) {
        if (setenv("TERM", "dumb", true) < 0)
                abort();
        if (progress_draw("half"))
                abort();
        progress_clear();
        return print_in_colour(NULL);
}

START_TEST(dumb_terminal_gets_neither_colour_nor_a_line_that_is_redrawn) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_on_dumb_terminal, NULL, "");

        assert_lacks(o.out, "\033");
        assert_lacks(o.out, "half");
}
END_TEST

static ExitStatus print_without_colour(void *userdata) {
        if (setenv("NO_COLOR", "1", true) < 0)
                abort();
        return print_in_colour(NULL);
}

START_TEST(no_color_is_heeded) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_without_colour, NULL, "");

        assert_lacks(o.out, "\033");
}
END_TEST

static ExitStatus speak_in_c(void *userdata) {
        if (setenv("LC_ALL", "C", true) < 0)
                abort();
        say("%sé\xe2\x80\xa6 \xe2\x86\x92 '\xe2\x82\xac\xf0\x9f\x98\x80' \xe2\x80\x93", bullet());
        return fail(STATUS_FAILED, "\xe2\x80\x9cü\xe2\x80\x9d");
}

START_TEST(only_ascii_leaves_where_the_character_set_is_not_utf8) {
        _cleanup_outcome_ Outcome o = bench_call(speak_in_c, NULL);

        ck_assert_str_eq(o.out, "* ?... -> '?\?' -\n");
        ck_assert_str_eq(o.err, "bootctl-pve: \"?\"\n");
}
END_TEST

static ExitStatus wrap_at(void *userdata) {
        if (setenv("COLUMNS", userdata, true) < 0)
                abort();
        say_below("head: ", COLOUR_NONE, "some words that go on for a while");
        return STATUS_DONE;
}

START_TEST(columns_of_the_environment_count_on_a_terminal_if_they_are_a_number) {
        _cleanup_outcome_ Outcome narrow = bench_call_on_terminal(wrap_at, (char *) "20", "");
        _cleanup_outcome_ Outcome piped = bench_call(wrap_at, (char *) "20");
        _cleanup_outcome_ Outcome odd = bench_call_on_terminal(wrap_at, (char *) "0", "");

        ck_assert_str_eq(narrow.out,
                         "head: some words\r\n      that go on\r\n      for a while\r\n");
        ck_assert_str_eq(piped.out, "head: some words that go on for a while\n");
        ck_assert_str_eq(odd.out, "head: some words that go on for a while\r\n");
}
END_TEST

static ExitStatus draw(void *userdata) {
        char line[200] = "\xc3\xa9";

        memset(line + 2, 'x', sizeof(line) - 3);
        (void) progress_draw("half\033");
        (void) progress_draw(line);
        progress_clear();
        return STATUS_DONE;
}

START_TEST(progress_is_one_line_that_never_wraps) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(draw, NULL, "");
        const char *second;

        assert_contains(o.out, "\r\033[Khalf?\r\033[K");
        second = strstr(o.out, "\xc3\xa9");
        ck_assert_ptr_nonnull(second);
        /* 79 columns, of which the first one is two bytes. */
        ck_assert_uint_eq(strcspn(second, "\r"), 80);
        assert_contains(second, "x...\r\033[K");
        assert_lacks(o.out, "\n");
}
END_TEST

START_TEST(progress_is_not_drawn_into_a_file) {
        _cleanup_outcome_ Outcome o = bench_call(draw, NULL);

        ck_assert_str_eq(o.err, "");
        ck_assert_str_eq(o.out, "");
}
END_TEST

static ExitStatus print(void *userdata) {
        progress_print("half\033 way");
        return STATUS_DONE;
}

START_TEST(line_of_progress_for_a_file_is_a_line_of_its_own) {
        _cleanup_outcome_ Outcome o = bench_call(print, NULL);

        ck_assert_str_eq(o.err, "half? way\n");
        ck_assert_str_eq(o.out, "");
}
END_TEST

START_TEST(sizes_and_times_are_for_people) {
        _cleanup_free_ char *size = format_bytes(1536), *never = format_time(0);
        _cleanup_free_ char *epoch = NULL;

        ck_assert_int_eq(setenv("TZ", "UTC", true), 0);
        epoch = format_time(86400 * UINT64_C(1000000));
        ck_assert_str_eq(size, "1.5 KiB");
        ck_assert_str_eq(never, "not recorded");
        ck_assert_str_eq(epoch, "1970-01-02 00:00:00 UTC");
}
END_TEST

static ExitStatus use_nothing(void *userdata) {
        free(must((char *) NULL));
        return STATUS_DONE;
}

START_TEST(program_ends_with_a_sentence_when_out_of_memory) {
        _cleanup_outcome_ Outcome o = bench_call(use_nothing, NULL);

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: Out of memory.\n");
}
END_TEST

CHECK_MAIN("client-output", sentences_carry_no_control_character, colour_is_for_a_terminal,
           dumb_terminal_gets_neither_colour_nor_a_line_that_is_redrawn, no_color_is_heeded,
           only_ascii_leaves_where_the_character_set_is_not_utf8,
           columns_of_the_environment_count_on_a_terminal_if_they_are_a_number,
           progress_is_one_line_that_never_wraps, progress_is_not_drawn_into_a_file,
           line_of_progress_for_a_file_is_a_line_of_its_own, sizes_and_times_are_for_people,
           program_ends_with_a_sentence_when_out_of_memory)
