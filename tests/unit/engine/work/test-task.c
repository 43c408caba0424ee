/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker that is silent: it is warned of, asked, told, and given up, at the minute; and nobody
 * waits for it. */

#include <signal.h>
#include <sys/wait.h>

#include "sys/lock.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

/* In sync, and then a refresh of which the worker of ESP_B is silent, and that of ESP_A done. */
static Worker *start_silent(Lab *lab) {
        lab_start(lab);
        lab->hold = ESP_B;
        (void) lab_submit(lab, JOB_REFRESH);
        LAB_WAIT(lab, strstr(lab_heard(lab), "esp " ESP_A " in-sync"));
        return lab_worker(lab, ESP_B);
}

START_TEST(silent_worker_is_ended_after_90_s) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        w = start_silent(&lab);
        lab_pass(&lab, 89 * SEC);
        ck_assert(manager_job(lab.m, 0));
        ck_assert_int_eq(kill(w->pid, 0), 0);
        lab.hold = NULL;
        lab_pass(&lab, 2 * SEC);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_FAILED);
        ck_assert_ptr_nonnull(strstr(esp_info(lab_esp(&lab, ESP_B)).last_error, "no answer"));
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");
}
END_TEST

START_TEST(worker_that_talks_is_never_ended) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        w = start_silent(&lab);
        for (unsigned i = 0; i < 20; i++) {
                worker_say(w, &(Report){ .type = REPORT_PROGRESS, .bytes = i });
                lab_turn(&lab);
                lab_pass(&lab, 80 * SEC);
                ck_assert(manager_job(lab.m, 0));
        }
        lab.hold = NULL;
        worker_run(&lab, w);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->in_sync_reason, "");
}
END_TEST

START_TEST(worker_that_cannot_be_ended_leaves_its_esp_stuck_and_the_other_in_sync) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab.no_kill = true;
        w = start_silent(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 109 * SEC);
        ck_assert(manager_job(lab.m, 0));
        lab_pass(&lab, 2 * SEC);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_B)).state, ESP_STUCK);
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_IN_SYNC);
        ck_assert_str_eq(lab_last_result(&lab), "partial");
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");

        /* Nobody tries it again as long as it hangs, and no timer waits for it. */
        ck_assert(!clock_is_armed());
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_ptr_eq(lab_held(&lab, ESP_B), w);
        ck_assert_str_eq(lab_last_result(&lab), "partial");

        (void) lab_heard(&lab);
        lab.hold = NULL;
        worker_kill(w);
        LAB_WAIT(&lab, manager_job(lab.m, 0));
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
        ck_assert(lab_verdict(&lab)->in_sync);
}
END_TEST

START_TEST(worker_that_waits_for_the_token_has_no_deadline) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        worker_say(lab_worker(&lab, ESP_A), &(Report){ .type = REPORT_WAITING });
        LAB_WAIT(&lab, worker_heard(lab_worker(&lab, ESP_A), WORKER_MESSAGE_COMMIT));
        w = lab_worker(&lab, ESP_B);
        worker_say(w, &(Report){ .type = REPORT_WAITING });
        for (unsigned i = 0; i < 10; i++) {
                worker_say(lab_worker(&lab, ESP_A), &(Report){ .type = REPORT_STEP, .index = i });
                lab_turn(&lab);
                lab_pass(&lab, 60 * SEC);
        }
        ck_assert(!worker_heard(w, WORKER_MESSAGE_COMMIT));
        ck_assert_int_eq(kill(w->pid, 0), 0);

        worker_kill(lab_worker(&lab, ESP_A));
        LAB_WAIT(&lab, worker_heard(w, WORKER_MESSAGE_COMMIT));
        lab_pass(&lab, 91 * SEC);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_FAILED);
}
END_TEST

START_TEST(token_goes_on_when_its_holder_is_stuck) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab.no_kill = true;
        lab_start(&lab);
        lab.hold = "*";
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 3 * SEC);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        worker_say(lab_worker(&lab, ESP_A), &(Report){ .type = REPORT_WAITING });
        LAB_WAIT(&lab, worker_heard(lab_worker(&lab, ESP_A), WORKER_MESSAGE_COMMIT));
        w = lab_worker(&lab, ESP_B);
        worker_say(w, &(Report){ .type = REPORT_WAITING });
        lab_turn(&lab);
        lab_pass(&lab, 111 * SEC);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_STUCK);
        LAB_WAIT(&lab, worker_heard(w, WORKER_MESSAGE_COMMIT));
}
END_TEST

START_TEST(esp_whose_lock_an_earlier_worker_holds_is_stuck_until_that_ends) {
        _cleanup_close_ int lock = -EBADF;
        _cleanup_lab_ Lab lab;
        pid_t child;

        lab_open(&lab);
        lock = lock_try(lab.t.root, "esp-" ESP_B, NULL);
        ck_assert_int_ge(lock, 0);
        child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
                (void) pause();
                _exit(EXIT_SUCCESS);
        }
        ck_assert_int_ge(lock_set_holder(lock, child), 0);
        lock = safe_close(lock);

        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_A)).state == ESP_IN_SYNC);
        lab_pass(&lab, 4 * SEC);
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_B)).state, ESP_STUCK);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "degraded");

        ck_assert_int_eq(kill(child, SIGKILL), 0);
        LAB_WAIT(&lab, manager_job(lab.m, 0));
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->redundancy, "redundant");
}
END_TEST

START_TEST(worker_that_dies_without_a_word_fails_its_esp_alone) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        worker_kill(start_silent(&lab));
        lab.hold = NULL;
        LAB_WAIT(&lab, strstr(lab_heard(&lab), "esp " ESP_B " failed"));
        ck_assert_int_eq(esp_info(lab_esp(&lab, ESP_A)).state, ESP_IN_SYNC);
}
END_TEST

START_TEST(last_words_of_a_worker_that_does_not_listen_are_heard) {
        _cleanup_lab_ Lab lab;
        siginfo_t si;
        Worker *w;

        lab_open(&lab);
        w = start_silent(&lab);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        worker_fail(w, ERROR_CANCELED, "The job was canceled");
        ck_assert_int_eq(waitid(P_PID, (id_t) w->pid, &si, WEXITED | WNOWAIT), 0);
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "canceled");
}
END_TEST

START_TEST(worker_that_says_done_and_ends_badly_is_not_believed) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        w = start_silent(&lab);
        worker_say(w, &(Report){ .type = REPORT_DONE });
        worker_end(w, EXIT_FAILURE);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_FAILED);
}
END_TEST

START_TEST(worker_that_looks_at_nothing_is_not_believed) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        w = start_silent(&lab);
        worker_say(w, &(Report){ .type = REPORT_DONE });
        worker_end(w, EXIT_SUCCESS);
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_B)).state == ESP_FAILED);
}
END_TEST

CHECK_MAIN("task", silent_worker_is_ended_after_90_s, worker_that_talks_is_never_ended,
           worker_that_cannot_be_ended_leaves_its_esp_stuck_and_the_other_in_sync,
           worker_that_waits_for_the_token_has_no_deadline, token_goes_on_when_its_holder_is_stuck,
           esp_whose_lock_an_earlier_worker_holds_is_stuck_until_that_ends,
           worker_that_dies_without_a_word_fails_its_esp_alone,
           last_words_of_a_worker_that_does_not_listen_are_heard,
           worker_that_says_done_and_ends_badly_is_not_believed,
           worker_that_looks_at_nothing_is_not_believed)
