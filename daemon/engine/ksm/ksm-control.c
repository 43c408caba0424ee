/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All there is of KSM beside its job: the kernel's word when somebody asks, from sysfs, which does
 * not hang; and the processes, which a worker asks, since it reads files of every one of them. */

#include "engine/ksm/ksm-control.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "core/ksm/ksm-model.h"
#include "engine/ksm/ksm-job.h"
#include "engine/work/errand.h"
#include "sys/file.h"
#include "sys/ksm.h"

#define SHARE_USEC_MIN UINT64_C(1000000)
#define FOUND_USEC     UINT64_C(10000000) /* how long the result of a look is told again */

typedef struct CpuSample {
        uint64_t when_usec, cpu_usec;
} CpuSample;

struct KsmControl {
        KsmContext context;
        const KsmListener *listener;
        void *userdata;
        pid_t ksmd;
        CpuSample sample, sample_before;

        Job *job; /* NULL: none runs */
        KsmJob *work;

        Errand *listing; /* a look that runs, and who waits for it */
        ksm_listed_t listed;
        void *listed_userdata;
        KsmProcesses seen;   /* by the look that runs */
        KsmProcesses found;  /* by the last one that has not failed */
        uint64_t found_usec; /* when, by CLOCK_MONOTONIC; 0: never */
};

KsmControl *ksm_control_free(KsmControl *k) {
        if (!k)
                return NULL;
        ksm_job_free(k->work);
        ksm_control_forget_list(k);
        ksm_processes_done(&k->found);
        ksm_config_done(&k->context.store.config);
        return mfree(k);
}

static const Root *root_of(const KsmControl *k) {
        return workers_config(k->context.workers)->root;
}

int ksm_control_new(Workers *workers, const KsmListener *listener, void *userdata,
                    KsmControl **ret) {
        _cleanup_(ksm_control_freep) KsmControl *k = calloc(1, sizeof(*k));
        int r;

        if (!k)
                return -ENOMEM;
        k->context.workers = workers;
        k->listener = listener;
        k->userdata = userdata;
        r = ksm_store_load(&k->context.store, root_of(k));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(k);
        return 0;
}

void ksm_control_set_units(KsmControl *k, const UnitsOps *ops, void *ops_userdata) {
        if (k->work)
                ksm_job_forget_units(k->work);
        k->context.units = ops;
        k->context.units_userdata = ops_userdata;
}

int ksm_control_look(const KsmControl *k, Ksm *ret) {
        return ksm_look(root_of(k), ret);
}

void ksm_control_cpu(KsmControl *k, uint64_t *ret_usec, double *ret_share) {
        CpuSample now = { .when_usec = monotonic_usec() };

        *ret_usec = 0;
        *ret_share = 0;
        if (ksmd_cpu_usec(root_of(k), &k->ksmd, &now.cpu_usec) < 0)
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
        return k->context.store.config.run;
}

bool ksm_control_wants_restore(KsmControl *k) {
        int r = file_replace(root_of(k), PATH_KSM_RESTORED, "v1\n", 3, 0600);

        if (r < 0)
                log_warning("Cannot write /" PATH_KSM_RESTORED ": %s; KSM is left as it is.",
                            strerror(-r));
        return r > 0 && (k->context.store.config.run || k->context.store.config.tunables.n > 0);
}

static int check_memory(const KsmControl *k, const Ksm *ksm, Error *error) {
        uint64_t available, total;
        int r;

        if (ksm_figures(ksm).saved_bytes == 0)
                return 0;
        r = memory_look(root_of(k), &available, &total);
        if (r < 0)
                return error_set_errno(error, r,
                                       "Cannot tell from /" PATH_MEMINFO " how much memory is "
                                       "available; --force unmerges nevertheless");
        return ksm_check_memory(ksm, available, total, error);
}

int ksm_control_check(const KsmControl *k, const JobRequest *request, Error *error) {
        _cleanup_(ksm_done) Ksm ksm = {};
        int r;

        if (k->work)
                return error_set(error, ERROR_BUSY,
                                 "Job %" PRIu64 " (%s) is at work on KSM; wait until it is done or "
                                 "cancel it",
                                 job_info(k->job)->id,
                                 job_type_to_string(job_info(k->job)->request.type));
        r = ksm_look(root_of(k), &ksm);
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

static void on_job_changed(void *userdata) {
        KsmControl *k = userdata;

        k->listener->job_changed(k->job, k->userdata);
}

static void on_job_ended(void *userdata) {
        KsmControl *k = userdata;
        Job *job = TAKE_PTR(k->job);

        k->work = ksm_job_free(k->work);
        k->listener->ended(job, k->userdata);
}

static const KsmJobListener job_listener = {
        .changed = on_job_changed,
        .ended = on_job_ended,
};

int ksm_control_start(KsmControl *k, Job *job) {
        int r;

        assert(!k->job);

        r = ksm_job_new(&k->context, job, &job_listener, k, &k->work);
        if (r < 0)
                return r;
        k->job = job;
        return 0;
}

void ksm_control_cancel(KsmControl *k) {
        if (k->work)
                ksm_job_cancel(k->work);
}

static int take_process(KsmControl *k, const Report *report) {
        _cleanup_(ksm_process_done) KsmProcess process = {};
        _cleanup_(record_done) Record record = {};
        int r;

        r = report_read_record(report, &record);
        if (r >= 0)
                r = ksm_process_parse(&record, &process);
        if (r < 0)
                return r;
        if ((size_t) r != record.n_fields)
                return -EBADMSG;
        return ksm_processes_take(&k->seen, &process);
}

static void on_process(Report *report, void *userdata) {
        if (report->type == REPORT_PROCESS)
                (void) take_process(userdata, report);
}

static void on_listed(const Error *error, void *userdata) {
        KsmControl *k = userdata;
        _cleanup_(errand_freep) Errand *errand = TAKE_PTR(k->listing); /* it may have @error */
        _cleanup_(ksm_processes_done) KsmProcesses seen = TAKE_STRUCT(k->seen);

        if (error_is_set(error)) {
                k->listed(&seen, error, k->listed_userdata);
                return;
        }
        ksm_processes_done(&k->found);
        k->found = TAKE_STRUCT(seen);
        if (sd_event_now(workers_config(k->context.workers)->event, CLOCK_MONOTONIC,
                         &k->found_usec) < 0)
                k->found_usec = 0;
        k->listed(&k->found, error, k->listed_userdata);
}

static const ErrandListener listing_listener = {
        .on_report = on_process,
        .on_end = on_listed,
};

static bool found_lately(const KsmControl *k) {
        uint64_t now;

        return k->found_usec > 0 &&
               sd_event_now(workers_config(k->context.workers)->event, CLOCK_MONOTONIC, &now) >=
                               0 &&
               now - k->found_usec < FOUND_USEC;
}

int ksm_control_list(KsmControl *k, ksm_listed_t listed, void *userdata, Error *error) {
        Plan *plan = NULL;

        assert(!k->listing);

        if (found_lately(k)) {
                listed(&k->found, NULL, userdata);
                return 0;
        }
        if (plan_new(PLAN_ON_KSM_PROCESSES, NULL, &plan) >= 0 &&
            !plan_add(plan, PLAN_KSM_PROCESSES, NULL))
                plan = plan_free(plan);
        if (!plan)
                return error_set_errno(error, ENOMEM, "Cannot look for processes");
        k->listed = listed;
        k->listed_userdata = userdata;
        return errand_new(k->context.workers, plan, &listing_listener, k, &k->listing, error);
}

void ksm_control_forget_list(KsmControl *k) {
        k->listing = errand_free(k->listing);
        ksm_processes_done(&k->seen);
}
