/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A worker that outlives its job: one that does not die, or one that a former daemon left behind.
 */

#include "engine/task.h"

typedef struct Straggler Straggler;

/* Called once, when the process is gone; the straggler may be freed from within it. */
typedef void (*straggler_ended_t)(Straggler *straggler, void *userdata);

/* Takes @task over in any case. */
int straggler_new_task(Task *task, straggler_ended_t ended, void *userdata, Straggler **ret);
/* Watch process @pid, which is not ours to reap. -ESRCH if it is gone already. */
int straggler_new_pid(sd_event *event, pid_t pid, straggler_ended_t ended, void *userdata,
                      Straggler **ret);
Straggler *straggler_free(Straggler *straggler);
DEFINE_CLEANUP(Straggler *, straggler_free)
