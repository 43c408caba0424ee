/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls that start a job, and the wait for it. */

#include "client/call.h"

typedef struct JobResult {
        bool ran;      /* false: the daemon saw no need for a job */
        char *result;  /* done, partial, failed, canceled */
        char *error;   /* D-Bus error name; empty if there is none */
        char *message; /* one sentence, may be empty */
} JobResult;

void job_result_done(JobResult *j);
#define _cleanup_job_result_ _cleanup_(job_result_done)

/* STATUS_DONE, STATUS_PARTIAL or STATUS_FAILED. */
ExitStatus job_result_status(const JobResult *j);

/* Call @method with @strings and @options (each may be NULL), wait until the job that it returns is
 * finished, and show its progress on a terminal. An exit status other than STATUS_DONE means that
 * the call failed or the daemon got lost; how the job ended is in @ret. With refusal_is_result a
 * call that the daemon refuses counts as a job that failed, so that it is told in the same way. On
 * Ctrl-C the program ends here: the job does not. */
ExitStatus job_run(Connection *c, const Method *method, char *const *strings,
                   const CallOptions *options, JobResult *ret);
