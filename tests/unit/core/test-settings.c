/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Settings are read from any text; what is wrong in it is named and has no effect. */

#include "core/settings.h"

#include "common/string-util.h"
#include "core/line-warnings.h"
#include "tests/unit/check-main.h"

static void assert_settings(const char *text, AutoSync auto_sync, uint64_t settle_sec) {
        _cleanup_strv_ char **warnings = NULL;
        Settings s = SETTINGS_INIT;

        ck_assert_int_eq(settings_parse(&s, text, strlen(text), &warnings), 0);
        ck_assert_msg(strv_isempty(warnings), "%s: %s", text, warnings ? warnings[0] : "");
        ck_assert_int_eq(s.auto_sync, auto_sync);
        ck_assert_uint_eq(s.settle_sec, settle_sec);
}

/* The text gives just this one warning and changes nothing. */
static void assert_warning(const char *text, size_t size, const char *expect) {
        _cleanup_strv_ char **warnings = NULL;
        Settings s = { .auto_sync = AUTO_SYNC_YES, .settle_sec = 7 };

        ck_assert_int_eq(settings_parse(&s, text, size, &warnings), 0);
        ck_assert_uint_eq(strv_length(warnings), 1);
        ck_assert_str_eq(warnings[0], expect);
        ck_assert_int_eq(s.auto_sync, AUTO_SYNC_YES);
        ck_assert_uint_eq(s.settle_sec, 7);
}
#define ASSERT_WARNING(text, expect) assert_warning(text, sizeof(text) - 1, expect)

START_TEST(no_text_leaves_the_defaults) {
        assert_settings("", AUTO_SYNC_UNSET, SETTLE_SEC_DEFAULT);
        assert_settings("[Sync]\n", AUTO_SYNC_UNSET, SETTLE_SEC_DEFAULT);
        assert_settings("# AutoSync=no\n\n ; [Foo]\n \t\r\n", AUTO_SYNC_UNSET, SETTLE_SEC_DEFAULT);
}
END_TEST

START_TEST(both_keys_are_read) {
        assert_settings("[Sync]\nAutoSync=yes\nSettleSec=10\n", AUTO_SYNC_YES, 10);
        assert_settings("[Sync]\nAutoSync=no", AUTO_SYNC_NO, SETTLE_SEC_DEFAULT);
}
END_TEST

START_TEST(blanks_and_crlf_are_allowed) {
        assert_settings(" [Sync] \r\n\tAutoSync = off \r\n  SettleSec\t=\t0\r\n", AUTO_SYNC_NO, 0);
}
END_TEST

START_TEST(later_lines_and_files_win) {
        _cleanup_strv_ char **warnings = NULL;
        Settings s = SETTINGS_INIT;
        const char *first = "[Sync]\nAutoSync=no\nSettleSec=1\nSettleSec=5\n",
                   *dropin = "[Sync]\nAutoSync=yes\n";

        ck_assert_int_eq(settings_parse(&s, first, strlen(first), &warnings), 0);
        ck_assert_int_eq(s.auto_sync, AUTO_SYNC_NO);
        ck_assert_int_eq(settings_parse(&s, dropin, strlen(dropin), &warnings), 0);
        ck_assert_int_eq(s.auto_sync, AUTO_SYNC_YES);
        ck_assert_uint_eq(s.settle_sec, 5);
        ck_assert_ptr_null(warnings);
}
END_TEST

START_TEST(unknown_key_is_named) {
        ASSERT_WARNING("[Sync]\n\n# x\nFoo=1\n",
                       "line 4: 'Foo' is not a key of section [Sync], ignoring");
        ASSERT_WARNING("[Sync]\nautosync=no\n",
                       "line 2: 'autosync' is not a key of section [Sync], ignoring");
        ASSERT_WARNING("[Sync]\n=no\n", "line 2: '' is not a key of section [Sync], ignoring");
}
END_TEST

START_TEST(unknown_section_is_named_once) {
        ASSERT_WARNING("[Ksm]\nAutoSync=no\nfoo\nbar=1\n",
                       "line 1: '[Ksm]' is not a known section, ignoring");
        ASSERT_WARNING("[Sync\nAutoSync=no\n", "line 1: '[Sync' is not a known section, ignoring");
}
END_TEST

START_TEST(known_section_ends_an_unknown_one) {
        _cleanup_strv_ char **warnings = NULL;
        Settings s = SETTINGS_INIT;
        const char *text = "[Foo]\nSettleSec=9\n[Sync]\nSettleSec=8\n";

        ck_assert_int_eq(settings_parse(&s, text, strlen(text), &warnings), 0);
        ck_assert_uint_eq(s.settle_sec, 8);
        ck_assert_uint_eq(strv_length(warnings), 1);
}
END_TEST

START_TEST(bad_line_is_named) {
        ASSERT_WARNING("[Sync]\nAutoSync\n", "line 2: 'AutoSync' is not an assignment, ignoring");
        ASSERT_WARNING("AutoSync=no\n[Sync]\n",
                       "line 1: 'AutoSync=no' stands outside of a section, ignoring");
}
END_TEST

START_TEST(bad_value_is_named) {
        static const char *const bad[] = { "61", "-1", "1.5", "2s", "", "99999999999999999999" };

        ASSERT_WARNING("[Sync]\nAutoSync=maybe\n",
                       "line 2: 'maybe' is neither yes nor no, ignoring");
        ASSERT_WARNING("[Sync]\nAutoSync=\n", "line 2: '' is neither yes nor no, ignoring");
        ASSERT_WARNING("[Sync]\nAutoSync=no\0\n", "line 2: 'no?' is neither yes nor no, ignoring");
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *text = strprintf("[Sync]\nSettleSec=%s\n", bad[i]),
                                    *expect = strprintf("line 2: '%s' is not a number of seconds "
                                                        "from 0 to 60, ignoring",
                                                        bad[i]);

                assert_warning(text, strlen(text), expect);
        }
        assert_settings("[Sync]\nSettleSec=60\n", AUTO_SYNC_UNSET, 60);
}
END_TEST

START_TEST(binary_file_gives_a_bounded_number_of_warnings) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = malloc(1024 * 1024);
        Settings s = SETTINGS_INIT;

        for (size_t i = 0; i < 1024 * 1024; i++)
                text[i] = "\0\xff[\n"[i % 4];
        ck_assert_int_eq(settings_parse(&s, text, 1024 * 1024, &warnings), 0);
        ck_assert_uint_eq(strv_length(warnings), LINE_WARNINGS_MAX + 1);
        ck_assert_str_eq(warnings[LINE_WARNINGS_MAX],
                         "262124 more lines cannot be used either, ignoring");
        ck_assert_int_eq(s.auto_sync, AUTO_SYNC_UNSET);
}
END_TEST

START_TEST(line_of_a_megabyte_is_cut_in_its_warning) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *text = malloc(1024 * 1024);
        Settings s = SETTINGS_INIT;

        memset(text, 'x', 1024 * 1024);
        ck_assert_int_eq(settings_parse(&s, text, 1024 * 1024, &warnings), 0);
        ck_assert_uint_eq(strv_length(warnings), 1);
        ck_assert_uint_lt(strlen(warnings[0]), 128);
}
END_TEST

CHECK_MAIN("settings", no_text_leaves_the_defaults, both_keys_are_read, blanks_and_crlf_are_allowed,
           later_lines_and_files_win, unknown_key_is_named, unknown_section_is_named_once,
           known_section_ends_an_unknown_one, bad_line_is_named, bad_value_is_named,
           binary_file_gives_a_bounded_number_of_warnings, line_of_a_megabyte_is_cut_in_its_warning)
