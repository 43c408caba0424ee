/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The wish is no job, which could be refused by a full queue, join somebody's and be canceled with
 * it, or fail for a reason that passes; it is derived from the ESPs' records, and looked at again
 * whenever a job has ended. What was tried in vain is tried again by a timer, ever less often,
 * until something changes. A daemon with nothing to wish for has no timer.
 *
 * A package run changes the files again and again, and its own hooks ask for a sync at its end. So
 * AutoSync waits while dpkg's front-end lock is held, but no change waits longer than ten minutes,
 * nor for the end of the daemon. Whoever asks for a sync gets it at once.
 *
 * Without AutoSync a wish is for a look, which has the ESPs mounted read-only; while it has, nobody
 * else can mount them to write, such as the shell tool in a hook, whose failure would fail the
 * package. So a look waits for the end of a package run as well, and while that tool is installed
 * beside us also for a minute after another change, in which it goes through the ESPs. */

#include "engine/pursuit.h"

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "sys/lock.h"

#define RETRY_USEC_MIN (5 * UINT64_C(1000000))
#define RETRY_USEC_MAX (10 * 60 * UINT64_C(1000000))
#define PACKAGES_USEC  (10 * 60 * UINT64_C(1000000))
#define OLD_TOOL_USEC  (60 * UINT64_C(1000000))

struct Pursuit {
        sd_event *event;
        const Root *root;
        State *state;
        Queue *queue;
        bool private;
        bool started, stopping;
        bool must_sync;           /* once, whatever AutoSync says */
        uint64_t tried_serial;    /* of the facts that a job for all ESPs has begun with last */
        uint64_t job_serial;      /* of those that the running job works with */
        unsigned attempts;        /* that were in vain since something changed, */
        uint64_t attempts_serial; /* which is since the facts have had this serial */
        sd_event_source *retry_timer;
        sd_event_source *packages_timer; /* the wish waits for a package run until then */
        bool packages_overdue;           /* it has waited for this run, and does no more */
        sd_event_source *old_tool_timer; /* a look waits until then */
        uint64_t old_tool_serial;        /* of the facts that it has waited with */
};

Pursuit *pursuit_free(Pursuit *p) {
        if (!p)
                return NULL;
        sd_event_source_disable_unref(p->retry_timer);
        sd_event_source_disable_unref(p->packages_timer);
        sd_event_source_disable_unref(p->old_tool_timer);
        sd_event_unref(p->event);
        return mfree(p);
}

int pursuit_new(sd_event *event, const Root *root, State *state, Queue *queue, bool private,
                Pursuit **ret) {
        Pursuit *p = malloc(sizeof(*p));

        if (!p)
                return -ENOMEM;
        *p = (Pursuit){
                .event = sd_event_ref(event),
                .root = root,
                .state = state,
                .queue = queue,
                .private = private,
        };
        *ret = p;
        return 0;
}

static uint64_t serial_of(const Pursuit *p) {
        return state_view(p->state)->facts->serial;
}

static unsigned attempts(const Pursuit *p) {
        return p->attempts_serial == serial_of(p) ? p->attempts : 0;
}

static void set_attempts(Pursuit *p, unsigned n) {
        p->attempts = n;
        p->attempts_serial = serial_of(p);
}

const char *pursuit_auto_sync_reason(const Pursuit *p) {
        const Facts *facts = state_view(p->state)->facts;

        if (p->private)
                return "a private daemon syncs when it is asked to";
        switch (facts->conf.settings.auto_sync) {
        case AUTO_SYNC_YES:
                return "";
        case AUTO_SYNC_NO:
                return "AutoSync=no is set; set AutoSync=yes in /" PATH_CONFIG
                       " or the files below /" PATH_CONFIG_DROPINS " to sync every change";
        case AUTO_SYNC_UNSET:
                break;
        }
        return facts->packages.kernel_helper
                               ? "the package proxmox-kernel-helper is installed and syncs by its "
                                 "own hooks; remove it, or set AutoSync=yes in /" PATH_CONFIG
                                 " to sync every change"
                               : "";
}

static bool may_sync(const Pursuit *p) {
        return isempty(pursuit_auto_sync_reason(p)) || p->must_sync;
}

/* An ESP that is missing or stuck is waited for, and tells by itself when it comes back. */
static bool wants(const Pursuit *p, const Esp *esp) {
        const EspInfo info = esp_info(esp);

        if (!info.present || info.state == ESP_STUCK)
                return false;
        if (info.compared != serial_of(p))
                return true;
        return info.state == ESP_OUTDATED && may_sync(p) && info.tried != serial_of(p);
}

static bool has_news(const Pursuit *p) {
        return p->tried_serial != serial_of(p);
}

static bool is_wanted(const Pursuit *p) {
        if (state_view(p->state)->facts->unreadable || has_news(p))
                return true;
        ESPS_FOREACH(esp, state_view(p->state)->esps)
                if (esp_info(esp).listed && wants(p, esp))
                        return true;
        return false;
}

/* inotify tells nothing of a file system that is mounted over boot/. */
static bool must_look_at_boot(const Pursuit *p) {
        return state_view(p->state)->facts->kernels.boot_is_empty &&
               esps_next(state_view(p->state)->esps, NULL);
}

/* True if the job looks at every ESP and, with AutoSync, changes those that differ; without
 * AutoSync a look is all that a change leads to. */
static bool compares_all(const Pursuit *p, const Job *job) {
        JobType type = job_info(job)->request.type;

        return strv_isempty(job_info(job)->request.esps) &&
               (type == JOB_REFRESH || type == JOB_REINIT || (type == JOB_PROBE && !may_sync(p)));
}

void pursuit_begin_job(Pursuit *p, const Job *job) {
        p->job_serial = serial_of(p);
        if (!compares_all(p, job))
                return;
        p->tried_serial = p->job_serial;
        state_forget_unrest(p->state);
}

/* A job that waits will read the files; one that runs has read them. */
static bool will_use_facts(const Pursuit *p, const Job *job) {
        return job_info(job)->status.state == JOB_QUEUED ||
               (job_info(job)->status.state == JOB_RUNNING && p->job_serial == serial_of(p));
}

static bool is_on_its_way(const Pursuit *p) {
        Job *job;

        for (size_t i = 0; (job = queue_at(p->queue, i)); i++)
                if (compares_all(p, job) && will_use_facts(p, job))
                        return true;
        return false;
}

bool pursuit_is_about_to_sync(const Pursuit *p, const Esp *esp) {
        Job *job;

        if (p->started && !p->stopping && !state_view(p->state)->facts->unreadable && may_sync(p) &&
            attempts(p) == 0 && wants(p, esp))
                return true;
        for (size_t i = 0; (job = queue_at(p->queue, i)); i++) {
                JobType type = job_info(job)->request.type;

                if ((type == JOB_REFRESH || type == JOB_REINIT) &&
                    job_wants_esp(job, esp_info(esp).uuid))
                        return true;
        }
        return false;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void try_later(Pursuit *p, unsigned n_attempts) {
        uint64_t usec = RETRY_USEC_MIN << MIN(n_attempts - 1, 16u);

        set_attempts(p, n_attempts);
        if (!p->retry_timer &&
            sd_event_add_time_relative(p->event, &p->retry_timer, CLOCK_MONOTONIC,
                                       MIN(usec, RETRY_USEC_MAX), 0, on_retry, p) < 0)
                log_error("Cannot set a timer; what is not in sync stays so until something "
                          "changes.");
}

static void stop_waiting_for_old_tool(Pursuit *p) {
        p->old_tool_timer = sd_event_source_disable_unref(p->old_tool_timer);
}

static int on_old_tool_over(sd_event_source *source, uint64_t usec, void *userdata) {
        Pursuit *p = userdata;

        stop_waiting_for_old_tool(p);
        p->old_tool_serial = serial_of(p);
        pursuit_go_on_anew(p);
        return 0;
}

/* The facts are a change of its own if they are others than they were. */
static bool wait_for_old_tool(Pursuit *p) {
        if (p->private || may_sync(p) || !state_view(p->state)->facts->packages.kernel_helper ||
            p->old_tool_serial == serial_of(p)) {
                stop_waiting_for_old_tool(p);
                return false;
        }
        return p->old_tool_timer ||
               sd_event_add_time_relative(p->event, &p->old_tool_timer, CLOCK_MONOTONIC,
                                          OLD_TOOL_USEC, 0, on_old_tool_over, p) >= 0;
}

static void stop_waiting_for_packages(Pursuit *p) {
        p->packages_timer = sd_event_source_disable_unref(p->packages_timer);
        p->packages_overdue = false;
}

static int on_packages_overdue(sd_event_source *source, uint64_t usec, void *userdata) {
        Pursuit *p = userdata;

        log_notice("A package run has gone on for ten minutes; %s what has changed so far.",
                   may_sync(p) ? "syncing" : "looking at");
        p->packages_timer = sd_event_source_disable_unref(p->packages_timer);
        p->packages_overdue = true;
        pursuit_go_on_anew(p);
        return 0;
}

/* Nobody tells that a record lock is free again, but who held it closes a file that was open for
 * writing, in a directory that is watched. */
static bool wait_for_packages(Pursuit *p) {
        if (!lock_is_held(p->root, PATH_DPKG_LOCK)) {
                /* The old tool's hooks have run. */
                if (p->packages_timer || p->packages_overdue)
                        p->old_tool_serial = serial_of(p);
                stop_waiting_for_packages(p);
                return false;
        }
        if (!p->packages_timer && !p->packages_overdue) {
                if (sd_event_add_time_relative(p->event, &p->packages_timer, CLOCK_MONOTONIC,
                                               PACKAGES_USEC, 0, on_packages_overdue, p) < 0)
                        return false;
                log_debug("A package run goes on; %s when it has ended.",
                          may_sync(p) ? "syncing" : "looking");
                state_review(p->state, 0);
        }
        return !p->packages_overdue;
}

bool pursuit_waits_for_packages(const Pursuit *p) {
        return p->packages_timer && !is_on_its_way(p);
}

static bool is_idle(const Queue *q) {
        Job *job;

        for (size_t i = 0; (job = queue_at(q, i)); i++)
                if (!job_info(job)->is_ksm)
                        return false;
        return true;
}

static void try_now(Pursuit *p) {
        JobType type = may_sync(p) ? JOB_REFRESH : JOB_PROBE;

        if (wait_for_packages(p) || wait_for_old_tool(p))
                return;
        p->retry_timer = sd_event_source_disable_unref(p->retry_timer);
        /* A queue that is full has an end, which leads here again. */
        if (queue_submit(p->queue, &(JobRequest){ .type = type, .unasked = true }, NULL, NULL) <
                            0 &&
            is_idle(p->queue))
                try_later(p, attempts(p) + 1);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Pursuit *p = userdata;

        p->retry_timer = sd_event_source_disable_unref(p->retry_timer);
        if (state_read(p->state, NULL) < 0)
                try_later(p, attempts(p) + 1);
        else if (is_wanted(p) && !is_on_its_way(p))
                try_now(p);
        else {
                set_attempts(p, attempts(p) + 1);
                pursuit_go_on(p);
        }
        return 0;
}

void pursuit_go_on(Pursuit *p) {
        if (!p->started || p->stopping)
                return;
        if (!is_wanted(p)) {
                p->must_sync = false;
                stop_waiting_for_packages(p);
                stop_waiting_for_old_tool(p);
                if (must_look_at_boot(p)) {
                        try_later(p, MAX(attempts(p), 1u));
                        return;
                }
                set_attempts(p, 0);
                p->retry_timer = sd_event_source_disable_unref(p->retry_timer);
        } else if (is_on_its_way(p))
                return;
        else if (attempts(p) == 0 && !state_view(p->state)->facts->unreadable)
                try_now(p);
        else
                try_later(p, MAX(attempts(p), 1u));
}

void pursuit_go_on_anew(Pursuit *p) {
        set_attempts(p, 0);
        p->retry_timer = sd_event_source_disable_unref(p->retry_timer);
        pursuit_go_on(p);
}

void pursuit_start(Pursuit *p, bool must_sync) {
        p->must_sync = must_sync;
        p->started = true;
        p->old_tool_serial = serial_of(p); /* so far nothing has changed */
        pursuit_go_on(p);
}

void pursuit_stop(Pursuit *p) {
        p->stopping = true;
        if (p->private)
                return;
        /* A change that was made just before the reboot must not be lost; the watch may hear of it
         * only after the signal. */
        state_forget_unrest(p->state);
        if (state_read(p->state, NULL) >= 0 && has_news(p) && isempty(pursuit_auto_sync_reason(p)))
                (void) queue_submit(p->queue, &(JobRequest){ .type = JOB_REFRESH, .unasked = true },
                                    NULL, NULL);
}

void pursuit_end_job(Pursuit *p, const Job *job, bool ran) {
        /* A change since it began is news for another one. */
        bool outdated = ran && p->job_serial != serial_of(p);

        if (!ran && job_info(job)->status.result == JOB_RESULT_CANCELED)
                return;
        if (compares_all(p, job) && !outdated && is_wanted(p))
                set_attempts(p, attempts(p) + 1);
}
