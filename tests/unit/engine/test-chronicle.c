/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The history of a root outlives the daemon, is shared by daemons, and is no reason for any of them
 * to fail. */

#include "engine/chronicle.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

#define ONE "job id=1 type=refresh start=5 end=9 by=0 result=done\n"

static const History *history(const Lab *lab) {
        return manager_info(lab->m).known->history;
}

static const Deed *last(const Lab *lab) {
        const History *h = history(lab);

        ck_assert_uint_gt(h->n, 0);
        ck_assert(h->entries[h->n - 1].known);
        return &h->entries[h->n - 1].deed;
}

START_TEST(first_sync_by_the_daemon_itself_is_remembered_with_each_esp) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_str_eq(last(&lab)->by, DEED_BY_DAEMON);
        ck_assert_str_eq(last(&lab)->type, "refresh");
        ck_assert_uint_eq(last(&lab)->n_esps, 2);
        ck_assert_uint_eq(strv_length(last(&lab)->esps[0].copied), 2);
        ck_assert_uint_eq(last(&lab)->esps[0].n_kernels, 2);
        ck_assert(last(&lab)->esps[1].in_sync && last(&lab)->esps[1].synced);
        ck_assert_uint_gt(deed_bytes(last(&lab)), 0);
        ck_assert_ptr_nonnull(strstr(last(&lab)->message, "Copied 2 kernels ("));
}
END_TEST

START_TEST(times_and_jobs_survive_a_restart) {
        _cleanup_lab_ Lab lab;
        uint64_t ended;

        lab_open(&lab);
        lab_start(&lab);
        (void) lab_submit(&lab, JOB_VERIFY);
        lab_finish(&lab);
        ended = last(&lab)->end_usec;
        lab_restart(&lab);
        ck_assert_uint_eq(history(&lab)->n, 2);
        ck_assert_uint_eq(last(&lab)->end_usec, ended);
        ck_assert_uint_eq(esp_info(lab_esp(&lab, ESP_A)).last_verify_usec, ended);
        ck_assert_uint_gt(esp_info(lab_esp(&lab, ESP_B)).last_sync_usec, 0);
        ck_assert_uint_lt(esp_info(lab_esp(&lab, ESP_B)).last_sync_usec, ended);
        ck_assert_str_eq(manager_info(lab.m).last_refresh_result, "done");
        ck_assert_uint_gt(manager_info(lab.m).last_refresh_usec, 0);
}
END_TEST

START_TEST(looks_and_idle_wishes_are_not_remembered_and_what_somebody_asked_for_is) {
        _cleanup_lab_ Lab lab;
        const JobRequest wish = { .type = JOB_REFRESH, .unasked = true };

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_uint_eq(history(&lab)->n, 1);
        (void) lab_submit(&lab, JOB_PROBE);
        (void) lab_submit(&lab, JOB_PLAN);
        ck_assert_int_eq(manager_submit(lab.m, &wish, NULL, NULL), 0);
        lab_finish(&lab);
        ck_assert_uint_eq(history(&lab)->n, 1);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_uint_eq(history(&lab)->n, 2);
        ck_assert_str_eq(last(&lab)->by, "0");
        ck_assert_str_eq(last(&lab)->message,
                         "Everything is as it should be; nothing was written.");
}
END_TEST

START_TEST(entry_of_another_daemon_is_not_lost) {
        _cleanup_lab_ Lab lab;
        _cleanup_free_ char *text = NULL;
        size_t size;

        lab_open(&lab);
        lab_start(&lab);
        temp_puts(&lab.t, PATH_HISTORY, ONE);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_uint_eq(history(&lab)->n, 1); /* it said the same, and wrote nothing */
        temp_puts(&lab.t, PATH_HISTORY, "job-v9 x=1\n");
        lab_add_kernel(&lab, KERNEL_NEXT);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_int_eq(history_format(history(&lab), &text, &size), 0);
        ck_assert_ptr_eq(strstr(text, "job-v9 x=1\njob id="), text);
        temp_assert_text(&lab.t, PATH_HISTORY, text);
}
END_TEST

START_TEST(damaged_file_is_put_aside_with_all_that_is_in_it) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        temp_puts(&lab.t, PATH_HISTORY, ONE "job id=2 type=refr");
        lab_start(&lab);
        ck_assert_uint_eq(history(&lab)->n, 2);
        temp_assert_text(&lab.t, PATH_STATE "/history.damaged", ONE "job id=2 type=refr");
}
END_TEST

START_TEST(history_that_cannot_be_stored_fails_no_job) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        temp_mkdir(&lab.t, PATH_HISTORY "/in-the-way");
        lab_start(&lab);
        ck_assert_str_eq(lab_last_result(&lab), "done");
        ck_assert_uint_eq(history(&lab)->n, 1);
        ck_assert(temp_exists(&lab.t, PATH_HISTORY "/in-the-way"));
}
END_TEST

START_TEST(pin_is_known_with_who_set_it_until_somebody_else_does) {
        const KernelChange pin = { KERNEL_VERB_PIN, KERNEL_OLD, PIN_PERMANENT };
        _cleanup_error_ Error error = {};
        _cleanup_lab_ Lab lab;
        Job *job;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_str_eq(manager_info(lab.m).pinned_by, "");
        ck_assert_int_ge(manager_change_kernels(lab.m, &pin, 1000, &job, &error), 0);
        ck_assert_ptr_nonnull(job);
        ck_assert_str_eq(manager_info(lab.m).pinned_by, "1000");
        ck_assert_uint_gt(lab_facts(&lab)->conf.pin_usec, 0);
        lab_finish(&lab);
        ck_assert_str_eq(last(&lab)->message, "Pinned " KERNEL_OLD " (was: newest). " ESP_A
                                              ", " ESP_B ": default entry changed.");
        /* It is so already. */
        ck_assert_int_ge(manager_change_kernels(lab.m, &pin, 0, &job, &error), 0);
        ck_assert_ptr_null(job);
        ck_assert_str_eq(manager_info(lab.m).pinned_by, "1000");
        lab_restart(&lab);
        ck_assert_str_eq(manager_info(lab.m).pinned_by, "1000");
        temp_puts(&lab.t, PATH_PIN, KERNEL_NEW "\n");
        lab_restart(&lab);
        ck_assert_str_eq(manager_info(lab.m).pinned_by, "");
}
END_TEST

START_TEST(partial_job_names_both_kinds_of_esps) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert_int_ge(renameat(lab.t.fd, "dev/disk/by-uuid/" ESP_B, lab.t.fd, "away"), 0);
        (void) lab_submit(&lab, JOB_REFRESH);
        lab_finish(&lab);
        ck_assert_str_eq(last(&lab)->result, "partial");
        ck_assert_str_eq(last(&lab)->error, "EspMissing");
        ck_assert_ptr_eq(strstr(last(&lab)->message,
                                "In sync: " ESP_A ". ESP '" ESP_B "' is missing: there is no "),
                         last(&lab)->message);
        ck_assert_ptr_nonnull(last(&lab)->esps[1].error);
}
END_TEST

CHECK_MAIN("chronicle", first_sync_by_the_daemon_itself_is_remembered_with_each_esp,
           times_and_jobs_survive_a_restart,
           looks_and_idle_wishes_are_not_remembered_and_what_somebody_asked_for_is,
           entry_of_another_daemon_is_not_lost, damaged_file_is_put_aside_with_all_that_is_in_it,
           history_that_cannot_be_stored_fails_no_job,
           pin_is_known_with_who_set_it_until_somebody_else_does,
           partial_job_names_both_kinds_of_esps)
