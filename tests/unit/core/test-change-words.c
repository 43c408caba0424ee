/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sentence for a change names what it overrides, and the words that undo it are a verb. */

#include "common/change-words.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define X "6.12.113-pve"
#define Y "6.8.12-4-pve"
#define Z "6.5.13-5-pve"

static void assert_words(const ChangeWords *w, const char *expect, const char *undo) {
        _cleanup_free_ char *sentence = change_describe(w), *words = change_undo(w);

        ck_assert_pstr_eq(sentence, expect);
        if (undo)
                ck_assert_pstr_eq(words, undo);
        ck_assert_int_eq(change_is_needed(w), undo != NULL);
}

START_TEST(pin_names_what_was_before_and_what_it_overrides) {
        assert_words(&(ChangeWords){ .verb = "pin", .version = X }, "Pinned " X " (was: newest).",
                     "kernel unpin");
        assert_words(&(ChangeWords){ .verb = "pin", .version = X, .pin = Y },
                     "Pinned " X " (was: " Y ").", "kernel pin " Y);
        assert_words(&(ChangeWords){ .verb = "pin", .version = X, .pin = "", .once = Z },
                     "Pinned " X " (was: newest). The pin of " Z
                     " for the next boot stays, and goes first.",
                     "kernel unpin");
        assert_words(&(ChangeWords){ .verb = "pin", .version = X, .next_boot = true, .pin = Y },
                     "Pinned " X " for the next boot (was: " Y "). The pin of " Y
                     " stays, and counts again after it.",
                     "kernel unpin --next-boot");
        assert_words(&(ChangeWords){ .verb = "pin", .version = X, .next_boot = true, .once = Z },
                     "Pinned " X " for the next boot (was: " Z ").",
                     "kernel pin " Z " --next-boot");
}
END_TEST

START_TEST(unpin_names_what_it_took_away_and_what_boots) {
        assert_words(&(ChangeWords){ .verb = "unpin", .pin = X, .default_kernel = Y },
                     "Unpinned " X "; default is now " Y ".", "kernel pin " X);
        assert_words(&(ChangeWords){ .verb = "unpin", .pin = X, .once = Z },
                     "Unpinned " X " and " Z " for the next boot.", "kernel pin " X);
        assert_words(&(ChangeWords){ .verb = "unpin", .once = Z },
                     "Unpinned " Z " for the next boot.", "kernel pin " Z " --next-boot");
        assert_words(&(ChangeWords){ .verb = "unpin", .next_boot = true, .pin = X, .once = Z },
                     "Unpinned " Z " for the next boot.", "kernel pin " Z " --next-boot");
}
END_TEST

START_TEST(needless_change_is_said_to_be_one) {
        assert_words(&(ChangeWords){ .verb = "pin", .version = X, .pin = X },
                     "Already pinned; nothing to do.", NULL);
        assert_words(&(ChangeWords){ .verb = "unpin", .pin = "", .once = "" },
                     "No kernel is pinned; nothing to do.", NULL);
        assert_words(&(ChangeWords){ .verb = "unpin", .next_boot = true, .pin = X },
                     "No kernel is pinned for the next boot; nothing to do.", NULL);
        assert_words(&(ChangeWords){ .verb = "add", .version = X, .listed = true },
                     X " is kept already; nothing to do.", NULL);
        assert_words(&(ChangeWords){ .verb = "add",
                                     .version = X,
                                     .listed = true,
                                     .unfinished = true },
                     X " is kept already.", NULL);
}
END_TEST

START_TEST(lists_have_words_too) {
        assert_words(&(ChangeWords){ .verb = "add", .version = X },
                     "Added " X " to the kernels that are kept.", "kernel remove " X);
        assert_words(&(ChangeWords){ .verb = "remove", .version = X, .listed = true },
                     "Took " X " off the kernels that are kept.", "kernel add " X);
}
END_TEST

START_TEST(word_for_a_shell_is_quoted_where_it_must_be) {
        _cleanup_free_ char *plain = shell_word("/mnt/a-b_c"), *odd = shell_word("/mnt/it's $x");

        ck_assert_str_eq(plain, "/mnt/a-b_c");
        ck_assert_str_eq(odd, "'/mnt/it'\\''s $x'");
}
END_TEST

CHECK_MAIN("change-words", pin_names_what_was_before_and_what_it_overrides,
           unpin_names_what_it_took_away_and_what_boots, needless_change_is_said_to_be_one,
           lists_have_words_too, word_for_a_shell_is_quoted_where_it_must_be)
