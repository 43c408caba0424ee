/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's own wish: each ESP is compared with what was read last and, with AutoSync, made so.
 *
 * The wish is no job, which could be refused by a full queue, join somebody's and be canceled with
 * it, or fail for a reason that passes; it is derived from the ESPs' records, and looked at again
 * whenever a job has ended. What was tried in vain is tried again by a timer, ever less often,
 * until something changes. A daemon with nothing to wish for has no timer. */

#include "common/log.h"
#include "engine/manager-private.h"

#define RETRY_USEC_MIN (5 * UINT64_C(1000000))
#define RETRY_USEC_MAX (10 * 60 * UINT64_C(1000000))

static bool may_sync(const Manager *m) {
        return manager_auto_sync(m) || m->must_sync;
}

/* An ESP that is missing or stuck is waited for, and tells by itself when it comes back. */
static bool wants(const Manager *m, const Esp *esp) {
        if (!esp_present(esp) || esp_state(esp) == ESP_STUCK)
                return false;
        if (esp_compared(esp) != m->serial)
                return true;
        return esp_state(esp) == ESP_OUTDATED && may_sync(m) && esp_tried(esp) != m->serial;
}

bool manager_has_news(const Manager *m) {
        return m->tried_serial != m->serial;
}

static bool is_wanted(const Manager *m) {
        if (m->unreadable || manager_has_news(m))
                return true;
        for (size_t i = 0; i < m->n_members; i++)
                if (m->members[i]->listed && wants(m, m->members[i]->esp))
                        return true;
        return false;
}

/* inotify tells nothing of a file system that is mounted over boot/. */
static bool must_look_at_boot(const Manager *m) {
        return m->facts.kernels.boot_is_empty && m->n_members > 0;
}

/* Without AutoSync a look is all that a change leads to. */
bool manager_compares_all(const Manager *m, const Job *job) {
        JobType type = job_get_type(job);

        return strv_isempty(job_esps(job)) &&
               (type == JOB_REFRESH || type == JOB_REINIT || (type == JOB_PROBE && !may_sync(m)));
}

/* A job that waits will read the files; one that runs has read them. */
static bool will_use_facts(const Manager *m, const Job *job) {
        return job_get_state(job) == JOB_QUEUED ||
               (job_get_state(job) == JOB_RUNNING && m->job_serial == m->serial);
}

static bool is_on_its_way(const Manager *m) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (manager_compares_all(m, m->jobs[i]) && will_use_facts(m, m->jobs[i]))
                        return true;
        return false;
}

bool manager_is_about_to_sync(const Manager *m, const Esp *esp) {
        if (m->started && !m->stopping && !m->unreadable && may_sync(m) && m->attempts == 0 &&
            wants(m, esp))
                return true;
        for (size_t i = 0; i < m->n_jobs; i++) {
                JobType type = job_get_type(m->jobs[i]);

                if ((type == JOB_REFRESH || type == JOB_REINIT) &&
                    job_wants_esp(m->jobs[i], esp_uuid(esp)))
                        return true;
        }
        return false;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static void try_later(Manager *m) {
        uint64_t usec = RETRY_USEC_MIN << MIN(m->attempts - 1, 16u);

        if (!m->retry_timer &&
            sd_event_add_time_relative(m->event, &m->retry_timer, CLOCK_MONOTONIC,
                                       MIN(usec, RETRY_USEC_MAX), 0, on_retry, m) < 0)
                log_error("Cannot set a timer; what is not in sync stays so until something "
                          "changes.");
}

static void try_now(Manager *m) {
        JobType type = may_sync(m) ? JOB_REFRESH : JOB_PROBE;

        m->retry_timer = sd_event_source_disable_unref(m->retry_timer);
        /* A queue that is full has an end, which leads here again. */
        if (manager_submit(m, &(JobRequest){ .type = type }, NULL, NULL) < 0 && m->n_jobs == 0) {
                m->attempts++;
                try_later(m);
        }
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->retry_timer = sd_event_source_disable_unref(m->retry_timer);
        if (manager_reload(m) < 0) {
                m->attempts++;
                try_later(m);
        } else if (is_wanted(m) && !is_on_its_way(m))
                try_now(m);
        else {
                m->attempts++;
                manager_pursue(m);
        }
        return 0;
}

void manager_pursue(Manager *m) {
        if (!m->started || m->stopping)
                return;
        if (!is_wanted(m)) {
                m->must_sync = false;
                if (must_look_at_boot(m)) {
                        m->attempts = MAX(m->attempts, 1u);
                        try_later(m);
                        return;
                }
                m->attempts = 0;
                m->retry_timer = sd_event_source_disable_unref(m->retry_timer);
        } else if (is_on_its_way(m))
                return;
        else if (m->attempts == 0 && !m->unreadable)
                try_now(m);
        else {
                m->attempts = MAX(m->attempts, 1u);
                try_later(m);
        }
}

void manager_pursue_anew(Manager *m) {
        m->attempts = 0;
        m->retry_timer = sd_event_source_disable_unref(m->retry_timer);
        manager_pursue(m);
}

void manager_count_attempt(Manager *m, const Job *job) {
        /* What has changed since it began is news for another one. */
        bool outdated = m->running == job && m->job_serial != m->serial;

        if (manager_compares_all(m, job) && !outdated && is_wanted(m))
                m->attempts++;
}
