/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The queue: one job runs, the others wait, and calls that want the same join the one that waits. A
 * job holds the lock of its root from before it reads the files until it ends, so that two daemons
 * on one root take turns; waiting for the lock is a timer, never a sleep. */

#include <inttypes.h>

#include "common/fd.h"
#include "common/log.h"
#include "common/names.h"
#include "common/time-util.h"
#include "core/kernel-version.h"
#include "engine/manager-private.h"
#include "sys/lock.h"

#define JOBS_MAX           16
#define LOCK_RETRY_USEC    (200 * UINT64_C(1000))
#define LOCK_PATIENCE_USEC (60 * UINT64_C(1000000))

void manager_free_jobs(Manager *m) {
        m->refresh = refresh_free(m->refresh);
        m->format_errand = errand_free(m->format_errand);
        m->format_plan = plan_free(m->format_plan);
        sd_event_source_disable_unref(m->link_timer);
        for (size_t i = 0; i < m->n_jobs; i++)
                job_free(m->jobs[i]);
        free(m->jobs);
        m->jobs = NULL;
        m->n_jobs = 0;
        sd_event_source_disable_unref(m->lock_timer);
        sd_event_source_disable_unref(m->rest_timer);
        sd_event_source_disable_unref(m->next_source);
        m->lock_fd = safe_close(m->lock_fd);
}

static void log_end(const Manager *m, const Job *job) {
        static const struct {
                int level;
                const char *message_id, *words;
        } words[_JOB_RESULT_MAX] = {
                [JOB_RESULT_DONE] = { LOG_INFO, MSG_REFRESH_DONE, "done" },
                [JOB_RESULT_PARTIAL] = { LOG_WARNING, MSG_REFRESH_PARTIAL, "done in part" },
                [JOB_RESULT_FAILED] = { LOG_ERR, MSG_REFRESH_FAILED, "failed" },
                [JOB_RESULT_CANCELED] = { LOG_NOTICE, NULL, "canceled" },
        };
        JobResult result = job_get_result(job);
        const char *message_id =
                        job_type_is_ksm(job_get_type(job)) ? NULL : words[result].message_id;
        const Error *error = job_error(job);
        char id[24];

        (void) snprintf(id, sizeof(id), "%" PRIu64, job_id(job));
        log_event(manager_log_level(m, words[result].level), message_id, FIELD_JOB_ID, id, NULL,
                  "Job %s (%s) %s%s%s.", id, job_type_to_string(job_get_type(job)),
                  words[result].words, error_is_set(error) ? ": " : "", strempty(error->message));
}

void manager_bury_job(Manager *m, Job *job) {
        log_end(m, job);
        if (m->listener)
                m->listener->job_removed(job, m->userdata);
        job_free(job);

        if (m->stopping && !manager_is_busy(m)) {
                (void) sd_event_exit(m->event, 0);
                return;
        }
        manager_run_next(m);
        manager_pursue(m);
}

void manager_end_job(Manager *m, Job *job) {
        size_t i = 0;

        while (m->jobs[i] != job)
                i++;
        memmove(&m->jobs[i], &m->jobs[i + 1], (m->n_jobs - i - 1) * sizeof(Job *));
        m->n_jobs--;
        if (m->running == job || job_get_result(job) != JOB_RESULT_CANCELED)
                manager_count_attempt(m, job);
        if (m->running == job) {
                m->running = NULL;
                m->lock_fd = safe_close(m->lock_fd);
                manager_drop_members(m);
        }
        if (i == 0)
                m->lock_deadline = m->link_deadline = m->rest_deadline = 0;
        if (job_syncs(job)) {
                m->last_refresh_usec = realtime_usec();
                free(m->last_refresh_result);
                m->last_refresh_result = strdup(job_result_to_string(job_get_result(job)));
        }
        manager_learn_grub_default(m);
        manager_update_verdict(m);
        manager_show_default(m);
        manager_tell(m, MANAGER_CHANGED_STATE | MANAGER_CHANGED_CONFIG);
        manager_bury_job(m, job);
}

/* @error may be set already, which is a better reason than @r. */
static void fail_job(Manager *m, Job *job, int r, const char *what, Error *error) {
        if (!error_is_set(error))
                (void) error_set_errno(error, r, "Cannot %s below '%s'", what,
                                       root_path(m->options.root));
        job_end(job, JOB_RESULT_FAILED, error);
        manager_end_job(m, job);
}

static int list_esps(const Manager *m, Esp ***ret, size_t *ret_n) {
        Esp **esps = calloc(MAX(m->n_members, (size_t) 1), sizeof(Esp *));
        size_t n = 0;

        if (!esps)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_members; i++)
                if (m->members[i]->listed)
                        esps[n++] = m->members[i]->esp;
        *ret = esps;
        *ret_n = n;
        return 0;
}

void manager_job_surveyed(Manager *m) {
        Job *job = m->running;

        if (!job || !job_wants_disks(job) || m->survey || m->refresh || m->format_errand)
                return;
        if (job_get_state(job) == JOB_ENDED)
                manager_end_job(m, job);
        else
                manager_start_setup(m, job);
}

/* The lock is held: read everything again, and go. */
static int start_job(Manager *m, Job *job, Error *error) {
        _cleanup_free_ Esp **esps = NULL;
        size_t n_esps;
        int r;

        r = manager_keep_new_kernels(m, job_new_kernels(job));
        if (r < 0)
                return r;
        /* The echo of what was written for this job would otherwise come while it runs, and ask for
         * another one. */
        if (m->watch)
                watch_drain(m->watch);
        r = manager_reload_for(m, error);
        if (r < 0)
                return r;
        m->job_serial = m->serial;
        if (manager_compares_all(m, job)) {
                m->tried_serial = m->serial;
                if (m->watch)
                        watch_clear(m->watch);
        }
        if (job_syncs(job)) {
                manager_remove_leftovers(m);
                manager_write_apt_conf(m);
        }
        if (job_wants_disks(job) && !m->survey) {
                r = manager_start_survey(m);
                if (r < 0)
                        return r;
        }
        if (job_get_type(job) == JOB_FORMAT || job_get_type(job) == JOB_INIT)
                return 0; /* when the disks are known */
        r = list_esps(m, &esps, &n_esps);
        if (r < 0)
                return r;
        return manager_start_refresh(m, job, esps, n_esps);
}

static int on_lock_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        manager_run_next(userdata);
        return 0;
}

/* 1: the lock is held; 0: a timer tries again; -errno: given up. */
static int take_lock(Manager *m) {
        uint64_t now;
        int r;

        m->lock_fd = lock_try(m->options.root, "root", NULL);
        if (m->lock_fd >= 0) {
                m->lock_deadline = 0;
                return 1;
        }
        r = m->lock_fd;
        m->lock_fd = -EBADF;
        if (r != -EBUSY)
                return r;

        r = sd_event_now(m->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (m->lock_deadline == 0)
                m->lock_deadline = now + LOCK_PATIENCE_USEC;
        if (now >= m->lock_deadline) {
                m->lock_deadline = 0;
                return -EBUSY;
        }
        m->lock_timer = sd_event_source_disable_unref(m->lock_timer);
        return sd_event_add_time_relative(m->event, &m->lock_timer, CLOCK_MONOTONIC,
                                          LOCK_RETRY_USEC, 0, on_lock_timer, m) < 0
                               ? -ENOMEM
                               : 0;
}

void manager_begin_job(Manager *m, Job *job) {
        _cleanup_error_ Error error = {};
        int r = start_job(m, job, &error);

        if (r < 0)
                fail_job(m, job, r, "start the job", &error);
}

static int on_next(sd_event_source *source, void *userdata) {
        _cleanup_error_ Error error = {};
        Manager *m = userdata;
        Job *job;
        int r;

        if (m->running || m->n_jobs == 0)
                return 0;
        job = m->jobs[0];
        r = take_lock(m);
        if (r == 0)
                return 0;
        if (r < 0) {
                fail_job(m, job, r,
                         r == -EBUSY ? "work while another bootsync is at work"
                                     : "take the lock /" PATH_RUN "/root.lock, without which "
                                       "nothing is changed,",
                         &error);
                return 0;
        }
        m->running = job;
        job_start(job, realtime_usec());
        manager_job_changed(m, job);
        manager_begin_job(m, job);
        return 0;
}

void manager_run_next(Manager *m) {
        if (m->running || m->n_jobs == 0)
                return;
        m->next_source = sd_event_source_disable_unref(m->next_source);
        (void) sd_event_add_defer(m->event, &m->next_source, on_next, m);
}

/* Refreshes join into a wider one. A plan is an answer to one question, so only the same question
 * shares it; so it is with what is done to one device, whatever names it was given by. */
static bool can_join(const Job *job, const JobRequest *request) {
        if (job_get_state(job) != JOB_QUEUED || job_get_type(job) != request->type)
                return false;
        if (request->type == JOB_PLAN)
                return strv_equal(job_esps(job), request->esps);
        return streq(job_device(job), strempty(request->device)) &&
               device_id_equal(job_device_id(job), &request->device_id) &&
               job_loader(job) == request->loader && job_force(job) == request->force;
}

static Job *find_joinable(const Manager *m, const JobRequest *request) {
        for (size_t i = 0; i < m->n_jobs; i++)
                if (can_join(m->jobs[i], request))
                        return m->jobs[i];
        return NULL;
}

/* A database that cannot be read says nothing against it. */
static int check_new_kernel(const Manager *m, const char *version, Error *error) {
        if (!kernel_version_is_valid(version))
                return manager_refuse_version(version, error);
        if (kernel_is_known(m->options.root, version) == 0)
                return error_set(error, ERROR_NO_SUCH_KERNEL,
                                 "There is no kernel '%s': /" PATH_BOOT
                                 "/vmlinuz-%s is missing, and no package of it is installed or "
                                 "being installed; see 'bootctl-pve kernel list'",
                                 version, version);
        return 0;
}

static int check_request(const Manager *m, const JobRequest *request, Error *error) {
        if (request->new_kernel) {
                int r = check_new_kernel(m, request->new_kernel, error);

                if (r < 0)
                        return r;
        }
        for (char *const *uuid = request->esps; uuid && *uuid; uuid++) {
                Member *member = manager_find_member(m, *uuid);
                _cleanup_free_ char *shown = NULL;

                if (member && member->listed)
                        continue;
                shown = string_for_humans(*uuid, strlen(*uuid), 64);
                return error_set(error, ERROR_NO_SUCH_ESP,
                                 "There is no ESP '%s' on /" PATH_ESP_LIST "; see the list with "
                                 "'bootctl-pve esp list'",
                                 strempty(shown));
        }
        return 0;
}

static int check_room(const Manager *m, const JobRequest *request, Error *error) {
        if (m->n_jobs < JOBS_MAX || find_joinable(m, request))
                return 0;
        return error_set(error, ERROR_BUSY,
                         "There are %zu jobs waiting already; try again when they are done",
                         m->n_jobs);
}

int manager_check_room(const Manager *m, Error *error) {
        if (!manager_auto_sync(m))
                return 0;
        return check_room(m, &(JobRequest){ .type = JOB_REFRESH }, error);
}

int manager_submit(Manager *m, const JobRequest *request, Job **ret, Error *error) {
        Job *job;
        int r;

        if (job_type_is_ksm(request->type))
                return manager_submit_ksm(m, request, ret, error);
        r = check_request(m, request, error);
        if (r < 0)
                return r;

        job = find_joinable(m, request);
        if (job) {
                r = job_join(job, request);
                if (r < 0)
                        return error_set_errno(error, r, "Cannot join the waiting job");
                if (ret)
                        *ret = job;
                return 0;
        }

        r = check_room(m, request, error);
        if (r < 0)
                return r;
        if (!ARRAY_RESERVE(m->jobs, m->n_jobs_allocated, m->n_jobs + 1))
                return error_set_errno(error, ENOMEM, "Cannot queue the job");
        r = job_new(m->last_job_id + 1, request, &job);
        if (r < 0)
                return error_set_errno(error, r, "Cannot queue the job");
        m->last_job_id++;
        m->jobs[m->n_jobs++] = job;
        if (m->listener)
                m->listener->job_new(job, m->userdata);
        manager_review_verdict(m);
        manager_run_next(m);
        if (ret)
                *ret = job;
        return 0;
}

/* One at which nobody works. */
static void cancel_now(Manager *m, Job *job) {
        _cleanup_error_ Error error = {};

        if (job == m->running)
                m->rest_timer = sd_event_source_disable_unref(m->rest_timer);
        (void) error_set(&error, ERROR_CANCELED,
                         job == m->running ? "The job was canceled"
                                           : "The job was canceled before it began");
        job_end(job, JOB_RESULT_CANCELED, &error);
        manager_end_job(m, job);
}

void manager_cancel_job(Manager *m, Job *job) {

        if (m->ksm_job == job) {
                ksm_control_cancel(m->ksm);
                return;
        }
        if (m->running == job && !m->rest_timer) {
                job_set_canceling(job);
                manager_job_changed(m, job);
                if (m->refresh)
                        refresh_cancel(m->refresh);
                if (m->format_errand)
                        errand_cancel(m->format_errand);
                return; /* a job that waits for the disks sees it then */
        }
        cancel_now(m, job);
}
