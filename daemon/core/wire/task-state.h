/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The life of a worker as the engine sees it. */

#include "common/macros.h"

typedef enum TaskState {
        TASK_RUNNING,
        TASK_WARNED,      /* no report for a while; the user was told */
        TASK_WAITING,     /* staged, waits for the token: no deadline runs */
        TASK_TERMINATING, /* SIGTERM sent */
        TASK_KILLING,     /* SIGKILL sent */
        TASK_STUCK,       /* does not die; given up until it does */
        TASK_EXITED,
        _TASK_STATE_MAX,
        _TASK_STATE_INVALID = -EINVAL,
} TaskState;

typedef enum TaskEvent {
        TASK_EVENT_REPORT,   /* any report but waiting: it lives */
        TASK_EVENT_WAITING,  /* it reported "waiting" */
        TASK_EVENT_COMMIT,   /* the token was handed to it */
        TASK_EVENT_STOP,     /* it was told to stop */
        TASK_EVENT_BABBLE,   /* what it says cannot be taken: it is no worker of ours any more */
        TASK_EVENT_DEADLINE, /* the state's time ran out */
        TASK_EVENT_EXIT,     /* the process is gone */
        _TASK_EVENT_MAX,
        _TASK_EVENT_INVALID = -EINVAL,
} TaskEvent;

/* The state after @event. A worker that was sent a signal does not become RUNNING again by a late
 * report. */
TaskState task_state_next(TaskState state, TaskEvent event) _const_;

/* Until the state's deadline, in µs since it was entered (or since the last report); UINT64_MAX:
 * none. 30 s to the warning, 60 s more to SIGTERM, 10 s to SIGKILL, 10 s to stuck. */
uint64_t task_state_deadline_usec(TaskState state) _const_;
