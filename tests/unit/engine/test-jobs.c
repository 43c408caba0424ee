/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each kind of job: why it is refused, how long it waits, and how it ends. */

#include "engine/jobs.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/jobs-lab.h"

#define STRV(item) ((char *const[]){ (char *) (item), NULL })

static void assert_refused(Lab *lab, const JobRequest *request, ErrorCode code) {
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(manager_submit(lab->m, request, NULL, &error), 0);
        ck_assert_int_eq(error.code, code);
}

START_TEST(job_for_what_is_not_there_is_refused) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        assert_refused(&lab, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV("9999-9999") },
                       ERROR_NO_SUCH_ESP);
        assert_refused(&lab, &(JobRequest){ .type = JOB_REFRESH, .new_kernel = KERNEL_NEXT },
                       ERROR_NO_SUCH_KERNEL);
        assert_refused(&lab, &(JobRequest){ .type = JOB_REFRESH, .new_kernel = "x y" },
                       ERROR_INVALID_VERSION);
        assert_refused(&lab, &(JobRequest){ .type = JOB_KSM_ENABLE }, ERROR_NOT_SUPPORTED);
        ck_assert(!manager_job(lab.m, 0));
}
END_TEST

START_TEST(esps_of_a_job_are_called_by_any_of_their_names) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        job = submit(&lab, &(JobRequest){ .type = JOB_PLAN,
                                          .esps = (char *[]){ (char *) "22", (char *) "2222-bbbb",
                                                              NULL } });
        ck_assert_uint_eq(strv_length(job_info(job)->request.esps), 1);
        ck_assert(job_wants_esp(job, ESP_B));
        ck_assert(!job_wants_esp(job, ESP_A));
        assert_refused(&lab, &(JobRequest){ .type = JOB_REFRESH, .esps = STRV("") },
                       ERROR_NO_SUCH_ESP);
        lab_finish(&lab);
}
END_TEST

START_TEST(plans_are_shared_only_by_those_who_ask_the_same) {
        _cleanup_lab_ Lab lab;
        Job *all, *one;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_VERIFY);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        all = submit(&lab, &(JobRequest){ .type = JOB_PLAN });
        one = submit(&lab, &(JobRequest){ .type = JOB_PLAN, .esps = STRV(ESP_A) });
        ck_assert_ptr_ne(all, one);
        ck_assert_ptr_eq(submit(&lab, &(JobRequest){ .type = JOB_PLAN }), all);
        ck_assert_ptr_ne(submit(&lab, &(JobRequest){ .type = JOB_FORMAT, .device = "/dev/sda1" }),
                         submit(&lab, &(JobRequest){ .type = JOB_FORMAT,
                                                     .device = "/dev/sda1",
                                                     .force = true }));
}
END_TEST

START_TEST(look_at_keys_is_waited_for_by_the_job_that_wants_it_and_made_for_no_other) {
        static const char secure_boot[] = "sys/firmware/efi/efivars/"
                                          "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        _cleanup_close_ int fd = -EBADF;
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab.private = true;
        temp_puts(&lab.t, secure_boot, "");
        fd = openat(lab.t.fd, secure_boot, O_WRONLY | O_CLOEXEC);
        ck_assert_int_eq(write(fd, "\7\0\0\0\0", 5), 5);
        lab_new(&lab);
        (void) submit(&lab, &(JobRequest){ .type = JOB_PROBE, .disks = true });
        lab_finish(&lab);
        ck_assert_int_eq(manager_info(lab.m).known->firmware->secure_boot, SECURE_BOOT_DISABLED);
        lab_turn(&lab);
        ck_assert_ptr_null(manager_info(lab.m).known->secure_boot);

        (void) submit(&lab, &(JobRequest){ .type = JOB_PROBE, .disks = true, .keys = true });
        LAB_WAIT(&lab, streq(job_info(manager_job(lab.m, 0))->status.waiting_for,
                             "the look at keys and signatures"));
        lab.hold = ESP_A;
        w = lab_worker(&lab, ESP_A);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_SIGNATURES);
        ck_assert_ptr_nonnull(manager_info(lab.m).known->secure_boot);
        ck_assert(!manager_info(lab.m).known->signatures_known);
        worker_run(&lab, w);
        lab_finish(&lab);
        ck_assert(manager_info(lab.m).known->signatures_known);
        ck_assert_ptr_nonnull(esp_info(lab_esp(&lab, ESP_B)).signed_files);
}
END_TEST

START_TEST(ksm_job_runs_beside_the_queue) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, PATH_KSM "/run", "1\n");
        temp_puts(&lab.t, PATH_KSM "/pages_sharing", "0\n");
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_REFRESH);
        (void) lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        (void) submit(&lab, &(JobRequest){ .type = JOB_KSM_DISABLE });
        ck_assert_uint_eq(lab_n_jobs(&lab), 2);
        worker_done(lab_worker(&lab, NULL));
        LAB_WAIT(&lab, strstr(lab_heard(&lab), "job-removed ksm-disable"));
        ck_assert_uint_eq(lab_n_jobs(&lab), 1);

        (void) submit(&lab, &(JobRequest){ .type = JOB_KSM_DISABLE });
        assert_refused(&lab, &(JobRequest){ .type = JOB_KSM_ENABLE }, ERROR_BUSY);
        manager_cancel_job(lab.m, manager_job(lab.m, 1));
        LAB_WAIT(&lab, strstr(lab_heard(&lab), "job-removed ksm-disable canceled"));
}
END_TEST

CHECK_MAIN("jobs", job_for_what_is_not_there_is_refused,
           esps_of_a_job_are_called_by_any_of_their_names,
           plans_are_shared_only_by_those_who_ask_the_same,
           look_at_keys_is_waited_for_by_the_job_that_wants_it_and_made_for_no_other,
           ksm_job_runs_beside_the_queue)
