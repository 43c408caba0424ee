/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An errand owns its plan, and the worker while that runs. The lock file tells every later daemon
 * that there is a worker; one that is held is tried again for a moment, since a worker whose daemon
 * is gone ends by itself, but not in the same instant. After that its holder counts as stuck. A
 * worker that does not die is handed to the stragglers, so that whoever sent the errand need not
 * know of it. */

#include "engine/work/errand.h"

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "engine/work/patience.h"
#include "sys/lock.h"

#define LOCK_RETRY_USEC    (100 * UINT64_C(1000))
#define LOCK_PATIENCE_USEC (3 * UINT64_C(1000000))
/* Jobs, the asker and the keeper of boot entries share the firmware, which may be slow. */
#define FIRMWARE_PATIENCE_USEC (30 * UINT64_C(1000000))

struct Errand {
        Workers *workers;
        Plan *plan;
        char *subject;
        const ErrandListener *listener;
        void *userdata;
        Task *task;
        Patience patience; /* for the lock */
        bool canceled, stuck;
};

Errand *errand_free(Errand *errand) {
        if (!errand)
                return NULL;
        patience_end(&errand->patience);
        task_free(errand->task);
        plan_free(errand->plan);
        free(errand->subject);
        return mfree(errand);
}

const Plan *errand_plan(const Errand *errand) {
        return errand->plan;
}

bool errand_is_stuck(const Errand *errand) {
        return errand->stuck;
}

/* Either our @task does not die, or (NULL) process @holder of an earlier daemon. */
static void give_up(Errand *errand, Task *task, pid_t holder, const Error *error) {
        errand->stuck = true;
        (void) workers_follow(errand->workers, task, holder, errand->plan->esp_uuid);
        errand->listener->on_end(error, errand->userdata);
}

static void on_task_report(Task *task, Report *report, void *userdata) {
        Errand *errand = userdata;

        errand->listener->on_report(report, errand->userdata);
}

static void on_task_stuck(Task *task, const Error *why, void *userdata) {
        _cleanup_error_ Error error = {};
        Errand *errand = userdata;

        (void) error_copy(&error, why);
        give_up(errand, TAKE_PTR(errand->task), 0, &error);
}

static void on_task_exit(Task *task, const Error *error, void *userdata) {
        Errand *errand = userdata;

        errand->listener->on_end(error, errand->userdata);
}

static const TaskListener task_listener = {
        .on_report = on_task_report,
        .on_stuck = on_task_stuck,
        .on_exit = on_task_exit,
};

static void try_again(void *userdata);

/* Take the lock and start the worker, or wait for the lock. If process *@ret_holder keeps it for
 * too long: -ETIME. */
static int try_to_start(Errand *errand, pid_t *ret_holder, Error *error) {
        const WorkerConfig *config = workers_config(errand->workers);
        _cleanup_free_ char *name = NULL;
        _cleanup_close_ int lock_fd = -EBADF;
        int r;

        *ret_holder = 0;
        r = plan_lock_name(errand->plan, &name);
        if (r < 0)
                return error_set_errno(error, r, "Cannot work on %s", errand->subject);
        lock_fd = lock_try(config->root, name, ret_holder);
        if (lock_fd == -EBUSY) {
                /* Our own look has deadlines, as every worker. */
                if (workers_look_at(errand->workers, errand->plan->esp_uuid))
                        patience_end(&errand->patience);
                r = patience_wait(&errand->patience, config->event, LOCK_RETRY_USEC,
                                  errand->plan->subject == PLAN_ON_FIRMWARE ? FIRMWARE_PATIENCE_USEC
                                                                            : LOCK_PATIENCE_USEC,
                                  try_again, errand);
                if (r >= 0)
                        return 0;
                if (r == -ETIME && *ret_holder > 0)
                        return error_set(error, ERROR_TIMEOUT,
                                         "An earlier worker (process %d) still works on %s; "
                                         "waiting for it to end",
                                         (int) *ret_holder, errand->subject);
        }
        *ret_holder = 0;
        if (lock_fd < 0)
                return error_set_errno(error, lock_fd, "Cannot take the lock of %s in /" PATH_RUN,
                                       errand->subject);
        r = task_start(config, errand->plan, lock_fd, &task_listener, errand, &errand->task);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start the worker of %s", errand->subject);
        /* From now on the worker has the lock, however long it takes to say its first word. */
        if (errand->listener->beside_jobs)
                workers_set_look(errand->workers, errand->plan->esp_uuid);
        return 0;
}

static void try_again(void *userdata) {
        _cleanup_error_ Error error = {};
        Errand *errand = userdata;
        pid_t holder = 0;
        int r;

        r = errand->canceled ? error_set(&error, ERROR_CANCELED, "The job was canceled")
                             : try_to_start(errand, &holder, &error);
        if (r >= 0)
                return;
        if (holder > 0)
                give_up(errand, NULL, holder, &error);
        else
                errand->listener->on_end(&error, errand->userdata);
}

int errand_new(Workers *workers, Plan *plan, const ErrandListener *listener, void *userdata,
               Errand **ret, Error *error) {
        _cleanup_(errand_freep) Errand *errand = calloc(1, sizeof(*errand));
        pid_t holder;
        int r;

        assert(listener);
        assert(ret);

        if (!errand) {
                plan_free(plan);
                return error_set_errno(error, ENOMEM, "Cannot start a worker");
        }
        errand->workers = workers;
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
