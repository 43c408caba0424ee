/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cancel` guesses nothing. */

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value job_3[] = {
        { "Id", "t", "3" }, { "Type", "s", "refresh" }, { "State", "s", "running" }, {}
};
static const Value job_12[] = {
        { "Id", "t", "12" }, { "Type", "s", "verify" }, { "State", "s", "waiting" }, {}
};

enum { NO_JOB, ONE, SEVERAL, TORN };
const Scene scenes[] = {
        [NO_JOB] = { .manager = manager_redundant },
        [ONE] = { .jobs = { job_3 } },
        [SEVERAL] = { .jobs = { job_3, job_12 } },
        [TORN] = { .lost = "GetManagedObjects" },
};

START_TEST(only_job_is_canceled_without_a_number) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(ONE, "cancel");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Job 3 (refresh) was told to stop.\n");
        ck_assert_str_eq(o.calls, "GetManagedObjects\nCancel\n");
}
END_TEST

START_TEST(of_several_jobs_one_has_to_be_named) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(SEVERAL, "cancel");
        _cleanup_outcome_ Outcome named = RUN_ON_BUS(SEVERAL, "cancel", "12");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err,
                        "There are several jobs: 3 (refresh, running), 12 (verify, waiting); "
                        "name one, as in 'bootctl-pve cancel 3'.");
        ck_assert_str_eq(named.out, "Job 12 (verify) was told to stop.\n");
}
END_TEST

START_TEST(job_that_is_not_there_is_a_failure_only_if_it_was_named) {
        _cleanup_outcome_ Outcome none = RUN_ON_BUS(NO_JOB, "cancel", "--json");
        _cleanup_outcome_ Outcome named = RUN_ON_BUS(ONE, "cancel", "4");

        ck_assert_int_eq(none.status, STATUS_DONE);
        assert_contains(none.out, "\"message\": \"There is no job; nothing to cancel.\"");
        ck_assert_int_eq(named.status, STATUS_FAILED);
        ck_assert_str_eq(named.err, "bootctl-pve: There is no job 4; it may have ended.\n");
}
END_TEST

START_TEST(private_daemon_has_no_jobs_to_cancel) {
        _cleanup_outcome_ Outcome cancel = RUN(ONE, "cancel");

        ck_assert_int_eq(cancel.status, STATUS_FAILED);
        assert_contains(cancel.err, "no job to cancel");
}
END_TEST

START_TEST(daemon_that_goes_away_is_told_of) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(TORN, "cancel");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "bootsyncd went away");
}
END_TEST

CHECK_MAIN("client-verb-job", only_job_is_canceled_without_a_number,
           of_several_jobs_one_has_to_be_named,
           job_that_is_not_there_is_a_failure_only_if_it_was_named,
           private_daemon_has_no_jobs_to_cancel, daemon_that_goes_away_is_told_of)
