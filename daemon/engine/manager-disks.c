/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The disks as the last look found them, and what is done with partitions that are no ESPs yet: one
 * is formatted, or becomes an ESP. What stands against it is looked for before a worker is started,
 * and by the worker once more with the disk locked. */

#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "engine/manager-private.h"
#include "sys/block-disks.h"

/* udev makes the link of a new file system a moment after that was made. */
#define LINK_RETRY_USEC    (100 * UINT64_C(1000))
#define LINK_PATIENCE_USEC (15 * UINT64_C(1000000))

static void on_straggler_ended(Straggler *straggler, void *userdata) {
        Manager *m = userdata;

        for (size_t i = 0; i < m->n_stragglers; i++)
                if (m->stragglers[i] == straggler) {
                        m->stragglers[i] = m->stragglers[--m->n_stragglers];
                        straggler_free(straggler);
                        return;
                }
}

void manager_adopt(Manager *m, Task *task, pid_t holder) {
        Straggler *straggler;
        int r;

        if (!ARRAY_RESERVE(m->stragglers, m->n_stragglers_allocated, m->n_stragglers + 1)) {
                task_free(task);
                return;
        }
        r = task ? straggler_new_task(task, on_straggler_ended, m, &straggler)
                 : straggler_new_pid(m->event, holder, on_straggler_ended, m, &straggler);
        if (r >= 0)
                m->stragglers[m->n_stragglers++] = straggler;
}

static void on_disk_stuck(Task *task, pid_t holder, void *userdata) {
        manager_adopt(userdata, task, holder);
}

static void on_surveyed(Partitions *found, void *userdata) {
        Manager *m = userdata;

        partitions_done(&m->partitions);
        m->partitions = TAKE_STRUCT(*found);
        m->survey = survey_free(m->survey);
        manager_review_verdict(m);
        if (m->survey_again) {
                m->survey_again = false;
                (void) manager_start_survey(m);
        }
        manager_job_surveyed(m);
}

static const SurveyListener survey_listener = {
        .stuck = on_disk_stuck,
        .ended = on_surveyed,
};

int manager_start_survey(Manager *m) {
        return survey_new(m->event, &m->options.worker, &survey_listener, m, &m->survey);
}

void manager_look_at_disks(Manager *m) {
        int r = 0;

        if (m->survey)
                m->survey_again = true;
        else
                r = manager_start_survey(m);
        if (r < 0)
                log_warning("Cannot look for disks: %s, ignoring.", strerror(-r));
}

const Partitions *manager_partitions(const Manager *m) {
        return &m->partitions;
}

bool manager_partition_is_listed(const Manager *m, const Partition *partition) {
        return partition->fs_uuid && streq_ptr(partition->fs_type, "vfat") &&
               strv_contains(m->facts.conf.esps.items, partition->fs_uuid);
}

bool manager_uuid_is_duplicate(const Manager *m, const char *uuid) {
        size_t n = 0;

        for (size_t i = 0; i < m->partitions.n; i++)
                n += streq_ptr(m->partitions.items[i].fs_uuid, uuid);
        return n > 1;
}

void named_device_done(NamedDevice *d) {
        free(d->path);
        *d = (NamedDevice){};
}

static int refuse_device(const char *path, int error_number, Error *error) {
        _cleanup_free_ char *shown = string_for_humans(path, strlen(path), 128);
        const char *why = error_number == -ENOENT    ? "there is nothing of that name"
                          : error_number == -ENOTBLK ? "it is no block device"
                          : error_number == -EXDEV   ? "it is not below /dev, or leads out of there"
                          : error_number == -ENODATA
                                          ? "its disk was not found, or could not be read"
                                          : "the kernel does not know it as one";

        if (error_number == -ENOMEM)
                return error_set_errno(error, error_number, "Cannot look for a device");
        return error_set(error, ERROR_NOT_A_PARTITION,
                         "'%s' is no partition of a disk: %s; see 'bootctl-pve esp candidates'",
                         strempty(shown), why);
}

/* A plain directory in dev/disk/by-uuid is an ESP, too. It is one of that name and no other. */
static bool is_directory_esp(const Manager *m, const char *path) {
        const char *uuid = startswith(path, "/" PATH_BY_UUID "/");
        struct stat st;

        return uuid && fat_uuid_is_valid(uuid) && root_stat(m->options.root, path + 1, &st) >= 0 &&
               S_ISDIR(st.st_mode);
}

int manager_find_device(const Manager *m, const char *path, NamedDevice *ret, Error *error) {
        _cleanup_(block_device_done) BlockDevice device = {};
        NamedDevice found = {};
        int r;

        assert(m);
        assert(path);
        assert(ret);

        if (is_directory_esp(m, path))
                found.path = strdup(path);
        else {
                r = block_device_find(m->options.root, path, &device);
                if (r < 0)
                        return refuse_device(path, r, error);
                found.path = strprintf("/dev/%s", device.name);
                found.id = device.id;
        }
        if (!found.path)
                return refuse_device(path, -ENOMEM, error);
        *ret = found;
        return 0;
}

const Partition *manager_find_partition(const Manager *m, const NamedDevice *device) {
        for (size_t i = 0; i < m->partitions.n; i++) {
                const Partition *p = &m->partitions.items[i];

                if (streq_ptr(p->device, device->path) && p->diskseq == device->id.diskseq)
                        return p;
        }
        return NULL;
}

/* What the look found of the job's device, which must still be there. */
static int find_partition(const Manager *m, const Job *job, const Partition **ret, Error *error) {
        _cleanup_(named_device_done) NamedDevice now = {};
        const Partition *partition;
        int r;

        r = manager_find_device(m, job_device(job), &now, error);
        if (r < 0)
                return r;
        if (!device_id_equal(&now.id, job_device_id(job)))
                return error_set(error, ERROR_DEVICE_CHANGED,
                                 "'%s' is another device now than when it was asked for, and "
                                 "nothing was written to it; look at it with 'lsblk', and ask "
                                 "again",
                                 job_device(job));
        partition = manager_find_partition(m, &now);
        if (!partition)
                return refuse_device(job_device(job), -ENODATA, error);
        *ret = partition;
        return 0;
}

static void end_setup(Manager *m, Job *job, Error *error) {
        job_end(job,
                !error_is_set(error)            ? JOB_RESULT_DONE
                : error->code == ERROR_CANCELED ? JOB_RESULT_CANCELED
                                                : JOB_RESULT_FAILED,
                error);
        manager_end_job(m, job);
}

static void on_format_report(Report *report, void *userdata) {
        _cleanup_(partition_done) Partition now = {};
        Manager *m = userdata;

        if (report->type != REPORT_PARTITION || partition_take_report(report, &now) < 0)
                return;
        for (size_t i = 0; i < m->partitions.n; i++)
                if (streq_ptr(m->partitions.items[i].device, now.device)) {
                        partition_done(&m->partitions.items[i]);
                        m->partitions.items[i] = TAKE_STRUCT(now);
                        return;
                }
}

static void on_format_end(const Error *result, void *userdata) {
        _cleanup_error_ Error error = {};
        Manager *m = userdata;

        if (error_is_set(result))
                (void) error_copy(&error, result);
        m->format_errand = errand_free(m->format_errand);
        m->format_plan = plan_free(m->format_plan);
        end_setup(m, m->running, &error);
}

static void on_format_stuck(Task *task, pid_t holder, const Error *error, void *userdata) {
        manager_adopt(userdata, task, holder);
        on_format_end(error, userdata);
}

static const ErrandListener format_listener = {
        .on_report = on_format_report,
        .on_end = on_format_end,
        .on_stuck = on_format_stuck,
};

static int start_format(Manager *m, Job *job, Error *error) {
        const Partition *partition;
        PlanStep *step = NULL;
        int r;

        r = find_partition(m, job, &partition, error);
        if (r >= 0)
                r = partition_check_format(partition, job_force(job), error);
        if (r < 0)
                return r;
        r = plan_new_device(startswith(job_device(job), "/dev/"), &m->format_plan);
        if (r >= 0)
                step = plan_add(m->format_plan, PLAN_FORMAT, NULL);
        if (!step)
                return error_set_errno(error, ENOMEM, "Cannot plan to format '%s'",
                                       partition->device);
        step->force = job_force(job);
        m->format_plan->id = *job_device_id(job);
        job_set_message(job, "formatting");
        return errand_new(m->event, &m->options.worker, m->format_plan, &format_listener, m,
                          &m->format_errand, error);
}

static int find_new_esp(const Manager *m, const Job *job, char **ret_uuid, Error *error) {
        const char *uuid = startswith(job_device(job), "/" PATH_BY_UUID "/");
        const Partition *partition;
        int r;

        if (!uuid) {
                r = find_partition(m, job, &partition, error);
                if (r >= 0)
                        r = partition_check_init(partition, &m->partitions, error);
                if (r < 0)
                        return r;
                uuid = partition->fs_uuid;
        }
        *ret_uuid = strdup(uuid);
        return *ret_uuid ? 0 : -ENOMEM;
}

static int on_link_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *m = userdata;

        m->link_timer = sd_event_source_disable_unref(m->link_timer);
        manager_start_setup(m, m->running);
        return 0;
}

/* True if the link of the ESP may still come, and a timer looks again. */
static bool waits_for_link(Manager *m) {
        uint64_t now;

        if (sd_event_now(m->event, CLOCK_MONOTONIC, &now) < 0)
                return false;
        if (m->link_deadline == 0)
                m->link_deadline = now + LINK_PATIENCE_USEC;
        if (now >= m->link_deadline)
                return false;
        return sd_event_add_time_relative(m->event, &m->link_timer, CLOCK_MONOTONIC,
                                          LINK_RETRY_USEC, 0, on_link_timer, m) >= 0;
}

static int start_init(Manager *m, Job *job, Error *error) {
        _cleanup_free_ char *uuid = NULL;
        Member *member = NULL;
        int r;

        r = find_new_esp(m, job, &uuid, error);
        if (r >= 0)
                r = manager_get_member(m, uuid, &member);
        if (r < 0)
                return error_set_errno(error, r, "Cannot set up '%s'", job_device(job));
        (void) manager_update_presence(m);
        if (!esp_present(member->esp) && waits_for_link(m))
                return 0;
        m->link_deadline = 0;
        r = manager_start_refresh(m, job, &member->esp, 1);
        return r < 0 ? error_set_errno(error, r, "Cannot set up '%s'", job_device(job)) : 0;
}

void manager_start_setup(Manager *m, Job *job) {
        _cleanup_error_ Error error = {};
        int r;

        if (job_get_state(job) == JOB_CANCELING)
                r = error_set(&error, ERROR_CANCELED, "The job was canceled");
        else
                r = job_get_type(job) == JOB_FORMAT ? start_format(m, job, &error)
                                                    : start_init(m, job, &error);
        if (r < 0)
                end_setup(m, job, &error);
}
