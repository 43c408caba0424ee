/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is a record: what was asked by how many callers, how far it is, how it ended. It owns no
 * bus message and starts no process. A job that names no ESP is for all of them, and joining keeps
 * it so: a wider wish is never narrowed. */

#include "engine/job.h"

#include "common/string-util.h"

struct Job {
        uint64_t id;
        JobType type;
        JobState state;
        JobResult result;
        uid_t uid;
        char **esps; /* empty: all */
        bool joined; /* by at least one call, so that an empty list means all */
        char **new_kernels;
        bool verify;
        char *device;
        DeviceId device_id;
        EspLoader loader;
        bool force, disks, unmerge;
        KsmAttributes tunables;
        uint64_t start_usec;
        unsigned progress;
        char *message;
        Error error;
        Plan **plans;
        size_t n_plans, n_plans_allocated;
};

static const char *const job_type_table[_JOB_TYPE_MAX] = {
        [JOB_REFRESH] = "refresh",
        [JOB_VERIFY] = "verify",
        [JOB_PROBE] = "probe",
        [JOB_PLAN] = "plan",
        [JOB_FORMAT] = "format",
        [JOB_INIT] = "init",
        [JOB_REINIT] = "reinit",
        [JOB_KSM_ENABLE] = "ksm-enable",
        [JOB_KSM_DISABLE] = "ksm-disable",
        [JOB_KSM_UNMERGE] = "ksm-unmerge",
        [JOB_KSM_SET] = "ksm-set",
        [JOB_KSM_RESTORE] = "ksm-restore",
};
DEFINE_STRING_TABLE(job_type, JobType)

static const char *const job_state_table[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",
        [JOB_RUNNING] = "running",
        [JOB_CANCELING] = "canceling",
        [JOB_ENDED] = "ended",
};
DEFINE_STRING_TABLE(job_state, JobState)

static const char *const job_result_table[_JOB_RESULT_MAX] = {
        [JOB_RESULT_DONE] = "done",
        [JOB_RESULT_PARTIAL] = "partial",
        [JOB_RESULT_FAILED] = "failed",
        [JOB_RESULT_CANCELED] = "canceled",
};
DEFINE_STRING_TABLE(job_result, JobResult)

int job_new(uint64_t id, const JobRequest *request, Job **ret) {
        _cleanup_(job_freep) Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->id = id;
        job->type = request->type;
        job->uid = request->uid;
        job->loader = request->loader;
        job->device_id = request->device_id;
        job->force = request->force;
        job->unmerge = request->unmerge;
        job->device = strdup(strempty(request->device));
        if (!job->device)
                return -ENOMEM;
        for (size_t i = 0; request->tunables && i < request->tunables->n; i++) {
                const KsmAttribute *tunable = &request->tunables->items[i];

                r = ksm_attributes_add(&job->tunables, tunable->name, tunable->value);
                if (r < 0)
                        return r;
        }
        r = job_join(job, request);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(job);
        return 0;
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        job_drop_plans(job);
        free(job->plans);
        strv_free(job->esps);
        strv_free(job->new_kernels);
        ksm_attributes_done(&job->tunables);
        free(job->device);
        free(job->message);
        error_done(&job->error);
        return mfree(job);
}

int job_join(Job *job, const JobRequest *request) {
        int r;

        if (strv_isempty(request->esps) || (job->joined && strv_isempty(job->esps)))
                job->esps = strv_free(job->esps);
        else {
                r = strv_extend_uniq(&job->esps, request->esps);
                if (r < 0)
                        return r;
        }
        if (request->new_kernel) {
                r = strv_extend_uniq(&job->new_kernels,
                                     (char *const[]){ (char *) request->new_kernel, NULL });
                if (r < 0)
                        return r;
        }
        job->joined = true;
        job->verify |= request->verify;
        job->disks |= request->disks;
        return 0;
}

bool job_wants_esp(const Job *job, const char *uuid) {
        return strv_isempty(job->esps) || strv_contains(job->esps, uuid);
}

const char *job_device(const Job *job) {
        return job->device;
}

const DeviceId *job_device_id(const Job *job) {
        return &job->device_id;
}

EspLoader job_loader(const Job *job) {
        return job->loader;
}

bool job_force(const Job *job) {
        return job->force;
}

bool job_unmerge(const Job *job) {
        return job->unmerge;
}

const KsmAttributes *job_tunables(const Job *job) {
        return &job->tunables;
}

bool job_wants_disks(const Job *job) {
        return job->disks || job->type == JOB_FORMAT || job->type == JOB_INIT;
}

bool job_syncs(const Job *job) {
        static const bool syncs[_JOB_TYPE_MAX] = {
                [JOB_REFRESH] = true,
                [JOB_INIT] = true,
                [JOB_REINIT] = true,
        };

        return syncs[job->type];
}

char **job_new_kernels(const Job *job) {
        return job->new_kernels;
}

bool job_verify(const Job *job) {
        return job->verify || job->type == JOB_VERIFY;
}

void job_start(Job *job, uint64_t usec) {
        job->state = JOB_RUNNING;
        job->start_usec = usec;
}

bool job_set_progress(Job *job, unsigned percent) {
        percent = MIN(percent, 100u);
        if (percent <= job->progress)
                return false;
        job->progress = percent;
        return true;
}

bool job_set_message(Job *job, const char *message) {
        char *copy;

        if (streq_ptr(job->message, message))
                return false;
        copy = strdup(message);
        if (!copy)
                return false;
        free(job->message);
        job->message = copy;
        return true;
}

void job_set_canceling(Job *job) {
        job->state = JOB_CANCELING;
}

void job_end(Job *job, JobResult result, Error *error) {
        job->state = JOB_ENDED;
        job->result = result;
        if (result == JOB_RESULT_DONE)
                job->progress = 100;
        if (error)
                error_move(&job->error, error);
}

int job_add_plan(Job *job, Plan *plan) {
        size_t i;

        if (!ARRAY_RESERVE(job->plans, job->n_plans_allocated, job->n_plans + 1)) {
                plan_free(plan);
                return -ENOMEM;
        }
        /* Whichever ESP answered first: people read them in the order of the list. */
        for (i = job->n_plans++; i > 0 && strcmp(job->plans[i - 1]->esp_uuid, plan->esp_uuid) > 0;
             i--)
                job->plans[i] = job->plans[i - 1];
        job->plans[i] = plan;
        return 0;
}

void job_drop_plans(Job *job) {
        while (job->n_plans > 0)
                plan_free(job->plans[--job->n_plans]);
}

uint64_t job_id(const Job *job) {
        return job->id;
}

JobType job_get_type(const Job *job) {
        return job->type;
}

JobState job_get_state(const Job *job) {
        return job->state;
}

JobResult job_get_result(const Job *job) {
        return job->result;
}

const Error *job_error(const Job *job) {
        return &job->error;
}

unsigned job_progress(const Job *job) {
        return job->progress;
}

const char *job_message(const Job *job) {
        return strempty(job->message);
}

char **job_esps(const Job *job) {
        return job->esps;
}

uid_t job_uid(const Job *job) {
        return job->uid;
}

uint64_t job_start_usec(const Job *job) {
        return job->start_usec;
}

size_t job_n_plans(const Job *job) {
        return job->n_plans;
}

const Plan *job_plan(const Job *job, size_t i) {
        assert(i < job->n_plans);
        return job->plans[i];
}
