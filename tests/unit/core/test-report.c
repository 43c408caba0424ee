/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reports: their way from the worker to the daemon, and how much it may say. */

#include "core/wire/report.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

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
        "file path=a%20b%0A size=2 mtime=3 type=file verdict=equal\n",
        "file path=loader/loader.conf size=2 mtime=3 type=file verdict=unchecked text=x%0D%0A\n",
        "file path=a size=0 mtime=3 type=other verdict=differs text=\n",
        "file path=a size=2 mtime=3 type=file verdict=trusted text=x\n",
        "placed path=a index=4 size=2 mtime=3\n",
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
        static const char *const optional[] = { " text=", " message=" };

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
                "file path=a size=2 mtime=3 type=file verdict=equal sha256=00\n",
                "placed path=a index=4 size=2 mtime=3 sha256=00\n",
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
                for (ReportType other = 0; other < _REPORT_TYPE_MAX; other++)
                        ck_assert_int_eq(streq(report_type_to_string(t),
                                               report_type_to_string(other)),
                                         t == other);
}
END_TEST

START_TEST(every_type_of_file_and_every_verdict_survives_the_round_trip) {
        for (FileType t = 0; t < _FILE_TYPE_MAX; t++)
                for (FileVerdict v = 0; v < _FILE_VERDICT_MAX; v++) {
                        const Report r = {
                                .type = REPORT_FILE,
                                .file = { .path = (char *) "a", .type = t, .verdict = v }
                        };
                        _cleanup_(report_done) Report back = {};
                        _cleanup_free_ char *text = NULL;
                        size_t size;

                        ck_assert_int_eq(report_format(&r, &text, &size), 0);
                        ck_assert_int_eq(report_parse(text, size, &back), 0);
                        ck_assert_int_eq(back.file.type, t);
                        ck_assert_int_eq(back.file.verdict, v);
                }
}
END_TEST

#define SEC UINT64_C(1000000)

static void quota_of(ReportQuota *q, const PlanAction *actions, size_t n) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &plan), 0);
        for (size_t i = 0; i < n; i++) {
                plan->subject = plan_action_kind(actions[i])->subject;
                ck_assert_ptr_nonnull(plan_add(plan, actions[i], NULL));
        }
        report_quota_init(q, plan);
}

#define QUOTA_OF(q, ...)                                 \
        quota_of(q, (const PlanAction[]){ __VA_ARGS__ }, \
                 ELEMENTSOF(((const PlanAction[]){ __VA_ARGS__ })))

static bool take(ReportQuota *q, ReportType type) {
        return report_quota_take(q, &(Report){ .type = type }, SEC);
}

/* How many reports of @type, one after the other, are taken. */
static size_t count(ReportQuota *q, ReportType type, size_t max) {
        size_t n = 0;

        while (n < max && take(q, type))
                n++;
        return n;
}

START_TEST(a_look_may_report_as_many_files_as_are_looked_at) {
        ReportQuota q;

        QUOTA_OF(&q, PLAN_KNOWN, PLAN_SCAN, PLAN_CHECK, PLAN_CHECK);
        ck_assert(take(&q, REPORT_STARTED));
        ck_assert_uint_eq(count(&q, REPORT_SPACE, 100), 1);
        ck_assert_uint_eq(count(&q, REPORT_FILE, 2 * ESP_FILES_MAX), ESP_FILES_MAX + 2);
        ck_assert(take(&q, REPORT_DONE));
}
END_TEST

START_TEST(text_is_counted_over_all_reports) {
        _cleanup_free_ char *text = malloc(REPORT_TEXT_MAX + 1);
        Report r = { .type = REPORT_FILE, .file.path = (char *) "a", .file.text = text };
        ReportQuota q;
        size_t n = 0;

        memset(text, 'x', REPORT_TEXT_MAX);
        text[REPORT_TEXT_MAX] = '\0';
        QUOTA_OF(&q, PLAN_SCAN);
        while (n < ESP_FILES_MAX && report_quota_take(&q, &r, SEC))
                n++;
        ck_assert_uint_le(n, (ESP_TEXT_MAX + REPORT_MESSAGE_MAX) / REPORT_TEXT_MAX);
        ck_assert_uint_ge(n, ESP_TEXT_MAX / REPORT_TEXT_MAX - 1);
}
END_TEST

START_TEST(what_the_plan_does_not_ask_for_is_not_taken) {
        static const ReportType none[] = { REPORT_SPACE,   REPORT_FILE,      REPORT_PLACED,
                                           REPORT_WAITING, REPORT_PARTITION, REPORT_FIRMWARE,
                                           REPORT_PROCESS, REPORT_WARNING };

        for (size_t i = 0; i < ELEMENTSOF(none); i++) {
                ReportQuota q;

                QUOTA_OF(&q, PLAN_BARRIER);
                ck_assert(!take(&q, none[i]));
        }
}
END_TEST

START_TEST(each_step_leads_to_what_it_is_for) {
        static const struct {
                PlanAction action;
                ReportType type;
                size_t n;
        } cases[] = {
                { PLAN_TOKEN, REPORT_WAITING, 1 },
                { PLAN_PLACE, REPORT_PLACED, 1 },
                { PLAN_OPTIONAL, REPORT_WARNING, 1 },
                { PLAN_BOOT_ENTRY, REPORT_WARNING, 1 },
                { PLAN_PROBE, REPORT_PARTITION, DISK_PARTITIONS_MAX },
                { PLAN_FORMAT, REPORT_PARTITION, 1 },
                { PLAN_FIRMWARE, REPORT_FIRMWARE, 1 },
                { PLAN_SIGNATURES, REPORT_SECURE_BOOT, SECURE_BOOT_FILES_MAX },
                { PLAN_KEYS, REPORT_SECURE_BOOT, SECURE_BOOT_RECORDS_MAX },
                { PLAN_KSM_PROCESSES, REPORT_PROCESS, KSM_PROCESSES_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ReportQuota q;

                QUOTA_OF(&q, cases[i].action);
                ck_assert_uint_eq(count(&q, cases[i].type, 10000), cases[i].n);
        }
}
END_TEST

START_TEST(steps_are_begun_once_and_in_order) {
        ReportQuota q;

        QUOTA_OF(&q, PLAN_BARRIER, PLAN_BARRIER, PLAN_BARRIER);
        ck_assert(report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = 1 }, SEC));
        ck_assert(!report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = 1 }, SEC));
        ck_assert(!report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = 0 }, SEC));
        ck_assert(!report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = 3 }, SEC));
        ck_assert(!report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = UINT64_MAX },
                                     SEC));
        ck_assert(report_quota_take(&q, &(Report){ .type = REPORT_STEP, .index = 2 }, SEC));
}
END_TEST

START_TEST(nothing_is_taken_after_the_end) {
        static const ReportType ends[] = { REPORT_FAILED, REPORT_DONE };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                for (ReportType t = 0; t < _REPORT_TYPE_MAX; t++) {
                        ReportQuota q;

                        QUOTA_OF(&q, PLAN_SCAN, PLAN_PLACE, PLAN_TOKEN, PLAN_OPTIONAL);
                        ck_assert(take(&q, ends[i]));
                        ck_assert(!take(&q, t));
                }
}
END_TEST

START_TEST(progress_is_bounded_by_its_pace_and_not_by_its_number) {
        const Report r = { .type = REPORT_PROGRESS };
        ReportQuota q;

        QUOTA_OF(&q, PLAN_KSM_UNMERGE);
        for (uint64_t i = 0; i < 20 * REPORT_PROGRESS_MAX; i++)
                ck_assert(report_quota_take(&q, &r, i * SEC / (REPORT_PROGRESS_MAX / 2)));
        QUOTA_OF(&q, PLAN_KSM_UNMERGE);
        ck_assert_uint_eq(count(&q, REPORT_PROGRESS, SIZE_MAX), REPORT_PROGRESS_MAX);
        ck_assert(!report_quota_take(&q, &r, SEC + 1));
        ck_assert(report_quota_take(&q, &r, SEC + SEC / REPORT_PROGRESS_MAX));
}
END_TEST

START_TEST(a_long_pause_grants_no_more_progress_than_a_second) {
        const Report r = { .type = REPORT_PROGRESS };
        ReportQuota q;
        size_t n = 0;

        QUOTA_OF(&q, PLAN_KSM_UNMERGE);
        while (report_quota_take(&q, &r, UINT64_MAX / (2 * REPORT_PROGRESS_MAX)))
                n++;
        ck_assert_uint_eq(n, REPORT_PROGRESS_MAX);
}
END_TEST

START_TEST(messages_of_failures_are_counted) {
        _cleanup_free_ char *message = malloc(REPORT_MESSAGE_MAX + 2);
        Report r = { .type = REPORT_FAILED, .error = { .code = ERROR_FAILED, .message = message } };
        ReportQuota q;

        memset(message, 'x', REPORT_MESSAGE_MAX + 1);
        message[REPORT_MESSAGE_MAX + 1] = '\0';
        QUOTA_OF(&q, PLAN_BARRIER);
        ck_assert(!report_quota_take(&q, &r, SEC));
        message[REPORT_MESSAGE_MAX] = '\0';
        ck_assert(report_quota_take(&q, &r, SEC));
}
END_TEST

CHECK_MAIN("report", every_report_survives_the_round_trip, fields_land_where_they_belong,
           every_missing_field_is_noticed, surplus_fields_are_refused, bad_values_are_refused,
           no_prefix_of_a_report_is_a_report, largest_text_is_sent_whole,
           text_over_the_limit_is_never_sent, long_error_message_is_cut,
           error_message_is_made_fit_for_dbus, message_that_is_not_fit_for_dbus_is_refused,
           message_over_the_size_limit_is_refused_both_ways, every_type_has_a_name_of_its_own,
           every_type_of_file_and_every_verdict_survives_the_round_trip,
           a_look_may_report_as_many_files_as_are_looked_at, text_is_counted_over_all_reports,
           what_the_plan_does_not_ask_for_is_not_taken, each_step_leads_to_what_it_is_for,
           steps_are_begun_once_and_in_order, nothing_is_taken_after_the_end,
           progress_is_bounded_by_its_pace_and_not_by_its_number,
           a_long_pause_grants_no_more_progress_than_a_second, messages_of_failures_are_counted)
