/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The host in a run: the firmware is asked once, the one-shot armed, and no refusal fails the job.
 */

#include "core/firmware/firmware.h"
#include "common/names.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

/* A UEFI host, whose workers wait for the test. */
static void open_host(Lab *lab) {
        lab_open(lab);
        temp_mkdir(&lab->t, "sys/firmware/efi/efivars");
        lab->hold = "*";
}

static void say_firmware(Worker *w) {
        const Firmware firmware = FIRMWARE_INIT;
        Report report = { .type = REPORT_FIRMWARE };
        size_t size;

        ck_assert_int_eq(w->plan->steps[0].action, PLAN_FIRMWARE);
        ck_assert_int_ge(firmware_format(&firmware, &report.text, &size), 0);
        worker_say(w, &report);
        free(report.text);
        worker_done(w);
}

START_TEST(firmware_is_asked_once_and_the_esps_are_planned_then) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        lab_new(&lab);
        (void) lab_submit(&lab, JOB_PROBE);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        for (unsigned i = 0; i < 20; i++)
                lab_turn(&lab);
        ck_assert(manager_job(lab.m, 0));
        say_firmware(lab_worker(&lab, NULL));
        lab_finish(&lab);
        ck_assert_ptr_nonnull(manager_info(lab.m).known->firmware);

        (void) lab_submit(&lab, JOB_PROBE);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        lab_finish(&lab);
        ck_assert_ptr_null(lab_held(&lab, NULL));
}
END_TEST

START_TEST(firmware_that_cannot_be_asked_fails_no_job_and_is_asked_again) {
        _cleanup_lab_ Lab lab;

        open_host(&lab);
        lab_new(&lab);
        for (unsigned i = 0; i < 2; i++) {
                (void) lab_submit(&lab, JOB_PROBE);
                worker_run(&lab, lab_worker(&lab, ESP_A));
                worker_run(&lab, lab_worker(&lab, ESP_B));
                worker_fail(lab_worker(&lab, NULL), ERROR_FIRMWARE_ERROR, "It does not say");
                lab_finish(&lab);
                ck_assert_ptr_nonnull(strstr(lab_heard(&lab), "job-removed probe done"));
        }
        ck_assert_ptr_null(manager_info(lab.m).known->firmware);
}
END_TEST

START_TEST(job_without_esps_ends_when_its_grub_menu_is_made) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        open_host(&lab);
        ck_assert_int_ge(unlinkat(lab.t.fd, "sys/firmware/efi/efivars", AT_REMOVEDIR), 0);
        ck_assert_int_ge(unlinkat(lab.t.fd, "sys/firmware/efi", AT_REMOVEDIR), 0);
        lab_list_esps(&lab, "");
        lab_write_grub_menu(&lab, "0", KERNEL_NEW, KERNEL_OLD);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_new(&lab);
        (void) lab_submit(&lab, JOB_REFRESH);
        w = lab_worker(&lab, NULL);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_UPDATE_GRUB);
        ck_assert_str_eq(job_info(manager_job(lab.m, 0))->status.message, "running grub-mkconfig");
        worker_done(w);
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "failed");

        (void) lab_submit(&lab, JOB_REFRESH);
        w = lab_worker(&lab, NULL);
        lab_write_grub_menu(&lab, "0", KERNEL_NEXT, KERNEL_NEW);
        worker_fail(w, ERROR_FAILED, "It does not run");
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "failed");

        (void) lab_submit(&lab, JOB_REFRESH);
        w = lab_worker(&lab, NULL);
        manager_cancel_job(lab.m, manager_job(lab.m, 0));
        worker_fail(w, ERROR_CANCELED, "The job was canceled");
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "canceled");
}
END_TEST

START_TEST(pin_that_the_firmware_does_not_take_is_the_default_entry) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Worker *w;
        Job *job;

        open_host(&lab);
        lab_new(&lab);
        ck_assert_int_ge(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                                 PIN_NEXT_BOOT },
                                                0, &job, &error),
                         0);
        ck_assert_ptr_nonnull(job);
        worker_run(&lab, lab_worker(&lab, ESP_A));
        worker_run(&lab, lab_worker(&lab, ESP_B));
        w = lab_worker(&lab, NULL);
        lab.hold = NULL;
        say_firmware(w);
        lab_finish(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "done");
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).default_kernel, KERNEL_OLD);
        ck_assert_str_eq(esp_info(lab_esp(&lab, ESP_A)).one_shot_method, "default-entry");
}
END_TEST

CHECK_MAIN("host-run", firmware_is_asked_once_and_the_esps_are_planned_then,
           firmware_that_cannot_be_asked_fails_no_job_and_is_asked_again,
           job_without_esps_ends_when_its_grub_menu_is_made,
           pin_that_the_firmware_does_not_take_is_the_default_entry)
