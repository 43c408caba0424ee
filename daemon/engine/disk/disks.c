/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which disks there are is asked of sysfs, which answers from memory; everything else is asked of
 * the disks, each by a worker of its own. A disk that cannot be read is left out, and said. What
 * stands against formatting a partition is looked for before a worker is started, and by the worker
 * once more with the disk locked. */

#include "engine/disk/disks.h"

#include <sys/stat.h>

#include "common/log.h"
#include "common/names.h"
#include "common/string-util.h"
#include "core/conf/conf-file.h"
#include "sys/block.h"

/* One disk in a survey. */
typedef struct Disk {
        Disks *disks;
        char *name;
        Errand *errand;
        Partitions found;
        bool ended;
} Disk;

struct Disks {
        Workers *workers;
        void (*surveyed)(void *userdata);
        void *userdata;
        Partitions partitions;

        Disk *items; /* of the survey that runs; NULL: none does */
        size_t n;
        sd_event_source *start_source, *end_source;
        bool again; /* something has changed since it began */

        Errand *format;
        void (*formatted)(const Error *error, void *userdata);
        void *format_userdata;
};

static void end_survey(Disks *d) {
        for (size_t i = 0; i < d->n; i++) {
                errand_free(d->items[i].errand);
                free(d->items[i].name);
                partitions_done(&d->items[i].found);
        }
        d->items = mfree(d->items);
        d->n = 0;
        d->start_source = sd_event_source_disable_unref(d->start_source);
        d->end_source = sd_event_source_disable_unref(d->end_source);
}

Disks *disks_free(Disks *d) {
        if (!d)
                return NULL;
        end_survey(d);
        errand_free(d->format);
        partitions_done(&d->partitions);
        return mfree(d);
}

int disks_new(Workers *workers, void (*surveyed)(void *userdata), void *userdata, Disks **ret) {
        Disks *d = malloc(sizeof(*d));

        if (!d)
                return -ENOMEM;
        *d = (Disks){ .workers = workers, .surveyed = surveyed, .userdata = userdata };
        *ret = d;
        return 0;
}

static const Root *root_of(const Disks *d) {
        return workers_config(d->workers)->root;
}

bool disks_are_surveyed(const Disks *d) {
        return !d->items;
}

const Partitions *disks_partitions(const Disks *d) {
        return &d->partitions;
}

static void take_found(Disks *d) {
        partitions_done(&d->partitions);
        for (size_t i = 0; i < d->n; i++)
                for (size_t k = 0; k < d->items[i].found.n; k++)
                        (void) partitions_take(&d->partitions, &d->items[i].found.items[k]);
}

static int on_all_ended(sd_event_source *source, void *userdata) {
        Disks *d = userdata;
        bool again = d->again;
        int r;

        take_found(d);
        end_survey(d);
        d->again = false;
        if (again) {
                r = disks_survey(d, false);
                if (r < 0)
                        log_warning("Cannot look for disks: %s, ignoring.", strerror(-r));
        }
        d->surveyed(d->userdata);
        return 0;
}

static void end_if_all_have(Disks *d) {
        for (size_t i = 0; i < d->n; i++)
                if (!d->items[i].ended)
                        return;
        if (!d->end_source)
                (void) sd_event_add_defer(workers_config(d->workers)->event, &d->end_source,
                                          on_all_ended, d);
}

static void end_disk(Disk *disk, const Error *error) {
        if (error_is_set(error))
                log_warning("%s; its partitions are not known.", strempty(error->message));
        disk->errand = errand_free(disk->errand);
        disk->ended = true;
        end_if_all_have(disk->disks);
}

/* REPORT_PARTITION as a value. -EBADMSG if it is none, or -ENOMEM. */
static int take_report(const Report *report, Partition *ret) {
        _cleanup_(partition_done) Partition partition = {};
        _cleanup_(record_done) Record record = {};
        int r;

        if (report->type != REPORT_PARTITION)
                return -EBADMSG;
        r = report_read_record(report, &record);
        if (r >= 0)
                r = partition_parse(&record, &partition);
        if (r < 0)
                return r;
        if ((size_t) r != record.n_fields)
                return -EBADMSG;
        *ret = TAKE_STRUCT(partition);
        return 0;
}

static void on_disk_report(Report *report, void *userdata) {
        _cleanup_(partition_done) Partition partition = {};
        Disk *disk = userdata;

        if (take_report(report, &partition) >= 0)
                (void) partitions_take(&disk->found, &partition);
}

static void on_disk_end(const Error *error, void *userdata) {
        end_disk(userdata, error);
}

static const ErrandListener disk_listener = {
        .on_report = on_disk_report,
        .on_end = on_disk_end,
};

static int start_disk(Disk *disk, Error *error) {
        Plan *plan = NULL;

        if (plan_new(PLAN_ON_DEVICE, disk->name, &plan) >= 0 && !plan_add(plan, PLAN_PROBE, NULL))
                plan = plan_free(plan);
        if (!plan)
                return error_set_errno(error, ENOMEM, "Cannot look at disk '%s'", disk->name);
        return errand_new(disk->disks->workers, plan, &disk_listener, disk, &disk->errand, error);
}

static int on_start(sd_event_source *source, void *userdata) {
        Disks *d = userdata;

        for (size_t i = 0; i < d->n; i++) {
                _cleanup_error_ Error error = {};

                if (start_disk(&d->items[i], &error) < 0)
                        end_disk(&d->items[i], &error);
        }
        end_if_all_have(d);
        return 0;
}

int disks_survey(Disks *d, bool again) {
        _cleanup_strv_ char **names = NULL;
        int r;

        if (d->items) {
                d->again |= again;
                return 0;
        }
        r = block_disks_list(root_of(d), &names);
        if (r < 0 && r != -ENOENT)
                return r;
        d->items = calloc(MAX(strv_length(names), (size_t) 1), sizeof(Disk));
        if (!d->items)
                return -ENOMEM;
        STRV_FOREACH(name, names) {
                d->items[d->n++] = (Disk){ .disks = d, .name = TAKE_PTR(*name) };
        }
        r = sd_event_add_defer(workers_config(d->workers)->event, &d->start_source, on_start, d);
        if (r < 0)
                end_survey(d);
        return r;
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
static bool is_directory_esp(const Disks *d, const char *path) {
        const char *uuid = startswith(path, "/" PATH_BY_UUID "/");
        struct stat st;

        return uuid && fat_uuid_is_valid(uuid) && root_stat(root_of(d), path + 1, &st) >= 0 &&
               S_ISDIR(st.st_mode);
}

int disks_name_device(const Disks *d, const char *path, NamedDevice *ret, Error *error) {
        _cleanup_(block_device_done) BlockDevice device = {};
        NamedDevice found = {};
        int r;

        assert(d);
        assert(path);
        assert(ret);

        if (is_directory_esp(d, path))
                found.path = strdup(path);
        else {
                r = block_device_find(root_of(d), path, &device);
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

const Partition *disks_find(const Disks *d, const NamedDevice *device) {
        for (size_t i = 0; i < d->partitions.n; i++) {
                const Partition *p = &d->partitions.items[i];

                if (streq_ptr(p->device, device->path) && p->diskseq == device->id.diskseq)
                        return p;
        }
        return NULL;
}

static int check(const Disks *d, const NamedDevice *device, const Partition **ret, Error *error) {
        _cleanup_(named_device_done) NamedDevice now = {};
        const Partition *partition;
        int r;

        r = disks_name_device(d, device->path, &now, error);
        if (r < 0)
                return r;
        if (!device_id_equal(&now.id, &device->id))
                return error_set(error, ERROR_DEVICE_CHANGED,
                                 "'%s' is another device now than when it was asked for, and "
                                 "nothing was written to it; look at it with 'lsblk', and ask "
                                 "again",
                                 device->path);
        partition = disks_find(d, &now);
        if (!partition)
                return refuse_device(device->path, -ENODATA, error);
        *ret = partition;
        return 0;
}

/* The partition is not any more what the survey found. */
static void on_format_report(Report *report, void *userdata) {
        _cleanup_(partition_done) Partition now = {};
        Disks *d = userdata;

        if (take_report(report, &now) < 0)
                return;
        for (size_t i = 0; i < d->partitions.n; i++)
                if (streq_ptr(d->partitions.items[i].device, now.device)) {
                        partition_done(&d->partitions.items[i]);
                        d->partitions.items[i] = TAKE_STRUCT(now);
                        return;
                }
}

static void on_format_end(const Error *result, void *userdata) {
        _cleanup_error_ Error error = {};
        Disks *d = userdata;

        if (error_is_set(result))
                (void) error_copy(&error, result);
        d->format = errand_free(d->format);
        d->formatted(&error, d->format_userdata);
}

static const ErrandListener format_listener = {
        .on_report = on_format_report,
        .on_end = on_format_end,
};

static int make_format_plan(const NamedDevice *device, bool force, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        PlanStep *step;
        int r;

        r = plan_new(PLAN_ON_DEVICE, startswith(device->path, "/dev/"), &plan);
        if (r < 0)
                return r;
        step = plan_add(plan, PLAN_FORMAT, NULL);
        if (!step)
                return -ENOMEM;
        step->force = force;
        plan->id = device->id;
        *ret = TAKE_PTR(plan);
        return 0;
}

int disks_format(Disks *d, const NamedDevice *device, bool force,
                 void (*formatted)(const Error *error, void *userdata), void *userdata,
                 Error *error) {
        const Partition *partition;
        Plan *plan;
        int r;

        assert(!d->format);

        r = check(d, device, &partition, error);
        if (r >= 0)
                r = partition_check_format(partition, force, error);
        if (r < 0)
                return r;
        r = make_format_plan(device, force, &plan);
        if (r < 0)
                return error_set_errno(error, r, "Cannot plan to format '%s'", partition->device);
        d->formatted = formatted;
        d->format_userdata = userdata;
        return errand_new(d->workers, plan, &format_listener, d, &d->format, error);
}

int disks_find_new_esp(const Disks *d, const NamedDevice *device, char **ret_uuid, Error *error) {
        const char *uuid = startswith(device->path, "/" PATH_BY_UUID "/");
        const Partition *partition;
        char *copy;
        int r;

        if (!uuid) {
                r = check(d, device, &partition, error);
                if (r >= 0)
                        r = partition_check_init(partition, disks_partitions(d), error);
                if (r < 0)
                        return r;
                uuid = partition->fs_uuid;
        }
        copy = strdup(uuid);
        if (!copy)
                return -ENOMEM;
        *ret_uuid = copy;
        return 0;
}

char *disks_describe_formatted(const Disks *d, const NamedDevice *device) {
        const Partition *p = disks_find(d, device);

        return p && p->part_uuid ? strprintf("Formatted %s (PARTUUID %s).", device->path,
                                             p->part_uuid)
                                 : strprintf("Formatted %s.", device->path);
}

void disks_cancel_format(Disks *d) {
        if (d->format)
                errand_cancel(d->format);
}
