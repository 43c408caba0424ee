/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who wants a plan carried out sends an errand, and hears what the worker reports and how it ended.
 * The lock file tells every later daemon that there is a worker; one that is held is tried again
 * for a moment, since a worker whose daemon is gone ends by itself, but not in the same instant.
 * After that its holder counts as stuck. */

#include "engine/errand.h"

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/lock.h"

#define LOCK_RETRY_USEC    (100 * UINT64_C(1000))
#define LOCK_PATIENCE_USEC (3 * UINT64_C(1000000))

struct Errand {
        sd_event *event;
        const WorkerConfig *config;
        const Plan *plan;
        char *subject;
        const ErrandListener *listener;
        void *userdata;
        Task *task;
        sd_event_source *lock_timer;
        uint64_t lock_deadline; /* µs of CLOCK_MONOTONIC; 0: the lock was not found held */
        bool canceled;
};

Errand *errand_free(Errand *errand) {
        if (!errand)
                return NULL;
        sd_event_source_disable_unref(errand->lock_timer);
        task_free(errand->task);
        free(errand->subject);
        sd_event_unref(errand->event);
        return mfree(errand);
}

static void on_task_report(Task *task, Report *report, void *userdata) {
        Errand *errand = userdata;

        errand->listener->on_report(report, errand->userdata);
}

static void on_task_stuck(Task *task, void *userdata) {
        Errand *errand = userdata;

        task = TAKE_PTR(errand->task);
        errand->listener->on_stuck(task, 0, task_error(task), errand->userdata);
}

static void on_task_exit(Task *task, void *userdata) {
        Errand *errand = userdata;

        errand->listener->on_end(task_error(task), errand->userdata);
}

static const TaskListener task_listener = {
        .on_report = on_task_report,
        .on_stuck = on_task_stuck,
        .on_exit = on_task_exit,
};

static int on_lock_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* Try again in a moment. -ETIME when that has been done for long enough. */
static int wait_for_lock(Errand *errand) {
        uint64_t now;
        int r;

        r = sd_event_now(errand->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (errand->lock_deadline == 0)
                errand->lock_deadline = now + LOCK_PATIENCE_USEC;
        if (now >= errand->lock_deadline)
                return -ETIME;
        errand->lock_timer = sd_event_source_disable_unref(errand->lock_timer);
        return sd_event_add_time_relative(errand->event, &errand->lock_timer, CLOCK_MONOTONIC,
                                          LOCK_RETRY_USEC, 0, on_lock_timer, errand);
}

/* Take the lock and start the worker, or wait for the lock. -ETIME if process *@ret_holder keeps
 * it.
 */
static int try_to_start(Errand *errand, pid_t *ret_holder, Error *error) {
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int lock_fd = -EBADF;
        int r;

        *ret_holder = 0;
        r = plan_lock_name(errand->plan, &name);
        if (r < 0)
                return error_set_errno(error, r, "Cannot work on %s", errand->subject);
        lock_fd = lock_try(errand->config->root, name, ret_holder);
        if (lock_fd == -EBUSY) {
                r = wait_for_lock(errand);
                if (r != -ETIME)
                        return r;
                if (*ret_holder > 0)
                        return error_set(error, ERROR_TIMEOUT,
                                         "An earlier worker (process %d) still works on %s; "
                                         "waiting for it to end",
                                         (int) *ret_holder, errand->subject);
        }
        if (lock_fd < 0)
                return error_set_errno(error, lock_fd, "Cannot take the lock of %s in /" PATH_RUN,
                                       errand->subject);
        *ret_holder = 0;
        r = task_start(errand->event, errand->config, errand->plan, lock_fd, &task_listener, errand,
                       &errand->task);
        return r < 0 ? error_set_errno(error, r, "Cannot start the worker of %s", errand->subject)
                     : 0;
}

static int on_lock_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        _cleanup_error_ Error error = {};
        Errand *errand = userdata;
        pid_t holder = 0;
        int r;

        r = errand->canceled ? error_set(&error, ERROR_CANCELED, "The job was canceled")
                             : try_to_start(errand, &holder, &error);
        if (r >= 0)
                return 0;
        if (holder > 0)
                errand->listener->on_stuck(NULL, holder, &error, errand->userdata);
        else
                errand->listener->on_end(&error, errand->userdata);
        return 0;
}

int errand_new(sd_event *event, const WorkerConfig *config, const Plan *plan,
               const ErrandListener *listener, void *userdata, Errand **ret, Error *error) {
        _cleanup_(errand_freep) Errand *errand = calloc(1, sizeof(*errand));
        pid_t holder;
        int r;

        assert(listener);
        assert(ret);

        if (!errand)
                return error_set_errno(error, ENOMEM, "Cannot start a worker");
        errand->event = sd_event_ref(event);
        errand->config = config;
        errand->plan = plan;
        errand->listener = listener;
        errand->userdata = userdata;
        r = plan_subject(plan, &errand->subject);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start a worker");
        r = try_to_start(errand, &holder, error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(errand);
        return 0;
}

void errand_commit(Errand *errand) {
        if (errand->task)
                task_commit(errand->task);
}

void errand_cancel(Errand *errand) {
        errand->canceled = true;
        if (errand->task)
                task_stop(errand->task);
}
