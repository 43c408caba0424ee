/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One worker process from its start to its end, never waited for. */

#include <systemd/sd-event.h>

#include "common/error.h"
#include "core/plan/plan.h"
#include "core/wire/report.h"
#include "core/wire/task-state.h"
#include "sys/root.h"

typedef struct Task Task;

/* How workers are started. Borrowed by every task; outlives them. */
typedef struct WorkerConfig {
        sd_event *event;
        int exec_fd; /* the program, pinned by O_PATH at start so that an upgrade never mixes
                        versions */
        const Root *root;
        unsigned deadline_percent; /* 100; tests shorten the deadlines */
        bool no_kill;     /* tests: signals are not sent, as if the worker were in D state */
        const char *hook; /* tests: handed to the worker as --hook=; NULL */
} WorkerConfig;

/* Called from the event loop. After on_exit the task is over and may be freed from within it.
 * on_stuck: the worker does not die; on_exit comes when, or if, it does. @error: why it ended, or
 * is given up; not set if all of the plan is done. */
typedef struct TaskListener {
        void (*on_report)(Task *task, Report *report,
                          void *userdata); /* what it takes, it empties */
        void (*on_stuck)(Task *task, const Error *error, void *userdata);
        void (*on_exit)(Task *task, const Error *error, void *userdata);
} TaskListener;

/* Start a worker on @plan (which is not kept). @lock_fd is the ESP's lock: the worker holds it for
 * its life, the caller closes its own copy. The pid is written into it. */
int task_start(const WorkerConfig *config, const Plan *plan, int lock_fd,
               const TaskListener *listener, void *userdata, Task **ret);
/* Frees what belongs to the daemon; a running worker goes on and is reaped by nobody: only after
 * on_exit, or when the daemon leaves. */
Task *task_free(Task *task);
DEFINE_CLEANUP(Task *, task_free)

/* From now on @listener is called. */
void task_set_listener(Task *task, const TaskListener *listener, void *userdata);

/* Hand over the token. */
void task_commit(Task *task);
/* Ask it to stop before its next step. From now on the deadlines run, whatever it reports. */
void task_stop(Task *task);
