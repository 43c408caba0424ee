/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job of KSM has two halves: the units of the service manager that start or steer ksmd, then the
 * kernel itself, by a worker. Stopping the units is not enough: ksmd goes on as it was told to.
 * What has been set by hand is written down, and set again at the first start in a later boot. */

#include "engine/ksm.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "core/ksm-config.h"
#include "core/ksm-tunable.h"
#include "engine/errand.h"
#include "sys/file.h"
#include "sys/ksm-sysfs.h"

#define CONFIG_SIZE_MAX (16 * 1024)
#define SHARE_USEC_MIN  UINT64_C(1000000)

/* What steers before what is steered, so that nobody starts ksmd again behind us. */
static const char *const unit_names[] = { KSM_TUNER_UNIT, KSM_UNIT, NULL };

typedef struct CpuSample {
        uint64_t when_usec, cpu_usec;
} CpuSample;

struct KsmControl {
        sd_event *event;
        const WorkerConfig *config;
        const KsmListener *listener;
        void *userdata;
        const UnitsOps *units;
        void *units_userdata;
        KsmConfig stored;
        pid_t ksmd;
        CpuSample sample, sample_before;

        Job *job; /* NULL: none runs */
        sd_event_source *start_source;
        UnitsCall *units_call;
        Plan *plan;
        Errand *errand;
        uint64_t merged_bytes; /* when it began */
        size_t n_begun;        /* steps of the plan */
        Error trouble;         /* with units, or with what is written down: done in part */
};

static void job_over(KsmControl *k) {
        sd_event_source_disable_unref(k->start_source);
        k->start_source = NULL;
        if (k->units_call)
                k->units_call = k->units->free(k->units_call);
        k->errand = errand_free(k->errand);
        k->plan = plan_free(k->plan);
        error_done(&k->trouble);
        k->job = NULL;
}

KsmControl *ksm_control_free(KsmControl *k) {
        if (!k)
                return NULL;
        job_over(k);
        ksm_config_done(&k->stored);
        sd_event_unref(k->event);
        return mfree(k);
}

static int load_config(KsmControl *k) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        r = file_read(k->config->root, PATH_KSM_CONFIG, CONFIG_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = ksm_config_parse(text, size, &k->stored);
        return r == -ENOMEM ? r : 0;
}

int ksm_control_new(sd_event *event, const WorkerConfig *config, const KsmListener *listener,
                    void *userdata, KsmControl **ret) {
        _cleanup_(ksm_control_freep) KsmControl *k = calloc(1, sizeof(*k));
        int r;

        if (!k)
                return -ENOMEM;
        k->event = sd_event_ref(event);
        k->config = config;
        k->listener = listener;
        k->userdata = userdata;
        r = load_config(k);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

static void end_job(KsmControl *k, Error *error);

void ksm_control_set_units(KsmControl *k, const UnitsOps *ops, void *ops_userdata) {
        _cleanup_error_ Error error = {};

        if (k->units_call) {
                k->units_call = k->units->free(k->units_call);
                (void) error_set(&error, ERROR_CANCELED,
                                 "The connection to systemd has ended before its units were "
                                 "switched");
                end_job(k, &error);
        }
        k->units = ops;
        k->units_userdata = ops_userdata;
}

int ksm_control_look(const KsmControl *k, Ksm *ret) {
        return ksm_look(k->config->root, ret);
}

void ksm_control_cpu(KsmControl *k, uint64_t *ret_usec, double *ret_share) {
        CpuSample now = { .when_usec = monotonic_usec() };

        *ret_usec = 0;
        *ret_share = 0;
        if (ksmd_cpu_usec(k->config->root, &k->ksmd, &now.cpu_usec) < 0)
                return;
        if (now.when_usec >= k->sample.when_usec + SHARE_USEC_MIN) {
                k->sample_before = k->sample;
                k->sample = now;
        }
        *ret_usec = now.cpu_usec;
        if (now.when_usec > k->sample_before.when_usec && now.cpu_usec >= k->sample_before.cpu_usec)
                *ret_share = MIN(1.0, (double) (now.cpu_usec - k->sample_before.cpu_usec) /
                                                      (double) (now.when_usec -
                                                                k->sample_before.when_usec));
}

bool ksm_control_at_boot(const KsmControl *k) {
        return k->stored.run;
}

bool ksm_control_wants_restore(KsmControl *k) {
        int r = file_replace(k->config->root, PATH_KSM_RESTORED, "v1\n", 3, 0600);

        if (r < 0)
                log_warning("Cannot write /" PATH_KSM_RESTORED ": %s; KSM is left as it is.",
                            strerror(-r));
        return r > 0 && (k->stored.run || k->stored.tunables.n > 0);
}

static int check_memory(const KsmControl *k, const Ksm *ksm, Error *error) {
        uint64_t available, total;
        int r;

        if (ksm_saved_bytes(ksm) == 0)
                return 0;
        r = memory_look(k->config->root, &available, &total);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot tell from /" PATH_MEMINFO " how much memory is "
                                       "available; --force unmerges nevertheless");
        return ksm_check_memory(ksm, available, total, error);
}

int ksm_control_check(const KsmControl *k, const JobRequest *request, Error *error) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r;

        if (k->job)
                return error_set(error, ERROR_BUSY,
                                 "Job %" PRIu64 " (%s) is at work on KSM; wait until it is done or "
                                 "cancel it",
                                 job_id(k->job), job_type_to_string(job_get_type(k->job)));
        r = ksm_look(k->config->root, &ksm);
        if (r < 0)
                return error_set_errno(error, r, "Cannot look at KSM");
        if (ksm.state == KSM_UNSUPPORTED)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "There is no KSM: /" PATH_KSM " is missing; it takes a kernel "
                                 "with CONFIG_KSM");
        if (request->type == JOB_KSM_SET && (!request->tunables || request->tunables->n == 0))
                return error_set(error, ERROR_INVALID_OPTION,
                                 "No setting of KSM was given; give one as in sleep_millisecs=20");
        if (request->type == JOB_KSM_SET)
                return ksm_tunables_check(&ksm, request->tunables, error);
        if (!request->force && (request->unmerge || request->type == JOB_KSM_UNMERGE))
                return check_memory(k, &ksm, error);
        return 0;
}

/* Written before anything is switched off and after it was switched on: what is interrupted leaves
 * KSM off at the next boot. */
static int store_config(KsmControl *k, Error *error) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = ksm_config_format(&k->stored, &text);
        if (r >= 0)
                r = text ? file_replace(k->config->root, PATH_KSM_CONFIG, text, strlen(text), 0600)
                         : file_remove(k->config->root, PATH_KSM_CONFIG);
        return r < 0 ? error_set_errno(error, r,
                                       "Cannot write /" PATH_KSM_CONFIG
                                       "; KSM is not set the same way at the next boot")
                     : 0;
}

/* Keep what was set: the first @n steps of the plan were done. */
static int store_set(KsmControl *k, size_t n, Error *error) {
        for (size_t i = 0; i < n; i++) {
                const PlanStep *step = &k->plan->steps[i];

                if (ksm_config_set(&k->stored, step->path, step->text) < 0)
                        return error_set_errno(error, ENOMEM,
                                               "Cannot write down the settings of KSM");
        }
        return n > 0 ? store_config(k, error) : 0;
}

static int store_run(KsmControl *k, bool run, Error *error) {
        int r;

        if (k->stored.run == run)
                return 0;
        k->stored.run = run;
        r = store_config(k, error);
        if (r < 0)
                k->stored.run = !run;
        return r;
}

/* The job ends: @error says why the kernel is not as it was asked to be; not set: it is. */
static void end_job(KsmControl *k, Error *error) {
        bool some = k->n_begun > 1 || job_get_type(k->job) == JOB_KSM_DISABLE;
        Job *job = k->job;
        JobResult result;

        if (!error_is_set(error))
                result = error_is_set(&k->trouble) ? JOB_RESULT_PARTIAL : JOB_RESULT_DONE;
        else if (error->code == ERROR_CANCELED)
                result = JOB_RESULT_CANCELED;
        else
                result = some ? JOB_RESULT_PARTIAL : JOB_RESULT_FAILED;
        job_end(job, result, error_is_set(error) ? error : &k->trouble);
        job_over(k);
        k->listener->ended(job, k->userdata);
}

static void tell(KsmControl *k, bool changed) {
        if (changed)
                k->listener->job_changed(k->job, k->userdata);
}

static void on_report(Report *report, void *userdata) {
        KsmControl *k = userdata;
        uint64_t bytes;

        if (report->type == REPORT_STEP && report->index < k->plan->n_steps) {
                k->n_begun = report->index + 1;
                if (k->plan->steps[report->index].action == PLAN_KSM_UNMERGE)
                        tell(k, job_set_message(k->job, "unmerging"));
        }
        if (report->type != REPORT_PROGRESS || k->merged_bytes == 0)
                return;
        bytes = MIN(report->bytes, k->merged_bytes);
        tell(k, job_set_progress(k->job, (unsigned) ((double) bytes * 99 / k->merged_bytes)));
}

static void on_end(const Error *result, void *userdata) {
        _cleanup_error_ Error error = {};
        KsmControl *k = userdata;
        size_t n_done;

        if (error_is_set(result))
                (void) error_copy(&error, result);
        n_done = !error_is_set(result) ? k->plan->n_steps : k->n_begun > 0 ? k->n_begun - 1 : 0;
        if (job_get_type(k->job) == JOB_KSM_SET)
                (void) store_set(k, n_done, &k->trouble);
        else if (job_get_type(k->job) == JOB_KSM_ENABLE && !error_is_set(&error))
                (void) store_run(k, true, &k->trouble);
        end_job(k, &error);
}

static void on_stuck(Task *task, pid_t holder, const Error *error, void *userdata) {
        KsmControl *k = userdata;

        k->listener->stuck(task, holder, k->userdata);
        on_end(error, k);
}

static const ErrandListener errand_listener = {
        .on_report = on_report,
        .on_end = on_end,
        .on_stuck = on_stuck,
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

/* What was set before, as far as this kernel takes it. */
static int add_stored(KsmControl *k, Plan *plan, bool run) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r;

        r = ksm_look(k->config->root, &ksm);
        for (size_t i = 0; r >= 0 && i < k->stored.tunables.n; i++) {
                const KsmAttribute *tunable = &k->stored.tunables.items[i];
                _cleanup_error_ Error error = {};

                if (ksm_tunable_check(&ksm, tunable->name, tunable->value, &error) < 0)
                        log_warning("%s; leaving it as it is.", strempty(error.message));
                else
                        r = add_set(plan, tunable->name, tunable->value);
        }
        return r >= 0 && run ? add_set(plan, "run", "1") : r;
}

/* @by_unit: a unit starts ksmd. */
static int make_plan(KsmControl *k, bool by_unit, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        JobType type = job_get_type(k->job);
        int r;

        r = plan_new_host(&plan);
        if (r >= 0 && type == JOB_KSM_ENABLE && !by_unit)
                r = add_set(plan, "run", "1");
        if (r >= 0 && type == JOB_KSM_DISABLE)
                r = add_set(plan, "run", "0");
        if (r >= 0 && type == JOB_KSM_SET)
                r = add_tunables(plan, job_tunables(k->job));
        if (r >= 0 && type == JOB_KSM_RESTORE)
                r = add_stored(k, plan, k->stored.run && !by_unit);
        if (r >= 0 && (type == JOB_KSM_UNMERGE || job_unmerge(k->job)))
                r = add_unmerge(plan, job_force(k->job));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

/* The units are as they should be; now the kernel. */
static void carry_out(KsmControl *k, bool by_unit) {
        _cleanup_(ksm_done) Ksm ksm = {};
        _cleanup_error_ Error error = {};
        int r;

        if (job_get_state(k->job) == JOB_CANCELING) {
                (void) error_set(&error, ERROR_CANCELED,
                                 "The job was canceled before anything was said to the kernel; see "
                                 "'bootctl-pve ksm status'");
                end_job(k, &error);
                return;
        }
        r = make_plan(k, by_unit, &k->plan);
        if (r >= 0)
                r = ksm_look(k->config->root, &ksm);
        if (r < 0)
                (void) error_set_errno(&error, r, "Cannot plan what to do about KSM");
        else if (k->plan->n_steps > 0) {
                k->merged_bytes = ksm_saved_bytes(&ksm);
                r = errand_new(k->event, k->config, k->plan, &errand_listener, k, &k->errand,
                               &error);
        }
        if (r < 0 || k->plan->n_steps == 0)
                end_job(k, &error);
}

/* Some unit starts ksmd, or decides when it runs. */
static bool units_start_ksmd(const Units *units) {
        for (size_t i = 0; i < units->n; i++)
                if (unit_is_active(&units->items[i]) && unit_is_enabled(&units->items[i]))
                        return true;
        return false;
}

static bool tuner_is_active(const Units *units) {
        const Unit *tuner = units_find(units, KSM_TUNER_UNIT);

        return tuner && unit_is_active(tuner);
}

static void on_units(const Units *units, const Error *trouble, void *userdata) {
        _cleanup_error_ Error error = {};
        KsmControl *k = userdata;
        JobType type = job_get_type(k->job);
        bool by_unit = units_start_ksmd(units);

        k->units_call = NULL;
        if (error_is_set(trouble) && !error_is_set(&k->trouble))
                (void) error_copy(&k->trouble, trouble);
        /* What a unit should do, we do not do instead. */
        if (error_is_set(trouble) && type == JOB_KSM_ENABLE && units->n > 0)
                (void) error_copy(&error, trouble);
        if (type == JOB_KSM_UNMERGE && tuner_is_active(units))
                (void) error_set(&error, ERROR_BUSY,
                                 KSM_TUNER_UNIT " is active and would merge again; use "
                                                "'bootctl-pve ksm disable --unmerge'");
        if (type == JOB_KSM_ENABLE && by_unit)
                (void) store_run(k, false, &k->trouble);
        if (error_is_set(&error))
                end_job(k, &error);
        else
                carry_out(k, by_unit);
}

static void begin(KsmControl *k) {
        JobType type = job_get_type(k->job);
        bool turn = type == JOB_KSM_ENABLE || type == JOB_KSM_DISABLE;
        _cleanup_error_ Error error = {};
        const Units none = {};
        int r = 0;

        if (type == JOB_KSM_DISABLE)
                (void) store_run(k, false, &k->trouble);
        if (type == JOB_KSM_SET) {
                carry_out(k, false);
                return;
        }
        if (!k->units)
                (void) error_set(&error, ERROR_NOT_SUPPORTED,
                                 "Whether " KSM_TUNER_UNIT " or " KSM_UNIT " will switch KSM "
                                 "otherwise is not known, as there is no system bus; look with "
                                 "'systemctl status'");
        else if (turn)
                r = k->units->turn(k->units_userdata, unit_names, type == JOB_KSM_ENABLE, on_units,
                                   k, &k->units_call);
        else
                r = k->units->ask(k->units_userdata, unit_names, on_units, k, &k->units_call);
        if (r < 0)
                (void) error_set_errno(&error, r, "Cannot call systemd");
        if (error_is_set(&error))
                on_units(&none, &error, k);
        else
                tell(k, job_set_message(k->job, turn ? "switching units" : "asking for units"));
}

static int on_start(sd_event_source *source, void *userdata) {
        begin(userdata);
        return 0;
}

int ksm_control_start(KsmControl *k, Job *job) {
        int r;

        assert(!k->job);

        r = sd_event_add_defer(k->event, &k->start_source, on_start, k);
        if (r < 0)
                return r;
        k->job = job;
        k->n_begun = 0;
        k->merged_bytes = 0;
        job_start(job, realtime_usec());
        return 0;
}

void ksm_control_cancel(KsmControl *k) {
        if (!k->job)
                return;
        job_set_canceling(k->job);
        tell(k, true);
        if (k->errand)
                errand_cancel(k->errand);
}
