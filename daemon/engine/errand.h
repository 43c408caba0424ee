/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan on its way: the lock of what it works on is taken, patiently, and then one worker carries
 * it out. */

#include "engine/task.h"

typedef struct Errand Errand;

/* Called from the event loop, never from within errand_new(). From within on_end and on_stuck the
 * errand may be freed, and nothing else is called after them. */
typedef struct ErrandListener {
        void (*on_report)(Report *report, void *userdata); /* what it takes, it empties */
        /* The worker has ended, or was never started; @error is not set if all of the plan is done.
         */
        void (*on_end)(const Error *error, void *userdata);
        /* There is a worker that does not die: @task, which is handed over, or (NULL) process
         * @holder of an earlier daemon. */
        void (*on_stuck)(Task *task, pid_t holder, const Error *error, void *userdata);
} ErrandListener;

/* @config and @plan are borrowed and outlive the errand. Fails, with @error, if no worker can be
 * started; a lock that is held is waited for. */
int errand_new(sd_event *event, const WorkerConfig *config, const Plan *plan,
               const ErrandListener *listener, void *userdata, Errand **ret, Error *error);
/* A running worker goes on by itself, see task_free(). */
Errand *errand_free(Errand *errand);
DEFINE_CLEANUP(Errand *, errand_free)

/* Hand over the token / end it before its next step. */
void errand_commit(Errand *errand);
void errand_cancel(Errand *errand);
