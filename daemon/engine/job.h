/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A piece of long work that a client can watch and cancel: what was asked, how far it is, how it
 * ended. The work itself is driven by refresh.c. */

#include <sys/types.h>

#include "common/error.h"
#include "core/plan.h"

typedef struct Job Job;

typedef enum JobType {
        JOB_REFRESH, /* bring ESPs into sync */
        JOB_VERIFY,  /* re-read every file on the ESPs */
        JOB_PROBE,   /* look again */
        JOB_PLAN,    /* look, and say what a refresh would do */
        _JOB_TYPE_MAX,
        _JOB_TYPE_INVALID = -EINVAL,
} JobType;

/* "refresh", "verify", "probe", "plan" */
DECLARE_STRING_TABLE(job_type, JobType);

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

/* JOB_PLAN, once ended: one plan for each ESP that could be looked at. */
size_t job_n_plans(const Job *job) _pure_;
const Plan *job_plan(const Job *job, size_t i) _pure_;

/* Verbs of the engine. */
int job_new(uint64_t id, JobType type, uid_t uid, Job **ret);
Job *job_free(Job *job);
DEFINE_CLEANUP(Job *, job_free)
/* Take in another call: @esps (empty: all), @new_kernel (may be NULL) and @verify are added. */
int job_join(Job *job, char *const *esps, const char *new_kernel, bool verify);
bool job_wants_esp(const Job *job, const char *uuid) _pure_;
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
