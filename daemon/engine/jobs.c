/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A table says of each kind of job whether it waits for others, which calls join it, and how it
 * starts and is canceled. The files are read again when a job begins; what the run's workers find
 * and do becomes the state's. */

#include "engine/jobs-private.h"

#include <inttypes.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "engine/conversion.h"
#include "engine/facts/esp-list.h"
#include "engine/facts/kernel-lists.h"

Jobs *jobs_free(Jobs *jobs) {
        if (!jobs)
                return NULL;
        run_free(jobs->run);
        patience_end(&jobs->link_patience);
        free(jobs->setup_uuid);
        ksm_control_free(jobs->ksm);
        queue_free(jobs->queue);
        return mfree(jobs);
}

Queue *jobs_queue(const Jobs *jobs) {
        return jobs->queue;
}

KsmControl *jobs_ksm(const Jobs *jobs) {
        return jobs->ksm;
}

static const Root *root_of(const Jobs *jobs) {
        return workers_config(jobs->workers)->root;
}

/* The listener of a run. */

/* The worker judged by what it was given; meanwhile the disk may be gone, or the files may be newer
 * than that. */
static void judge_again(const State *state, Esp *esp) {
        const EspInfo info = esp_info(esp);

        if (!info.present && info.state != ESP_STUCK && info.state != ESP_SYNCING)
                esp_set_state(esp, ESP_MISSING, info.error_code, info.last_error);
        else if (info.state == ESP_IN_SYNC && info.compared != state_view(state)->facts->serial)
                esp_set_state(esp, ESP_UNKNOWN, ERROR_NONE, NULL);
}

static void on_esp_changed(Esp *esp, void *userdata) {
        Jobs *jobs = userdata;
        const char *error;

        judge_again(jobs->state, esp);
        error = esp_info(esp).last_error;
        if (!isempty(error))
                log_of_job(queue_running(jobs->queue), state_log_level(jobs->state, LOG_WARNING),
                           esp_info(esp).uuid, "%s.", error);
        state_esp_changed(jobs->state, esp);
}

static void on_job_changed(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        queue_job_changed(jobs->queue, job);
}

void jobs_set_waiting(Jobs *jobs, Job *job, const char *what) {
        if (job_set_waiting(job, what))
                queue_job_changed(jobs->queue, job);
}

static const Firmware *on_firmware(Firmware *firmware, void *userdata) {
        Jobs *jobs = userdata;

        return state_set_firmware(jobs->state, firmware);
}

static void on_armed(const char *version, void *userdata) {
        Jobs *jobs = userdata;

        boot_pin_record_one_shot(root_of(jobs), state_view(jobs->state)->facts, version);
}

static int on_pin_grub(const char *version, const char *root_id, bool keep, void *userdata) {
        Jobs *jobs = userdata;

        return files_pin_grub(state_view(jobs->state)->files, version, root_id, keep);
}

/* Listed only now: an ESP without a boot loader would be one that fails for ever. */
static int on_installed(Esp *esp, void *userdata) {
        Jobs *jobs = userdata;
        int r;

        r = kernel_conf_change_list(root_of(jobs), LIST_ESPS, esp_info(esp).uuid, true);
        if (r > 0)
                r = state_read(jobs->state, NULL);
        return MIN(r, 0);
}

/* Package hooks write for a moment, so that moment is waited for: the job is neither a failure nor
 * done in part because of it. */
static bool on_unfinished(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        if (!queue_start_again(jobs->queue, job))
                return false;
        jobs->run = run_free(jobs->run);
        (void) job_set_message(job, "waiting until /" PATH_BOOT " is complete");
        queue_job_changed(jobs->queue, job);
        return true;
}

static bool wants_disks(const Job *job) {
        JobType type = job_info(job)->request.type;

        return job_info(job)->request.disks || type == JOB_FORMAT || type == JOB_INIT;
}

/* Whoever asked for disks or keys wants to see them. The ESPs are free for a look at signatures. */
static void end_when_known(Jobs *jobs, Job *job) {
        const StateView *known = state_view(jobs->state);

        if (job_info(job)->request.keys)
                esps_hold(known->esps, false);
        if (wants_disks(job) && !disks_are_surveyed(known->disks))
                jobs_set_waiting(jobs, job, LOOK_AT_DISKS);
        else if (job_info(job)->request.keys && state_judges(jobs->state, true, true))
                jobs_set_waiting(jobs, job, LOOK_AT_KEYS);
        else
                queue_end(jobs->queue, job);
}

static void on_run_ended(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        jobs->run = run_free(jobs->run);
        end_when_known(jobs, job);
}

static void start_when_judged(Jobs *jobs, Job *job);

static void on_unjudged(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        jobs->run = run_free(jobs->run);
        start_when_judged(jobs, job);
}

static const RunListener run_listener = {
        .esp_changed = on_esp_changed,
        .job_changed = on_job_changed,
        .firmware = on_firmware,
        .armed = on_armed,
        .pin_grub = on_pin_grub,
        .installed = on_installed,
        .unfinished = on_unfinished,
        .unjudged = on_unjudged,
        .ended = on_run_ended,
};

/* The beginning of a job. */

int jobs_start_run(Jobs *jobs, Job *job, Esp **esps, bool prefer_shim) {
        _cleanup_free_ Esp **owned = esps;
        _cleanup_(run_input_done) RunInput input = {};
        int r;

        if (!esps)
                return -ENOMEM;

        r = run_input_make(root_of(jobs), state_view(jobs->state)->facts,
                           state_view(jobs->state)->firmware, &input);
        if (r < 0)
                return r;
        input.esps = TAKE_PTR(owned);
        input.prefer_shim = prefer_shim;
        return run_new(jobs->workers, job, &input, &run_listener, jobs, &jobs->run);
}

/* All that are listed. */
static Esp **list_esps(const Esps *esps) {
        size_t n = 0;
        Esp **list;

        ESPS_FOREACH(esp, esps)
                n++;
        list = calloc(n + 1, sizeof(Esp *));
        n = 0;
        ESPS_FOREACH(esp, esps)
                if (list && esp_info(esp).listed)
                        list[n++] = esp;
        return list;
}

int jobs_prepare(Jobs *jobs, Job *job, Error *error) {
        Files *files = state_view(jobs->state)->files;
        int r;

        r = files_keep_new_kernels(files, job_info(job)->new_kernels);
        if (r < 0)
                return r;
        esps_hold(state_view(jobs->state)->esps, true);
        /* The echo of what was written for this job would otherwise come while it runs, and ask for
         * another one. */
        state_hear(jobs->state);
        r = state_read(jobs->state, error);
        if (r < 0)
                return r;
        jobs->listener->has_read(job, jobs->userdata);
        if (job_info(job)->syncs) {
                files_remove_leftovers(files);
                files_write_apt_conf(files);
        }
        return wants_disks(job) ? disks_survey(state_view(jobs->state)->disks, false) : 0;
}

bool jobs_await_keys(Jobs *jobs, Job *job) {
        const Firmware *firmware = state_view(jobs->state)->firmware;

        jobs->awaits_keys = firmware && firmware->secure_boot == SECURE_BOOT_ENABLED &&
                            state_judges(jobs->state, false, true);
        if (jobs->awaits_keys)
                jobs_set_waiting(jobs, job, LOOK_AT_KEYS);
        return jobs->awaits_keys;
}

/* On the ESPs that a job of its kind works with. */
static int begin(Jobs *jobs, Job *job, Error *error) {
        Esp **esps = NULL;
        bool prefer_shim = false;
        int r = 0;

        if (job_info(job)->request.type == JOB_CONVERT)
                r = conversion_choose(state_view(jobs->state), &esps, &prefer_shim, error);
        else
                esps = list_esps(state_view(jobs->state)->esps);
        return r < 0 ? r : jobs_start_run(jobs, job, esps, prefer_shim);
}

static int start_all(Job *job, Error *error, void *userdata) {
        Jobs *jobs = userdata;
        int r = jobs_prepare(jobs, job, error);

        return r < 0 || jobs_await_keys(jobs, job) ? MIN(r, 0) : begin(jobs, job, error);
}

static void end_unstarted(Jobs *jobs, Job *job, JobResult result, Error *error) {
        jobs_set_waiting(jobs, job, "");
        job_end(job, result, error);
        queue_end(jobs->queue, job);
}

static void cancel_unstarted(Jobs *jobs, Job *job) {
        _cleanup_error_ Error error = {};

        jobs->awaits_keys = false;
        (void) error_set(&error, ERROR_CANCELED, "The job was canceled");
        end_unstarted(jobs, job, JOB_RESULT_CANCELED, &error);
}

/* The files may have been read anew, with what is accepted now. */
static void start_when_judged(Jobs *jobs, Job *job) {
        _cleanup_error_ Error error = {};
        int r;

        if (job_info(job)->status.state == JOB_CANCELING) {
                cancel_unstarted(jobs, job);
                return;
        }
        if (jobs_await_keys(jobs, job))
                return;
        jobs_set_waiting(jobs, job, "");
        if (job_info(job)->request.type == JOB_INIT) {
                jobs_go_on_with_setup(jobs);
                return;
        }
        jobs->listener->has_read(job, jobs->userdata);
        r = begin(jobs, job, &error);
        if (r >= 0)
                return;
        (void) error_set_errno(&error, r, "Cannot begin job %" PRIu64, job_info(job)->id);
        end_unstarted(jobs, job, JOB_RESULT_FAILED, &error);
}

static void cancel_run(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        if (jobs->run)
                run_cancel(jobs->run);
        else if (jobs->awaits_keys)
                cancel_unstarted(jobs, job);
}

void jobs_surveyed(Jobs *jobs) {
        Job *job = queue_running(jobs->queue);

        if (!job || !wants_disks(job) || !disks_are_surveyed(state_view(jobs->state)->disks) ||
            jobs->run || jobs->formats || jobs->awaits_keys)
                return;
        if (job_info(job)->status.state == JOB_ENDED)
                end_when_known(jobs, job);
        else
                jobs_go_on_with_setup(jobs);
}

void jobs_judged(Jobs *jobs) {
        Job *job = queue_running(jobs->queue);

        if (job && jobs->awaits_keys)
                start_when_judged(jobs, job);
        else if (job && !jobs->run && job_info(job)->status.state == JOB_ENDED)
                end_when_known(jobs, job);
}

void jobs_stop_workers(Jobs *jobs) {
        if (jobs->run)
                run_cancel(jobs->run);
}

/* Calls that are served by a job that waits. */

static int check_kernel(const JobRequest *request, Error *error, void *userdata) {
        const Jobs *jobs = userdata;

        return request->new_kernel
                               ? kernel_list_check_new(root_of(jobs), request->new_kernel, error)
                               : 0;
}

static int check_convert(const JobRequest *request, Error *error, void *userdata) {
        _cleanup_free_ Esp **esps = NULL;
        bool prefer;

        return conversion_choose(state_view(((const Jobs *) userdata)->state), &esps, &prefer,
                                 error);
}

static int check_ksm(const JobRequest *request, Error *error, void *userdata) {
        const Jobs *jobs = userdata;

        return ksm_control_check(jobs->ksm, request, error);
}

static int start_ksm(Job *job, Error *error, void *userdata) {
        const Jobs *jobs = userdata;

        return ksm_control_start(jobs->ksm, job);
}

static void cancel_ksm(Job *job, void *userdata) {
        const Jobs *jobs = userdata;

        ksm_control_cancel(jobs->ksm);
}

#define JOB_OF_DISKS(checking, joining, starting, canceling) \
        { .check = (checking), .joins = (joining), .start = (starting), .cancel = (canceling) }
#define JOB_OF_KSM \
        { .beside = true, .check = check_ksm, .start = start_ksm, .cancel = cancel_ksm }

static const JobKind kinds[_JOB_TYPE_MAX] = {
        [JOB_REFRESH] = JOB_OF_DISKS(check_kernel, job_joins_wider, start_all, cancel_run),
        [JOB_VERIFY] = JOB_OF_DISKS(check_kernel, job_joins_wider, start_all, cancel_run),
        [JOB_PROBE] = JOB_OF_DISKS(check_kernel, job_joins_wider, start_all, cancel_run),
        [JOB_PLAN] = JOB_OF_DISKS(check_kernel, job_joins_same_esps, start_all, cancel_run),
        [JOB_REINIT] = JOB_OF_DISKS(check_kernel, job_joins_wider, start_all, cancel_run),
        [JOB_FORMAT] = JOB_OF_DISKS(NULL, job_joins_same_device, jobs_start_setup,
                                    jobs_cancel_format),
        [JOB_INIT] = JOB_OF_DISKS(NULL, job_joins_same_device, jobs_start_setup, cancel_run),
        [JOB_CONVERT] = JOB_OF_DISKS(check_convert, job_joins_wider, start_all, cancel_run),
        [JOB_KSM_ENABLE] = JOB_OF_KSM,
        [JOB_KSM_DISABLE] = JOB_OF_KSM,
        [JOB_KSM_UNMERGE] = JOB_OF_KSM,
        [JOB_KSM_SET] = JOB_OF_KSM,
        [JOB_KSM_RESTORE] = JOB_OF_KSM,
};

/* The listener of KSM. */

static void on_ksm_ended(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        queue_end(jobs->queue, job);
}

static const KsmListener ksm_listener = {
        .job_changed = on_job_changed,
        .ended = on_ksm_ended,
};

int jobs_new(Workers *workers, State *state, const JobsListener *listener, void *userdata,
             Jobs **ret) {
        _cleanup_(jobs_freep) Jobs *jobs = malloc(sizeof(*jobs));
        int r;

        if (!jobs)
                return -ENOMEM;
        *jobs = (Jobs){
                .workers = workers,
                .state = state,
                .listener = listener,
                .userdata = userdata,
        };
        r = queue_new(workers, kinds, jobs, &listener->queue, userdata, &jobs->queue);
        if (r >= 0)
                r = ksm_control_new(workers, &ksm_listener, jobs, &jobs->ksm);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(jobs);
        return 0;
}

void jobs_log_end(const Jobs *jobs, const Job *job) {
        static const struct {
                int level;
                const char *message_id, *words;
        } words[_JOB_RESULT_MAX] = {
                [JOB_RESULT_DONE] = { LOG_INFO, MSG_REFRESH_DONE, "done" },
                [JOB_RESULT_PARTIAL] = { LOG_WARNING, MSG_REFRESH_PARTIAL, "done in part" },
                [JOB_RESULT_FAILED] = { LOG_ERR, MSG_REFRESH_FAILED, "failed" },
                [JOB_RESULT_CANCELED] = { LOG_NOTICE, NULL, "canceled" },
        };
        const JobStatus *status = &job_info(job)->status;
        JobType type = job_info(job)->request.type;
        const char *message_id = job_info(job)->is_ksm ? NULL : words[status->result].message_id;
        const char *text = strempty(status->deed->message);
        char id[24];

        (void) snprintf(id, sizeof(id), "%" PRIu64, job_info(job)->id);
        log_event(state_log_level(jobs->state, words[status->result].level), message_id,
                  FIELD_JOB_ID, id, FIELD_JOB_TYPE, job_type_to_string(type), NULL,
                  "Job %s (%s) %s%s%s%s", id, job_type_to_string(type), words[status->result].words,
                  isempty(text) ? "" : ": ", text, endswith(text, ".") ? "" : ".");
}
