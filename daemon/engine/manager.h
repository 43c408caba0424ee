/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The engine's face: everything that is known, and the verbs that change it. */

#include <systemd/sd-event.h>

#include "core/cmdline.h"
#include "core/kernel-select.h"
#include "core/partition.h"
#include "core/pin.h"
#include "engine/esp.h"
#include "engine/job.h"
#include "engine/ksm-list.h"
#include "engine/ksm.h"
#include "engine/task.h"

typedef struct Manager Manager;

/* Groups of what the bus shows, for PropertiesChanged. */
typedef enum ManagerChange {
        MANAGER_CHANGED_KERNELS = 1 << 0, /* lists, pins, default, running */
        MANAGER_CHANGED_CONFIG = 1 << 1,  /* AutoSync, command line */
        MANAGER_CHANGED_STATE = 1 << 2,   /* InSync, Redundancy, LastRefresh… */
        MANAGER_CHANGED_DEFAULT = 1 << 3, /* what boots, and what should */
} ManagerChange;

/* Who hears of changes. Called in the order things happen; job_new before the verb that made the
 * job returns; on job_removed the job is still readable, afterwards it is gone. */
typedef struct ManagerListener {
        void (*job_new)(Job *job, void *userdata);
        void (*job_changed)(Job *job,
                            void *userdata); /* progress (at most 4 a second), state, message */
        void (*job_removed)(Job *job, void *userdata);
        void (*esp_added)(Esp *esp, void *userdata);
        void (*esp_changed)(Esp *esp, void *userdata);
        void (*esp_removed)(Esp *esp, void *userdata);
        void (*manager_changed)(unsigned changes, void *userdata); /* ManagerChange bits */
} ManagerListener;

typedef struct ManagerOptions {
        const Root *root;
        bool private; /* no watch, no AutoSync: a client's own daemon */
        WorkerConfig worker;
} ManagerOptions;

/* Reads the files below the root; touches no ESP. That they cannot be read is no failure, but what
 * manager_in_sync_reason() says. */
int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret);
Manager *manager_free(Manager *m);
DEFINE_CLEANUP(Manager *, manager_free)
void manager_set_listener(Manager *m, const ManagerListener *listener, void *userdata);

/* Begin to watch, and compare and sync every ESP (AutoSync off: compare only). A private manager
 * does nothing here. */
int manager_start(Manager *m);
/* Sync what is dirty or queued, then leave the event loop. A second call stops the workers before
 * their next step and leaves. */
void manager_stop(Manager *m);
/* True while a job runs or waits. */
bool manager_is_busy(const Manager *m) _pure_;

/* What a caller names by a path, for a JobRequest. */
typedef struct NamedDevice {
        char *path;  /* "/dev/sda2", as the kernel calls it; or dev/disk/by-uuid/UUID, a directory
                      * that serves as an ESP, as it was named */
        DeviceId id; /* not set for such a directory */
} NamedDevice;

void named_device_done(NamedDevice *d);
/* What @path leads to now. Nobody has been asked for leave yet, and nothing is opened, see
 * block_device_find(). Errors: NotAPartition for what is no block device, or not below /dev. */
int manager_find_device(const Manager *m, const char *path, NamedDevice *ret, Error *error);
/* The same device as the last look at the disks found it, whole disks included; NULL if it did not,
 * or if another disk was there then. */
const Partition *manager_find_partition(const Manager *m, const NamedDevice *device);

/* Queue a job, or join the waiting one of the same kind; one of KSM begins at once. Errors:
 * InvalidVersion, NoSuchEsp, Busy, and those of ksm_control_check(). */
int manager_submit(Manager *m, const JobRequest *request, Job **ret, Error *error);

/* Change a file and, with AutoSync, queue a refresh. *@ret_job is NULL if there is nothing to do or
 * AutoSync is off. Errors: InvalidVersion, NoSuchKernel, NotBootable, LastKernel, ReadOnly, Busy,
 * Failed. */
int manager_add_kernel(Manager *m, const char *version, uid_t uid, Job **ret_job, Error *error);
int manager_remove_kernel(Manager *m, const char *version, uid_t uid, Job **ret_job, Error *error);
int manager_pin(Manager *m, const char *version, PinScope scope, uid_t uid, Job **ret_job,
                Error *error);
/* @next_boot_only: leave the permanent pin. */
int manager_unpin(Manager *m, bool next_boot_only, uid_t uid, Job **ret_job, Error *error);

/* Take ESPs off the list whose partition is gone; with @dry_run only tell which. *@ret_removed are
 * their FAT UUIDs. Failed if there is not one link in dev/disk/by-uuid: then nothing can be told.
 */
int manager_clean_esps(Manager *m, bool dry_run, char ***ret_removed, Error *error);

/* Ask the job's workers to stop before their next step; a queued job ends at once. */
void manager_cancel_job(Manager *m, Job *job);

/* Lives as long as the manager. */
KsmControl *manager_ksm(const Manager *m);
/* Look for the processes that gain from KSM, one look at a time. @listed is called once, with what
 * a look of the last ten seconds has found at once, else from the event loop, unless it is
 * forgotten before. */
typedef void (*ksm_listed_t)(const KsmProcesses *found, const Error *error, void *userdata);
int manager_list_ksm_processes(Manager *m, ksm_listed_t listed, void *userdata, Error *error);
void manager_forget_ksm_processes(Manager *m);

/* Queries, all from memory. Strings are "" where nothing is known, never NULL. */
/* What the last look at the disks found, whole disks included. */
const Partitions *manager_partitions(const Manager *m);
bool manager_partition_is_listed(const Manager *m, const Partition *partition);
const KernelSet *manager_kernels(const Manager *m);
const char *manager_running_kernel(const Manager *m);
/* What boots this host when no one-shot is armed, and what should. */
const char *manager_default_kernel(const Manager *m);
const char *manager_wanted_kernel(const Manager *m);
const char *manager_pinned_kernel(const Manager *m);
const char *manager_next_boot_kernel(const Manager *m);
bool manager_auto_sync(const Manager *m);
const char *manager_cmdline(const Manager *m);
CmdlineSource manager_cmdline_source(const Manager *m);
/* How changes are noticed: "inotify"; "timer", once a minute, with the reason; "none", a private
 * daemon. */
const char *manager_watching(const Manager *m);
const char *manager_watching_reason(const Manager *m);
/* True if every ESP was compared with what was read last, and is as it should be. The reason why it
 * is not so is one sentence, "" if it is. */
bool manager_in_sync(const Manager *m);
const char *manager_in_sync_reason(const Manager *m);
/* "redundant", "single", "syncing" (all that is amiss is being mended by a job), "degraded",
 * "unbootable", "unmanaged"; "unknown" before every ESP was seen, or while the files cannot be
 * read. The reason is one sentence. */
const char *manager_redundancy(const Manager *m);
const char *manager_redundancy_reason(const Manager *m);
uint64_t manager_last_refresh_usec(const Manager *m);
const char *manager_last_refresh_result(const Manager *m); /* a job result, "" before the first */
size_t manager_n_esps(const Manager *m);
Esp *manager_esp(const Manager *m, size_t i);
Esp *manager_find_esp(const Manager *m, const char *id); /* by esp_id(), or NULL */
size_t manager_n_jobs(const Manager *m);
Job *manager_job(const Manager *m, size_t i);
Job *manager_find_job(const Manager *m, uint64_t id);
