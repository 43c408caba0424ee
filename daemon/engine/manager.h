/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The engine's face: everything that is known, and the verbs that change it. */

#include <systemd/sd-event.h>

#include "core/kernel/pin.h"
#include "engine/alerts.h"
#include "engine/facts/kernel-lists.h"
#include "engine/ksm/ksm-control.h"
#include "engine/listener.h"
#include "engine/state.h"

typedef struct Manager Manager;

typedef struct ManagerOptions {
        const Root *root;
        bool private; /* no watch, no AutoSync: a client's own daemon */
        WorkerConfig worker;
} ManagerOptions;

/* Reads the files below the root; touches no ESP. That they cannot be read is no failure, but the
 * reason why nothing is in sync. */
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

/* Queue a job, or join the waiting one of the same kind; one of KSM begins at once. Its ESPs may be
 * called by any name that esp_lookup() knows. Errors:
 * InvalidVersion, NoSuchKernel, NoSuchEsp, Busy, and those of ksm_control_check(). */
int manager_submit(Manager *m, const JobRequest *request, Job **ret, Error *error);
/* Ask the job's workers to stop before their next step; a queued job ends at once. */
void manager_cancel_job(Manager *m, Job *job);

/* Change a file and, with AutoSync, queue a refresh. *@ret_job is NULL if there is nothing to do or
 * AutoSync is off. Errors: InvalidVersion, NoSuchKernel, NotBootable, LastKernel, ReadOnly, Busy,
 * Failed. */
int manager_change_kernels(Manager *m, const KernelChange *change, uid_t uid, Job **ret_job,
                           Error *error);
/* Take ESPs off the list whose partition is gone; with @dry_run only tell which. *@ret_removed are
 * their FAT UUIDs. Failed if there is not one link in dev/disk/by-uuid: then nothing can be told.
 */
int manager_clean_esps(Manager *m, bool dry_run, char ***ret_removed, Error *error);
/* Take the ESP that @name means off the list; nothing on it is touched. *@ret_entries are the
 * firmware's entries that lead to it and stay, "Boot0003". Errors: NoSuchEsp, Busy while a job is
 * at work on it, LastEsp unless with @force, ReadOnly, NoSpace, Failed. */
int manager_remove_esp(Manager *m, const char *name, bool force, char ***ret_entries, Error *error);

/* All from memory. Borrowed, until the event loop goes on. */
typedef struct ManagerInfo {
        const StateView *known;
        KsmControl *ksm;
        Alerts *alerts; /* NULL: a private manager alarms nobody */
        /* Why changes are not synced unasked, and how to have it so: half a sentence; "" if they
         * are. */
        const char *auto_sync_reason;
        const char *watching, *watching_reason; /* see state_watching() */
        uint64_t last_refresh_usec;             /* since the epoch, 0: never */
        const char *last_refresh_result;        /* a job result, "" before the first */
        const char *pinned_by; /* uid in digits of who has set the permanent pin; "": not known */
} ManagerInfo;

ManagerInfo manager_info(const Manager *m);
/* In order; NULL if there are no more. The first one is there while a job runs or waits. */
Job *manager_job(const Manager *m, size_t i) _pure_;
