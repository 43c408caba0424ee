/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A piece of long work that a client can watch and cancel: what was asked, how far it is, how it
 * ended. The work itself is driven by refresh.c or ksm.c. */

#include <sys/types.h>

#include "common/error.h"
#include "core/ksm-model.h"
#include "core/plan.h"

typedef struct Job Job;

typedef enum JobType {
        JOB_REFRESH, /* bring ESPs into sync */
        JOB_VERIFY,  /* re-read every file on the ESPs */
        JOB_PROBE,   /* look again */
        JOB_PLAN,    /* look, and say what a refresh would do */
        JOB_FORMAT,  /* make a partition an empty ESP */
        JOB_INIT,    /* put a boot loader on an ESP, list it, bring it into sync */
        JOB_REINIT,  /* put the ESPs' own boot loaders on them anew, bring them into sync */
        JOB_KSM_ENABLE,
        JOB_KSM_DISABLE,
        JOB_KSM_UNMERGE,
        JOB_KSM_SET,     /* tunables */
        JOB_KSM_RESTORE, /* what was set in an earlier boot */
        _JOB_TYPE_MAX,
        _JOB_TYPE_INVALID = -EINVAL,
} JobType;

/* "refresh", "verify", "probe", "plan", "format", "init", "reinit", "ksm-enable", "ksm-disable",
 * "ksm-unmerge", "ksm-set", "ksm-restore" */
DECLARE_STRING_TABLE(job_type, JobType);

/* Not about ESPs: it runs beside the queue of those that are, see engine/ksm.h. */
static inline bool job_type_is_ksm(JobType type) {
        return type >= JOB_KSM_ENABLE && type <= JOB_KSM_RESTORE;
}

typedef enum JobState {
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_CANCELING,
        JOB_ENDED,
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -EINVAL,
} JobState;

/* "queued", "running", "canceling", "ended" */
DECLARE_STRING_TABLE(job_state, JobState);

typedef enum JobResult {
        JOB_RESULT_DONE,
        JOB_RESULT_PARTIAL,
        JOB_RESULT_FAILED,
        JOB_RESULT_CANCELED,
        _JOB_RESULT_MAX,
        _JOB_RESULT_INVALID = -EINVAL,
} JobResult;

/* "done", "partial", "failed", "canceled" */
DECLARE_STRING_TABLE(job_result, JobResult);

uint64_t job_id(const Job *job) _pure_;
JobType job_get_type(const Job *job) _pure_;
JobState job_get_state(const Job *job) _pure_;
JobResult job_get_result(const Job *job) _pure_; /* once ended */
const Error *job_error(const Job *job) _pure_;   /* not set if the result is done */
unsigned job_progress(const Job *job) _pure_;    /* percent of bytes, 0 to 100 */
const char *job_message(const Job *job) _pure_;  /* what it does now, a short phrase */
char **job_esps(const Job *job) _pure_;          /* FAT UUIDs; NULL or empty: all */
uid_t job_uid(const Job *job) _pure_;            /* who asked; 0 for the daemon itself */
uint64_t job_start_usec(const Job *job) _pure_;  /* µs since the epoch; 0: not yet */

/* JOB_PLAN, once ended: one plan for each ESP that could be looked at, or that of the host where
 * the host's own GRUB is what boots it. */
size_t job_n_plans(const Job *job) _pure_;
const Plan *job_plan(const Job *job, size_t i) _pure_;

/* What a caller asks for. Borrowed. */
typedef struct JobRequest {
        JobType type;
        char *const *esps;      /* FAT UUIDs; empty: all */
        const char *new_kernel; /* NULL, or a version that a package hook hands over */
        bool verify;            /* JOB_REFRESH: compare content instead of trusting manifests */
        const char *device;     /* JOB_FORMAT, JOB_INIT: as manager_find_device() called it */
        DeviceId device_id;     /* likewise; not set for a directory that serves as an ESP */
        EspLoader loader;       /* JOB_INIT; ESP_LOADER_NONE: to be chosen */
        bool force;             /* JOB_FORMAT: even if it holds a file system; JOB_KSM_DISABLE,
                                 * JOB_KSM_UNMERGE: even if memory may not suffice */
        bool unmerge;           /* JOB_KSM_DISABLE: what is merged, too */
        const KsmAttributes *tunables; /* JOB_KSM_SET */
        bool disks;                    /* JOB_PROBE: look at all disks, too */
        uid_t uid;
} JobRequest;

/* Verbs of the engine. */
int job_new(uint64_t id, const JobRequest *request, Job **ret);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free)
/* Take in another call for the same: what it asks for besides is added. */
int job_join(Job *job, const JobRequest *request);
bool job_wants_esp(const Job *job, const char *uuid) _pure_;
bool job_unmerge(const Job *job) _pure_;
const KsmAttributes *job_tunables(const Job *job) _pure_; /* none but for JOB_KSM_SET */
/* JOB_FORMAT and JOB_INIT: "", an id that is not set, and ESP_LOADER_NONE for others. */
const char *job_device(const Job *job) _pure_;
const DeviceId *job_device_id(const Job *job) _pure_;
EspLoader job_loader(const Job *job) _pure_;
bool job_force(const Job *job) _pure_;
bool job_wants_disks(const Job *job) _pure_;
/* True if an ESP that the job has looked at is to be changed. */
bool job_syncs(const Job *job) _pure_;
char **job_new_kernels(const Job *job) _pure_;
bool job_verify(const Job *job) _pure_;
void job_start(Job *job, uint64_t usec);
/* True if what a client sees has changed; progress never goes back. */
bool job_set_progress(Job *job, unsigned percent);
bool job_set_message(Job *job, const char *message);
void job_set_canceling(Job *job);
/* @error (may be NULL) is moved. */
void job_end(Job *job, JobResult result, Error *error);
/* Takes @plan over in any case. */
int job_add_plan(Job *job, Plan *plan);
void job_drop_plans(Job *job);
