/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job at work on ESPs: look at every one, plan, carry the plans out, tell how it went. */

#include "engine/run/context.h"

typedef struct Run Run;

/* Work on @job, from the next turn of the event loop on. @input is moved. @workers, @job and the
 * ESPs outlive the run. */
int run_new(Workers *workers, Job *job, RunInput *input, const RunListener *listener,
            void *userdata, Run **ret);
/* Workers that still run go on by themselves. */
Run *run_free(Run *run);
DEFINE_CLEANUP(Run *, run_free)

/* Every worker stops before its next step. */
void run_cancel(Run *run);
