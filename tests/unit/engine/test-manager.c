/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine's verbs: a change is stored, read and synced, or refused before it is stored. */

#include "engine/manager.h"

#include "common/names.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

static void assert_error(Error *error, int r, ErrorCode code) {
        ck_assert_int_lt(r, 0);
        ck_assert_int_eq(error->code, code);
        error_done(error);
}

START_TEST(change_is_stored_read_and_synced) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert(isempty(manager_info(lab.m).auto_sync_reason));
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_ADD, KERNEL_OLD },
                                                1000, &job, &error),
                         0);
        ck_assert_int_eq(job_info(job)->request.type, JOB_REFRESH);
        ck_assert_uint_eq(job_info(job)->request.uid, 1000);
        ck_assert(strv_contains(lab_facts(&lab)->conf.manual.items, KERNEL_OLD));
        lab_finish(&lab);
        ck_assert_uint_gt(manager_info(lab.m).last_refresh_usec, 0);
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_ADD, KERNEL_OLD }, 0,
                                                &job, &error),
                         0);
        ck_assert_ptr_null(job);
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_REMOVE, KERNEL_OLD },
                                                0, &job, &error),
                         0);
        ck_assert_ptr_nonnull(job);
        lab_finish(&lab);
}
END_TEST

START_TEST(pin_becomes_the_default_of_every_esp_until_it_is_unpinned) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                                 PIN_PERMANENT },
                                                0, &job, &error),
                         0);
        ck_assert_str_eq(lab_verdict(&lab)->wanted_kernel, KERNEL_OLD);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->default_kernel, KERNEL_OLD);
        ck_assert_int_eq(manager_change_kernels(lab.m, &(KernelChange){ .verb = KERNEL_VERB_UNPIN },
                                                0, &job, &error),
                         0);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->default_kernel, KERNEL_NEW);
}
END_TEST

START_TEST(change_is_refused_before_it_is_stored) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        assert_error(&error,
                     manager_change_kernels(
                                     lab.m,
                                     &(KernelChange){ KERNEL_VERB_PIN, "x y", PIN_PERMANENT }, 0,
                                     &job, &error),
                     ERROR_INVALID_VERSION);
        assert_error(&error,
                     manager_change_kernels(lab.m, &(KernelChange){ KERNEL_VERB_ADD, KERNEL_NEXT },
                                            0, &job, &error),
                     ERROR_NO_SUCH_KERNEL);
        assert_error(&error,
                     manager_change_kernels(lab.m, &(KernelChange){ KERNEL_VERB_REMOVE, "/" }, 0,
                                            &job, &error),
                     ERROR_INVALID_VERSION);
        ck_assert_int_ge(unlinkat(lab.t.fd, LIST_OF_ESPS, 0), 0);
        temp_mkdir(&lab.t, LIST_OF_ESPS);
        assert_error(&error,
                     manager_change_kernels(
                                     lab.m,
                                     &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT },
                                     0, &job, &error),
                     ERROR_FAILED);
        assert_error(&error,
                     manager_change_kernels(lab.m, &(KernelChange){ .verb = KERNEL_VERB_UNPIN }, 0,
                                            &job, &error),
                     ERROR_FAILED);
        ck_assert(!temp_exists(&lab.t, PATH_PIN));
}
END_TEST

START_TEST(clean_takes_esps_off_the_list_that_are_gone) {
        _cleanup_strv_ char **would = NULL, **removed = NULL, **none = NULL;
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        ck_assert_int_eq(manager_clean_esps(lab.m, true, &would, &error), 0);
        ck_assert_str_eq(would[0], ESP_B);
        ck_assert_uint_eq(strv_length(lab_facts(&lab)->conf.esps.items), 2);
        ck_assert_int_eq(manager_clean_esps(lab.m, false, &removed, &error), 0);
        ck_assert_str_eq(removed[0], ESP_B);
        ck_assert_uint_eq(strv_length(lab_facts(&lab)->conf.esps.items), 1);
        ck_assert_int_eq(manager_clean_esps(lab.m, false, &none, &error), 0);
        ck_assert(strv_isempty(none));
}
END_TEST

START_TEST(clean_is_refused_where_every_esp_looks_gone) {
        _cleanup_strv_ char **removed = NULL;
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_new(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid", lab.t.fd, "away"), 0);
        assert_error(&error, manager_clean_esps(lab.m, false, &removed, &error), ERROR_FAILED);
        temp_mkdir(&lab.t, "dev/disk/by-uuid");
        assert_error(&error, manager_clean_esps(lab.m, false, &removed, &error), ERROR_FAILED);
        ck_assert_uint_eq(strv_length(lab_facts(&lab)->conf.esps.items), 2);
}
END_TEST

static int remove_esp(const Lab *lab, const char *name, bool force, Error *error) {
        _cleanup_strv_ char **entries = NULL;

        return manager_remove_esp(lab->m, name, force, &entries, error);
}

START_TEST(esp_that_is_removed_by_any_of_its_names_is_off_the_list_at_once) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        assert_error(&error, remove_esp(&lab, "9999-9999", true, &error), ERROR_NO_SUCH_ESP);
        ck_assert_int_eq(remove_esp(&lab, "2222", false, &error), 0);
        ck_assert_uint_eq(strv_length(lab_facts(&lab)->conf.esps.items), 1);
        ck_assert_ptr_null(esps_find(manager_info(lab.m).known->esps, ESP_B));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEW));
        assert_error(&error, remove_esp(&lab, ESP_B, true, &error), ERROR_NO_SUCH_ESP);
        assert_error(&error, remove_esp(&lab, ESP_A, false, &error), ERROR_LAST_ESP);
        ck_assert_int_eq(remove_esp(&lab, ESP_A, true, &error), 0);
        ck_assert(strv_isempty(lab_facts(&lab)->conf.esps.items));
}
END_TEST

START_TEST(esp_that_a_job_works_on_is_not_removed) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = ESP_A;
        ck_assert_int_eq(
                        manager_submit(lab.m,
                                       &(JobRequest){ .type = JOB_VERIFY,
                                                      .esps = (char *[]){ (char *) "1111", NULL } },
                                       NULL, &error),
                        0);
        (void) lab_worker(&lab, ESP_A);
        assert_error(&error, remove_esp(&lab, ESP_A, true, &error), ERROR_BUSY);
        ck_assert_int_eq(remove_esp(&lab, ESP_B, false, &error), 0);
        lab.hold = NULL;
        worker_run(&lab, lab_held(&lab, ESP_A));
        lab_finish(&lab);
        ck_assert_int_eq(remove_esp(&lab, ESP_A, true, &error), 0);
}
END_TEST

START_TEST(private_manager_watches_nothing_and_syncs_only_what_it_is_asked_to) {
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab.private = true;
        lab_new(&lab);
        ck_assert_int_ge(manager_start(lab.m), 0);
        ck_assert(!manager_job(lab.m, 0));
        ck_assert_str_eq(manager_info(lab.m).watching, "none");
        ck_assert_str_eq(manager_info(lab.m).watching_reason, "");
        ck_assert_int_eq(manager_change_kernels(lab.m,
                                                &(KernelChange){ KERNEL_VERB_PIN, KERNEL_OLD,
                                                                 PIN_PERMANENT },
                                                0, &job, &error),
                         0);
        ck_assert_ptr_null(job);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_str_eq(lab_verdict(&lab)->default_kernel, KERNEL_OLD);
}
END_TEST

START_TEST(second_word_to_stop_leaves_at_once) {
        _cleanup_lab_ Lab lab;
        Worker *w;

        lab_open(&lab);
        lab_start(&lab);
        lab.hold = "*";
        (void) lab_submit(&lab, JOB_REFRESH);
        w = lab_worker(&lab, ESP_A);
        (void) lab_worker(&lab, ESP_B);
        manager_stop(lab.m);
        lab_turn(&lab);
        ck_assert_int_ne(sd_event_get_state(lab.event), SD_EVENT_FINISHED);
        manager_stop(lab.m);
        ck_assert(worker_heard(w, WORKER_MESSAGE_STOP));
        LAB_WAIT(&lab, sd_event_get_state(lab.event) == SD_EVENT_FINISHED);
}
END_TEST

CHECK_MAIN("manager", change_is_stored_read_and_synced,
           pin_becomes_the_default_of_every_esp_until_it_is_unpinned,
           change_is_refused_before_it_is_stored, clean_takes_esps_off_the_list_that_are_gone,
           clean_is_refused_where_every_esp_looks_gone,
           esp_that_is_removed_by_any_of_its_names_is_off_the_list_at_once,
           esp_that_a_job_works_on_is_not_removed,
           private_manager_watches_nothing_and_syncs_only_what_it_is_asked_to,
           second_word_to_stop_leaves_at_once)
