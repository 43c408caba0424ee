/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Work on a device waits for the look at the disks, and for udev. */

#include "tests/unit/check-main.h"
#include "tests/unit/engine/jobs-lab.h"

START_TEST(look_at_disks_is_waited_for_by_the_job_that_wants_it) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        put_disk(&lab);
        lab_new(&lab);
        lab.hold = "*";
        (void) submit(&lab, &(JobRequest){ .type = JOB_PROBE, .disks = true });
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        LAB_WAIT(&lab, esp_info(lab_esp(&lab, ESP_A)).state == ESP_OUTDATED &&
                                       esp_info(lab_esp(&lab, ESP_B)).state == ESP_OUTDATED);
        for (unsigned i = 0; i < 10; i++)
                lab_turn(&lab);
        ck_assert(manager_job(lab.m, 0));
        assert_waits(&lab, "the look at all disks");
        worker_done(lab_worker(&lab, NULL));
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed probe done"));
}
END_TEST

START_TEST(format_of_what_is_no_partition_fails_when_the_disks_are_known) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        put_disk(&lab);
        lab_new(&lab);
        lab.hold = "*";
        (void) submit(&lab, &(JobRequest){ .type = JOB_FORMAT, .device = "/dev/sda1" });
        worker_done(lab_worker(&lab, NULL));
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed format failed"));
        (void) submit(&lab, &(JobRequest){ .type = JOB_INIT, .device = "/dev/sda1" });
        worker_done(lab_worker(&lab, NULL));
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed init failed"));
}
END_TEST

START_TEST(job_that_is_canceled_while_it_waits_for_the_disks_ends_with_them) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        put_disk(&lab);
        lab_new(&lab);
        lab.hold = "*";
        (void) submit(&lab, &(JobRequest){ .type = JOB_FORMAT, .device = "/dev/sda1" });
        w = lab_worker(&lab, NULL);
        assert_waits(&lab, "the look at all disks");
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        worker_done(w);
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed format canceled"));
}
END_TEST

START_TEST(init_waits_for_the_link_of_a_new_file_system_and_not_for_ever) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_new(&lab);
        (void) submit(&lab,
                      &(JobRequest){ .type = JOB_INIT, .device = "/dev/disk/by-uuid/3333-CCCC" });
        for (unsigned i = 0; i < 10; i++)
                lab_turn(&lab);
        lab_pass(&lab, 10 * SEC);
        assert_waits(&lab, "the new file system to appear in /dev/disk/by-uuid");
        lab_pass(&lab, 10 * SEC);
        lab_finish(&lab);
        ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed init failed"));
        ck_assert_ptr_null(esps_find(manager_info(lab.m).known->esps, "3333-CCCC"));
}
END_TEST

CHECK_MAIN("jobs-setup", look_at_disks_is_waited_for_by_the_job_that_wants_it,
           format_of_what_is_no_partition_fails_when_the_disks_are_known,
           job_that_is_canceled_while_it_waits_for_the_disks_ends_with_them,
           init_waits_for_the_link_of_a_new_file_system_and_not_for_ever)
