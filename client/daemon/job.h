/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls that start a job, and the wait for it. */

#include "client/daemon/call.h"

typedef struct JobResult {
        bool ran;         /* false: the daemon saw no need for a job, or nobody has waited for it */
        bool refused;     /* the daemon has refused the call, which counts as one that failed */
        uint64_t started; /* the number of a job that nobody has waited for; 0: none */
        char *result;     /* done, partial, failed, canceled */
        char *error;      /* D-Bus error name; empty if there is none */
        char *message;    /* one sentence, may be empty */
} JobResult;

void job_result_done(JobResult *j);
#define _cleanup_job_result_ _cleanup_(job_result_done)

/* STATUS_DONE, STATUS_PARTIAL or STATUS_FAILED. */
ExitStatus job_result_status(const JobResult *j);

/* Call @method with @strings and @options (each may be NULL), wait until the job that it returns is
 * finished, and show its progress, unless the connection is quiet: on a terminal in a line that is
 * drawn over and over, elsewhere in one every few seconds if it takes long. An exit status other
 * than STATUS_DONE means that the call failed or the daemon got lost; how the job ended is in @ret.
 * With refusal_is_result a call that the daemon refuses counts as a job that failed, so that it is
 * told in the same way; with no_block nobody waits, and the job's number is all that is known of
 * it. On Ctrl-C the program ends here: the job does not. */
ExitStatus job_run(Connection *c, const Method *method, char *const *strings,
                   const CallOptions *options, JobResult *ret);

/* Have a private daemon, which has just been started and remembers nothing, look at the ESPs, and
 * with @keys at who has signed what boots; the one on the bus has looked. How that went is in each
 * ESP's state. */
ExitStatus job_first_look(Connection *c, bool keys);
/* Have the daemon look at all disks again. That a caller may not ask for that is said, and no
 * failure. */
ExitStatus job_look(Connection *c);
