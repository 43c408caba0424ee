/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What manager.c, manager-state.c and manager-jobs.c share. */

#include "common/log.h"
#include "common/string-util.h"
#include "engine/manager.h"
#include "engine/refresh.h"
#include "engine/straggler.h"
#include "engine/survey.h"
#include "engine/watch.h"
#include "sys/host.h"
#include "sys/kernel-conf.h"

/* A configured ESP, or one that left the list while something still works on it. */
typedef struct Member {
        Esp *esp;
        Straggler *straggler;
        Manager *manager;
        bool listed;
} Member;

/* What the files said when they were read last. */
typedef struct Facts {
        KernelConf conf;
        BootDir boot;
        PackageDb packages;
        bool packages_readable;
        Host host;
        char *grub_stamp;   /* of GRUB's configuration */
        bool grub_host;     /* no ESP is listed, and GRUB boots from the host's own boot/grub */
        bool grub_one_shot; /* and can boot a kernel once */
        char *grub_default; /* what it boots by default; NULL: not known */
        char **new_kernels; /* handed over by package hooks since the boot */
        KernelSet kernels;
        char **kernel_warnings; /* what keeps kept kernels from the ESPs */
} Facts;

#define FACTS_INIT ((Facts){ .conf = KERNEL_CONF_INIT })

struct Manager {
        sd_event *event;
        ManagerOptions options;
        const ManagerListener *listener;
        void *userdata;

        Facts facts;
        char **unstored_kernels; /* new ones that could not be written down */
        uint64_t serial;         /* of the facts: it goes up when they change, or cannot be read */
        char *unreadable;        /* why the last reading failed: "FILE: REASON"; NULL: it did not */
        char **logged;           /* warnings that were logged already */
        Member **members;
        size_t n_members, n_members_allocated;

        Firmware firmware;
        bool firmware_known;
        Partitions partitions; /* of all disks, as the last look found them */
        Survey *survey;
        bool survey_again;      /* something has changed since it began */
        Straggler **stragglers; /* of disks and of the firmware */
        size_t n_stragglers, n_stragglers_allocated;

        Job **jobs; /* in order; the first one runs, if any does */
        size_t n_jobs, n_jobs_allocated;
        uint64_t last_job_id;
        Job *running;                /* NULL or jobs[0] */
        Refresh *refresh;            /* of the running job */
        uint64_t job_serial;         /* of the facts that the running job works with */
        uint64_t rest_deadline;      /* a source is being written: when the job gives up waiting */
        sd_event_source *rest_timer; /* begin anew */
        Errand *format_errand;
        Plan *format_plan;
        sd_event_source *link_timer; /* JOB_INIT waits for the ESP's link */
        uint64_t link_deadline;
        int lock_fd; /* of the root, while a job runs */
        uint64_t lock_deadline;
        sd_event_source *lock_timer, *next_source;

        KsmControl *ksm;
        Job *ksm_job;      /* beside the queue; NULL: none runs */
        KsmList *ksm_list; /* a look that runs, and who waits for it */
        ksm_listed_t ksm_listed;
        void *ksm_listed_userdata;
        KsmProcesses ksm_found;  /* by the last look that has not failed */
        uint64_t ksm_found_usec; /* when, by CLOCK_MONOTONIC; 0: never */

        Watch *watch;
        bool started, stopping;
        bool must_sync;        /* once, whatever AutoSync says */
        uint64_t tried_serial; /* of the facts that a job for all ESPs has begun with last */
        unsigned attempts; /* that were in vain since something changed, see manager-pursuit.c */
        sd_event_source *retry_timer;
        uint64_t last_refresh_usec;
        char *last_refresh_result;
        bool shown_in_sync; /* as last told to the listener */
        char *shown_redundancy, *shown_default, *shown_wanted;
        bool reasons_shown;
        char *redundancy_reason;
        char *in_sync_reason;
        char *esp_options; /* command line of the first ESP's default entry */
};

/* A private daemon leaves it to its client to tell of jobs and ESPs. */
static inline int manager_log_level(const Manager *m, int level) {
        return m->options.private ? LOG_DEBUG : level;
}

/* manager.c */
int manager_refuse_version(const char *version, Error *error);

/* manager-state.c */
void facts_done(Facts *facts);
/* Read every file again. 1: something has changed; 0: nothing has. If it is something that an ESP
 * is compared with, or the files cannot be read, no ESP counts as in sync until it was compared
 * again. Whatever changed is told to the listener, why reading failed is logged once. */
int manager_reload(Manager *m);
/* The same for a caller: an error that names the file. */
int manager_reload_for(Manager *m, Error *error);
/* Look at dev/disk/by-uuid alone. True if an ESP appeared or vanished. */
bool manager_update_presence(Manager *m);
/* A snapshot for a job. */
int manager_make_input(Manager *m, RefreshInput *ret);
/* run/bootsync/new-kernels: what hooks hand over is kept until the next boot. Where that cannot be
 * written it is kept as long as the daemon lives, and written at the next job that can. 0 or
 * -ENOMEM. */
int manager_keep_new_kernels(Manager *m, char *const *versions);
/* Of what we write, what a daemon that was killed had not put in place yet. */
void manager_remove_leftovers(const Manager *m);
/* 76pveconf from the protected set; not while the package database is unreadable or boot/ empty.
 */
void manager_write_apt_conf(Manager *m);
Member *manager_find_member(const Manager *m, const char *uuid);
/* The same; a new one, which is not listed, if there is none. */
int manager_get_member(Manager *m, const char *uuid, Member **ret);
/* Drop members that are not listed any more and that nothing works on. */
void manager_drop_members(Manager *m);
void manager_esp_changed(Manager *m, Esp *esp);
void manager_tell(Manager *m, unsigned changes);
/* Something has changed that the verdict may follow from. */
void manager_review_verdict(Manager *m);

/* manager-disks.c */
/* Look at all disks, with nobody waiting for it. */
void manager_look_at_disks(Manager *m);
int manager_start_survey(Manager *m);
/* The disks are known: go on with the running JOB_FORMAT or JOB_INIT. */
void manager_start_setup(Manager *m, Job *job);
/* Keep an eye on a worker of no ESP that does not die, see ErrandListener. Takes @task over. */
void manager_adopt(Manager *m, Task *task, pid_t holder);
/* True if several partitions have this FAT UUID, so that nobody can tell which one is meant. */
bool manager_uuid_is_duplicate(const Manager *m, const char *uuid);

/* manager-next-boot.c */
/* What the firmware is to be told of the next boot: the id of the loader entry to be armed, of the
 * one that was and is not wanted any more; both may be NULL. 0 or -ENOMEM. */
int manager_plan_one_shot(const Manager *m, char **ret_arm, char **ret_disarm);
/* The firmware has been told: @version boots once, NULL: none does. */
void manager_record_one_shot(Manager *m, const char *version);
/* After the pin was set or removed: write down in which boot. */
int manager_record_next_boot(Manager *m);
/* At the start: remove a next-boot pin whose boot has happened. 1 if it was removed, 0 if not. */
int manager_settle_next_boot(Manager *m);

/* manager-pursuit.c */
/* See to it that every ESP is compared with what was read last and, with AutoSync, made so: by a
 * job now, at the end of one that runs, or later by a timer. Call it whenever something may be left
 * to do. */
void manager_pursue(Manager *m);
/* Something has changed, so that trying again at once is worth it, also where it failed. */
void manager_pursue_anew(Manager *m);
/* The job for all ESPs is over, and it may have been in vain. */
void manager_count_attempt(Manager *m, const Job *job);
/* True if the job looks at every ESP and, with AutoSync, changes what differs. */
bool manager_compares_all(const Manager *m, const Job *job);
/* True if a job is about to bring the ESP into sync: one runs or waits, or is made in the same turn
 * of the event loop. */
bool manager_is_about_to_sync(const Manager *m, const Esp *esp);
/* True if the facts were read by no job for all ESPs yet. */
bool manager_has_news(const Manager *m);

/* manager-verdict.c */
void manager_update_verdict(Manager *m);
/* Tell of what boots, and of what should, where that has changed. */
void manager_show_default(Manager *m);
/* True if some ESP's boot loader, or without ESPs the host's own GRUB, cannot take a kernel for one
 * boot, so that such a pin is its default; or there is neither. */
bool manager_pins_by_default(const Manager *m);

/* manager-jobs.c */
void manager_free_jobs(Manager *m);
/* Start the next job, from the event loop, if none runs. */
void manager_run_next(Manager *m);
/* True if a refresh would be accepted now. */
int manager_check_room(const Manager *m, Error *error);
/* Read the files and go on with @job, which holds the lock; also once more, if what it was made for
 * was not complete yet. */
void manager_begin_job(Manager *m, Job *job);
/* The disks are known that the running job may have waited for. */
void manager_job_surveyed(Manager *m);
/* The job has its result: everybody is told, then it is gone. */
void manager_end_job(Manager *m, Job *job);
/* The last part of that, once it is in no list any more. */
void manager_bury_job(Manager *m, Job *job);

/* manager-refresh.c */
/* Let the running job look at those of @esps that it wants, and change them. */
int manager_start_refresh(Manager *m, Job *job, Esp *const *esps, size_t n_esps);
/* Tell that what a client sees of the job has changed. */
void manager_job_changed(Manager *m, Job *job);
/* A job may have made GRUB's menu of the host anew. */
void manager_learn_grub_default(Manager *m);

/* manager-ksm.c */
int manager_new_ksm(Manager *m);
int manager_submit_ksm(Manager *m, const JobRequest *request, Job **ret, Error *error);
/* At the start: what was set in an earlier boot. */
void manager_restore_ksm(Manager *m);
