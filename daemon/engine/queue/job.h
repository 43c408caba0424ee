/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Jobs, pieces of long work that a client can watch and cancel. */

#include <sys/types.h>

#include "common/error.h"
#include "core/history/deed.h"
#include "core/ksm/ksm-model.h"
#include "core/plan/plan.h"

typedef struct Job Job;

typedef enum JobType {
        JOB_REFRESH, /* bring ESPs into sync */
        JOB_VERIFY,  /* re-read every file on the ESPs */
        JOB_PROBE,   /* look again */
        JOB_PLAN,    /* look, and say what a refresh would do */
        JOB_FORMAT,  /* make a partition an empty ESP */
        JOB_INIT,    /* put a boot loader on an ESP, list it, bring it into sync */
        JOB_REINIT,  /* put the ESPs' own boot loaders on them anew, bring them into sync */
        JOB_CONVERT, /* take the next steps to Secure Boot that need nobody */
        JOB_KSM_ENABLE,
        JOB_KSM_DISABLE,
        JOB_KSM_UNMERGE,
        JOB_KSM_SET,     /* tunables */
        JOB_KSM_RESTORE, /* what was set in an earlier boot */
        _JOB_TYPE_MAX,
        _JOB_TYPE_INVALID = -EINVAL,
} JobType;

/* "refresh", "verify", "probe", "plan", "format", "init", "reinit", "convert", "ksm-enable",
 * "ksm-disable", "ksm-unmerge", "ksm-set", "ksm-restore" */
const char *job_type_to_string(JobType value);

typedef enum JobState {
        JOB_QUEUED,
        JOB_RUNNING,
        JOB_CANCELING,
        JOB_ENDED,
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -EINVAL,
} JobState;

/* "queued", "running", "canceling", "ended" */
const char *job_state_to_string(JobState value);

typedef enum JobResult {
        JOB_RESULT_DONE,
        JOB_RESULT_PARTIAL,
        JOB_RESULT_FAILED,
        JOB_RESULT_CANCELED,
        _JOB_RESULT_MAX,
        _JOB_RESULT_INVALID = -EINVAL,
} JobResult;

/* "done", "partial", "failed", "canceled" */
const char *job_result_to_string(JobResult value);

/* A caller's wish. Borrowed. */
typedef struct JobRequest {
        JobType type;
        char *const *esps;      /* FAT UUIDs, to manager_submit() any name; empty: all */
        const char *new_kernel; /* NULL, or a version that a package hook hands over */
        bool verify;            /* JOB_REFRESH: compare content instead of trusting manifests */
        const char *device;     /* JOB_FORMAT, JOB_INIT: as disks_name_device() called it */
        DeviceId device_id;     /* likewise; not set for a directory that serves as an ESP */
        EspLoader loader;       /* JOB_INIT; ESP_LOADER_NONE: to be chosen */
        bool force;             /* JOB_FORMAT: even if it holds a file system; JOB_KSM_DISABLE,
                                 * JOB_KSM_UNMERGE: even if memory may not suffice */
        bool unmerge;           /* JOB_KSM_DISABLE: what is merged, too */
        const KsmAttributes *tunables; /* JOB_KSM_SET */
        bool disks;                    /* JOB_PROBE: look at all disks, too */
        bool keys;                     /* likewise: find out who has signed what boots */
        uid_t uid;                     /* who asks; 0 for the daemon itself */
        bool unasked;                  /* nobody asks: it is the daemon's own wish */
        const char *change; /* NULL, or a sentence: what was changed, for which this is asked */
} JobRequest;

/* The share that one ESP has in a job, or, without a UUID, all of a job of KSM. */
typedef struct JobShare {
        char *uuid;           /* FAT */
        uint64_t done, total; /* bytes that are moved; of as much of it as is planned */
} JobShare;

/* Groups of what may change in a job, for PropertiesChanged. */
typedef enum JobChange {
        JOB_CHANGED_STATE = 1 << 0, /* also when it began */
        JOB_CHANGED_PROGRESS = 1 << 1,
        JOB_CHANGED_MESSAGE = 1 << 2,
        JOB_CHANGED_ESPS = 1 << 3, /* those that it is for, or works on */
        JOB_CHANGED_DONE = 1 << 4,
        JOB_CHANGED_TOTAL = 1 << 5,
        JOB_CHANGED_RATE = 1 << 6,
        JOB_CHANGED_WAITING = 1 << 7,
        JOB_CHANGED_SHARES = 1 << 8, /* what is done and to do of any of them */
} JobChange;

/* How far it is. */
typedef struct JobStatus {
        JobState state;
        JobResult result;        /* once ended */
        Error error;             /* not set if the result is done */
        unsigned progress;       /* percent of bytes, 0 to 100 */
        const char *message;     /* what it does now, a short phrase; "" at first */
        const char *waiting_for; /* words that may follow "waits for"; "": it does not wait */
        const JobShare *shares;  /* of the ESPs that it works on; none before it has begun */
        size_t n_shares;
        uint64_t bytes_done, bytes_total; /* of all shares */
        uint64_t rate;       /* bytes in a second, over the last seconds; 0: not known */
        unsigned changes;    /* JobChange bits that nobody was told of yet */
        uint64_t start_usec; /* µs since the epoch; 0: not yet */
        /* JOB_PLAN, once ended: one plan for each ESP that could be looked at, or that of the host
         * where the host's own GRUB is what boots it; and that of the firmware's variables, if a
         * one-shot is to be armed or taken back. */
        Plan **plans;
        size_t n_plans;
        Deed *deed; /* all that was done; complete when the end of the job is told */
} JobStatus;

/* All that is known of a job. */
typedef struct JobInfo {
        uint64_t id;
        JobRequest request; /* all that was asked for by those who have joined: the widest of it */
        char **new_kernels; /* of all of them */
        char **reasons;     /* the sentences of what was changed, for which it is asked */
        bool syncs;         /* an ESP that the job has looked at is to be changed */
        bool verifies;      /* every file on the ESPs is read */
        bool is_ksm;        /* not about ESPs: it runs beside the queue of those that are */
        JobStatus status;
} JobInfo;

/* Lives as long as the job. */
const JobInfo *job_info(const Job *job) _pure_;
bool job_wants_esp(const Job *job, const char *uuid) _pure_;

/* For the queue: */
/* @request is copied. 0 or -ENOMEM. */
int job_new(uint64_t id, const JobRequest *request, Job **ret);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free)
/* Take in another call for the same: what it asks for besides is added. 0 or -ENOMEM. */
int job_join(Job *job, const JobRequest *request);
/* True if a call for @request is served by @job, which waits and is of its type: any, as a wider
 * one; one for the same ESPs, as a plan is an answer to one question; or what is done to one
 * device, whatever names it was given by. */
bool job_joins_wider(const Job *job, const JobRequest *request) _pure_;
bool job_joins_same_esps(const Job *job, const JobRequest *request) _pure_;
bool job_joins_same_device(const Job *job, const JobRequest *request) _pure_;
/* JOB_RUNNING also where it begins anew: its plans are forgotten, and its bytes are counted from 0.
 */
void job_set_state(Job *job, JobState state);
/* Everybody was told of its changes. */
void job_told(Job *job);

/* For who does the work: */
/* As much of @shares is done at @now_usec (of any clock that does not go back). The percentage
 * never goes back, and stays below 100 until the job has ended. True if it is time to tell of what
 * has changed, which is four times a second at the most. */
bool job_set_progress(Job *job, const JobShare *shares, size_t n_shares, uint64_t now_usec);
/* True if it was another. */
bool job_set_message(Job *job, const char *message);
/* The same; "": it does not wait any more. */
bool job_set_waiting(Job *job, const char *what);
/* @error (may be NULL) is moved. */
void job_end(Job *job, JobResult result, Error *error);
/* Takes @plan over in any case. */
int job_add_plan(Job *job, Plan *plan);
