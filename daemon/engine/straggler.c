/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* While a worker hangs on a dead disk, its ESP is left aside: no second worker is started for it,
 * and nothing waits. All that is kept is a pidfd that becomes readable when the kernel lets go of
 * the process at last. Holding a lock file of the ESP tells a restarted daemon about a worker that
 * it did not start. */

#include "engine/straggler.h"

#include <sys/pidfd.h>

#include "common/fd.h"

struct Straggler {
        Task *task;
        int pidfd;
        sd_event_source *source;
        straggler_ended_t ended;
        void *userdata;
};

Straggler *straggler_free(Straggler *straggler) {
        if (!straggler)
                return NULL;
        sd_event_source_disable_unref(straggler->source);
        safe_close(straggler->pidfd);
        task_free(straggler->task);
        return mfree(straggler);
}

static void on_late_report(Task *task, Report *report, void *userdata) {
}

static void on_late_stuck(Task *task, void *userdata) {
}

static void on_late_exit(Task *task, void *userdata) {
        Straggler *straggler = userdata;

        straggler->ended(straggler, straggler->userdata);
}

static const TaskListener late_listener = {
        .on_report = on_late_report,
        .on_stuck = on_late_stuck,
        .on_exit = on_late_exit,
};

int straggler_new_task(Task *task, straggler_ended_t ended, void *userdata, Straggler **ret) {
        Straggler *straggler = malloc(sizeof(*straggler));

        if (!straggler) {
                task_free(task);
                return -ENOMEM;
        }
        *straggler = (Straggler){
                .task = task,
                .pidfd = -EBADF,
                .ended = ended,
                .userdata = userdata,
        };
        task_set_listener(task, &late_listener, straggler);
        /* Its job is over: nobody will hand it the token. */
        task_stop(task);
        *ret = straggler;
        return 0;
}

static int on_gone(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Straggler *straggler = userdata;

        (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        straggler->ended(straggler, straggler->userdata);
        return 0;
}

int straggler_new_pid(sd_event *event, pid_t pid, straggler_ended_t ended, void *userdata,
                      Straggler **ret) {
        _cleanup_(straggler_freep) Straggler *straggler = malloc(sizeof(*straggler));
        int r;

        if (!straggler)
                return -ENOMEM;
        *straggler = (Straggler){ .ended = ended, .userdata = userdata };
        straggler->pidfd = pidfd_open(pid, 0);
        if (straggler->pidfd < 0)
                return -errno;
        r = sd_event_add_io(event, &straggler->source, straggler->pidfd, EPOLLIN, on_gone,
                            straggler);
        if (r < 0)
                return r;
        r = sd_event_source_set_priority(straggler->source, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(straggler);
        return 0;
}
