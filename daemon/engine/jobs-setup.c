/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The jobs that are done to a device: it is made an ESP, or an ESP is put on the list. They begin
 * when the disks were looked at, and the second waits for the link that udev makes. */

#include "engine/jobs-private.h"

#include "common/names.h"
#include "common/string-util.h"
#include "engine/facts/esp-list.h"

/* udev makes the link of a new file system a moment after that was made. */
#define LINK_RETRY_USEC    (100 * UINT64_C(1000))
#define LINK_PATIENCE_USEC (15 * UINT64_C(1000000))

static NamedDevice device_of(const Job *job) {
        return (NamedDevice){
                .path = (char *) job_info(job)->request.device,
                .id = job_info(job)->request.device_id,
        };
}

static Esp **list_one(Esp *esp) {
        Esp **list = calloc(2, sizeof(Esp *));

        if (list)
                list[0] = esp;
        return list;
}

/* JOB_FORMAT and JOB_INIT begin when the disks are known. */
int jobs_start_setup(Job *job, Error *error, void *userdata) {
        Jobs *jobs = userdata;

        jobs->setup_uuid = mfree(jobs->setup_uuid);
        jobs_set_waiting(jobs, job, LOOK_AT_DISKS);
        return jobs_prepare(jobs, job, error);
}

static void end_setup(Jobs *jobs, Job *job, Error *error) {
        const NamedDevice device = device_of(job);

        patience_end(&jobs->link_patience);
        if (!error_is_set(error))
                job_info(job)->status.deed->message =
                                disks_describe_formatted(state_view(jobs->state)->disks, &device);
        job_end(job,
                !error_is_set(error)            ? JOB_RESULT_DONE
                : error->code == ERROR_CANCELED ? JOB_RESULT_CANCELED
                                                : JOB_RESULT_FAILED,
                error);
        queue_end(jobs->queue, job);
}

static void on_formatted(const Error *result, void *userdata) {
        _cleanup_error_ Error error = {};
        Jobs *jobs = userdata;

        if (error_is_set(result))
                (void) error_copy(&error, result);
        jobs->formats = false;
        end_setup(jobs, queue_running(jobs->queue), &error);
}

static int format(Jobs *jobs, Job *job, Error *error) {
        const NamedDevice device = device_of(job);
        int r = disks_format(state_view(jobs->state)->disks, &device, job_info(job)->request.force,
                             on_formatted, jobs, error);

        if (r < 0)
                return r;
        (void) job_set_message(job, "formatting");
        queue_job_changed(jobs->queue, job);
        jobs->formats = true;
        return 0;
}

void jobs_cancel_format(Job *job, void *userdata) {
        Jobs *jobs = userdata;

        disks_cancel_format(state_view(jobs->state)
                                            ->disks); /* one that waits for the disks ends then */
}

static int init(Jobs *jobs, Job *job, Error *error) {
        Esps *esps = state_view(jobs->state)->esps;
        const NamedDevice device = device_of(job);
        Esp *esp = NULL;
        int r;

        jobs->setup_uuid = mfree(jobs->setup_uuid);
        r = disks_find_new_esp(state_view(jobs->state)->disks, &device, &jobs->setup_uuid, error);
        if (r >= 0)
                r = esps_get(esps, jobs->setup_uuid, &esp);
        if (r < 0)
                return error_set_errno(error, r, "Cannot set up '%s'", device.path);
        (void) esps_update_presence(esps);
        /* The link of the ESP may still come. */
        if (!esp_info(esp).present &&
            patience_wait(&jobs->link_patience, workers_config(jobs->workers)->event,
                          LINK_RETRY_USEC, LINK_PATIENCE_USEC, jobs_go_on_with_setup, jobs) >= 0) {
                jobs_set_waiting(jobs, job, "the new file system to appear in /" PATH_BY_UUID);
                return 0;
        }
        patience_end(&jobs->link_patience);
        r = jobs_await_keys(jobs, job) ? 0 : jobs_start_run(jobs, job, list_one(esp), false);
        return r < 0 ? error_set_errno(error, r, "Cannot set up '%s'", device.path) : 0;
}

void jobs_go_on_with_setup(void *userdata) {
        _cleanup_error_ Error error = {};
        Jobs *jobs = userdata;
        Job *job = queue_running(jobs->queue);
        int r;

        jobs_set_waiting(jobs, job, "");
        if (job_info(job)->status.state == JOB_CANCELING)
                r = error_set(&error, ERROR_CANCELED, "The job was canceled");
        else
                r = job_info(job)->request.type == JOB_FORMAT ? format(jobs, job, &error)
                                                              : init(jobs, job, &error);
        if (r < 0)
                end_setup(jobs, job, &error);
}

void jobs_tell_setup(Jobs *jobs, Job *job) {
        const JobInfo *info = job_info(job);
        const char *uuid = job == queue_running(jobs->queue) ? jobs->setup_uuid : NULL;
        _cleanup_error_ Error error = {};

        if (info->request.type != JOB_INIT || !error_is_set(&info->status.error))
                return;
        if (error_copy(&error, &info->status.error) >= 0 &&
            esp_list_tell_setup(state_view(jobs->state)->esps, uuid, info->request.device,
                                info->request.loader, &error) >= 0)
                job_end(job, info->status.result, &error);
}
