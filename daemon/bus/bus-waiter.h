/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Callers that get their reply when a job ends. */

#include <systemd/sd-bus.h>

#include "engine/queue/queue.h"

typedef struct Bus Bus;

/* Reply to @m; @job has ended and is still readable. */
typedef int (*BusWaiterReply)(Bus *b, sd_bus_message *m, Job *job);

/* Keep @m, which is authorised, until @job ends, then call @reply. Returns what the handler has to
 * return. A caller who leaves is forgotten; the job goes on. */
int bus_wait_for_job(Bus *b, sd_bus_message *m, const Job *job, BusWaiterReply reply);

/* Reply to @m with the path of @job, "/" for NULL: now, or with @wait when it has ended, and then
 * with its error unless it is done. */
int bus_reply_job(Bus *b, sd_bus_message *m, Job *job, bool wait);
/* Reply with the error of @job, which has ended otherwise than it should. */
int bus_reply_job_error(sd_bus_message *m, const Job *job);
