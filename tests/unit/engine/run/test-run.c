/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs and their workers: who is started, who waits for whom, and who hears what, in which order.
 */

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

START_TEST(start_brings_every_esp_into_sync) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEW));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_OLD));
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "redundant");
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(new_kernel_is_synced_when_the_files_have_settled) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 1 * SEC);
        ck_assert(!manager_job(lab.m, 0));
        lab_pass(&lab, 2 * SEC);
        ck_assert(manager_job(lab.m, 0));
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
        ck_assert(lab_verdict(&lab)->in_sync);
}
END_TEST

/* A kernel is new, both ESPs were looked at, and a worker of each is about to copy. */
static void open_sync(Lab *lab) {
        lab_open(lab);
        lab_start(lab);
        lab->hold = "*";
        lab_add_kernel(lab, KERNEL_NEXT);
        lab_pass(lab, 3 * SEC);
        worker_run(lab, lab_worker(lab, ESP_A));
        worker_run(lab, lab_worker(lab, ESP_B));
        ck_assert(worker_writes(lab_worker(lab, ESP_A)));
        ck_assert(worker_writes(lab_worker(lab, ESP_B)));
}

static const JobStatus *status_of(const Lab *lab) {
        return &job_info(manager_job(lab->m, 0))->status;
}

/* The worker begins its first step of that kind. */
static void say_step(Worker *w, PlanAction action) {
        uint64_t i = 0;

        while (w->plan->steps[i].action != action)
                i++;
        worker_say(w, &(Report){ .type = REPORT_STEP, .index = i });
}

START_TEST(bytes_of_each_esp_and_the_file_it_is_at_are_the_jobs) {
        _cleanup_lab_ Lab lab;
        uint64_t each;

        open_sync(&lab);
        each = plan_work_bytes(lab_worker(&lab, ESP_A)->plan);
        ck_assert_uint_gt(each, 0);
        ck_assert_uint_eq(status_of(&lab)->n_shares, 2);
        ck_assert_uint_eq(status_of(&lab)->bytes_total, 2 * each);
        ck_assert_uint_eq(status_of(&lab)->bytes_done, 0);

        say_step(lab_worker(&lab, ESP_A), PLAN_STAGE);
        worker_say(lab_worker(&lab, ESP_A), &(Report){ .type = REPORT_PROGRESS, .bytes = 7 });
        LAB_WAIT(&lab, status_of(&lab)->bytes_done == 7);
        ck_assert_str_eq(status_of(&lab)->message, ESP_A ": copying vmlinuz-" KERNEL_NEXT);
        lab_pass(&lab, SEC);
        worker_say(lab_worker(&lab, ESP_B), &(Report){ .type = REPORT_PROGRESS, .bytes = 20 });
        LAB_WAIT(&lab, status_of(&lab)->bytes_done == 27);
        ck_assert_uint_gt(status_of(&lab)->rate, 0);
        ck_assert_uint_le(status_of(&lab)->rate, 27);
        for (size_t i = 0; i < 2; i++) {
                const JobShare *share = &status_of(&lab)->shares[i];

                ck_assert_uint_eq(share->done, streq(share->uuid, ESP_A) ? 7 : 20);
                ck_assert_uint_eq(share->total, each);
        }
}
END_TEST

START_TEST(what_a_look_reads_is_not_counted_where_copying_is_the_work) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_B));
        w = lab_worker(&lab, ESP_A);
        worker_say(w, &(Report){ .type = REPORT_PROGRESS, .bytes = 1000000 });
        worker_look(&lab, w, NULL, VERDICT_EQUAL, NULL);
        (void) lab_worker(&lab, ESP_B);
        w = lab_worker(&lab, ESP_A);
        ck_assert(worker_writes(w));
        for (size_t i = 0; i < status_of(&lab)->n_shares; i++) {
                const JobShare *share = &status_of(&lab)->shares[i];

                if (streq(share->uuid, ESP_A)) {
                        ck_assert_uint_eq(share->done, 0);
                        ck_assert_uint_eq(share->total, plan_work_bytes(w->plan));
                }
        }
}
END_TEST

START_TEST(job_waits_where_one_esp_commits_and_the_other_one_waits_for_that) {
        _cleanup_lab_ Lab lab;

        open_sync(&lab);
        worker_say(lab_worker(&lab, ESP_B), &(Report){ .type = REPORT_WAITING });
        LAB_WAIT(&lab, worker_heard(lab_worker(&lab, ESP_B), WORKER_MESSAGE_COMMIT));
        ck_assert_str_eq(status_of(&lab)->waiting_for, "");
        say_step(lab_worker(&lab, ESP_B), PLAN_BARRIER);
        worker_say(lab_worker(&lab, ESP_A), &(Report){ .type = REPORT_WAITING });
        LAB_WAIT(&lab,
                 streq(status_of(&lab)->waiting_for, "its turn to write (ESP " ESP_B " commits)"));
        ck_assert_str_eq(status_of(&lab)->message, ESP_B ": waiting for the disk");
        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "It broke");
        LAB_WAIT(&lab, isempty(status_of(&lab)->waiting_for));
        ck_assert(worker_heard(lab_worker(&lab, ESP_A), WORKER_MESSAGE_COMMIT));
}
END_TEST

CHECK_MAIN("run", start_brings_every_esp_into_sync,
           new_kernel_is_synced_when_the_files_have_settled,
           bytes_of_each_esp_and_the_file_it_is_at_are_the_jobs,
           what_a_look_reads_is_not_counted_where_copying_is_the_work,
           job_waits_where_one_esp_commits_and_the_other_one_waits_for_that)
