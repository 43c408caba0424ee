/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Puts the engine together, and has its verbs. Each changes one file durably, reads everything
 * again, and, where the daemon syncs by itself, queues a refresh; so a change made through the bus
 * and one made with an editor take the same way. */

#include "engine/manager.h"

#include "common/change-words.h"
#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "engine/chronicle.h"
#include "engine/facts/esp-list.h"
#include "engine/facts/kernel-lists.h"
#include "engine/jobs.h"
#include "engine/pursuit.h"

struct Manager {
        sd_event *event;
        const Root *root;
        bool private, stopping;
        const ManagerListener *listener;
        void *userdata;
        Workers *workers;
        Chronicle *chronicle;
        State *state;
        Jobs *jobs;
        Pursuit *pursuit;
        Alerts *alerts; /* NULL: private */
        uint64_t last_refresh_usec;
        char *last_refresh_result;
};

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        manager_set_listener(m, NULL, NULL);
        alerts_free(m->alerts);
        m->alerts = NULL;
        pursuit_free(m->pursuit);
        jobs_free(m->jobs);
        state_free(m->state);
        chronicle_free(m->chronicle);
        workers_free(m->workers);
        free(m->last_refresh_result);
        sd_event_unref(m->event);
        return mfree(m);
}

void manager_set_listener(Manager *m, const ManagerListener *listener, void *userdata) {
        m->listener = listener;
        m->userdata = userdata;
        if (m->state)
                state_set_listener(m->state, listener, userdata);
}

static void on_job_added(Job *job, void *userdata) {
        Manager *m = userdata;

        if (m->listener)
                m->listener->job_new(job, m->userdata);
        state_review(m->state, 0);
}

static void on_job_changed(Job *job, void *userdata) {
        Manager *m = userdata;

        if (m->listener)
                m->listener->job_changed(job, m->userdata);
}

static void on_job_ending(Job *job, void *userdata) {
        Manager *m = userdata;

        jobs_tell_setup(m->jobs, job);
        chronicle_end_job(m->chronicle, job);
}

static void on_job_ended(Job *job, bool ran, void *userdata) {
        Manager *m = userdata;

        if (!job_info(job)->is_ksm) {
                pursuit_end_job(m->pursuit, job, ran);
                if (ran)
                        esps_hold(state_view(m->state)->esps, false);
                if (job_info(job)->syncs) {
                        m->last_refresh_usec = realtime_usec();
                        free(m->last_refresh_result);
                        m->last_refresh_result =
                                        strdup(job_result_to_string(job_info(job)->status.result));
                }
                if (job_info(job)->syncs && ran)
                        state_repair_entries(m->state);
                files_learn_grub_default(state_view(m->state)->files);
                state_review(m->state, MANAGER_CHANGED_STATE | MANAGER_CHANGED_CONFIG);
        }
        jobs_log_end(m->jobs, job);
        if (m->listener)
                m->listener->job_removed(job, m->userdata);

        if (m->stopping && !manager_job(m, 0))
                (void) sd_event_exit(m->event, 0);
        else
                pursuit_go_on(m->pursuit);
}

static void on_job_has_read(const Job *job, void *userdata) {
        Manager *m = userdata;

        pursuit_begin_job(m->pursuit, job);
}

static const JobsListener jobs_listener = {
        .queue = { .added = on_job_added,
                   .changed = on_job_changed,
                   .ending = on_job_ending,
                   .ended = on_job_ended },
        .has_read = on_job_has_read,
};

static void on_settled(void *userdata) {
        Manager *m = userdata;

        /* Whatever has happened may have made room, or let a disk answer. */
        ESPS_FOREACH(esp, state_view(m->state)->esps)
                if (esp_info(esp).state == ESP_OUTDATED)
                        esp_set_compared(esp, 0, true);
        pursuit_go_on_anew(m->pursuit);
}

/* A minute that has passed is no reason to try again what has failed. */
static void on_polled(void *userdata) {
        Manager *m = userdata;

        pursuit_go_on(m->pursuit);
}

static void on_surveyed(void *userdata) {
        Manager *m = userdata;

        jobs_surveyed(m->jobs);
}

static void on_judged(void *userdata) {
        Manager *m = userdata;

        jobs_judged(m->jobs);
}

static void on_reviewed(void *userdata) {
        Manager *m = userdata;

        alerts_look(m->alerts);
}

/* While jobs look at the ESPs, that nothing is known of them says nothing. */
static AlertsView on_alerts_look(void *userdata) {
        Manager *m = userdata;
        const char *redundancy = state_view(m->state)->verdict->redundancy;
        bool passes = m->stopping || (streq_ptr(redundancy, "unknown") && manager_job(m, 0));

        return (AlertsView){
                .settings = &state_view(m->state)->facts->conf.settings,
                .redundancy = passes ? NULL : redundancy,
        };
}

static bool is_about_to_sync(const Esp *esp, void *userdata) {
        Manager *m = userdata;

        return m->pursuit && pursuit_is_about_to_sync(m->pursuit, esp);
}

static bool waits_for_packages(void *userdata) {
        Manager *m = userdata;

        return m->pursuit && pursuit_waits_for_packages(m->pursuit);
}

static const StateListener state_listener = {
        .settled = on_settled,
        .polled = on_polled,
        .surveyed = on_surveyed,
        .judged = on_judged,
        .reviewed = on_reviewed,
        .is_about_to_sync = is_about_to_sync,
        .waits_for_packages = waits_for_packages,
};

/* The worker that would not die is gone: the ESP answers again, or its disk does not exist any
 * more. */
static void on_straggler_ended(const char *esp_uuid, void *userdata) {
        Manager *m = userdata;
        Esp *esp = esp_uuid ? esps_find(state_view(m->state)->esps, esp_uuid) : NULL;

        if (!esp)
                return;
        log_event(LOG_NOTICE, MSG_ESP_BACK, FIELD_ESP_UUID, esp_uuid, NULL,
                  "The worker of ESP '%s' has ended at last; looking at it again.", esp_uuid);
        esp_set_state(esp, esp_info(esp).present ? ESP_UNKNOWN : ESP_MISSING, ERROR_NONE, NULL);
        esp_set_compared(esp, 0, true);
        state_esp_changed(m->state, esp);
        esps_drop(state_view(m->state)->esps);

        pursuit_go_on_anew(m->pursuit);
}

static void remember_last_refresh(Manager *m) {
        const History *h = chronicle_history(m->chronicle);

        for (size_t i = h->n; i > 0 && !m->last_refresh_result; i--) {
                const HistoryEntry *e = &h->entries[i - 1];

                if (!e->known || (!streq(e->deed.type, job_type_to_string(JOB_REFRESH)) &&
                                  !streq(e->deed.type, job_type_to_string(JOB_INIT)) &&
                                  !streq(e->deed.type, job_type_to_string(JOB_REINIT))))
                        continue;
                m->last_refresh_usec = e->deed.end_usec;
                m->last_refresh_result = strdup(e->deed.result);
        }
}

int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret) {
        _cleanup_(manager_freep) Manager *m = malloc(sizeof(*m));
        WorkerConfig config = options->worker;
        int r;

        if (!m)
                return -ENOMEM;
        config.event = event;
        config.root = options->root;
        *m = (Manager){
                .event = sd_event_ref(event),
                .root = options->root,
                .private = options->private,
        };
        r = workers_new(&config, on_straggler_ended, m, &m->workers);
        if (r >= 0)
                r = chronicle_new(options->root, &m->chronicle);
        if (r >= 0)
                r = state_new(m->workers, options->private, chronicle_history(m->chronicle),
                              &state_listener, m, &m->state);
        if (r >= 0)
                r = jobs_new(m->workers, m->state, &jobs_listener, m, &m->jobs);
        if (r >= 0)
                r = pursuit_new(event, options->root, m->state, jobs_queue(m->jobs),
                                options->private, &m->pursuit);
        if (r >= 0 && !options->private)
                r = alerts_new(event, options->root, on_alerts_look, m, &m->alerts);
        if (r < 0)
                return r;
        remember_last_refresh(m);
        /* Whoever asks is told that the files cannot be read; they are tried again. */
        r = state_read(m->state, NULL);
        if (r == -ENOMEM)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static void restore_ksm(Manager *m) {
        _cleanup_error_ Error error = {};

        if (!ksm_control_wants_restore(jobs_ksm(m->jobs)))
                return;
        if (manager_submit(m, &(JobRequest){ .type = JOB_KSM_RESTORE, .unasked = true }, NULL,
                           &error) < 0)
                log_warning("%s; KSM is not set as it was.", strempty(error.message));
}

int manager_start(Manager *m) {
        int r;

        if (m->private)
                return 0;
        r = state_watch(m->state);
        if (r < 0)
                return r;
        files_remove_leftovers(state_view(m->state)->files);
        restore_ksm(m);

        r = boot_pin_expire(m->root, state_view(m->state)->facts);
        if (r < 0)
                log_warning("Cannot tell whether the next-boot pin is spent, or remove it: %s; it "
                            "stays.",
                            strerror(-r));
        if (r > 0)
                (void) state_read(m->state, NULL);
        /* A spent pin that stayed on the ESPs would be a permanent one, so its end is synced even
         * with AutoSync off. */
        pursuit_start(m->pursuit, r > 0);
        return 0;
}

/* A shutdown does not wait for what it makes void. */
static void cancel_ksm(Manager *m) {
        Job *job;

        for (size_t i = 0; (job = manager_job(m, i)); i++)
                if (job_info(job)->is_ksm)
                        manager_cancel_job(m, job);
}

void manager_stop(Manager *m) {
        if (m->stopping) {
                jobs_stop_workers(m->jobs);
                (void) sd_event_exit(m->event, 0);
                return;
        }
        m->stopping = true;
        pursuit_stop(m->pursuit);
        cancel_ksm(m);
        if (!manager_job(m, 0))
                (void) sd_event_exit(m->event, 0);
}

int manager_submit(Manager *m, const JobRequest *request, Job **ret, Error *error) {
        _cleanup_strv_ char **uuids = NULL;
        JobRequest known = *request;
        int r;

        r = esp_list_find_all(state_view(m->state)->esps, request->esps, &uuids, error);
        if (r < 0)
                return r;
        known.esps = uuids;
        return queue_submit(jobs_queue(m->jobs), &known, ret, error);
}

void manager_cancel_job(Manager *m, Job *job) {
        queue_cancel(jobs_queue(m->jobs), job);
}

/* A file is about to be changed, which must also be synced: there has to be room for the job, and
 * all else must be readable. */
static int before_change(Manager *m, Error *error) {
        int r = 0;

        if (isempty(pursuit_auto_sync_reason(m->pursuit)))
                r = queue_check_room(jobs_queue(m->jobs), &(JobRequest){ .type = JOB_REFRESH },
                                     error);
        return r < 0 ? r : state_read(m->state, error);
}

/* A file below etc/kernel was changed, and read again. *@ret_job is NULL if no job follows. */
static int after_change(Manager *m, const ChangeWords *words, uid_t uid, Job **ret_job,
                        Error *error) {
        JobRequest request = { .type = JOB_REFRESH, .uid = uid };
        _cleanup_free_ char *sentence = NULL;

        if (!isempty(pursuit_auto_sync_reason(m->pursuit))) {
                *ret_job = NULL;
                return 0;
        }
        sentence = change_describe(words);
        if (!sentence)
                return -ENOMEM;
        request.change = sentence;
        return manager_submit(m, &request, ret_job, error);
}

static void record_next_boot(Manager *m) {
        int r = boot_pin_record(m->root, state_view(m->state)->facts);

        if (r < 0)
                log_warning("Cannot write down when the next-boot pin was set: %s; it may stay "
                            "after its boot.",
                            strerror(-r));
}

static void note_pin(Manager *m, const KernelChange *change, bool changed, uid_t uid) {
        if (change->verb == KERNEL_VERB_UNPIN || change->scope == PIN_NEXT_BOOT)
                record_next_boot(m);
        else if (change->verb == KERNEL_VERB_PIN && changed) {
                chronicle_note_pin(m->chronicle, &state_view(m->state)->facts->conf, uid);
                state_review(m->state, MANAGER_CHANGED_KERNELS);
        }
}

/* The file is to be changed as @change says, and @words has what was so before. 1 if it was, 0 if
 * it was so already. */
static int change_kernels(Manager *m, const KernelChange *change, ChangeWords *words, uid_t uid,
                          Job **ret_job, Error *error) {
        int r = kernel_list_change(m->root, state_view(m->state)->facts, change, error);

        if (r <= 0) {
                if (r == 0)
                        *ret_job = NULL;
                return r;
        }
        r = state_read(m->state, error);
        words->default_kernel = state_view(m->state)->verdict->wanted_kernel;
        if (r >= 0)
                r = after_change(m, words, uid, ret_job, error);
        return r < 0 ? r : 1;
}

int manager_change_kernels(Manager *m, const KernelChange *change, uid_t uid, Job **ret_job,
                           Error *error) {
        static const char *const verbs[] = {
                [KERNEL_VERB_ADD] = "add",
                [KERNEL_VERB_REMOVE] = "remove",
                [KERNEL_VERB_PIN] = "pin",
                [KERNEL_VERB_UNPIN] = "unpin",
        };
        _cleanup_free_ char *pin = NULL, *once = NULL;
        const KernelConf *conf = &state_view(m->state)->facts->conf;
        ChangeWords words = {
                .verb = verbs[change->verb],
                .version = change->version,
                .next_boot = change->scope == PIN_NEXT_BOOT,
        };
        int r;

        r = kernel_list_check(change, error);
        if (r >= 0)
                r = before_change(m, error);
        if (r < 0)
                return r;
        words.pin = pin = strdup(strempty(conf->pin));
        words.once = once = strdup(strempty(conf->next_boot));
        if (!pin || !once)
                return -ENOMEM;
        r = change_kernels(m, change, &words, uid, ret_job, error);
        if (r >= 0)
                note_pin(m, change, r > 0, uid);
        return MIN(r, 0);
}

int manager_clean_esps(Manager *m, bool dry_run, char ***ret_removed, Error *error) {
        _cleanup_strv_ char **removed = NULL;
        int r;

        r = state_read(m->state, error);
        if (r >= 0)
                r = esp_list_clean(m->root, state_view(m->state)->esps, dry_run, &removed, error);
        if (r >= 0 && !dry_run && !strv_isempty(removed))
                r = state_read(m->state, error);
        if (r < 0)
                return r;
        for (char **uuid = removed; !dry_run && uuid && *uuid; uuid++)
                log_event(state_log_level(m->state, LOG_NOTICE), NULL, FIELD_ESP_UUID, *uuid, NULL,
                          "ESP '%s' is gone and was taken off the list.", *uuid);
        *ret_removed = TAKE_PTR(removed);
        return 0;
}

int manager_remove_esp(Manager *m, const char *name, bool force, char ***ret_entries,
                       Error *error) {
        _cleanup_strv_ char **entries = NULL;
        _cleanup_free_ char *uuid = NULL;
        const StateView *known = state_view(m->state);
        Esp *esp;
        int r;

        r = state_read(m->state, error);
        if (r >= 0)
                r = esp_list_find(known->esps, name, &esp, error);
        if (r >= 0)
                r = queue_check_idle(jobs_queue(m->jobs), esp_info(esp).uuid, error);
        if (r >= 0)
                r = esp_list_entries(known->firmware, esp, &entries);
        if (r < 0)
                return r;
        uuid = strdup(esp_info(esp).uuid);
        if (!uuid)
                return -ENOMEM;
        r = esp_list_remove(m->root, known->esps, esp, force, error);
        if (r < 0)
                return r;
        log_event(state_log_level(m->state, LOG_NOTICE), NULL, FIELD_ESP_UUID, uuid, NULL,
                  "ESP '%s' was taken off the list as asked; what is on it stays.", uuid);
        r = state_read(m->state, error);
        if (r < 0)
                return r;
        *ret_entries = TAKE_PTR(entries);
        return 0;
}

Job *manager_job(const Manager *m, size_t i) {
        return queue_at(jobs_queue(m->jobs), i);
}

ManagerInfo manager_info(const Manager *m) {
        ManagerInfo info = {
                .known = state_view(m->state),
                .ksm = jobs_ksm(m->jobs),
                .alerts = m->alerts,
                .auto_sync_reason = pursuit_auto_sync_reason(m->pursuit),
                .last_refresh_usec = m->last_refresh_usec,
                .last_refresh_result = strempty(m->last_refresh_result),
                .pinned_by = chronicle_pinned_by(m->chronicle, &state_view(m->state)->facts->conf),
        };

        info.watching = state_watching(m->state, &info.watching_reason);
        return info;
}
