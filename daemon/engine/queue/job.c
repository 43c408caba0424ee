/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A job is a record: what was asked by how many callers, how far it is, how it ended. It owns no
 * bus message and starts no process. A job that names no ESP is for all of them, and joining keeps
 * it so: a wider wish is never narrowed.
 *
 * It remembers what was not told yet, so that only that is told. The rate is made from what is
 * reported as it comes; with nothing to report there is no timer. */

#include "engine/queue/job.h"

#include "common/string-util.h"
#include "common/time-util.h"

#define TELL_INTERVAL_USEC (250 * UINT64_C(1000))  /* four times a second */
#define RATE_MEMORY_USEC   (3 * UINT64_C(1000000)) /* a disk takes bytes in gulps */

struct Job {
        JobInfo info; /* what its request points at is the job's: */
        char **esps;  /* empty: all */
        char *device;
        KsmAttributes tunables;
        bool joined; /* by at least one call, so that an empty list means all */
        char *message, *waiting_for;
        size_t n_plans_allocated;
        JobShare *shares;
        uint64_t told_usec;                  /* when its progress was told last */
        uint64_t sampled_usec, sampled_done; /* the rate is measured from there; 0: from nowhere */
        Deed deed;
};

static const char *const job_type_table[_JOB_TYPE_MAX] = {
        [JOB_REFRESH] = "refresh",
        [JOB_VERIFY] = "verify",
        [JOB_PROBE] = "probe",
        [JOB_PLAN] = "plan",
        [JOB_FORMAT] = "format",
        [JOB_INIT] = "init",
        [JOB_REINIT] = "reinit",
        [JOB_CONVERT] = "convert",
        [JOB_KSM_ENABLE] = "ksm-enable",
        [JOB_KSM_DISABLE] = "ksm-disable",
        [JOB_KSM_UNMERGE] = "ksm-unmerge",
        [JOB_KSM_SET] = "ksm-set",
        [JOB_KSM_RESTORE] = "ksm-restore",
};
DEFINE_TO_STRING(job_type, JobType)

static const char *const job_state_table[_JOB_STATE_MAX] = {
        [JOB_QUEUED] = "queued",
        [JOB_RUNNING] = "running",
        [JOB_CANCELING] = "canceling",
        [JOB_ENDED] = "ended",
};
DEFINE_TO_STRING(job_state, JobState)

static const char *const job_result_table[_JOB_RESULT_MAX] = {
        [JOB_RESULT_DONE] = "done",
        [JOB_RESULT_PARTIAL] = "partial",
        [JOB_RESULT_FAILED] = "failed",
        [JOB_RESULT_CANCELED] = "canceled",
};
DEFINE_TO_STRING(job_result, JobResult)

static void drop_plans(Job *job) {
        while (job->info.status.n_plans > 0)
                plan_free(job->info.status.plans[--job->info.status.n_plans]);
}

static void drop_shares(Job *job) {
        while (job->info.status.n_shares > 0)
                free(job->shares[--job->info.status.n_shares].uuid);
        job->info.status.shares = job->shares = mfree(job->shares);
}

Job *job_free(Job *job) {
        if (!job)
                return NULL;
        drop_plans(job);
        drop_shares(job);
        free(job->info.status.plans);
        error_done(&job->info.status.error);
        deed_done(&job->deed);
        strv_free(job->esps);
        strv_free(job->info.new_kernels);
        strv_free(job->info.reasons);
        ksm_attributes_done(&job->tunables);
        free(job->device);
        free(job->message);
        free(job->waiting_for);
        return mfree(job);
}

static int add_once(char ***l, const char *s) {
        return s ? strv_extend_uniq(l, (char *const[]){ (char *) s, NULL }) : 0;
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
        r = add_once(&job->info.new_kernels, request->new_kernel);
        if (r >= 0)
                r = add_once(&job->info.reasons, request->change);
        if (r < 0)
                return r;
        job->joined = true;
        job->info.request.esps = job->esps;
        job->info.request.new_kernel = job->info.request.change = NULL;
        job->info.request.verify |= request->verify;
        job->info.request.disks |= request->disks;
        job->info.request.keys |= request->keys;
        job->info.verifies = job->info.request.verify || request->type == JOB_VERIFY;
        job->info.status.changes |= JOB_CHANGED_ESPS;
        return 0;
}

int job_new(uint64_t id, const JobRequest *request, Job **ret) {
        static const bool syncs[_JOB_TYPE_MAX] = {
                [JOB_REFRESH] = true,
                [JOB_INIT] = true,
                [JOB_REINIT] = true,
                [JOB_CONVERT] = true,
        };
        _cleanup_(job_freep) Job *job = calloc(1, sizeof(*job));
        int r;

        if (!job)
                return -ENOMEM;
        job->info.id = id;
        job->info.syncs = syncs[request->type];
        job->info.is_ksm = request->type >= JOB_KSM_ENABLE && request->type <= JOB_KSM_RESTORE;
        job->info.status.message = job->info.status.waiting_for = "";
        job->info.status.deed = &job->deed;
        job->device = strdup(strempty(request->device));
        if (!job->device)
                return -ENOMEM;
        for (size_t i = 0; request->tunables && i < request->tunables->n; i++) {
                const KsmAttribute *tunable = &request->tunables->items[i];

                r = ksm_attributes_add(&job->tunables, tunable->name, tunable->value);
                if (r < 0)
                        return r;
        }
        job->info.request = *request;
        job->info.request.device = job->device;
        job->info.request.tunables = &job->tunables;
        r = job_join(job, request);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(job);
        return 0;
}

const JobInfo *job_info(const Job *job) {
        return &job->info;
}

bool job_wants_esp(const Job *job, const char *uuid) {
        return strv_isempty(job->esps) || strv_contains(job->esps, uuid);
}

static void set_count(Job *job, uint64_t *count, uint64_t value, JobChange change) {
        if (*count != value)
                job->info.status.changes |= change;
        *count = value;
}

static void begin(Job *job) {
        JobStatus *status = &job->info.status;

        drop_plans(job);
        if (status->n_shares > 0)
                status->changes |= JOB_CHANGED_SHARES;
        drop_shares(job);
        set_count(job, &status->bytes_done, 0, JOB_CHANGED_DONE);
        set_count(job, &status->bytes_total, 0, JOB_CHANGED_TOTAL);
        set_count(job, &status->rate, 0, JOB_CHANGED_RATE);
        job->sampled_usec = 0;
        if (status->start_usec == 0)
                status->start_usec = realtime_usec();
}

void job_set_state(Job *job, JobState state) {
        if (state == JOB_RUNNING)
                begin(job);
        if (job->info.status.state != state)
                job->info.status.changes |= JOB_CHANGED_STATE;
        job->info.status.state = state;
}

static void set_percent(Job *job, unsigned percent) {
        if (percent <= job->info.status.progress)
                return;
        job->info.status.progress = percent;
        job->info.status.changes |= JOB_CHANGED_PROGRESS;
}

static bool has_shares(const Job *job, const JobShare *shares, size_t n_shares) {
        if (job->info.status.n_shares != n_shares)
                return false;
        for (size_t i = 0; i < n_shares; i++)
                if (!streq_ptr(job->shares[i].uuid, shares[i].uuid))
                        return false;
        return true;
}

/* Nothing of them is done yet. */
static int make_shares(Job *job, const JobShare *shares, size_t n_shares) {
        drop_shares(job);
        job->shares = calloc(MAX(n_shares, (size_t) 1), sizeof(*shares));
        if (!job->shares)
                return -ENOMEM;
        job->info.status.shares = job->shares;
        for (size_t i = 0; i < n_shares; i++) {
                char *uuid = shares[i].uuid ? strdup(shares[i].uuid) : NULL;

                if (shares[i].uuid && !uuid)
                        return -ENOMEM;
                job->shares[job->info.status.n_shares++].uuid = uuid;
        }
        job->info.status.changes |= JOB_CHANGED_ESPS;
        return 0;
}

/* A gulp weighs as much as the time that it took. */
static void measure_rate(Job *job, uint64_t now_usec) {
        JobStatus *status = &job->info.status;
        const uint64_t usec = now_usec - job->sampled_usec;
        double rate, weight;

        if (job->sampled_usec > 0 && usec < TELL_INTERVAL_USEC)
                return;
        if (job->sampled_usec > 0 && status->bytes_done >= job->sampled_done) {
                rate = (double) (status->bytes_done - job->sampled_done) * 1e6 / (double) usec;
                weight = status->rate == 0 ? 1 : (double) usec / (double) (usec + RATE_MEMORY_USEC);
                rate = (double) status->rate + (rate - (double) status->rate) * weight;
                set_count(job, &status->rate, (uint64_t) rate, JOB_CHANGED_RATE);
        }
        job->sampled_usec = now_usec;
        job->sampled_done = status->bytes_done;
}

bool job_set_progress(Job *job, const JobShare *shares, size_t n_shares, uint64_t now_usec) {
        JobStatus *status = &job->info.status;
        uint64_t done = 0, total = 0;

        if (!has_shares(job, shares, n_shares) && make_shares(job, shares, n_shares) < 0)
                return false;
        for (size_t i = 0; i < n_shares; i++) {
                JobShare *share = &job->shares[i];

                set_count(job, &share->total, shares[i].total, JOB_CHANGED_SHARES);
                set_count(job, &share->done, MIN(shares[i].done, share->total), JOB_CHANGED_SHARES);
                done += share->done;
                total += share->total;
        }
        set_count(job, &status->bytes_done, done, JOB_CHANGED_DONE);
        set_count(job, &status->bytes_total, total, JOB_CHANGED_TOTAL);
        if (total > 0) {
                /* The last percent is the commit. */
                set_percent(job, (unsigned) ((double) done * 99 / (double) total));
                measure_rate(job, now_usec);
        }
        if (status->changes == 0 || now_usec < job->told_usec + TELL_INTERVAL_USEC)
                return false;
        job->told_usec = now_usec;
        return true;
}

/* True if it is another; out of memory the old one stays. */
static bool replace(char **text, const char *new) {
        char *copy;

        if (streq(strempty(*text), new))
                return false;
        copy = strdup(new);
        if (!copy)
                return false;
        free(*text);
        *text = copy;
        return true;
}

bool job_set_message(Job *job, const char *message) {
        if (!replace(&job->message, message))
                return false;
        job->info.status.message = job->message;
        job->info.status.changes |= JOB_CHANGED_MESSAGE;
        return true;
}

bool job_set_waiting(Job *job, const char *what) {
        if (!replace(&job->waiting_for, what))
                return false;
        job->info.status.waiting_for = job->waiting_for;
        job->info.status.changes |= JOB_CHANGED_WAITING;
        return true;
}

void job_told(Job *job) {
        job->info.status.changes = 0;
}

void job_end(Job *job, JobResult result, Error *error) {
        job->info.status.state = JOB_ENDED; /* for clients it is gone */
        job->info.status.result = result;
        if (result == JOB_RESULT_DONE)
                set_percent(job, 100);
        if (error)
                error_move(&job->info.status.error, error);
}

int job_add_plan(Job *job, Plan *plan) {
        size_t i;

        if (!ARRAY_RESERVE(job->info.status.plans, job->n_plans_allocated,
                           job->info.status.n_plans + 1)) {
                plan_free(plan);
                return -ENOMEM;
        }
        /* Whichever ESP answered first: people read them in the order of the list. */
        for (i = job->info.status.n_plans++;
             i > 0 && strcmp(strempty(job->info.status.plans[i - 1]->esp_uuid),
                             strempty(plan->esp_uuid)) > 0;
             i--)
                job->info.status.plans[i] = job->info.status.plans[i - 1];
        job->info.status.plans[i] = plan;
        return 0;
}

bool job_joins_wider(const Job *job, const JobRequest *request) {
        return true;
}

bool job_joins_same_esps(const Job *job, const JobRequest *request) {
        return strv_equal(job_info(job)->request.esps, request->esps);
}

bool job_joins_same_device(const Job *job, const JobRequest *request) {
        const JobRequest *own = &job_info(job)->request;

        return streq(own->device, strempty(request->device)) &&
               device_id_equal(&own->device_id, &request->device_id) &&
               own->loader == request->loader && own->force == request->force;
}
