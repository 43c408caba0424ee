/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GRUB's environment block. */

#include "core/grub/grub-env.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define HEAD "# GRUB Environment Block\n"

/* A block with @lines behind the first. */
static char *block(const char *lines) {
        char *text = malloc(GRUB_ENV_SIZE + 1);
        size_t n = strlen(HEAD) + strlen(lines);

        ck_assert_uint_le(n, GRUB_ENV_SIZE);
        memset(text, '#', GRUB_ENV_SIZE);
        memcpy(text, HEAD, strlen(HEAD));
        memcpy(text + strlen(HEAD), lines, strlen(lines));
        text[GRUB_ENV_SIZE] = '\0';
        return text;
}

static void assert_get(const char *lines, const char *expect) {
        _cleanup_free_ char *text = block(lines), *value = NULL;

        ck_assert_int_eq(grub_env_get(text, GRUB_ENV_SIZE, "next_entry", &value), 0);
        ck_assert_msg(streq_ptr(value, expect), "'%s' gave '%s'", lines, strempty(value));
}

static void assert_set(const char *lines, const char *value, const char *expect) {
        _cleanup_free_ char *old = lines ? block(lines) : NULL, *wanted = block(expect),
                            *new = NULL;
        _cleanup_free_ char *again = NULL;

        ck_assert_int_eq(grub_env_set(old, GRUB_ENV_SIZE, "next_entry", value, &new), 0);
        ck_assert_str_eq(new, wanted);
        ck_assert_uint_eq(strlen(new), GRUB_ENV_SIZE);
        ck_assert_int_eq(grub_env_set(new, GRUB_ENV_SIZE, "next_entry", value, &again), 0);
        ck_assert_str_eq(again, new);
}

static void assert_refused(const char *text, size_t size) {
        char *value, *new;

        ck_assert_int_eq(grub_env_get(text, size, "next_entry", &value), -EBADMSG);
        ck_assert_int_eq(grub_env_set(text, size, "next_entry", "a", &new), -EBADMSG);
}

START_TEST(variable_has_its_value) {
        assert_get("next_entry=a>b\n", "a>b");
        assert_get("x=y\nnext_entry=\n", "");
        assert_get("# comment\n#\nnext_entry=a\nx=y\n", "a");
        assert_get("next_entry=a=b#c\n", "a=b#c");
        assert_get("next_entry=a\nnext_entry=b\n", "b");
        assert_get("", NULL);
        assert_get("next_entry2=a\nxnext_entry=b\nnext=c\n", NULL);
        assert_get("#next_entry=a\n", NULL);
}
END_TEST

START_TEST(backslash_hides_the_next_byte) {
        assert_get("next_entry=a\\\\b\\\nc\n", "a\\b\nc");
        assert_get("x=\\\nnext_entry=a\n", NULL);
        assert_set("", "a\\b\nc", "next_entry=a\\\\b\\\nc\n");
}
END_TEST

START_TEST(fresh_block_has_the_variable_only) {
        assert_set(NULL, "a", "next_entry=a\n");
        assert_set(NULL, NULL, "");
}
END_TEST

START_TEST(other_variables_stay_byte_for_byte) {
        assert_set("x=\\y\n# c\nz=\n", "a", "x=\\y\n# c\nz=\nnext_entry=a\n");
        assert_set("x=y\nnext_entry=a\nz=\n", "bc", "x=y\nnext_entry=bc\nz=\n");
        assert_set("x=y\nnext_entry=a\nz=\n", NULL, "x=y\nz=\n");
        assert_set("next_entry=a\nx=y\nnext_entry=b\n", "c", "next_entry=c\nx=y\n");
        assert_set("next_entry=a\nx=y\nnext_entry=b\n", NULL, "x=y\n");
}
END_TEST

START_TEST(what_has_to_change_nothing_changes_nothing) {
        assert_set("next_entry=\\a\nx=y\n", "a", "next_entry=\\a\nx=y\n");
        assert_set("x=y\n", NULL, "x=y\n");
}
END_TEST

START_TEST(block_can_be_full_but_no_fuller) {
        char value[GRUB_ENV_SIZE] = "";
        size_t room = GRUB_ENV_SIZE - strlen(HEAD "next_entry=\n");
        _cleanup_free_ char *empty = block(""), *new = NULL, *expect = NULL;

        memset(value, 'a', room);
        expect = strprintf(HEAD "next_entry=%s\n", value);
        ck_assert_int_eq(grub_env_set(empty, GRUB_ENV_SIZE, "next_entry", value, &new), 0);
        ck_assert_str_eq(new, expect);
        value[room] = 'a';
        ck_assert_int_eq(grub_env_set(empty, GRUB_ENV_SIZE, "next_entry", value, &empty), -ENOSPC);
}
END_TEST

START_TEST(damaged_block_is_refused) {
        _cleanup_free_ char *text = block("x=y\n");

        assert_refused("", 0);
        assert_refused(text, GRUB_ENV_SIZE - 1);
        text[2] = 'g';
        assert_refused(text, GRUB_ENV_SIZE);
        free(text);
        text = block("x\n");
        assert_refused(text, GRUB_ENV_SIZE);
        free(text);
        text = block("=y\n");
        assert_refused(text, GRUB_ENV_SIZE);
        free(text);
        text = block("x=y");
        assert_refused(text, GRUB_ENV_SIZE);
        free(text);
        text = block("x=y\\\n");
        assert_refused(text, GRUB_ENV_SIZE);
        text[30] = '\0';
        assert_refused(text, GRUB_ENV_SIZE);
}
END_TEST

CHECK_MAIN("grub-env", variable_has_its_value, backslash_hides_the_next_byte,
           fresh_block_has_the_variable_only, other_variables_stay_byte_for_byte,
           what_has_to_change_nothing_changes_nothing, block_can_be_full_but_no_fuller,
           damaged_block_is_refused)
