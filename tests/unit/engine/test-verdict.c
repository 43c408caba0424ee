/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verdict on the host is at no moment worse or better than what was seen. */

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
        LAB_WAIT(&lab, streq(job_info(manager_job(lab.m, 0))->status.message,
                             "waiting until /boot is complete"));
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_UNKNOWN);
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).last_error, "");
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert(manager_job(lab.m, 0));

        lab.hold = NULL;
        lab_pass(&lab, 2 * SEC);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
        ck_assert_str_eq(lab_last_result(&lab), "done");
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
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_A)).state == ESP_UNKNOWN &&
                                       esp_info(lab_esp(&lab, ESP_B)).state == ESP_UNKNOWN);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "syncing");
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).last_error, "");

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
        while (manager_job(lab.m, 0) && seconds++ < 60) {
                worker_fail(lab_worker(&lab, ESP_A), ERROR_SOURCE_CHANGED, CHANGED);
                worker_fail(lab_worker(&lab, ESP_B), ERROR_SOURCE_CHANGED, CHANGED);
                LAB_WAIT(&lab,
                         !manager_job(lab.m, 0) ||
                                         streq(job_info(manager_job(lab.m, 0))->status.message,
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
        LAB_WAIT(&lab, streq(job_info(manager_job(lab.m, 0))->status.message,
                             "waiting until /boot is complete"));
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed refresh canceled"));
        lab.hold = NULL;
        lab_pass_idle(&lab, 60 * SEC);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
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
        LAB_WAIT(&lab, streq(job_info(job)->status.message, "waiting until /boot is complete"));
        ck_assert_uint_eq(job_info(job)->status.n_plans, 0);
        lab_pass(&lab, 2 * SEC);
        (void) lab_worker(&lab, ESP_B);
        LAB_WAIT(&lab, job_info(job)->status.n_plans == 1);
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
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "syncing");
        ck_assert(!lab_verdict(&lab)->in_sync);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        ck_assert(worker_writes(lab_worker(&lab, ESP_A)));
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_SYNCING);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "syncing");
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
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
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
        ck_assert(!esp_info(lab_esp(&lab, ESP_B)).present);
        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "Cannot read it: Input/output error");
        lab_finish(&lab);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_B)).state, ESP_MISSING);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
        ck_assert(!clock_is_armed());

        lab.hold = NULL;
        ck_assert_int_ge(renameat(lab.t.fd, "away", lab.t.fd, "dev/disk/by-uuid/" ESP_B), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "redundant");
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
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_FAILED);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "unknown");
        ck_assert_ptr_nonnull(strstr(lab_verdict(&lab)->redundancy_reason, "Cannot read it"));
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
        while (manager_job(lab->m, 0)) {
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
        ck_assert(!lab_verdict(&lab)->in_sync);
        if (!failure)
                ck_assert_ptr_nonnull(strstr(esp_info(lab_esp(&lab, ESP_B)).last_error, BAD_FILE));

        /* As after a restart: only the manifest is left of what was known. */
        lab_restart(&lab);
        ck_assert(is_written_anew(&lab, JOB_REFRESH, verdict, NULL));
        ck_assert(lab_verdict(&lab)->in_sync);
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
        ck_assert(lab_verdict(&lab)->in_sync);
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
