/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job of KSM has two halves: the units of the service manager that start or steer ksmd, then the
 * kernel itself, by a worker. Stopping the units is not enough: ksmd goes on as it was told to.
 * What has been set by hand is written down, and set again at the first start in a later boot.
 *
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine/ksm/ksm-job.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/ksm/ksm-model.h"
#include "engine/work/errand.h"
#include "sys/file.h"
#include "sys/ksm.h"

#define CONFIG_SIZE_MAX (16 * 1024)

static void unit_done(Unit *u) {
        free(u->name);
        free(u->load);
        free(u->active);
        free(u->file);
}

void units_done(Units *l) {
        for (size_t i = 0; i < l->n; i++)
                unit_done(&l->items[i]);
        free(l->items);
        *l = (Units){};
}

Unit *units_add(Units *l, const char *name) {
        Unit unit = { .name = strdup(name) };

        if (!unit.name || !ARRAY_RESERVE(l->items, l->n_allocated, l->n + 1)) {
                free(unit.name);
                return NULL;
        }
        l->items[l->n] = unit;
        return &l->items[l->n++];
}

const Unit *units_find(const Units *l, const char *name) {
        for (size_t i = 0; i < l->n; i++)
                if (streq(l->items[i].name, name))
                        return &l->items[i];
        return NULL;
}

UnitCondition unit_condition(const Unit *u) {
        return (UnitCondition){
                .available = streq_ptr(u->load, "loaded") && !isempty(u->file) &&
                             !startswith(u->file, "masked"),
                .active = !isempty(u->active) && !streq(u->active, "inactive") &&
                          !streq(u->active, "failed"),
                .enabled = u->file && startswith(u->file, "enabled"),
        };
}

/* Stop the tuner first, or it restarts ksmd. */
static const char *const unit_names[] = { KSM_TUNER_UNIT, KSM_UNIT, NULL };

struct KsmJob {
        KsmContext *context;
        const KsmJobListener *listener;
        void *userdata;
        Job *job;
        sd_event_source *start_source;
        UnitsCall *units_call;
        Errand *errand;
        uint64_t merged_bytes; /* when it began */
        size_t n_begun;        /* steps of the plan */
        Error trouble;         /* with units, or with what is written down: done in part */
};

int ksm_store_load(KsmStore *store, const Root *root) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *store = (KsmStore){ .root = root };
        r = file_read(root, PATH_KSM_CONFIG, CONFIG_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = ksm_config_parse(text, size, &store->config);
        return r == -ENOMEM ? r : 0;
}

/* Written before anything is switched off and after it was switched on: what is interrupted leaves
 * KSM off at the next boot. */
static int store_config(KsmStore *store, Error *error) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = ksm_config_format(&store->config, &text);
        if (r >= 0)
                r = text ? file_replace(store->root, PATH_KSM_CONFIG, text, strlen(text), 0600)
                         : file_remove(store->root, PATH_KSM_CONFIG);
        return r < 0 ? error_set_errno(error, r,
                                       "Cannot write /" PATH_KSM_CONFIG
                                       "; KSM is not set the same way at the next boot")
                     : 0;
}

/* Keep what was set: the first @n steps of the plan were done. */
static int store_set(KsmStore *store, const Plan *plan, size_t n, Error *error) {
        for (size_t i = 0; i < n; i++) {
                const PlanStep *step = &plan->steps[i];

                if (ksm_config_set(&store->config, step->path, step->text) < 0)
                        return error_set_errno(error, ENOMEM,
                                               "Cannot write down the settings of KSM");
        }
        return n > 0 ? store_config(store, error) : 0;
}

static int store_run(KsmStore *store, bool run, Error *error) {
        int r;

        if (store->config.run == run)
                return 0;
        store->config.run = run;
        r = store_config(store, error);
        if (r < 0)
                store->config.run = !run;
        return r;
}

KsmJob *ksm_job_free(KsmJob *k) {
        if (!k)
                return NULL;
        sd_event_source_disable_unref(k->start_source);
        if (k->units_call)
                k->context->units->free(k->units_call);
        errand_free(k->errand);
        error_done(&k->trouble);
        return mfree(k);
}

/* The job ends: @error says why the kernel is not as it was asked to be; not set: it is. */
static void end_job(KsmJob *k, Error *error) {
        bool some = k->n_begun > 1 || job_info(k->job)->request.type == JOB_KSM_DISABLE;
        JobResult result;

        if (!error_is_set(error))
                result = error_is_set(&k->trouble) ? JOB_RESULT_PARTIAL : JOB_RESULT_DONE;
        else if (error->code == ERROR_CANCELED)
                result = JOB_RESULT_CANCELED;
        else
                result = some ? JOB_RESULT_PARTIAL : JOB_RESULT_FAILED;
        job_end(k->job, result, error_is_set(error) ? error : &k->trouble);
        k->listener->ended(k->userdata);
}

static void tell(KsmJob *k, bool changed) {
        if (changed)
                k->listener->changed(k->userdata);
}

static void on_report(Report *report, void *userdata) {
        KsmJob *k = userdata;
        const Plan *plan = errand_plan(k->errand);
        const JobShare share = { .done = report->bytes, .total = k->merged_bytes };
        uint64_t now;

        if (report->type == REPORT_STEP && report->index < plan->n_steps) {
                k->n_begun = report->index + 1;
                if (plan->steps[report->index].action == PLAN_KSM_UNMERGE)
                        tell(k, job_set_message(k->job, "unmerging"));
        }
        if (report->type == REPORT_PROGRESS && k->merged_bytes > 0 &&
            sd_event_now(workers_config(k->context->workers)->event, CLOCK_MONOTONIC, &now) >= 0)
                tell(k, job_set_progress(k->job, &share, 1, now));
}

static void on_end(const Error *result, void *userdata) {
        _cleanup_error_ Error error = {};
        KsmJob *k = userdata;
        const Plan *plan = errand_plan(k->errand);
        size_t n_done;

        if (error_is_set(result))
                (void) error_copy(&error, result);
        n_done = !error_is_set(result) ? plan->n_steps : k->n_begun > 0 ? k->n_begun - 1 : 0;
        if (job_info(k->job)->request.type == JOB_KSM_SET)
                (void) store_set(&k->context->store, plan, n_done, &k->trouble);
        else if (job_info(k->job)->request.type == JOB_KSM_ENABLE && !error_is_set(&error))
                (void) store_run(&k->context->store, true, &k->trouble);
        end_job(k, &error);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
};

static int add_set(Plan *plan, const char *name, const char *value) {
        PlanStep *step = plan_add(plan, PLAN_KSM_SET, name);

        if (!step)
                return -ENOMEM;
        step->text = strdup(value);
        return step->text ? 0 : -ENOMEM;
}

static int add_unmerge(Plan *plan, bool force) {
        PlanStep *step = plan_add(plan, PLAN_KSM_UNMERGE, NULL);

        if (!step)
                return -ENOMEM;
        step->force = force;
        return 0;
}

static int add_tunables(Plan *plan, const KsmAttributes *tunables) {
        for (size_t i = 0; i < tunables->n; i++)
                if (add_set(plan, tunables->items[i].name, tunables->items[i].value) < 0)
                        return -ENOMEM;
        return 0;
}

/* Set anew all that was set before, as far as this kernel takes it. */
static int add_stored(KsmJob *k, Plan *plan, bool run) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r;

        r = ksm_look(k->context->store.root, &ksm);
        for (size_t i = 0; r >= 0 && i < k->context->store.config.tunables.n; i++) {
                const KsmAttribute *tunable = &k->context->store.config.tunables.items[i];
                _cleanup_error_ Error error = {};

                if (ksm_tunable_check(&ksm, tunable->name, tunable->value, &error) < 0)
                        log_warning("%s; leaving it as it is.", strempty(error.message));
                else
                        r = add_set(plan, tunable->name, tunable->value);
        }
        return r >= 0 && run ? add_set(plan, "run", "1") : r;
}

/* @by_unit: a unit starts ksmd. */
static int make_plan(KsmJob *k, bool by_unit, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        JobType type = job_info(k->job)->request.type;
        int r;

        r = plan_new(PLAN_ON_KSM, NULL, &plan);
        if (r >= 0 && type == JOB_KSM_ENABLE && !by_unit)
                r = add_set(plan, "run", "1");
        if (r >= 0 && type == JOB_KSM_DISABLE)
                r = add_set(plan, "run", "0");
        if (r >= 0 && type == JOB_KSM_SET)
                r = add_tunables(plan, job_info(k->job)->request.tunables);
        if (r >= 0 && type == JOB_KSM_RESTORE)
                r = add_stored(k, plan, k->context->store.config.run && !by_unit);
        if (r >= 0 && (type == JOB_KSM_UNMERGE || job_info(k->job)->request.unmerge))
                r = add_unmerge(plan, job_info(k->job)->request.force);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

/* The units are as they should be; now the kernel. 1 if a worker is at it, 0 if nothing is to be
 * done. */
static int carry_out(KsmJob *k, bool by_unit, Error *error) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(ksm_done) Ksm ksm = {};
        int r;

        if (job_info(k->job)->status.state == JOB_CANCELING)
                return error_set(error, ERROR_CANCELED,
                                 "The job was canceled before anything was said to the kernel; see "
                                 "'bootctl-pve ksm status'");
        r = make_plan(k, by_unit, &plan);
        if (r >= 0)
                r = ksm_look(k->context->store.root, &ksm);
        if (r < 0)
                return error_set_errno(error, r, "Cannot plan what to do about KSM");
        if (plan->n_steps == 0)
                return 0;
        k->merged_bytes = ksm_figures(&ksm).saved_bytes;
        r = errand_new(k->context->workers, TAKE_PTR(plan), &errand_listener, k, &k->errand, error);
        return r < 0 ? r : 1;
}

/* Some unit starts ksmd, or decides when it runs. */
static bool units_start_ksmd(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_condition(&units->items[i]).active &&
                    unit_condition(&units->items[i]).enabled)
                        return true;
        return false;
}

static bool tuner_is_active(const Units *units) {
        const Unit *tuner = units_find(units, KSM_TUNER_UNIT);

        return tuner && unit_condition(tuner).active;
}

static void on_units(const Units *units, const Error *trouble, void *userdata) {
        _cleanup_error_ Error error = {};
        KsmJob *k = userdata;
        JobType type = job_info(k->job)->request.type;
        bool by_unit = units_start_ksmd(units);

        k->units_call = NULL;
        if (error_is_set(trouble) && !error_is_set(&k->trouble))
                (void) error_copy(&k->trouble, trouble);
        /* We do not do instead of a unit what it should do. */
        if (error_is_set(trouble) && type == JOB_KSM_ENABLE && units->n > 0)
                (void) error_copy(&error, trouble);
        if (type == JOB_KSM_UNMERGE && tuner_is_active(units))
                (void) error_set(&error, ERROR_BUSY,
                                 KSM_TUNER_UNIT " is active and would merge again; use "
                                                "'bootctl-pve ksm disable --unmerge'");
        if (type == JOB_KSM_ENABLE && by_unit)
                (void) store_run(&k->context->store, false, &k->trouble);
        if (error_is_set(&error) || carry_out(k, by_unit, &error) <= 0)
                end_job(k, &error);
}

static int on_start(sd_event_source *source, void *userdata) {
        KsmJob *k = userdata;
        JobType type = job_info(k->job)->request.type;
        bool set = type == JOB_KSM_ENABLE || type == JOB_KSM_DISABLE;
        _cleanup_error_ Error error = {};
        const Units none = {};
        int r = 0;

        if (type == JOB_KSM_DISABLE)
                (void) store_run(&k->context->store, false, &k->trouble);
        if (type == JOB_KSM_SET) {
                if (carry_out(k, false, &error) <= 0)
                        end_job(k, &error);
                return 0;
        }
        if (!k->context->units)
                (void) error_set(&error, ERROR_NOT_SUPPORTED,
                                 "Whether " KSM_TUNER_UNIT " or " KSM_UNIT " will switch KSM "
                                 "otherwise is not known, as there is no system bus; look with "
                                 "'systemctl status'");
        else if (set)
                r = k->context->units->set(k->context->units_userdata, unit_names,
                                           type == JOB_KSM_ENABLE, on_units, k, &k->units_call);
        else
                r = k->context->units->ask(k->context->units_userdata, unit_names, on_units, k,
                                           &k->units_call);
        if (r < 0)
                (void) error_set_errno(&error, r, "Cannot call systemd");
        if (error_is_set(&error))
                on_units(&none, &error, k);
        else
                tell(k, job_set_message(k->job, set ? "switching units" : "asking for units"));
        return 0;
}

int ksm_job_new(KsmContext *context, Job *job, const KsmJobListener *listener, void *userdata,
                KsmJob **ret) {
        _cleanup_(ksm_job_freep) KsmJob *k = malloc(sizeof(*k));
        int r;

        if (!k)
                return -ENOMEM;
        *k = (KsmJob){
                .context = context,
                .listener = listener,
                .userdata = userdata,
                .job = job,
        };
        r = sd_event_add_defer(workers_config(context->workers)->event, &k->start_source, on_start,
                               k);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

void ksm_job_cancel(KsmJob *k) {
        if (k->errand)
                errand_cancel(k->errand);
}

void ksm_job_forget_units(KsmJob *k) {
        _cleanup_error_ Error error = {};

        if (k->units_call) {
                k->units_call = k->context->units->free(k->units_call);
                (void) error_set(&error, ERROR_CANCELED,
                                 "The connection to systemd has ended before its units were "
                                 "switched");
                end_job(k, &error);
        }
}
