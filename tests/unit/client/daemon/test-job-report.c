/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a job went is told once: by its own sentence, or by the ESPs that it left as they were. */

#include "client/daemon/job-report.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

enum { ESPS };
const Scene scenes[] = {
        [ESPS] = { .esps = { esp_in_sync, esp_failed }, .job = "done" },
};

static ExitStatus report(void *userdata) {
        _cleanup_connection_ Connection c = bench_connect(ESPS);
        const JobResult *result = userdata;

        return job_report(&c, &(Options){}, result, "In sync");
}

static ExitStatus report_quietly(void *userdata) {
        _cleanup_connection_ Connection c = bench_connect(ESPS);
        const JobResult *result = userdata;

        return job_report(&c, &(Options){ .given = OPTION_BIT(OPTION_QUIET) }, result, "In sync");
}

START_TEST(reason_of_the_whole_job_is_not_told_twice) {
        JobResult result = { .ran = true,
                             .result = (char *) "failed",
                             .message = (char *) "The disk does not answer." };
        _cleanup_outcome_ Outcome o = bench_call(report, &result);

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: The disk does not answer.\n");
}
END_TEST

START_TEST(partial_job_has_a_line_for_those_in_sync_and_one_for_each_reason) {
        JobResult result = { .ran = true,
                             .result = (char *) "partial",
                             .message = (char *) "In sync: 1111-AAAA. ESP '2222-BBBB': The disk "
                                                 "does not answer." };
        _cleanup_outcome_ Outcome o = bench_call(report, &result);
        _cleanup_outcome_ Outcome quiet = bench_call(report_quietly, &result);

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.out, "In sync: 1111-AAAA.\n");
        ck_assert_str_eq(o.err, "bootctl-pve: ESP '2222-BBBB': The disk does not answer.\n");
        ck_assert_str_eq(quiet.out, "");
        ck_assert_str_eq(quiet.err, o.err);
}
END_TEST

START_TEST(success_names_only_the_esps_that_are_in_sync) {
        JobResult result = { .ran = true, .result = (char *) "done" };
        _cleanup_outcome_ Outcome o = bench_call(report, &result);

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "In sync: 1111-AAAA.\n");
}
END_TEST

static ExitStatus report_alone(void *userdata) {
        const Options *options = userdata;
        JobResult result = { .ran = true, .result = (char *) "done" };

        return job_report_alone(options, &result, "Formatted /dev/sdb1.");
}

START_TEST(job_about_one_partition_is_told_in_its_own_sentence) {
        Options plain = {}, json = { .json = JSON_BARE };
        _cleanup_outcome_ Outcome o = bench_call(report_alone, &plain);
        _cleanup_outcome_ Outcome j = bench_call(report_alone, &json);

        ck_assert_str_eq(o.out, "Formatted /dev/sdb1.\n");
        assert_json(j.out, "{ \"result\": \"done\", \"error\": \"\","
                           "  \"message\": \"Formatted /dev/sdb1.\", \"esps\": [] }");
}
END_TEST

CHECK_MAIN("client-job-report", reason_of_the_whole_job_is_not_told_twice,
           partial_job_has_a_line_for_those_in_sync_and_one_for_each_reason,
           success_names_only_the_esps_that_are_in_sync,
           job_about_one_partition_is_told_in_its_own_sentence)
