/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is waited for until the daemon that has it says how it ended. */

#include "client/daemon/job.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value waiting[] = {
        { "Id", "t", "7" }, { "Type", "s", "refresh" }, { "WaitingFor", "s", "job 6" }, {}
};

enum { SLOW, DONE, CANCELED, REFUSED, FORBIDDEN, LOST, NEEDLESS };
const Scene scenes[] = {
        [SLOW] = { .job = "done", .slow = true, .jobs = { waiting } },
        [DONE] = { .job = "done", .jobs = { waiting } },
        [CANCELED] = { .job = "canceled",
                       .job_error = "org.bootsync1.Error.Canceled",
                       .job_message = "It was stopped." },
        [REFUSED] = { .refused = "Refresh",
                      .refused_name = "org.bootsync1.Error.Busy",
                      .refused_message = "Too much to do." },
        [FORBIDDEN] = { .refused = "Refresh",
                        .refused_name = "org.freedesktop.DBus.Error.AccessDenied",
                        .refused_message = "no" },
        [LOST] = { .lost = "Refresh" },
        [NEEDLESS] = {},
};

static JobResult run(size_t scene, const CallOptions *options, ExitStatus expect) {
        Connection c = bench_connect(scene);
        JobResult result = {};

        ck_assert_int_eq(job_run(&c, METHOD_MANAGER("Refresh"), NULL, options, &result), expect);
        connection_close(&c);
        return result;
}

START_TEST(end_of_our_job_is_the_result_and_not_that_of_another) {
        _cleanup_job_result_ JobResult done = run(DONE, NULL, STATUS_DONE);
        _cleanup_job_result_ JobResult canceled = run(CANCELED, NULL, STATUS_DONE);

        ck_assert(done.ran);
        ck_assert_str_eq(done.result, "done");
        ck_assert_int_eq(job_result_status(&done), STATUS_DONE);
        ck_assert_str_eq(canceled.error, "org.bootsync1.Error.Canceled");
        ck_assert_str_eq(canceled.message, "It was stopped.");
        ck_assert_int_eq(job_result_status(&canceled), STATUS_FAILED);
}
END_TEST

START_TEST(no_need_for_a_job_is_a_success) {
        _cleanup_job_result_ JobResult result = run(NEEDLESS, NULL, STATUS_DONE);

        ck_assert(!result.ran);
        ck_assert_int_eq(job_result_status(&result), STATUS_DONE);
}
END_TEST

START_TEST(only_partial_is_partial) {
        ck_assert_int_eq(job_result_status(
                                         &(JobResult){ .ran = true, .result = (char *) "partial" }),
                         STATUS_PARTIAL);
        ck_assert_int_eq(job_result_status(&(JobResult){ .ran = true }), STATUS_FAILED);
}
END_TEST

START_TEST(refusal_is_a_result_for_those_who_want_it) {
        const CallOptions options = { .refusal_is_result = true };
        _cleanup_job_result_ JobResult wanted = run(REFUSED, &options, STATUS_DONE);
        _cleanup_job_result_ JobResult not_wanted = run(REFUSED, NULL, STATUS_FAILED);

        ck_assert_str_eq(wanted.result, "failed");
        ck_assert_str_eq(wanted.error, "org.bootsync1.Error.Busy");
        ck_assert_str_eq(wanted.message, "Too much to do.");
        ck_assert(!not_wanted.ran);
}
END_TEST

START_TEST(refusal_by_the_bus_is_never_a_result) {
        const CallOptions options = { .refusal_is_result = true };
        _cleanup_job_result_ JobResult result = run(FORBIDDEN, &options, STATUS_NOT_AUTHORISED);

        ck_assert(!result.ran);
}
END_TEST

START_TEST(daemon_that_is_lost_is_a_failure) {
        _cleanup_job_result_ JobResult result = run(LOST, NULL, STATUS_FAILED);

        ck_assert(!result.ran);
}
END_TEST

static ExitStatus wait_for_job(void *userdata) {
        const size_t *scene = userdata;
        _cleanup_connection_ Connection c = bench_connect(*scene);
        _cleanup_job_result_ JobResult result = {};

        return job_run(&c, METHOD_MANAGER("Refresh"), NULL, NULL, &result);
}

static ExitStatus wait_on_dumb_terminal(void *userdata) {
        if (setenv("TERM", "dumb", true) < 0)
                abort();
        return wait_for_job(userdata);
}

static ExitStatus wait_quietly(void *userdata) {
        const size_t *scene = userdata;
        _cleanup_connection_ Connection c = bench_connect(*scene);
        _cleanup_job_result_ JobResult result = {};

        c.quiet = true;
        return job_run(&c, METHOD_MANAGER("Refresh"), NULL, NULL, &result);
}

START_TEST(job_that_takes_long_is_told_of_in_lines_where_none_can_be_redrawn) {
        size_t slow = SLOW, fast = DONE;
        _cleanup_outcome_ Outcome file = bench_call(wait_for_job, &slow);
        _cleanup_outcome_ Outcome dumb = bench_call_on_terminal(wait_on_dumb_terminal, &slow, "");
        _cleanup_outcome_ Outcome short_job = bench_call(wait_for_job, &fast);

        ck_assert_str_eq(file.err, "job 7 refresh  waits for job 6\n");
        ck_assert_str_eq(file.out, "");
        ck_assert_str_eq(dumb.out, "job 7 refresh  waits for job 6\r\n");
        ck_assert_str_eq(short_job.err, "");
}
END_TEST

START_TEST(terminal_has_one_line_and_nothing_of_it_in_the_end) {
        size_t scene = SLOW;
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(wait_for_job, &scene, "");

        assert_contains(o.out, "\r\033[Kjob 7 refresh  waits for job 6");
        ck_assert_ptr_nonnull(endswith(o.out, "\r\033[K"));
        assert_lacks(o.out, "\n");
}
END_TEST

START_TEST(quiet_wait_shows_nothing_and_asks_for_nothing) {
        size_t scene = DONE;
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(wait_quietly, &scene, "");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "");
}
END_TEST

CHECK_MAIN("client-job", end_of_our_job_is_the_result_and_not_that_of_another,
           no_need_for_a_job_is_a_success, only_partial_is_partial,
           refusal_is_a_result_for_those_who_want_it, refusal_by_the_bus_is_never_a_result,
           daemon_that_is_lost_is_a_failure,
           job_that_takes_long_is_told_of_in_lines_where_none_can_be_redrawn,
           terminal_has_one_line_and_nothing_of_it_in_the_end,
           quiet_wait_shows_nothing_and_asks_for_nothing)
