/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by jobs.c and jobs-setup.c. */

#include "engine/jobs.h"
#include "engine/run/run.h"
#include "engine/work/patience.h"

#define LOOK_AT_DISKS "the look at all disks"
#define LOOK_AT_KEYS  "the look at keys and signatures"

struct Jobs {
        Workers *workers;
        State *state;
        const JobsListener *listener;
        void *userdata;
        Queue *queue;
        KsmControl *ksm;
        /* Of the running job: */
        Run *run;
        bool formats;
        bool awaits_keys;       /* it begins when it is known what Secure Boot accepts */
        Patience link_patience; /* JOB_INIT waits for the ESP's link */
        char *setup_uuid;       /* of the ESP of JOB_INIT; NULL: not known */
};

/* Tell what @job waits for; "": nothing. */
void jobs_set_waiting(Jobs *jobs, Job *job, const char *what);
/* It runs now: read everything again, and write what every job writes. */
int jobs_prepare(Jobs *jobs, Job *job, Error *error);
/* True if the job has to wait until it is known what Secure Boot accepts, which its plans follow
 * from. Where that cannot be found out it goes on without. */
bool jobs_await_keys(Jobs *jobs, Job *job);
/* Begin on @esps (NULL: -ENOMEM), which is taken over and ends with NULL. @prefer_shim: see
 * RunInput. */
int jobs_start_run(Jobs *jobs, Job *job, Esp **esps, bool prefer_shim);

/* The kinds of jobs that are done to a device. */
int jobs_start_setup(Job *job, Error *error, void *userdata);
void jobs_cancel_format(Job *job, void *userdata);
/* The running one waits no longer; @userdata: the jobs. */
void jobs_go_on_with_setup(void *userdata);
