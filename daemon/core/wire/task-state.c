/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A worker that hangs on a dead disk cannot be waited for: it is warned about, asked, told, and
 * given up, while everything else goes on. Two tables say when. Timers, signals and what the user
 * is told are the engine's. */

#include "core/wire/task-state.h"

/* Whoever waits for the token has nothing to do, so only the token makes it run again, or the word
 * to stop. A signal cannot be taken back, so from TASK_TERMINATING on no report counts. */
static const TaskState next_state[_TASK_EVENT_MAX][_TASK_STATE_MAX] = {
        [TASK_EVENT_REPORT] = {
                [TASK_RUNNING] = TASK_RUNNING,
                [TASK_WARNED] = TASK_RUNNING,
                [TASK_WAITING] = TASK_WAITING,
                [TASK_TERMINATING] = TASK_TERMINATING,
                [TASK_KILLING] = TASK_KILLING,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_WAITING] = {
                [TASK_RUNNING] = TASK_WAITING,
                [TASK_WARNED] = TASK_WAITING,
                [TASK_WAITING] = TASK_WAITING,
                [TASK_TERMINATING] = TASK_TERMINATING,
                [TASK_KILLING] = TASK_KILLING,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_COMMIT] = {
                [TASK_RUNNING] = TASK_RUNNING,
                [TASK_WARNED] = TASK_WARNED,
                [TASK_WAITING] = TASK_RUNNING,
                [TASK_TERMINATING] = TASK_TERMINATING,
                [TASK_KILLING] = TASK_KILLING,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_STOP] = {
                [TASK_RUNNING] = TASK_RUNNING,
                [TASK_WARNED] = TASK_WARNED,
                [TASK_WAITING] = TASK_RUNNING,
                [TASK_TERMINATING] = TASK_TERMINATING,
                [TASK_KILLING] = TASK_KILLING,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_BABBLE] = {
                [TASK_RUNNING] = TASK_TERMINATING,
                [TASK_WARNED] = TASK_TERMINATING,
                [TASK_WAITING] = TASK_TERMINATING,
                [TASK_TERMINATING] = TASK_TERMINATING,
                [TASK_KILLING] = TASK_KILLING,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_DEADLINE] = {
                [TASK_RUNNING] = TASK_WARNED,
                [TASK_WARNED] = TASK_TERMINATING,
                [TASK_WAITING] = TASK_WAITING,
                [TASK_TERMINATING] = TASK_KILLING,
                [TASK_KILLING] = TASK_STUCK,
                [TASK_STUCK] = TASK_STUCK,
                [TASK_EXITED] = TASK_EXITED,
        },
        [TASK_EVENT_EXIT] = { [0 ... _TASK_STATE_MAX - 1] = TASK_EXITED },
};

#define USEC_PER_SEC UINT64_C(1000000)

static const uint64_t deadline_usec[_TASK_STATE_MAX] = {
        [TASK_RUNNING] = 30 * USEC_PER_SEC,     /* then the user is told */
        [TASK_WARNED] = 60 * USEC_PER_SEC,      /* then SIGTERM */
        [TASK_TERMINATING] = 10 * USEC_PER_SEC, /* then SIGKILL */
        [TASK_KILLING] = 10 * USEC_PER_SEC,     /* then it is given up */
        [TASK_WAITING] = UINT64_MAX,
        [TASK_STUCK] = UINT64_MAX,
        [TASK_EXITED] = UINT64_MAX,
};

TaskState task_state_next(TaskState state, TaskEvent event) {
        assert(state >= 0 && state < _TASK_STATE_MAX);
        assert(event >= 0 && event < _TASK_EVENT_MAX);
        return next_state[event][state];
}

uint64_t task_state_deadline_usec(TaskState state) {
        assert(state >= 0 && state < _TASK_STATE_MAX);
        return deadline_usec[state];
}
