/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM beside its job: why a job is refused, who gains, and what is remembered over a boot. */

#include "engine/ksm/ksm-control.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"
#include "tests/unit/engine/bare.h"
#include "tests/unit/engine/lab.h"

typedef struct House {
        Lab lab;
        Bare bare;
        KsmControl *ksm;
        Job *job;
        bool ended;
        unsigned n_lists;
        size_t n_found;
        Error list_error;
} House;

static void on_changed(Job *job, void *userdata) {
}

static void on_ended(Job *job, void *userdata) {
        House *h = userdata;

        ck_assert_ptr_eq(job, h->job);
        h->ended = true;
}

static const KsmListener listener = { .job_changed = on_changed, .ended = on_ended };

static void put_kernel(const Lab *lab) {
        LAB_FOREACH_FILE(f, LAB_6_8) {
                _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", f->name);

                temp_puts(&lab->t, path, f->text);
                ck_assert_int_eq(fchmodat(lab->t.fd, path, f->mode, 0), 0);
        }
}

static void open_house(House *h, bool kernel) {
        lab_open(&h->lab);
        h->lab.hold = "*";
        if (kernel)
                put_kernel(&h->lab);
        ck_assert_int_ge(ksm_control_new(lab_workers(&h->lab, NULL, NULL), &listener, h, &h->ksm),
                         0);
}

static void close_house(House *h) {
        ksm_control_free(h->ksm);
        bare_done(&h->bare);
        error_done(&h->list_error);
        lab_close(&h->lab);
}

static void assert_refused(const House *h, const JobRequest *request, ErrorCode code) {
        _cleanup_error_ Error error = {};

        ck_assert_int_lt(ksm_control_check(h->ksm, request, &error), 0);
        ck_assert_int_eq(error.code, code);
}

START_TEST(kernel_without_ksm_is_looked_at_and_changed_by_no_job) {
        _cleanup_(close_house) House h = {};
        _cleanup_(ksm_done) Ksm ksm = {};
        double share;
        uint64_t usec;

        open_house(&h, false);
        ck_assert_int_ge(ksm_control_look(h.ksm, &ksm), 0);
        ck_assert_int_eq(ksm.state, KSM_UNSUPPORTED);
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_ENABLE }, ERROR_NOT_SUPPORTED);
        ksm_control_cpu(h.ksm, &usec, &share);
        ck_assert_uint_eq(usec, 0);
        ck_assert(share == 0);
}
END_TEST

START_TEST(job_is_refused_that_has_nothing_to_set_or_not_enough_memory) {
        _cleanup_(ksm_attributes_done) KsmAttributes wrong = {};
        _cleanup_(close_house) House h = {};

        open_house(&h, true);
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_SET }, ERROR_INVALID_OPTION);
        ck_assert_int_ge(ksm_attributes_add(&wrong, "no_such_setting", "1"), 0);
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_SET, .tunables = &wrong },
                       ERROR_INVALID_OPTION);
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_UNMERGE }, ERROR_FAILED);
        temp_puts(&h.lab.t, "proc/meminfo", "MemTotal: 100000 kB\nMemAvailable: 1000 kB\n");
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_UNMERGE }, ERROR_INSUFFICIENT_MEMORY);
        ck_assert_int_eq(ksm_control_check(h.ksm,
                                           &(JobRequest){ .type = JOB_KSM_UNMERGE, .force = true },
                                           NULL),
                         0);
        ck_assert_int_eq(ksm_control_check(h.ksm, &(JobRequest){ .type = JOB_KSM_DISABLE }, NULL),
                         0);
}
END_TEST

START_TEST(one_job_at_a_time) {
        _cleanup_(close_house) House h = {};

        open_house(&h, true);
        h.job = bare_job(&h.bare, &(JobRequest){ .type = JOB_KSM_UNMERGE, .force = true });
        ck_assert_int_ge(ksm_control_start(h.ksm, h.job), 0);
        assert_refused(&h, &(JobRequest){ .type = JOB_KSM_ENABLE }, ERROR_BUSY);
        worker_done(lab_worker(&h.lab, NULL));
        LAB_WAIT(&h.lab, h.ended);
        ck_assert_int_eq(ksm_control_check(h.ksm, &(JobRequest){ .type = JOB_KSM_ENABLE }, NULL),
                         0);
}
END_TEST

START_TEST(settings_of_an_earlier_boot_are_restored_once) {
        _cleanup_(close_house) House h = {};

        open_house(&h, true);
        ck_assert(!ksm_control_at_boot(h.ksm));
        ck_assert(!ksm_control_wants_restore(h.ksm));
        ksm_control_free(h.ksm);
        temp_puts(&h.lab.t, PATH_KSM_CONFIG, "v1\nrun=1\n");
        ck_assert_int_ge(unlinkat(h.lab.t.fd, PATH_KSM_RESTORED, 0), 0);
        ck_assert_int_ge(ksm_control_new(h.lab.workers, &listener, &h, &h.ksm), 0);
        ck_assert(ksm_control_at_boot(h.ksm));
        ck_assert(ksm_control_wants_restore(h.ksm));
        ck_assert(!ksm_control_wants_restore(h.ksm));
}
END_TEST

static void on_listed(const KsmProcesses *found, const Error *error, void *userdata) {
        House *h = userdata;

        h->n_lists++;
        h->n_found = found->n;
        if (error_is_set(error))
                (void) error_copy(&h->list_error, error);
}

static void say_process(Worker *w) {
        const KsmProcess process = { .name = (char *) "kvm", .pid = 4711, .vmid = 100 };
        Report report = { .type = REPORT_PROCESS };
        Buffer b = {};
        size_t size;

        record_begin(&b, "process");
        ksm_process_format(&process, &b);
        record_end(&b);
        ck_assert_int_ge(buffer_take(&b, &report.text, &size), 0);
        worker_say(w, &report);
        free(report.text);
}

START_TEST(processes_are_asked_for_by_a_worker_and_told_again_for_ten_seconds) {
        _cleanup_(close_house) House h = {};
        Worker *w;

        open_house(&h, true);
        ck_assert_int_ge(ksm_control_list(h.ksm, on_listed, &h, NULL), 0);
        w = lab_worker(&h.lab, NULL);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_KSM_PROCESSES);
        say_process(w);
        worker_done(w);
        LAB_WAIT(&h.lab, h.n_lists == 1);
        ck_assert_uint_eq(h.n_found, 1);
        ck_assert_int_ge(ksm_control_list(h.ksm, on_listed, &h, NULL), 0);
        ck_assert_uint_eq(h.n_lists, 2);
        lab_pass(&h.lab, 11 * SEC);
        ck_assert_int_ge(ksm_control_list(h.ksm, on_listed, &h, NULL), 0);
        ck_assert_uint_eq(h.n_lists, 2);
        worker_fail(lab_worker(&h.lab, NULL), ERROR_FAILED, "Cannot look");
        LAB_WAIT(&h.lab, h.n_lists == 3);
        ck_assert_str_eq(h.list_error.message, "Cannot look");
}
END_TEST

START_TEST(nobody_hears_of_a_list_that_was_forgotten) {
        _cleanup_(close_house) House h = {};
        Worker *w;

        open_house(&h, true);
        ck_assert_int_ge(ksm_control_list(h.ksm, on_listed, &h, NULL), 0);
        w = lab_worker(&h.lab, NULL);
        ksm_control_forget_list(h.ksm);
        worker_end(w, EXIT_SUCCESS);
        lab_turn(&h.lab);
        ck_assert_uint_eq(h.n_lists, 0);
}
END_TEST

CHECK_MAIN("ksm-control", kernel_without_ksm_is_looked_at_and_changed_by_no_job,
           job_is_refused_that_has_nothing_to_set_or_not_enough_memory, one_job_at_a_time,
           settings_of_an_earlier_boot_are_restored_once,
           processes_are_asked_for_by_a_worker_and_told_again_for_ten_seconds,
           nobody_hears_of_a_list_that_was_forgotten)
