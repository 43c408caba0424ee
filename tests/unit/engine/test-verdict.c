/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said of the host while things happen: no verdict is worse or better than what was seen.
 */

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define CHANGED "'/boot/initrd.img-" KERNEL_NEW "' changed while it was being read"

START_TEST(source_that_changes_during_the_first_look_makes_nothing_failed) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab.hold = "*";
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        worker_fail(lab_worker(&lab, ESP_A), ERROR_SOURCE_CHANGED, CHANGED);
        worker_fail(lab_worker(&lab, ESP_B), ERROR_SOURCE_CHANGED, CHANGED);
        LAB_WAIT(&lab,
                 streq(job_message(manager_job(lab.m, 0)), "waiting until /boot is complete"));
        ck_assert_int_eq(esp_state(lab_esp(&lab, ESP_A)), ESP_UNKNOWN);
        ck_assert_str_eq(esp_last_error(lab_esp(&lab, ESP_A)), "");
        ck_assert_str_eq(manager_redundancy(lab.m), "unknown");
        ck_assert(manager_is_busy(lab.m));

        lab.hold = NULL;
        lab_pass(&lab, 2 * SEC);
        lab_finish(&lab);
        ck_assert(manager_in_sync(lab.m));
        ck_assert_str_eq(manager_last_refresh_result(lab.m), "done");
        ck_assert_ptr_null(strstr(lab_heard(&lab), "failed"));
}
END_TEST

START_TEST(source_that_is_rewritten_during_a_sync_is_waited_for) {
        _cleanup_lab_ Lab lab;
        const char *heard;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        for (unsigned i = 0; i < 2; i++) {
                Worker *w = lab_worker(&lab, i == 0 ? ESP_A : ESP_B);

                ck_assert(worker_writes(w));
                worker_fail(w, ERROR_SOURCE_CHANGED, CHANGED);
        }
        LAB_WAIT(&lab, esp_state(lab_esp(&lab, ESP_A)) == ESP_UNKNOWN &&
                                       esp_state(lab_esp(&lab, ESP_B)) == ESP_UNKNOWN);
        ck_assert_str_eq(manager_redundancy(lab.m), "syncing");
        ck_assert_str_eq(esp_last_error(lab_esp(&lab, ESP_A)), "");

        lab.hold = NULL;
        LAB_WAIT(&lab, clock_is_armed());
        lab_pass(&lab, 2 * SEC);
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
        heard = lab_heard(&lab);
        ck_assert_ptr_null(strstr(heard, "failed"));
        ck_assert_ptr_null(strstr(heard, "degraded"));
        ck_assert_ptr_null(strstr(heard, "unbootable"));
}
END_TEST

START_TEST(source_that_never_rests_ends_the_job_in_time_and_is_tried_again) {
        _cleanup_lab_ Lab lab;
        unsigned seconds = 0;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_REFRESH);
        while (manager_is_busy(lab.m) && seconds++ < 60) {
                worker_fail(lab_worker(&lab, ESP_A), ERROR_SOURCE_CHANGED, CHANGED);
                worker_fail(lab_worker(&lab, ESP_B), ERROR_SOURCE_CHANGED, CHANGED);
                LAB_WAIT(&lab, !manager_is_busy(lab.m) || streq(job_message(manager_job(lab.m, 0)),
                                                                "waiting until /boot is complete"));
                lab_pass(&lab, SEC);
        }
        ck_assert_uint_ge(seconds, 40);
        ck_assert_uint_lt(seconds, 60);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed refresh failed"));
}
END_TEST

START_TEST(job_that_waits_for_a_source_is_canceled_at_once) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_REFRESH);
        worker_fail(lab_worker(&lab, ESP_A), ERROR_SOURCE_CHANGED, CHANGED);
        worker_fail(lab_worker(&lab, ESP_B), ERROR_SOURCE_CHANGED, CHANGED);
        LAB_WAIT(&lab,
                 streq(job_message(manager_job(lab.m, 0)), "waiting until /boot is complete"));
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed refresh canceled"));
        lab.hold = NULL;
        lab_pass_idle(&lab, 60 * SEC);
        lab_finish(&lab);
        ck_assert(manager_in_sync(lab.m));
}
END_TEST

START_TEST(plan_whose_source_changed_is_made_once) {
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        job = lab_submit(&lab, JOB_PLAN);
        worker_fail(lab_worker(&lab, ESP_B), ERROR_SOURCE_CHANGED, CHANGED);
        LAB_WAIT(&lab, streq(job_message(job), "waiting until /boot is complete"));
        ck_assert_uint_eq(job_n_plans(job), 0);
        lab_pass(&lab, 2 * SEC);
        (void) lab_worker(&lab, ESP_B);
        LAB_WAIT(&lab, job_n_plans(job) == 1);
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
}
END_TEST

START_TEST(sync_is_no_degradation) {
        _cleanup_lab_ Lab lab;
        const char *heard;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        (void) lab_worker(&lab, ESP_A);
        ck_assert_str_eq(manager_redundancy(lab.m), "syncing");
        ck_assert(!manager_in_sync(lab.m));
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        ck_assert(worker_writes(lab_worker(&lab, ESP_A)));
        ck_assert_int_eq(esp_state(lab_esp(&lab, ESP_A)), ESP_SYNCING);
        ck_assert_str_eq(manager_redundancy(lab.m), "syncing");
        (void) lab_worker(&lab, ESP_B);
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
        heard = lab_heard(&lab);
        ck_assert_ptr_null(strstr(heard, "degraded"));
        ck_assert_ptr_null(strstr(heard, "redundancy unknown"));
        ck_assert_ptr_nonnull(strstr(heard, "redundancy redundant"));
}
END_TEST

START_TEST(sync_beside_a_missing_esp_is_degraded) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        (void) lab_worker(&lab, ESP_A);
        ck_assert_str_eq(manager_redundancy(lab.m), "degraded");
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        lab_finish(&lab);
        ck_assert_str_eq(manager_redundancy(lab.m), "degraded");
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(disk_that_is_pulled_before_its_worker_fails_is_missing) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        (void) lab_submit(&lab, JOB_REFRESH);
        (void) lab_worker(&lab, ESP_B);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        lab_pass(&lab, 3 * SEC);
        ck_assert(!esp_present(lab_esp(&lab, ESP_B)));
        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "Cannot read it: Input/output error");
        lab_finish(&lab);
        ck_assert_int_eq(esp_state(lab_esp(&lab, ESP_B)), ESP_MISSING);
        ck_assert_str_eq(manager_redundancy(lab.m), "degraded");
        ck_assert(!clock_is_armed());

        lab.hold = NULL;
        ck_assert_int_ge(renameat(lab.t.fd, "away", lab.t.fd, "dev/disk/by-uuid/" ESP_B), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_str_eq(manager_redundancy(lab.m), "redundant");
}
END_TEST

START_TEST(first_look_that_fails_everywhere_is_unknown_and_not_unbootable) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab.hold = "*";
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        worker_fail(lab_worker(&lab, ESP_A), ERROR_FAILED, "Cannot read it");
        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "Cannot read it");
        lab_finish(&lab);
        ck_assert_int_eq(esp_state(lab_esp(&lab, ESP_A)), ESP_FAILED);
        ck_assert_str_eq(manager_redundancy(lab.m), "unknown");
        ck_assert_ptr_nonnull(strstr(manager_redundancy_reason(lab.m), "Cannot read it"));
        ck_assert(clock_is_armed());
}
END_TEST

#define BAD_FILE "EFI/proxmox/" KERNEL_NEW "/initrd.img-" KERNEL_NEW

/* A job of which each worker that only looks finds that file bad if it reads it; true if one wrote
 * the file anew. */
static bool is_written_anew(Lab *lab, JobType type, FileVerdict verdict, const char *failure) {
        bool written = false;

        lab->hold = ESP_B;
        (void) lab_submit(lab, type);
        while (manager_is_busy(lab->m)) {
                Worker *w = lab_held(lab, ESP_B);

                if (!w)
                        lab_turn(lab);
                else if (!worker_writes(w))
                        worker_look(lab, w, BAD_FILE, verdict, failure);
                else {
                        for (size_t i = 0; i < w->plan->n_steps; i++)
                                written |= w->plan->steps[i].action == PLAN_STAGE &&
                                           streq(w->plan->steps[i].path, BAD_FILE);
                        worker_run(lab, w);
                }
        }
        lab->hold = NULL;
        return written;
}

static void assert_bad_until_written(FileVerdict verdict, const char *failure) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert(!is_written_anew(&lab, JOB_REFRESH, verdict, NULL));
        ck_assert(!is_written_anew(&lab, JOB_VERIFY, verdict, failure));
        ck_assert(!manager_in_sync(lab.m));
        if (!failure)
                ck_assert_ptr_nonnull(strstr(esp_last_error(lab_esp(&lab, ESP_B)), BAD_FILE));

        /* As after a restart: only the manifest is left of what was known. */
        lab_restart(&lab);
        ck_assert(is_written_anew(&lab, JOB_REFRESH, verdict, NULL));
        ck_assert(manager_in_sync(lab.m));
        ck_assert(!is_written_anew(&lab, JOB_REFRESH, verdict, NULL));
}

START_TEST(file_that_verify_could_not_read_stays_bad_until_it_is_written_anew) {
        assert_bad_until_written(VERDICT_UNREADABLE, NULL);
}
END_TEST

START_TEST(file_that_verify_found_different_stays_bad_until_it_is_written_anew) {
        assert_bad_until_written(VERDICT_DIFFERS, NULL);
}
END_TEST

START_TEST(file_that_was_bad_stays_so_if_the_verification_fails_later) {
        assert_bad_until_written(VERDICT_UNREADABLE, "Cannot list it: Input/output error");
}
END_TEST

START_TEST(text_that_could_not_be_read_is_not_believed_from_memory) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        (void) lab_submit(&lab, JOB_VERIFY);
        w = lab_worker(&lab, ESP_B);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_SCAN);
        worker_fail(w, ERROR_FAILED, "Cannot read 'loader/loader.conf': Input/output error");
        /* AutoSync tries by itself. */
        w = lab_worker(&lab, ESP_B);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_SCAN);
        lab.hold = NULL;
        worker_run(&lab, w);
        lab_finish(&lab);
        ck_assert(manager_in_sync(lab.m));
        lab.hold = ESP_B;
        (void) lab_submit(&lab, JOB_REFRESH);
        ck_assert_int_eq(lab_worker(&lab, ESP_B)->plan->steps[0].action, PLAN_KNOWN);
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
}
END_TEST

CHECK_MAIN("verdict", source_that_changes_during_the_first_look_makes_nothing_failed,
           source_that_is_rewritten_during_a_sync_is_waited_for,
           source_that_never_rests_ends_the_job_in_time_and_is_tried_again,
           job_that_waits_for_a_source_is_canceled_at_once, plan_whose_source_changed_is_made_once,
           sync_is_no_degradation, sync_beside_a_missing_esp_is_degraded,
           disk_that_is_pulled_before_its_worker_fails_is_missing,
           file_that_verify_could_not_read_stays_bad_until_it_is_written_anew,
           file_that_verify_found_different_stays_bad_until_it_is_written_anew,
           file_that_was_bad_stays_so_if_the_verification_fails_later,
           text_that_could_not_be_read_is_not_believed_from_memory,
           first_look_that_fails_everywhere_is_unknown_and_not_unbootable)
