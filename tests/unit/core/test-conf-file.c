/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of the administrator: what they say, and the sentences about what cannot be used. */

#include "core/conf/conf-file.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

typedef struct Parsed {
        ListFile list;
        char **warnings;
} Parsed;

static void parsed_done(Parsed *p) {
        list_file_done(&p->list);
        p->warnings = strv_free(p->warnings);
}

static Parsed parse_bytes(const char *text, size_t size, ListKind kind) {
        Parsed p = {};

        ck_assert_int_eq(list_file_parse(text, size, kind, &p.list, &p.warnings), 0);
        return p;
}

static Parsed parse(const char *text, ListKind kind) {
        return parse_bytes(text, strlen(text), kind);
}

static void assert_items(const Parsed *p, const char *expect) {
        _cleanup_free_ char *items = strv_join(p->list.items, " ");

        ck_assert_str_eq(items, expect);
}

static void assert_warnings(const Parsed *p, const char *expect) {
        _cleanup_free_ char *warnings = strv_join(p->warnings, "\n");

        ck_assert_str_eq(warnings, expect);
}

/* Read the bytes, write them back, and expect these. */
static void assert_rewritten(const char *text, size_t size, ListKind kind, const char *expect,
                             size_t expect_size) {
        _cleanup_(parsed_done) Parsed p = parse_bytes(text, size, kind);
        _cleanup_free_ char *rewritten = NULL;
        size_t n;

        ck_assert_int_eq(list_file_format(&p.list, kind, &rewritten, &n), 0);
        ck_assert_uint_eq(n, expect_size);
        ck_assert_mem_eq(rewritten, expect, n);
}
#define ASSERT_REWRITTEN(text, kind, expect) \
        assert_rewritten(text, sizeof(text) - 1, kind, expect, sizeof(expect) - 1)

START_TEST(items_are_read_in_file_order) {
        _cleanup_(parsed_done) Parsed esps = parse("F00D-0002\nABCD-0001\n", LIST_ESPS),
                                      kernels = parse("6.8.12-4-pve\n6.5.13-6-pve\n", LIST_KERNELS);

        assert_items(&esps, "F00D-0002 ABCD-0001");
        assert_warnings(&esps, "");
        ck_assert_uint_eq(esps.list.n_other, 0);
        assert_items(&kernels, "6.8.12-4-pve 6.5.13-6-pve");
        assert_warnings(&kernels, "");
}
END_TEST

START_TEST(uuids_are_read_in_either_case) {
        _cleanup_(parsed_done) Parsed p = parse("abcd-ef09\nAbCd-Ef09\nABCD-EF09\n", LIST_ESPS);

        assert_items(&p, "ABCD-EF09");
        assert_warnings(&p, "");
}
END_TEST

START_TEST(repetitions_are_dropped_silently) {
        _cleanup_(parsed_done) Parsed p = parse("6.8\n6.5\n6.8\n", LIST_KERNELS);

        assert_items(&p, "6.8 6.5");
        assert_warnings(&p, "");
}
END_TEST

START_TEST(blanks_crlf_and_missing_last_newline_are_fine) {
        _cleanup_(parsed_done) Parsed p =
                        parse(" ABCD-0001\t\r\n\r\n \t \n\n\tABCD-0002 \nABCD-0003", LIST_ESPS);

        assert_items(&p, "ABCD-0001 ABCD-0002 ABCD-0003");
        assert_warnings(&p, "");
        ck_assert_uint_eq(p.list.n_other, 0);
}
END_TEST

START_TEST(empty_file_is_an_empty_list) {
        _cleanup_(parsed_done) Parsed p = parse("", LIST_ESPS);

        ck_assert_ptr_null(p.list.items);
        ck_assert_uint_eq(p.list.n_other, 0);
        ASSERT_REWRITTEN("", LIST_ESPS, "");
        ASSERT_REWRITTEN("\n \n", LIST_ESPS, "");
}
END_TEST

START_TEST(comments_are_no_items_and_no_mistakes) {
        _cleanup_(parsed_done) Parsed p = parse("# ABCD-0001\n  # two\n#\nABCD-0002\n", LIST_ESPS);

        assert_items(&p, "ABCD-0002");
        assert_warnings(&p, "");
        ck_assert_uint_eq(p.list.n_other, 3);
}
END_TEST

START_TEST(bad_line_is_named_with_its_number) {
        _cleanup_(parsed_done) Parsed esps = parse("ABCD-0001\n\nfoo?bar\n6.8\n", LIST_ESPS),
                                      kernels = parse("ABCD-0001\r\n", LIST_KERNELS);

        assert_items(&esps, "ABCD-0001");
        assert_warnings(&esps, "line 3: 'foo?bar' is not a FAT UUID, ignoring\n"
                               "line 4: '6.8' is not a FAT UUID, ignoring");
        assert_items(&kernels, "");
        assert_warnings(&kernels, "line 1: 'ABCD-0001' is not a kernel version, ignoring");
}
END_TEST

START_TEST(line_with_more_than_an_item_is_bad) {
        _cleanup_(parsed_done) Parsed p = parse("ABCD-0001 ABCD-0002\nABCD-0001#\n", LIST_ESPS);

        assert_items(&p, "");
        ck_assert_uint_eq(strv_length(p.warnings), 2);
        ck_assert_uint_eq(p.list.n_other, 2);
}
END_TEST

START_TEST(odd_bytes_are_shown_as_question_marks) {
        _cleanup_(parsed_done) Parsed p = parse_bytes("a\0b\xff\x1b[m\n", 8, LIST_ESPS);

        assert_warnings(&p, "line 1: 'a?b??[m' is not a FAT UUID, ignoring");
}
END_TEST

START_TEST(item_with_a_nul_byte_is_bad) {
        _cleanup_(parsed_done) Parsed p = parse_bytes("ABCD-0001\0\n6.8\0\n", 16, LIST_ESPS),
                                      k = parse_bytes("6.8\0\n6.8\n", 9, LIST_KERNELS);

        assert_items(&p, "");
        ck_assert_uint_eq(strv_length(p.warnings), 2);
        assert_items(&k, "6.8");
        ck_assert_uint_eq(strv_length(k.warnings), 1);
}
END_TEST

START_TEST(comments_and_bad_lines_survive_byte_for_byte) {
        ASSERT_REWRITTEN("ABCD-0002\n"
                         "# first \t\r\n"
                         "ABCD-0001\n"
                         "\tb\0ad\xff \n"
                         "\n"
                         "  #last",
                         LIST_ESPS,
                         "# first \t\r\n"
                         "\tb\0ad\xff \n"
                         "  #last\n"
                         "ABCD-0001\n"
                         "ABCD-0002\n");
}
END_TEST

START_TEST(rewriting_twice_changes_nothing_more) {
        static const char text[] = "# c\r\nbad\0\n  # d\nABCD-0001\nABCD-0002\n";

        ASSERT_REWRITTEN(text, LIST_ESPS, text);
        ASSERT_REWRITTEN("# one\n# one\nx\nx\n", LIST_ESPS, "# one\n# one\nx\nx\n");
}
END_TEST

START_TEST(items_are_written_normalised_sorted_and_unique) {
        ASSERT_REWRITTEN("f00d-0002\r\n ABCD-0001 \nF00D-0002\n", LIST_ESPS,
                         "ABCD-0001\nF00D-0002\n");
        ASSERT_REWRITTEN("6.8.12-10-pve\n6.8.12-9-pve\n6.5.13-6-pve\n6.8.12-9-pve\n", LIST_KERNELS,
                         "6.5.13-6-pve\n6.8.12-9-pve\n6.8.12-10-pve\n");
}
END_TEST

START_TEST(writing_does_not_disturb_the_list) {
        _cleanup_(parsed_done) Parsed p = parse("6.8\n6.5\n", LIST_KERNELS);
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(strv_extend(&p.list.items, "6.2"), 0);
        ck_assert_int_eq(strv_extend(&p.list.items, "6.8"), 0);
        ck_assert_int_eq(list_file_format(&p.list, LIST_KERNELS, &text, &size), 0);
        ck_assert_str_eq(text, "6.2\n6.5\n6.8\n");
        assert_items(&p, "6.8 6.5 6.2 6.8");
}
END_TEST

START_TEST(warnings_are_limited_to_twenty_and_a_count) {
        _cleanup_(parsed_done) Parsed p = {};
        Buffer b = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        for (size_t i = 0; i < LINE_WARNINGS_MAX; i++)
                buffer_puts(&b, "bad\n");
        ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
        p = parse_bytes(text, size, LIST_ESPS);
        ck_assert_uint_eq(strv_length(p.warnings), LINE_WARNINGS_MAX);
        ck_assert_str_eq(p.warnings[19], "line 20: 'bad' is not a FAT UUID, ignoring");
        parsed_done(&p);

        buffer_printf(&b, "%sbad\nABCD-0001\nworse\n", text);
        free(text);
        ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
        p = parse_bytes(text, size, LIST_ESPS);
        ck_assert_uint_eq(strv_length(p.warnings), LINE_WARNINGS_MAX + 1);
        ck_assert_str_eq(p.warnings[20], "2 more lines cannot be used either, ignoring");
        ck_assert_uint_eq(p.list.n_other, 22);
        assert_items(&p, "ABCD-0001");
}
END_TEST

START_TEST(line_of_a_megabyte_is_kept_whole_and_named_in_short) {
        _cleanup_(parsed_done) Parsed p = {};
        _cleanup_free_ char *text = malloc(1024 * 1024), *expect = NULL, *shown = NULL;
        _cleanup_free_ char *rewritten = NULL;
        size_t size;

        memset(text, 'x', 1024 * 1024);
        p = parse_bytes(text, 1024 * 1024, LIST_KERNELS);
        shown = strndup(text, LINE_WARNING_TEXT_MAX);
        expect = strprintf("line 1: '%s...' is not a kernel version, ignoring", shown);
        assert_warnings(&p, expect);

        ck_assert_int_eq(list_file_format(&p.list, LIST_KERNELS, &rewritten, &size), 0);
        ck_assert_uint_eq(size, 1024 * 1024 + 1);
        ck_assert(memcmp(rewritten, text, 1024 * 1024) == 0);
        ck_assert_int_eq(rewritten[size - 1], '\n');
}
END_TEST

START_TEST(warnings_of_several_files_add_up) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_(list_file_done) ListFile a = {}, b = {};

        ck_assert_int_eq(list_file_parse("x", 1, LIST_ESPS, &a, &warnings), 0);
        ck_assert_int_eq(list_file_parse("y", 1, LIST_KERNELS, &b, &warnings), 0);
        ck_assert_uint_eq(strv_length(warnings), 2);
}
END_TEST

START_TEST(fat_uuid_is_four_dash_four_hex_digits) {
        static const char *const bad[] = {
                "",          "ABCD0001",  "ABCD-001",   "ABCD-00012", "ABCG-0001",  "ABCD_0001",
                "ABC-D0001", " BCD-0001", "ABCD-000\n", "----------", "ABCD-0001 ", "-BCD-0001",
        };

        ck_assert(fat_uuid_is_valid("0123-4567"));
        ck_assert(fat_uuid_is_valid("89AB-CDEF"));
        ck_assert(fat_uuid_is_valid("89ab-cdef"));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!fat_uuid_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(items_beyond_the_limit_are_kept_but_not_read) {
        _cleanup_(parsed_done) Parsed p = {};
        _cleanup_free_ char *text = NULL, *again = NULL;
        size_t size, again_size;
        Buffer b = {};

        for (unsigned i = 0; i < 100000; i++)
                buffer_printf(&b, "6.1.0-%u-pve\n", i);
        ck_assert_int_eq(buffer_take(&b, &text, &size), 0);
        p = parse_bytes(text, size, LIST_KERNELS);
        ck_assert_uint_eq(strv_length(p.list.items), LIST_ITEMS_MAX);
        ck_assert_uint_eq(p.list.n_other, 100000 - LIST_ITEMS_MAX);
        ck_assert_str_eq(p.warnings[0], "line 257: '6.1.0-256-pve' is one line too many, ignoring");
        ck_assert_int_eq(list_file_format(&p.list, LIST_KERNELS, &again, &again_size), 0);
        ck_assert_uint_eq(again_size, size);
}
END_TEST

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

START_TEST(alerts_are_on_unless_they_are_off) {
        static const char *const words[] = { "Mail=off\n", "Mail=auto\nAfterSec=1\n",
                                             "Mail=off\nMail=maybe\nAfterSec=86400\n" };
        static const uint64_t sec[] = { ALERT_AFTER_SEC_DEFAULT, 1, ALERT_AFTER_SEC_MAX };

        ck_assert(!SETTINGS_INIT.no_alerts);
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                _cleanup_free_ char *text = strprintf("[Alerts]\n%s", words[i]);
                _cleanup_strv_ char **warnings = NULL;
                Settings s = SETTINGS_INIT;

                ck_assert_int_eq(settings_parse(&s, text, strlen(text), &warnings), 0);
                ck_assert_uint_eq(strv_length(warnings), i == 2);
                ck_assert(s.no_alerts == (i != 1));
                ck_assert_uint_eq(s.alert_after_sec, sec[i]);
        }
        ASSERT_WARNING("[Alerts]\nAfterSec=0\n",
                       "line 2: '0' is not a number of seconds from 1 to 86400, ignoring");
        ASSERT_WARNING("[Alerts]\nMail=on\n", "line 2: 'on' is neither auto nor off, ignoring");
        ASSERT_WARNING("[Alerts]\nEntries=keep\n",
                       "line 2: 'Entries' is not a key of section [Alerts], ignoring");
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

static void read_list(const char *text, char ***warnings) {
        _cleanup_(list_file_done) ListFile list = {};

        ck_assert_int_eq(list_file_parse(text, strlen(text), LIST_ESPS, &list, warnings), 0);
}

START_TEST(sentence_names_line_text_and_reason) {
        _cleanup_strv_ char **l = NULL;

        read_list("\n# x\nfoo\x01\n", &l);
        ck_assert_uint_eq(strv_length(l), 1);
        ck_assert_str_eq(l[0], "line 3: 'foo?' is not a FAT UUID, ignoring");
}
END_TEST

START_TEST(no_bad_line_means_no_sentence) {
        _cleanup_strv_ char **l = NULL;

        read_list("\n# x\nAAAA-0001\n", &l);
        ck_assert_ptr_null(l);
}
END_TEST

/* @n of them. */
static char *bad_lines(size_t n) {
        char *text;
        Buffer b = {};

        for (size_t i = 0; i < n; i++)
                buffer_puts(&b, "x\n");
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

START_TEST(lines_over_the_limit_are_only_counted) {
        _cleanup_free_ char *as_many = bad_lines(20), *more = bad_lines(37);
        _cleanup_strv_ char **l = NULL, **k = NULL;

        read_list(as_many, &l);
        ck_assert_uint_eq(strv_length(l), 20);
        ck_assert_str_eq(l[19], "line 20: 'x' is not a FAT UUID, ignoring");
        read_list(more, &k);
        ck_assert_uint_eq(strv_length(k), 21);
        ck_assert_str_eq(k[20], "17 more lines cannot be used either, ignoring");
}
END_TEST

START_TEST(long_text_is_cut) {
        _cleanup_strv_ char **l = NULL;
        char text[64 + 1 + 65 + 1];

        memset(text, 'x', sizeof(text));
        text[64] = '\n';
        text[sizeof(text) - 1] = '\0';
        read_list(text, &l);
        ck_assert_ptr_null(strstr(l[0], "..."));
        ck_assert_ptr_nonnull(strstr(l[1], "x...' is not"));
        ck_assert_uint_eq(strlen(l[1]), strlen(l[0]) + strlen("..."));
}
END_TEST

CHECK_MAIN("conf-file", items_are_read_in_file_order, uuids_are_read_in_either_case,
           repetitions_are_dropped_silently, blanks_crlf_and_missing_last_newline_are_fine,
           empty_file_is_an_empty_list, comments_are_no_items_and_no_mistakes,
           bad_line_is_named_with_its_number, line_with_more_than_an_item_is_bad,
           odd_bytes_are_shown_as_question_marks, item_with_a_nul_byte_is_bad,
           comments_and_bad_lines_survive_byte_for_byte, rewriting_twice_changes_nothing_more,
           items_are_written_normalised_sorted_and_unique, writing_does_not_disturb_the_list,
           warnings_are_limited_to_twenty_and_a_count,
           line_of_a_megabyte_is_kept_whole_and_named_in_short, warnings_of_several_files_add_up,
           fat_uuid_is_four_dash_four_hex_digits, items_beyond_the_limit_are_kept_but_not_read,
           no_text_leaves_the_defaults, both_keys_are_read, alerts_are_on_unless_they_are_off,
           blanks_and_crlf_are_allowed, later_lines_and_files_win, unknown_key_is_named,
           unknown_section_is_named_once, known_section_ends_an_unknown_one, bad_line_is_named,
           bad_value_is_named, binary_file_gives_a_bounded_number_of_warnings,
           line_of_a_megabyte_is_cut_in_its_warning, sentence_names_line_text_and_reason,
           no_bad_line_means_no_sentence, lines_over_the_limit_are_only_counted, long_text_is_cut)
