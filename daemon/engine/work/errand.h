/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A plan on its way: the lock of what it works on is taken, patiently, and then one worker carries
 * it out. */

#include "engine/work/workers.h"

typedef struct Errand Errand;

/* Called from the event loop, never from within errand_new(). From within on_end the errand may be
 * freed, and nothing is called after it. */
typedef struct ErrandListener {
        bool beside_jobs; /* it only looks: who meets its lock waits, see workers_set_look() */
        void (*on_report)(Report *report, void *userdata); /* what it takes, it empties */
        /* The worker has ended, was never started, or does not die (see errand_is_stuck()); @error
         * is not set if all of the plan is done. */
        void (*on_end)(const Error *error, void *userdata);
} ErrandListener;

/* Takes @plan over in any case. Fails, with @error, if no worker can be started; a lock that is
 * held is waited for. */
int errand_new(Workers *workers, Plan *plan, const ErrandListener *listener, void *userdata,
               Errand **ret, Error *error);
/* A running worker goes on by itself, see task_free(). */
Errand *errand_free(Errand *errand);
DEFINE_CLEANUP(Errand *, errand_free)

const Plan *errand_plan(const Errand *errand) _pure_;
/* From on_end on: there is a worker that does not die, ours or that of an earlier daemon. As far as
 * it can be followed it is a straggler now. */
bool errand_is_stuck(const Errand *errand) _pure_;

/* Hand over the token / end it before its next step. */
void errand_commit(Errand *errand);
void errand_cancel(Errand *errand);
