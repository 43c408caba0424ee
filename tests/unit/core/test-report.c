/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the worker tells: what is written can be read, and nothing else can. */

#include "core/report.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int parse(const char *text, Report *ret) {
        return report_parse(text, strlen(text), ret);
}

static void assert_format(const Report *r, const char *expect) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        ck_assert_int_eq(report_format(r, &text, &size), 0);
        ck_assert_str_eq(text, expect);
        ck_assert_uint_eq(size, strlen(expect));
}

static char *repeat(char c, size_t n) {
        char *s = malloc(n + 1);

        ck_assert_ptr_nonnull(s);
        memset(s, c, n);
        s[n] = '\0';
        return s;
}

/* Every kind of report, in the spelling of report_format(). */
static const char *const complete[] = {
        "started\n",
        "step index=18446744073709551615\n",
        "progress bytes=8388608\n",
        "space size=536870912 free=1024 cluster=4096 loader=systemd-boot dirty=1 fold=1\n",
        "space size=0 free=0 cluster=1 loader=none dirty=0 fold=0\n",
        "file path=EFI/proxmox size=0 mtime=1 type=directory verdict=unchecked\n",
        "file path=a%20b%0A size=2 mtime=3 type=file verdict=equal sha256=" SHA256 "\n",
        "file path=loader/loader.conf size=2 mtime=3 type=file verdict=unchecked text=x%0D%0A\n",
        "file path=a size=0 mtime=3 type=other verdict=differs text=\n",
        "file path=a size=2 mtime=3 type=file verdict=trusted sha256=" SHA256 " text=x\n",
        "placed path=a index=4 size=2 mtime=3 sha256=" SHA256 "\n",
        "waiting\n",
        "failed error=NoSpace message=No%20room.\n",
        "failed error=Failed\n",
        "done\n",
        "partition text=partition%20device=sda%0A\n",
        "firmware text=\n",
        "process text=process%20pid=1%0A\n",
        "warning error=FirmwareError message=No%20room.\n",
};

START_TEST(every_report_survives_the_round_trip) {
        for (size_t i = 0; i < ELEMENTSOF(complete); i++) {
                _cleanup_(report_done) Report r = {};

                ck_assert_msg(parse(complete[i], &r) == 0, "%s", complete[i]);
                assert_format(&r, complete[i]);
        }
}
END_TEST

START_TEST(fields_land_where_they_belong) {
        Report r = {};

        ck_assert_int_eq(parse(complete[3], &r), 0);
        ck_assert_int_eq(r.type, REPORT_SPACE);
        ck_assert_uint_eq(r.size_bytes, 536870912);
        ck_assert_uint_eq(r.free_bytes, 1024);
        ck_assert_uint_eq(r.cluster_bytes, 4096);
        ck_assert_int_eq(r.loader, ESP_LOADER_SYSTEMD_BOOT);
        ck_assert(r.dirty);
        report_done(&r);

        ck_assert_int_eq(parse(complete[9], &r), 0);
        ck_assert_int_eq(r.type, REPORT_FILE);
        ck_assert_str_eq(r.file.path, "a");
        ck_assert_uint_eq(r.file.size, 2);
        ck_assert_uint_eq(r.file.mtime, 3);
        ck_assert_int_eq(r.file.verdict, VERDICT_TRUSTED);
        ck_assert_str_eq(r.file.sha256, SHA256);
        ck_assert_str_eq(r.file.text, "x");
        ck_assert_uint_eq(r.size_bytes, 0);
        report_done(&r);
        ck_assert_ptr_null(r.file.path);

        ck_assert_int_eq(parse(complete[10], &r), 0);
        ck_assert_int_eq(r.type, REPORT_PLACED);
        ck_assert_uint_eq(r.index, 4);
        report_done(&r);

        ck_assert_int_eq(parse(complete[12], &r), 0);
        ck_assert_int_eq(r.error.code, ERROR_NO_SPACE);
        ck_assert_str_eq(r.error.message, "No room.");
        report_done(&r);
        ck_assert_int_eq(r.error.code, ERROR_NONE);
}
END_TEST

START_TEST(every_missing_field_is_noticed) {
        static const char *const optional[] = { " sha256=", " text=", " message=" };

        for (size_t i = 0; i < ELEMENTSOF(complete); i++)
                for (const char *field = strchr(complete[i], ' '); field;
                     field = strchr(field + 1, ' ')) {
                        size_t length = strcspn(field + 1, " \n") + 1;
                        _cleanup_free_ char *cut = strprintf("%.*s%s", (int) (field - complete[i]),
                                                             complete[i], field + length);
                        _cleanup_(report_done) Report r = {};
                        int expect = -EBADMSG;

                        for (size_t k = 0; k < ELEMENTSOF(optional); k++)
                                if (startswith(field, optional[k]) && !startswith(cut, "placed") &&
                                    !startswith(cut, "partition") && !startswith(cut, "firmware") &&
                                    !startswith(cut, "process"))
                                        expect = 0;
                        ck_assert_msg(parse(cut, &r) == expect, "expected %d: %s", expect, cut);
                }
}
END_TEST

START_TEST(surplus_fields_are_refused) {
        for (size_t i = 0; i < ELEMENTSOF(complete); i++) {
                _cleanup_free_ char *more =
                                strprintf("%.*s x=1\n", (int) strlen(complete[i]) - 1, complete[i]);
                Report r;

                ck_assert_msg(parse(more, &r) == -EBADMSG, "accepted: %s", more);
        }
        ck_assert_int_eq(parse("step index=1 bytes=2\n", &(Report){}), -EBADMSG);
        ck_assert_int_eq(parse("done message=x\n", &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(bad_values_are_refused) {
        static const char *const bad[] = {
                "",
                "\n",
                "done",
                "done\r\n",
                "done\n\n",
                "done\ndone\n",
                "Done\n",
                "exploded\n",
                "step index=-1\n",
                "progress bytes=18446744073709551616\n",
                "space size=1 free=1 cluster=0 loader=none dirty=0 fold=0\n",
                "space size=1 free=1 cluster=1 loader=lilo dirty=0 fold=0\n",
                "space size=1 free=1 cluster=1 loader=none dirty=yes fold=0\n",
                "space size=1 free=1 cluster=1 loader=none dirty= fold=0\n",
                "space size=1 free=1 cluster=1 loader=none dirty=0 fold=2\n",
                "space size=1 free=1 cluster=1 loader=none dirty=0\n",
                "file path= size=2 mtime=3 type=file verdict=equal\n",
                "file path=a size=2 mtime=3 type=fifo verdict=equal\n",
                "file path=a size=2 mtime=3 type=file verdict=fine\n",
                "file path=a size=2 mtime=3 type=file verdict=equal sha256=\n",
                "file path=a size=2 mtime=3 type=file verdict=equal sha256=" SHA256 "0\n",
                "placed path=a index=4 size=2 mtime=3 sha256=\n",
                "failed error= message=x\n",
                "failed error=NoSuchError message=x\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Report r = { .index = 7 };

                ck_assert_msg(parse(bad[i], &r) == -EBADMSG, "accepted: %s", bad[i]);
                ck_assert_uint_eq(r.index, 7); /* ret is untouched */
        }
        ck_assert_int_eq(report_parse("done\0\n", 6, &(Report){}), -EBADMSG);
        ck_assert_int_eq(report_parse("done\n\0", 6, &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(no_prefix_of_a_report_is_a_report) {
        for (size_t i = 0; i < ELEMENTSOF(complete); i++)
                for (size_t n = 0; n < strlen(complete[i]); n++)
                        ck_assert_int_eq(report_parse(complete[i], n, &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(largest_text_is_sent_whole) {
        _cleanup_(report_done) Report r = { .type = REPORT_FILE }, back = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        r.file.path = repeat('\n', 4096);
        r.file.text = repeat('\n', REPORT_TEXT_MAX);
        memcpy(r.file.sha256, SHA256, sizeof(SHA256));
        ck_assert_int_eq(report_format(&r, &text, &size), 0);
        ck_assert_uint_le(size, REPORT_SIZE_MAX);
        ck_assert_int_eq(report_parse(text, size, &back), 0);
        ck_assert(streq(back.file.text, r.file.text));
        ck_assert(streq(back.file.path, r.file.path));
}
END_TEST

START_TEST(text_over_the_limit_is_never_sent) {
        _cleanup_(report_done) Report r = { .type = REPORT_FILE };
        _cleanup_free_ char *line = NULL, *text = repeat('a', REPORT_TEXT_MAX + 1);

        r.file.path = strdup("a");
        r.file.text = strdup(text);
        assert_format(&r, "file path=a size=0 mtime=0 type=file verdict=unchecked\n");

        line = strprintf("file path=a size=0 mtime=0 type=file verdict=unchecked text=%s\n", text);
        ck_assert_int_eq(parse(line, &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(long_error_message_is_cut) {
        _cleanup_(report_done) Report r = { .type = REPORT_FAILED }, back = {};
        _cleanup_free_ char *text = NULL;
        size_t size;

        r.error.code = ERROR_FAILED;
        r.error.message = repeat('%', 1024 * 1024);
        ck_assert_int_eq(report_format(&r, &text, &size), 0);
        ck_assert_uint_le(size, REPORT_SIZE_MAX);
        ck_assert_int_eq(report_parse(text, size, &back), 0);
        ck_assert_uint_eq(strlen(back.error.message), REPORT_MESSAGE_MAX);
        ck_assert(endswith(back.error.message, "%..."));
}
END_TEST

START_TEST(error_message_is_made_fit_for_dbus) {
        _cleanup_(report_done) Report r = { .type = REPORT_FAILED };

        r.error.code = ERROR_TIMEOUT;
        r.error.message = strdup("'\xff\x1b\n\xc3\xa4'");
        assert_format(&r, "failed error=Timeout message='\?\?\?%C3%A4'\n");
}
END_TEST

START_TEST(message_that_is_not_fit_for_dbus_is_refused) {
        _cleanup_free_ char *message = repeat('a', REPORT_MESSAGE_MAX + 1);
        _cleanup_free_ char *line = strprintf("failed error=Failed message=%s\n", message);

        ck_assert_int_eq(parse(line, &(Report){}), -EBADMSG);
        ck_assert_int_eq(parse("failed error=Failed message=%FF\n", &(Report){}), -EBADMSG);
        ck_assert_int_eq(parse("failed error=Failed message=%1B[31m\n", &(Report){}), -EBADMSG);
        ck_assert_int_eq(parse("warning error=Failed message=a%0Ab\n", &(Report){}), -EBADMSG);
        ck_assert_int_eq(parse("warning error=Failed message=%C2%9B\n", &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(message_over_the_size_limit_is_refused_both_ways) {
        _cleanup_(report_done) Report r = { .type = REPORT_FILE };
        _cleanup_free_ char *text = NULL, *line = NULL;
        size_t size;

        r.file.path = repeat('a', REPORT_SIZE_MAX);
        ck_assert_int_eq(report_format(&r, &text, &size), -E2BIG);
        line = strprintf("file path=%s size=0 mtime=0 type=file verdict=unchecked\n", r.file.path);
        ck_assert_int_eq(parse(line, &(Report){}), -EBADMSG);
}
END_TEST

START_TEST(every_type_has_a_name_of_its_own) {
        for (ReportType t = 0; t < _REPORT_TYPE_MAX; t++)
                ck_assert_int_eq(report_type_from_string(report_type_to_string(t)), t);
}
END_TEST

CHECK_MAIN("report", every_report_survives_the_round_trip, fields_land_where_they_belong,
           every_missing_field_is_noticed, surplus_fields_are_refused, bad_values_are_refused,
           no_prefix_of_a_report_is_a_report, largest_text_is_sent_whole,
           text_over_the_limit_is_never_sent, long_error_message_is_cut,
           error_message_is_made_fit_for_dbus, message_that_is_not_fit_for_dbus_is_refused,
           message_over_the_size_limit_is_refused_both_ways, every_type_has_a_name_of_its_own)
