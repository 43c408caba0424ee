/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a worker may say by its plan, and where it is taken for a liar. */

#include "core/report-quota.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define SEC UINT64_C(1000000)

static void quota_of(ReportQuota *q, const PlanAction *actions, size_t n) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        ck_assert_int_eq(plan_new("AAAA-0001", &plan), 0);
        for (size_t i = 0; i < n; i++)
                ck_assert_ptr_nonnull(plan_add(plan, actions[i], NULL));
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

CHECK_MAIN("report-quota", a_look_may_report_as_many_files_as_are_looked_at,
           text_is_counted_over_all_reports, what_the_plan_does_not_ask_for_is_not_taken,
           each_step_leads_to_what_it_is_for, steps_are_begun_once_and_in_order,
           nothing_is_taken_after_the_end, progress_is_bounded_by_its_pace_and_not_by_its_number,
           a_long_pause_grants_no_more_progress_than_a_second, messages_of_failures_are_counted)
