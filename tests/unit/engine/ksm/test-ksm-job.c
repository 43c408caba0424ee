/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job of KSM: first the units, then the kernel, and what was set by hand is written down. */

#include "engine/ksm/ksm-job.h"

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"
#include "tests/unit/engine/bare.h"
#include "tests/unit/engine/lab.h"

/* The units, as the test says them to be. */
struct UnitsCall {
        units_answered_t answered;
        void *userdata;
};

typedef struct House {
        Lab lab;
        Bare bare;
        KsmContext context;
        Job *job;
        KsmJob *work;
        bool ended;
        UnitsCall call;
        const char *turned; /* "on", "off"; NULL: they were asked for only */
} House;

static int ask(void *ops_userdata, const char *const *names, units_answered_t answered,
               void *userdata, UnitsCall **ret) {
        House *h = ops_userdata;

        h->call = (UnitsCall){ .answered = answered, .userdata = userdata };
        *ret = &h->call;
        return 0;
}

static int set(void *ops_userdata, const char *const *names, bool on, units_answered_t answered,
               void *userdata, UnitsCall **ret) {
        House *h = ops_userdata;

        ck_assert_str_eq(names[0], KSM_TUNER_UNIT);
        h->turned = on ? "on" : "off";
        return ask(ops_userdata, names, answered, userdata, ret);
}

static UnitsCall *forget(UnitsCall *call) {
        call->answered = NULL;
        return NULL;
}

static const UnitsOps ops = { .ask = ask, .set = set, .free = forget };

static void on_changed(void *userdata) {
}

static void on_ended(void *userdata) {
        House *h = userdata;

        h->ended = true;
        h->work = ksm_job_free(h->work);
}

static const KsmJobListener listener = { .changed = on_changed, .ended = on_ended };

static void open_house(House *h) {
        lab_open(&h->lab);
        h->lab.hold = "*";
        LAB_FOREACH_FILE(f, LAB_6_8) {
                _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", f->name);

                temp_puts(&h->lab.t, path, f->text);
                ck_assert_int_eq(fchmodat(h->lab.t.fd, path, f->mode, 0), 0);
        }
        h->context = (KsmContext){ .workers = lab_workers(&h->lab, NULL, NULL),
                                   .units = &ops,
                                   .units_userdata = h };
        ck_assert_int_ge(ksm_store_load(&h->context.store, h->lab.t.root), 0);
}

static void close_house(House *h) {
        ksm_job_free(h->work);
        bare_done(&h->bare);
        ksm_config_done(&h->context.store.config);
        lab_close(&h->lab);
}

static void begin(House *h, const JobRequest *request) {
        bare_done(&h->bare);
        h->ended = false;
        h->call = (UnitsCall){};
        h->job = bare_job(&h->bare, request);
        ck_assert_int_ge(ksm_job_new(&h->context, h->job, &listener, h, &h->work), 0);
}

/* The service manager answers: the tuner is @active, and by @file. */
static void answer(House *h, const char *active, const char *file, const char *trouble) {
        _cleanup_(units_done) Units units = {};
        _cleanup_error_ Error error = {};
        units_answered_t answered;
        Unit *tuner;

        LAB_WAIT(&h->lab, h->call.answered);
        tuner = units_add(&units, KSM_TUNER_UNIT);
        tuner->load = strdup("loaded");
        tuner->active = strdup(active);
        tuner->file = strdup(file);
        if (trouble)
                (void) error_set(&error, ERROR_FAILED, "%s", trouble);
        answered = h->call.answered;
        h->call.answered = NULL;
        answered(&units, &error, h->call.userdata);
}

static JobResult result_of(House *h) {
        LAB_WAIT(&h->lab, h->ended);
        return job_info(h->job)->status.result;
}

/* The worker's one step sets @name to @value. */
static void assert_sets(House *h, const char *name, const char *value) {
        Worker *w = lab_worker(&h->lab, NULL);

        ck_assert_uint_eq(w->plan->n_steps, 1);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_KSM_SET);
        ck_assert_str_eq(w->plan->steps[0].path, name);
        ck_assert_str_eq(w->plan->steps[0].text, value);
        worker_done(w);
}

START_TEST(without_a_unit_ksmd_is_started_by_the_kernel_and_that_is_written_down) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_ENABLE });
        answer(&h, "inactive", "disabled", NULL);
        ck_assert_str_eq(h.turned, "on");
        assert_sets(&h, "run", "1");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_DONE);
        ck_assert(h.context.store.config.run);
        ck_assert(temp_exists(&h.lab.t, PATH_KSM_CONFIG));

        begin(&h, &(JobRequest){ .type = JOB_KSM_DISABLE });
        answer(&h, "inactive", "disabled", NULL);
        ck_assert_str_eq(h.turned, "off");
        assert_sets(&h, "run", "0");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_DONE);
        ck_assert(!temp_exists(&h.lab.t, PATH_KSM_CONFIG));
}
END_TEST

START_TEST(unit_that_starts_ksmd_does_all_there_is_to_do) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_ENABLE });
        answer(&h, "active", "enabled", NULL);
        ck_assert_int_eq(result_of(&h), JOB_RESULT_DONE);
        ck_assert(!h.context.store.config.run);
        ck_assert_ptr_null(lab_held(&h.lab, NULL));
}
END_TEST

START_TEST(unit_that_cannot_be_started_is_not_replaced_by_us) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_ENABLE });
        answer(&h, "failed", "enabled", "It does not start");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_FAILED);
        ck_assert_str_eq(job_info(h.job)->status.error.message, "It does not start");
}
END_TEST

START_TEST(disable_goes_on_without_the_units_and_is_done_in_part) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        h.context.units = NULL;
        begin(&h, &(JobRequest){ .type = JOB_KSM_DISABLE });
        assert_sets(&h, "run", "0");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_PARTIAL);
        ck_assert_ptr_nonnull(strstr(job_info(h.job)->status.error.message, "no system bus"));
}
END_TEST

START_TEST(unmerge_is_refused_while_the_tuner_would_merge_again) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_UNMERGE });
        answer(&h, "active", "enabled", NULL);
        ck_assert_int_eq(result_of(&h), JOB_RESULT_FAILED);
        ck_assert_int_eq(job_info(h.job)->status.error.code, ERROR_BUSY);
}
END_TEST

START_TEST(unmerge_shows_how_far_it_is) {
        _cleanup_(close_house) House h = {};
        Worker *w;

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_UNMERGE, .force = true });
        answer(&h, "inactive", "disabled", NULL);
        w = lab_worker(&h.lab, NULL);
        ck_assert_int_eq(w->plan->steps[0].action, PLAN_KSM_UNMERGE);
        ck_assert(w->plan->steps[0].force);
        worker_say(w, &(Report){ .type = REPORT_STEP });
        worker_say(w, &(Report){ .type = REPORT_PROGRESS, .bytes = 50000000 });
        LAB_WAIT(&h.lab, job_info(h.job)->status.progress > 0);
        ck_assert_str_eq(job_info(h.job)->status.message, "unmerging");
        ksm_job_cancel(h.work);
        LAB_WAIT(&h.lab, worker_heard(w, WORKER_MESSAGE_STOP));
        worker_fail(w, ERROR_CANCELED, "The job was canceled");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_CANCELED);
}
END_TEST

START_TEST(settings_are_written_down_as_far_as_they_were_set_and_restored) {
        _cleanup_(ksm_attributes_done) KsmAttributes tunables = {};
        _cleanup_(close_house) House h = {};
        Worker *w;

        open_house(&h);
        ck_assert_int_ge(ksm_attributes_add(&tunables, "pages_to_scan", "200"), 0);
        ck_assert_int_ge(ksm_attributes_add(&tunables, "sleep_millisecs", "50"), 0);
        begin(&h, &(JobRequest){ .type = JOB_KSM_SET, .tunables = &tunables });
        w = lab_worker(&h.lab, NULL);
        ck_assert_uint_eq(w->plan->n_steps, 2);
        worker_say(w, &(Report){ .type = REPORT_STEP, .index = 0 });
        worker_say(w, &(Report){ .type = REPORT_STEP, .index = 1 });
        worker_fail(w, ERROR_INVALID_OPTION, "It does not take that");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_PARTIAL);
        ck_assert_uint_eq(h.context.store.config.tunables.n, 1);

        begin(&h, &(JobRequest){ .type = JOB_KSM_RESTORE });
        answer(&h, "inactive", "disabled", NULL);
        assert_sets(&h, "pages_to_scan", "200");
        ck_assert_int_eq(result_of(&h), JOB_RESULT_DONE);
}
END_TEST

START_TEST(job_that_waits_for_units_ends_when_nobody_answers_any_more) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_ENABLE });
        LAB_WAIT(&h.lab, h.call.answered);
        ksm_job_forget_units(h.work);
        ck_assert(h.ended);
        ck_assert_ptr_null(h.call.answered);
        ck_assert_int_eq(job_info(h.job)->status.result, JOB_RESULT_CANCELED);
}
END_TEST

START_TEST(job_that_is_canceled_while_units_are_asked_says_nothing_to_the_kernel) {
        _cleanup_(close_house) House h = {};

        open_house(&h);
        begin(&h, &(JobRequest){ .type = JOB_KSM_ENABLE });
        LAB_WAIT(&h.lab, h.call.answered);
        queue_cancel(h.bare.queue, h.job);
        ksm_job_cancel(h.work);
        answer(&h, "inactive", "disabled", NULL);
        ck_assert_int_eq(result_of(&h), JOB_RESULT_CANCELED);
        ck_assert_ptr_null(lab_held(&h.lab, NULL));
}
END_TEST

CHECK_MAIN("ksm-job", without_a_unit_ksmd_is_started_by_the_kernel_and_that_is_written_down,
           unit_that_starts_ksmd_does_all_there_is_to_do,
           unit_that_cannot_be_started_is_not_replaced_by_us,
           disable_goes_on_without_the_units_and_is_done_in_part,
           unmerge_is_refused_while_the_tuner_would_merge_again, unmerge_shows_how_far_it_is,
           settings_are_written_down_as_far_as_they_were_set_and_restored,
           job_that_waits_for_units_ends_when_nobody_answers_any_more,
           job_that_is_canceled_while_units_are_asked_says_nothing_to_the_kernel)
