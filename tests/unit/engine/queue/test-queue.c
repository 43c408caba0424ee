/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue: who waits for whom, who joins whom, how often an ESP is worked at in one job, and in
 * which order all of it is told. */

#include "sys/lock.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

/* A list of one. */
#define STRV(item) ((char *const[]){ (char *) (item), NULL })

static Job *submit(Lab *lab, const JobRequest *request) {
        _cleanup_error_ Error error = {};
        Job *job = NULL;

        ck_assert_int_eq(manager_submit(lab->m, request, &job, &error), 0);
        return job;
}

/* The last of these is the last of all. */
static void assert_heard_in_order(const char *heard, const char *const *order, size_t n) {
        const char *at = heard;

        for (size_t i = 0; i < n; i++) {
                at = strstr(at, order[i]);
                if (!at)
                        ck_abort_msg("'%s' is not heard there: %s", order[i], heard);
        }
        ck_assert_str_eq(at, order[n - 1]);
}

START_TEST(calls_for_the_same_join_the_job_that_waits) {
        _cleanup_lab_ Lab lab;
        Job *running, *waiting;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        running = lab_submit(&lab, JOB_REFRESH);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        waiting = submit(&lab, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV(ESP_A) });
        ck_assert_ptr_ne(waiting, running);
        ck_assert_ptr_eq(submit(&lab, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV(ESP_B) }),
                         waiting);
        ck_assert_uint_eq(strv_length(job_info(waiting)->request.esps), 2);
        ck_assert_ptr_eq(lab_submit(&lab, JOB_REFRESH), waiting);
        ck_assert(strv_isempty(job_info(waiting)->request.esps));
        /* A wider wish is never narrowed. */
        ck_assert_ptr_eq(submit(&lab, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV(ESP_B) }),
                         waiting);
        ck_assert(strv_isempty(job_info(waiting)->request.esps));
        ck_assert_ptr_ne(lab_submit(&lab, JOB_VERIFY), waiting);
        ck_assert_uint_eq(lab_n_jobs(&lab), 3);
}
END_TEST

START_TEST(jobs_run_one_after_the_other_in_order) {
        static const char *const order[] = { "job-removed verify done", "job refresh running",
                                             "job-removed refresh done", "job plan running",
                                             "job-removed plan done" };
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        (void) lab_submit(&lab, JOB_VERIFY);
        (void) lab_submit(&lab, JOB_REFRESH);
        (void) lab_submit(&lab, JOB_PLAN);
        lab_finish(&lab);
        assert_heard_in_order(lab_heard(&lab), order, ELEMENTSOF(order));
}
END_TEST

static const char *waiting_for(const Job *job) {
        return job_info(job)->status.waiting_for;
}

START_TEST(job_that_waits_names_the_one_before_it_until_that_is_gone) {
        _cleanup_lab_ Lab lab;
        Job *first, *second, *third, *beside;
        char before_second[32], before_third[32];

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        temp_puts(&lab.t, "sys/kernel/mm/ksm/run", "1\n");
        temp_puts(&lab.t, "sys/kernel/mm/ksm/pages_sharing", "0\n");
        first = lab_submit(&lab, JOB_VERIFY);
        beside = lab_submit(&lab, JOB_KSM_DISABLE);
        second = lab_submit(&lab, JOB_REFRESH);
        third = lab_submit(&lab, JOB_PLAN);
        (void) snprintf(before_second, sizeof(before_second), "job %u",
                        (unsigned) job_info(first)->id);
        (void) snprintf(before_third, sizeof(before_third), "job %u",
                        (unsigned) job_info(second)->id);
        ck_assert_str_eq(waiting_for(first), "");
        ck_assert_str_eq(waiting_for(beside), "");
        ck_assert_str_eq(waiting_for(second), before_second);
        ck_assert_str_eq(waiting_for(third), before_third);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_heard(&lab);
        manager_cancel_job(lab.m, second);
        ck_assert_str_eq(waiting_for(third), before_second);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job plan queued"));
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        LAB_WAIT(&lab, job_info(third)->status.state == JOB_RUNNING);
        ck_assert_str_eq(waiting_for(third), "");
}
END_TEST

START_TEST(queue_that_is_full_refuses_and_takes_again) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_VERIFY);
        for (char c = 'a'; lab_n_jobs(&lab) < 16; c++) {
                _cleanup_free_ char *device = strprintf("/dev/sd%c1", c);

                (void) submit(&lab, &(JobRequest){ .type = JOB_FORMAT, .device = device });
        }
        ck_assert_int_lt(manager_submit(lab.m, &(JobRequest){ .type = JOB_REFRESH }, NULL, &error),
                         0);
        ck_assert_int_eq(error.code, ERROR_BUSY);
        LAB_WAIT(&lab, lab_held(&lab, ESP_A) && lab_held(&lab, ESP_B));
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "done");
}
END_TEST

START_TEST(job_that_waits_is_canceled_at_once_and_the_running_one_goes_on) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_VERIFY);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        manager_cancel_job(lab.m, lab_submit(&lab, JOB_PLAN));
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed plan canceled"));
        lab.hold = NULL;
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed verify done"));
}
END_TEST

START_TEST(canceled_job_asks_every_worker_to_stop_and_starts_no_other) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        ck_assert(worker_heard(lab_worker(&lab, ESP_A), WORKER_MESSAGE_STOP));
        ck_assert(worker_heard(lab_worker(&lab, ESP_B), WORKER_MESSAGE_STOP));
        worker_look(&lab, lab_worker(&lab, ESP_A), NULL, VERDICT_EQUAL, NULL);
        worker_look(&lab, lab_worker(&lab, ESP_B), NULL, VERDICT_EQUAL, NULL);
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed refresh canceled"));
        ck_assert(!lab_holds(&lab, ESP_A, KERNEL_NEXT));
}
END_TEST

START_TEST(only_one_esp_at_a_time_has_the_token) {
        _cleanup_lab_ Lab lab;
        Worker *a, *b;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        a = lab_worker(&lab, ESP_A);
        b = lab_worker(&lab, ESP_B);
        worker_say(b, &(Report){ .type = REPORT_WAITING });
        LAB_WAIT(&lab, worker_heard(b, WORKER_MESSAGE_COMMIT));
        worker_say(a, &(Report){ .type = REPORT_WAITING });
        for (unsigned i = 0; i < 10; i++)
                lab_turn(&lab);
        ck_assert(!worker_heard(a, WORKER_MESSAGE_COMMIT));
        worker_end(b, EXIT_FAILURE);
        LAB_WAIT(&lab, worker_heard(a, WORKER_MESSAGE_COMMIT));
}
END_TEST

START_TEST(esp_that_never_comes_right_is_worked_at_in_three_rounds_and_is_outdated) {
        _cleanup_lab_ Lab lab;
        unsigned rounds = 0;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_B;
        (void) lab_submit(&lab, JOB_REFRESH);
        ck_assert_int_ge(unlinkat(lab.t.fd,
                                  "dev/disk/by-uuid/" ESP_B "/loader/entries/proxmox-" KERNEL_OLD
                                  ".conf",
                                  0),
                         0);
        while (manager_job(lab.m, 0)) {
                Worker *w = lab_held(&lab, ESP_B);

                if (!w) {
                        lab_turn(&lab);
                        continue;
                }
                rounds += worker_writes(w);
                if (worker_writes(w)) {
                        worker_say(w, &(Report){ .type = REPORT_WAITING });
                        LAB_WAIT(&lab, worker_heard(w, WORKER_MESSAGE_COMMIT));
                }
                worker_look(&lab, w, NULL, VERDICT_EQUAL, NULL);
        }
        ck_assert_uint_eq(rounds, 3);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_B)).state, ESP_OUTDATED);
        ck_assert_str_eq(lab_last_result(&lab), "partial");
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
}
END_TEST

START_TEST(listeners_hear_things_in_the_order_in_which_they_happen) {
        _cleanup_lab_ Lab lab;
        static const char *const order[] = {
                "esp " ESP_A " unknown", "redundancy syncing",    "job-new refresh",
                "job refresh running",   "esp " ESP_A " syncing", "esp " ESP_A " in-sync",
                "in-sync yes",           "redundancy redundant",  "job-removed refresh done",
        };

        lab_open(&lab);
        lab_start(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        assert_heard_in_order(lab_heard(&lab), order, ELEMENTSOF(order));
}
END_TEST

START_TEST(second_daemon_on_one_root_waits_and_reads_the_files_then) {
        _cleanup_close_ int other = -EBADF;
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        other = lock_try(lab.t.root, "root", NULL);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_pass(&lab, 30 * SEC);
        ck_assert_int_eq(job_info(manager_job(lab.m, 0))->status.state, JOB_QUEUED);
        ck_assert_str_eq(waiting_for(manager_job(lab.m, 0)), "the lock of another bootsync");
        lab_add_kernel(&lab, KERNEL_NEXT);
        other = safe_close(other);
        lab_pass(&lab, SEC);
        ck_assert_str_eq(waiting_for(manager_job(lab.m, 0)), "");
        LAB_WAIT(&lab, lab_holds(&lab, ESP_A, KERNEL_NEXT) && lab_holds(&lab, ESP_B, KERNEL_NEXT));
        lab_finish(&lab);
}
END_TEST

START_TEST(shutdown_syncs_what_the_watch_has_not_heard_of_yet) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        manager_stop(lab.m);
        LAB_WAIT(&lab, sd_event_get_state(lab.event) == SD_EVENT_FINISHED);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
}
END_TEST

START_TEST(shutdown_with_nothing_to_do_is_at_once) {
        _cleanup_lab_ Lab lab;
        size_t n_run;

        lab_open(&lab);
        lab_start(&lab);
        n_run = lab.n_run;
        manager_stop(lab.m);
        LAB_WAIT(&lab, sd_event_get_state(lab.event) == SD_EVENT_FINISHED);
        ck_assert_uint_eq(lab.n_run, n_run);
}
END_TEST

START_TEST(esp_that_comes_and_goes_is_missing_and_in_sync_again) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        lab_pass(&lab, 0);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_MISSING);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(!clock_is_armed());

        ck_assert_int_ge(renameat(lab.t.fd, "away", lab.t.fd, "dev/disk/by-uuid/" ESP_B), 0);
        lab_pass(&lab, 3 * SEC);
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "redundant");
}
END_TEST

START_TEST(next_boot_pin_ends_with_its_boot_even_without_auto_sync_and_at_the_second_try) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                                 PIN_NEXT_BOOT },
                                                0, &job, &error),
                         0);
        lab_finish(&lab);
        ck_assert_str_eq(strempty(lab_facts(&lab)->conf.next_boot), KERNEL_OLD);

        /* A restart in the same boot changes nothing. */
        lab.m = manager_free(lab.m);
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        lab_finish(&lab);
        ck_assert_str_eq(strempty(lab_facts(&lab)->conf.next_boot), KERNEL_OLD);

        lab.m = manager_free(lab.m);
        temp_puts(&lab.t, "proc/sys/kernel/random/boot_id",
                  "00000002-0000-4000-8000-000000000002\n");
        temp_puts(&lab.t, "etc/bootsync/bootsyncd.conf", "[Sync]\nAutoSync=no\n");
        lab.hold = ESP_B;
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        ck_assert_str_eq(strempty(lab_facts(&lab)->conf.next_boot), "");
        worker_fail(lab_worker(&lab, ESP_B), ERROR_FAILED, "Cannot read it");
        lab_finish(&lab);
        ck_assert(!lab_verdict(&lab)->in_sync);
        lab.hold = NULL;
        lab_pass_idle(&lab, 60 * SEC);
        lab_finish(&lab);
        ck_assert(lab_verdict(&lab)->in_sync);
        ck_assert(!clock_is_armed());
}
END_TEST

CHECK_MAIN("queue", calls_for_the_same_join_the_job_that_waits,
           jobs_run_one_after_the_other_in_order,
           job_that_waits_names_the_one_before_it_until_that_is_gone,
           queue_that_is_full_refuses_and_takes_again,
           job_that_waits_is_canceled_at_once_and_the_running_one_goes_on,
           canceled_job_asks_every_worker_to_stop_and_starts_no_other,
           only_one_esp_at_a_time_has_the_token,
           esp_that_never_comes_right_is_worked_at_in_three_rounds_and_is_outdated,
           listeners_hear_things_in_the_order_in_which_they_happen,
           second_daemon_on_one_root_waits_and_reads_the_files_then,
           shutdown_syncs_what_the_watch_has_not_heard_of_yet,
           shutdown_with_nothing_to_do_is_at_once,
           esp_that_comes_and_goes_is_missing_and_in_sync_again,
           next_boot_pin_ends_with_its_boot_even_without_auto_sync_and_at_the_second_try)
