/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A warning has a word that programs go by, a sentence for people, and a command. */

#include "common/warning.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static int add(Warnings *l, const char *subject, const char *sentence) {
        return warnings_add(l, WARNING_BAD_LINE, subject, strdup(sentence), strdup("editor x"));
}

START_TEST(every_kind_has_a_word_of_its_own_and_a_severity) {
        for (WarningId id = 0; id < _WARNING_ID_MAX; id++) {
                const char *word = warning_kind(id)->word, *severity = warning_kind(id)->severity;

                ck_assert_ptr_nonnull(word);
                for (WarningId other = 0; other < id; other++)
                        ck_assert_str_ne(word, warning_kind(other)->word);
                ck_assert(streq(severity, "note") || streq(severity, "warning") ||
                          streq(severity, "fault"));
        }
}
END_TEST

START_TEST(every_kind_has_a_message_id_of_its_own) {
        for (WarningId id = 0; id < _WARNING_ID_MAX; id++) {
                ck_assert_uint_eq(strlen(warning_kind(id)->message_id), 32);
                for (WarningId other = 0; other < id; other++)
                        ck_assert_str_ne(warning_kind(id)->message_id,
                                         warning_kind(other)->message_id);
        }
}
END_TEST

START_TEST(warning_whose_number_changes_is_the_same_but_another_bad_line_is_not) {
        _cleanup_warnings_ Warnings full = {}, fuller = {}, line = {}, other = {};

        ck_assert_int_eq(warnings_add(&full, WARNING_ESP_FULL, "A", strdup("91 %"), strdup("x")),
                         0);
        ck_assert_int_eq(warnings_add(&fuller, WARNING_ESP_FULL, "A", strdup("92 %"), strdup("x")),
                         0);
        ck_assert_int_eq(add(&line, "/etc/x", "line 3"), 0);
        ck_assert_int_eq(add(&other, "/etc/x", "line 4"), 0);
        ck_assert(warnings_contain(&full, &fuller.items[0]));
        ck_assert(!warnings_equal(&full, &fuller));
        ck_assert(!warnings_contain(&line, &other.items[0]));
        ck_assert(!warnings_contain(&line, &full.items[0]));
}
END_TEST

START_TEST(list_owns_what_it_is_given) {
        _cleanup_warnings_ Warnings l = {};
        char subject[] = "/etc/x";

        ck_assert_int_eq(add(&l, subject, "/etc/x: line 3: ignored"), 0);
        subject[1] = 'X';
        ck_assert_uint_eq(l.n, 1);
        ck_assert_str_eq(l.items[0].subject, "/etc/x");
        ck_assert_str_eq(l.items[0].sentence, "/etc/x: line 3: ignored");
        ck_assert_str_eq(l.items[0].action, "editor x");
}
END_TEST

START_TEST(text_that_could_not_be_made_adds_nothing) {
        _cleanup_warnings_ Warnings l = {};

        ck_assert_int_eq(warnings_add(&l, WARNING_PIN_OLD, "x", NULL, strdup("y")), -ENOMEM);
        ck_assert_int_eq(warnings_add(&l, WARNING_PIN_OLD, "x", strdup("y"), NULL), -ENOMEM);
        ck_assert_int_eq(warnings_add(&l, WARNING_PIN_OLD, NULL, strdup("y"), strdup("z")),
                         -ENOMEM);
        ck_assert_uint_eq(l.n, 0);
}
END_TEST

START_TEST(lists_are_equal_that_say_the_same_in_the_same_order) {
        _cleanup_warnings_ Warnings a = {}, b = {}, shorter = {}, turned = {};

        ck_assert(warnings_equal(&a, &b));
        ck_assert_int_eq(add(&a, "one", "first"), 0);
        ck_assert_int_eq(add(&a, "two", "second"), 0);
        ck_assert_int_eq(add(&b, "one", "first"), 0);
        ck_assert_int_eq(add(&b, "two", "second"), 0);
        ck_assert(warnings_equal(&a, &b));
        ck_assert_int_eq(add(&shorter, "one", "first"), 0);
        ck_assert(!warnings_equal(&a, &shorter));
        ck_assert(!warnings_equal(&shorter, &a));
        ck_assert_int_eq(add(&turned, "two", "second"), 0);
        ck_assert_int_eq(add(&turned, "one", "first"), 0);
        ck_assert(!warnings_equal(&a, &turned));
        ck_assert(warnings_contain(&turned, &a.items[0]));
        ck_assert(!warnings_contain(&shorter, &a.items[1]));
}
END_TEST

START_TEST(one_sentence_says_what_to_run) {
        _cleanup_warnings_ Warnings l = {};
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(add(&l, "x", "It is so"), 0);
        text = warning_to_text(&l.items[0]);
        ck_assert_str_eq(text, "It is so; run 'editor x'");
}
END_TEST

CHECK_MAIN("warning", every_kind_has_a_word_of_its_own_and_a_severity,
           every_kind_has_a_message_id_of_its_own,
           warning_whose_number_changes_is_the_same_but_another_bad_line_is_not,
           list_owns_what_it_is_given, text_that_could_not_be_made_adds_nothing,
           lists_are_equal_that_say_the_same_in_the_same_order, one_sentence_says_what_to_run)
