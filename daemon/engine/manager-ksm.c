/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM among what the manager has: its one job is numbered, seen and canceled like the others, but
 * is not in their queue and takes no lock of the root. */

#include "common/log.h"
#include "engine/manager-private.h"

/* How long what a look has found is told again: a worker reads files of every process. */
#define FOUND_USEC UINT64_C(10000000)

static void on_job_changed(Job *job, void *userdata) {
        Manager *m = userdata;

        if (m->listener)
                m->listener->job_changed(job, m->userdata);
}

static void on_stuck(Task *task, pid_t holder, void *userdata) {
        manager_adopt(userdata, task, holder);
}

static void on_ended(Job *job, void *userdata) {
        Manager *m = userdata;

        m->ksm_job = NULL;
        manager_bury_job(m, job);
}

static const KsmListener ksm_listener = {
        .job_changed = on_job_changed,
        .stuck = on_stuck,
        .ended = on_ended,
};

int manager_new_ksm(Manager *m) {
        return ksm_control_new(m->event, &m->options.worker, &ksm_listener, m, &m->ksm);
}

KsmControl *manager_ksm(const Manager *m) {
        return m->ksm;
}

int manager_submit_ksm(Manager *m, const JobRequest *request, Job **ret, Error *error) {
        _cleanup_(job_freep) Job *job = NULL;
        int r;

        r = ksm_control_check(m->ksm, request, error);
        if (r < 0)
                return r;
        r = job_new(m->last_job_id + 1, request, &job);
        if (r >= 0)
                r = ksm_control_start(m->ksm, job);
        if (r < 0)
                return error_set_errno(error, r, "Cannot begin with KSM");
        m->last_job_id++;
        m->ksm_job = TAKE_PTR(job);
        if (m->listener)
                m->listener->job_new(m->ksm_job, m->userdata);
        if (ret)
                *ret = m->ksm_job;
        return 0;
}

void manager_restore_ksm(Manager *m) {
        _cleanup_error_ Error error = {};

        if (!ksm_control_wants_restore(m->ksm))
                return;
        if (manager_submit_ksm(m, &(JobRequest){ .type = JOB_KSM_RESTORE }, NULL, &error) < 0)
                log_warning("%s; KSM is not set as it was.", strempty(error.message));
}

static void on_listed(KsmProcesses *found, const Error *error, void *userdata) {
        Manager *m = userdata;
        _cleanup_(ksm_list_freep) KsmList *list = TAKE_PTR(m->ksm_list); /* it has @found */

        if (!error_is_set(error)) {
                ksm_processes_done(&m->ksm_found);
                m->ksm_found = TAKE_STRUCT(*found);
                if (sd_event_now(m->event, CLOCK_MONOTONIC, &m->ksm_found_usec) < 0)
                        m->ksm_found_usec = 0;
                found = &m->ksm_found;
        }
        m->ksm_listed(found, error, m->ksm_listed_userdata);
}

static bool found_lately(const Manager *m) {
        uint64_t now;

        return m->ksm_found_usec > 0 && sd_event_now(m->event, CLOCK_MONOTONIC, &now) >= 0 &&
               now - m->ksm_found_usec < FOUND_USEC;
}

static const KsmListListener list_listener = {
        .stuck = on_stuck,
        .ended = on_listed,
};

int manager_list_ksm_processes(Manager *m, ksm_listed_t listed, void *userdata, Error *error) {
        assert(!m->ksm_list);

        if (found_lately(m)) {
                listed(&m->ksm_found, NULL, userdata);
                return 0;
        }
        m->ksm_listed = listed;
        m->ksm_listed_userdata = userdata;
        return ksm_list_new(m->event, &m->options.worker, &list_listener, m, &m->ksm_list, error);
}

void manager_forget_ksm_processes(Manager *m) {
        m->ksm_list = ksm_list_free(m->ksm_list);
}
