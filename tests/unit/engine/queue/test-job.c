/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The record of a job: a wish never gets narrower, progress never goes back, and the first reason
 * stays. */

#include "tests/unit/check-main.h"
#include "tests/unit/engine/bare.h"

/* A list of one. */
#define STRV(item) ((char *const[]){ (char *) (item), NULL })

START_TEST(joining_widens_and_never_narrows) {
        _cleanup_(bare_done) Bare b = bare_new();
        Job *job = bare_submit(&b, &(JobRequest){ .type = JOB_REFRESH,
                                                  .esps = STRV("A"),
                                                  .new_kernel = "6.8.1-1-pve" });

        ck_assert(job_wants_esp(job, "A"));
        ck_assert(!job_wants_esp(job, "B"));
        ck_assert(!job_info(job)->verifies);
        ck_assert_ptr_eq(bare_submit(&b, &(JobRequest){ .type = JOB_REFRESH,
                                                        .esps = STRV("B"),
                                                        .verify = true,
                                                        .new_kernel = "6.8.2-1-pve" }),
                         job);
        ck_assert(job_wants_esp(job, "B"));
        ck_assert(job_info(job)->verifies);
        ck_assert_uint_eq(strv_length(job_info(job)->new_kernels), 2);
        ck_assert_ptr_eq(bare_submit(&b, &(JobRequest){ .type = JOB_REFRESH, .disks = true }), job);
        ck_assert(strv_isempty(job_info(job)->request.esps));
        ck_assert_ptr_eq(bare_submit(&b, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV("A") }),
                         job);
        ck_assert(job_wants_esp(job, "C"));
        ck_assert(job_info(job)->request.verify && job_info(job)->request.disks);
}
END_TEST

START_TEST(wish_is_a_copy_of_what_was_asked_for) {
        _cleanup_(ksm_attributes_done) KsmAttributes tunables = {};
        _cleanup_free_ char *device = strdup("/dev/sda2");
        _cleanup_(bare_done) Bare b = bare_new();
        Job *job;

        ck_assert_int_ge(ksm_attributes_add(&tunables, "run", "1"), 0);
        job = bare_submit(&b, &(JobRequest){ .type = JOB_KSM_SET,
                                             .device = device,
                                             .tunables = &tunables,
                                             .force = true,
                                             .unmerge = true,
                                             .uid = 1000 });
        device[0] = 'x';
        ksm_attributes_done(&tunables);
        ck_assert_str_eq(job_info(job)->request.device, "/dev/sda2");
        ck_assert_str_eq(ksm_attributes_get(job_info(job)->request.tunables, "run"), "1");
        ck_assert(job_info(job)->request.force && job_info(job)->request.unmerge);
        ck_assert_uint_eq(job_info(job)->request.uid, 1000);
        ck_assert(job_info(job)->is_ksm);
        ck_assert(!job_info(job)->syncs);
}
END_TEST

#define MIB UINT64_C(1048576)
#define SEC UINT64_C(1000000)

/* Two ESPs, of 100 MiB and 50 MiB. */
static bool report(Job *job, uint64_t a, uint64_t b, uint64_t usec) {
        const JobShare shares[] = { { (char *) "A", a * MIB, 100 * MIB },
                                    { (char *) "B", b * MIB, 50 * MIB } };

        return job_set_progress(job, shares, ELEMENTSOF(shares), usec);
}

static Job *running_job(Bare *b) {
        Job *job = bare_job(b, &(JobRequest){ .type = JOB_VERIFY });

        bare_run(b, job);
        return job;
}

START_TEST(progress_goes_up_only_and_what_is_new_is_told) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);
        const JobStatus *status = &job_info(job)->status;

        ck_assert_int_eq(status->state, JOB_RUNNING);
        ck_assert_uint_gt(status->start_usec, 0);
        ck_assert_str_eq(status->message, "");
        ck_assert_uint_eq(status->changes, 0);
        ck_assert(job_set_message(job, "looking"));
        ck_assert(!job_set_message(job, "looking"));
        ck_assert_str_eq(status->message, "looking");
        ck_assert_uint_eq(status->changes, JOB_CHANGED_MESSAGE);
        ck_assert(job_set_waiting(job, "job 3"));
        ck_assert_uint_eq(status->changes, JOB_CHANGED_MESSAGE | JOB_CHANGED_WAITING);
        job_told(job);
        ck_assert_uint_eq(status->changes, 0);

        (void) report(job, 60, 0, SEC);
        ck_assert_uint_eq(status->progress, 39);
        (void) job_set_progress(job, &(JobShare){ (char *) "A", 0, 1 }, 1, 2 * SEC);
        ck_assert_uint_eq(status->progress, 39);
        (void) report(job, 100, 50, 3 * SEC);
        ck_assert_uint_eq(status->progress, 99);
}
END_TEST

START_TEST(bytes_of_the_shares_add_up_and_none_is_over_its_total) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);
        const JobStatus *status = &job_info(job)->status;

        ck_assert(report(job, 400, 10, SEC));
        ck_assert_uint_eq(status->bytes_done, 110 * MIB);
        ck_assert_uint_eq(status->bytes_total, 150 * MIB);
        ck_assert_uint_eq(status->n_shares, 2);
        ck_assert_str_eq(status->shares[1].uuid, "B");
        ck_assert_uint_eq(status->shares[0].done, 100 * MIB);
        ck_assert_uint_eq(status->changes & JOB_CHANGED_ESPS, JOB_CHANGED_ESPS);
        job_told(job);
        (void) report(job, 100, 20, 2 * SEC);
        ck_assert_uint_eq(status->changes, JOB_CHANGED_DONE | JOB_CHANGED_SHARES |
                                                           JOB_CHANGED_PROGRESS | JOB_CHANGED_RATE);
}
END_TEST

START_TEST(what_is_done_is_told_no_second_time_because_there_is_more_to_do) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);

        (void) job_set_progress(job, &(JobShare){ (char *) "A", 0, MIB }, 1, SEC);
        job_told(job);
        (void) job_set_progress(job, &(JobShare){ (char *) "A", 0, 2 * MIB }, 1, 2 * SEC);
        ck_assert_uint_eq(job_info(job)->status.changes, JOB_CHANGED_TOTAL | JOB_CHANGED_SHARES);
}
END_TEST

START_TEST(progress_is_told_four_times_a_second_and_only_if_there_is_any) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);
        unsigned n = 0;

        for (uint64_t usec = SEC; usec < 2 * SEC; usec += SEC / 100)
                if (report(job, usec / (SEC / 50), 0, usec)) {
                        n++;
                        job_told(job);
                }
        ck_assert_uint_eq(n, 4);
        (void) report(job, 100, 0, 3 * SEC);
        job_told(job);
        /* It is the rate that goes down, and then there is nothing more. */
        ck_assert(report(job, 100, 0, 60 * SEC));
        ck_assert_uint_eq(job_info(job)->status.changes, JOB_CHANGED_RATE);
        for (uint64_t usec = 100; usec < 200; usec++) {
                job_told(job);
                (void) report(job, 100, 0, usec * SEC);
        }
        ck_assert_uint_eq(job_info(job)->status.rate, 0);
        ck_assert(!report(job, 100, 0, 300 * SEC));
}
END_TEST

START_TEST(rate_is_that_of_the_last_seconds) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);
        const JobStatus *status = &job_info(job)->status;

        (void) report(job, 0, 0, SEC);
        ck_assert_uint_eq(status->rate, 0);
        (void) report(job, 5, 5, 2 * SEC);
        ck_assert_uint_eq(status->rate, 10 * MIB);
        /* A gulp moves it, and does not become it. */
        (void) report(job, 5, 45, 2 * SEC + SEC / 2);
        ck_assert_uint_gt(status->rate, 15 * MIB);
        ck_assert_uint_lt(status->rate, 40 * MIB);
        for (uint64_t i = 0; i < 40; i++)
                (void) report(job, 5 + i, 45, (3 + i) * SEC);
        ck_assert_uint_ge(status->rate, MIB * 99 / 100);
        ck_assert_uint_le(status->rate, MIB * 101 / 100);
}
END_TEST

START_TEST(job_that_begins_anew_counts_its_bytes_anew_but_not_its_percent) {
        _cleanup_(bare_done) Bare b = {};
        Job *job = running_job(&b);
        const JobStatus *status = &job_info(job)->status;
        uint64_t begun = status->start_usec;

        (void) report(job, 50, 25, SEC);
        (void) report(job, 60, 25, 2 * SEC);
        job_told(job);
        ck_assert(queue_start_again(b.queue, job));
        ck_assert_uint_eq(status->bytes_done, 0);
        ck_assert_uint_eq(status->bytes_total, 0);
        ck_assert_uint_eq(status->rate, 0);
        ck_assert_uint_eq(status->n_shares, 0);
        ck_assert_uint_eq(status->progress, 56);
        ck_assert_uint_eq(status->start_usec, begun);
        ck_assert_str_eq(status->waiting_for, "files in /boot that still change");
        ck_assert_uint_eq(status->changes, JOB_CHANGED_DONE | JOB_CHANGED_TOTAL | JOB_CHANGED_RATE |
                                                           JOB_CHANGED_WAITING |
                                                           JOB_CHANGED_SHARES);
}
END_TEST

START_TEST(end_has_its_reason_and_only_what_is_done_is_at_100_percent) {
        _cleanup_(bare_done) Bare b = bare_new();
        Job *failed = bare_submit(&b, &(JobRequest){ .type = JOB_REFRESH }),
            *done = bare_submit(&b, &(JobRequest){ .type = JOB_REINIT });
        _cleanup_error_ Error error = {};

        (void) error_set(&error, ERROR_NO_SPACE, "It is full");
        bare_run(&b, failed);
        queue_cancel(b.queue, failed);
        ck_assert_int_eq(job_info(failed)->status.state, JOB_CANCELING);
        job_end(failed, JOB_RESULT_FAILED, &error);
        ck_assert(!error_is_set(&error));
        ck_assert_int_eq(job_info(failed)->status.state, JOB_ENDED);
        ck_assert_str_eq(job_info(failed)->status.error.message, "It is full");
        ck_assert_uint_eq(job_info(failed)->status.progress, 0);
        job_end(done, JOB_RESULT_DONE, NULL);
        ck_assert_uint_eq(job_info(done)->status.progress, 100);
        ck_assert(job_info(done)->syncs);
}
END_TEST

START_TEST(plans_are_in_the_order_of_their_esps_and_can_be_dropped) {
        _cleanup_(bare_done) Bare b = bare_new();
        Job *job = bare_submit(&b, &(JobRequest){ .type = JOB_PLAN });
        static const char *const uuids[] = { "CCCC-3333", "AAAA-1111", "BBBB-2222" };

        for (size_t i = 0; i < ELEMENTSOF(uuids); i++) {
                Plan *plan;

                ck_assert_int_ge(plan_new(PLAN_ON_ESP, uuids[i], &plan), 0);
                ck_assert_int_ge(job_add_plan(job, plan), 0);
        }
        ck_assert_uint_eq(job_info(job)->status.n_plans, 3);
        ck_assert_str_eq(job_info(job)->status.plans[0]->esp_uuid, "AAAA-1111");
        ck_assert_str_eq(job_info(job)->status.plans[2]->esp_uuid, "CCCC-3333");
        bare_run(&b, job);
        ck_assert(queue_start_again(b.queue, job));
        ck_assert_uint_eq(job_info(job)->status.n_plans, 0);
}
END_TEST

CHECK_MAIN("job", joining_widens_and_never_narrows, wish_is_a_copy_of_what_was_asked_for,
           progress_goes_up_only_and_what_is_new_is_told,
           bytes_of_the_shares_add_up_and_none_is_over_its_total,
           what_is_done_is_told_no_second_time_because_there_is_more_to_do,
           progress_is_told_four_times_a_second_and_only_if_there_is_any,
           rate_is_that_of_the_last_seconds,
           job_that_begins_anew_counts_its_bytes_anew_but_not_its_percent,
           end_has_its_reason_and_only_what_is_done_is_at_100_percent,
           plans_are_in_the_order_of_their_esps_and_can_be_dropped)
