/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The queue, and what is done in each kind of its jobs. */

#include "engine/ksm/ksm-control.h"
#include "engine/queue/queue.h"
#include "engine/state.h"

typedef struct Jobs Jobs;

typedef struct JobsListener {
        QueueListener queue;
        /* The files were read for a job that begins. */
        void (*has_read)(const Job *job, void *userdata);
} JobsListener;

int jobs_new(Workers *workers, State *state, const JobsListener *listener, void *userdata,
             Jobs **ret);
/* Running workers go on by themselves. */
Jobs *jobs_free(Jobs *jobs);
DEFINE_CLEANUP(Jobs *, jobs_free)

/* Both live as long as @jobs. */
Queue *jobs_queue(const Jobs *jobs) _pure_;
KsmControl *jobs_ksm(const Jobs *jobs) _pure_;

/* The disks were looked at, which the running job may have waited for. */
void jobs_surveyed(Jobs *jobs);
/* It was found out who has signed something, see state_judges(). */
void jobs_judged(Jobs *jobs);
/* @job has its result, and is still in the queue. If it was to set up an ESP and has an error, let
 * that say whether the ESP is on the list now, and what to do. */
void jobs_tell_setup(Jobs *jobs, Job *job);
/* The journal's line on what has become of it. */
void jobs_log_end(const Jobs *jobs, const Job *job);
/* The workers of the running job stop before their next step. */
void jobs_stop_workers(Jobs *jobs);
