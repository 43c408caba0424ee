/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A guess is made if it is near, and the only one. */

#include "client/terminal/suggest.h"
#include "common/macros.h"
#include "tests/unit/check-main.h"

static const char *of_verbs(const char *word) {
        static char *const verbs[] = { (char *) "status", (char *) "refresh", (char *) "verify",
                                       (char *) "format", (char *) "init",    (char *) "reinit",
                                       (char *) "pin",    (char *) "unpin",   NULL };

        return closest_word(word, verbs);
}

START_TEST(one_wrong_letter_or_two_of_a_long_word_are_seen_through) {
        ck_assert_str_eq(of_verbs("statu"), "status");
        ck_assert_str_eq(of_verbs("statsu"), "status");
        ck_assert_str_eq(of_verbs("statuss"), "status");
        ck_assert_str_eq(of_verbs("rfeersh"), "refresh");
        ck_assert_str_eq(of_verbs("pni"), "pin");
        ck_assert_ptr_null(of_verbs("ni"));
        ck_assert_ptr_null(of_verbs("xxxtus"));
}
END_TEST

START_TEST(beginning_of_a_word_stands_for_it) {
        ck_assert_str_eq(of_verbs("ref"), "refresh");
        ck_assert_str_eq(of_verbs("verif"), "verify");
        ck_assert_ptr_null(of_verbs("re"));
}
END_TEST

START_TEST(of_two_that_are_as_close_none_is_meant) {
        static char *const versions[] = { (char *) "6.8.12-4-pve", (char *) "6.8.12-2-pve", NULL };

        ck_assert_ptr_null(closest_word("6.8.12-3-pve", versions));
        ck_assert_ptr_null(closest_word("6.8", versions));
        ck_assert_str_eq(closest_word("6.8.12-4-pwe", versions), "6.8.12-4-pve");
}
END_TEST

START_TEST(other_words_are_close_to_none) {
        char word[200];

        memset(word, 'x', sizeof(word) - 1);
        word[sizeof(word) - 1] = '\0';
        ck_assert_ptr_null(of_verbs("frobnicate"));
        ck_assert_ptr_null(of_verbs(""));
        ck_assert_ptr_null(of_verbs("x"));
        ck_assert_ptr_null(of_verbs(word));
        ck_assert_ptr_null(closest_word("status", NULL));
        ck_assert_ptr_null(closest_word("status", (char *[]){ word, NULL }));
}
END_TEST

CHECK_MAIN("client-suggest", one_wrong_letter_or_two_of_a_long_word_are_seen_through,
           beginning_of_a_word_stands_for_it, of_two_that_are_as_close_none_is_meant,
           other_words_are_close_to_none)
