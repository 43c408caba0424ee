/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The host, its ESPs and its jobs as the daemon tells of them, as values. Strings may be NULL,
 * which means empty. */

#include "client/daemon/properties.h"

typedef struct ManagerInfo {
        char *version, *running, *default_kernel, *wanted, *pinned, *next_boot;
        char **manual, **automatic, **selected, **protected;
        char *auto_sync_reason;
        char *watching, *watching_reason;
        char *cmdline, *cmdline_source;
        char *in_sync_reason; /* why not */
        char *redundancy, *redundancy_reason;
        char *last_refresh_result;
        uint64_t last_refresh_usec;
        uint64_t pinned_since_usec;
        char *pinned_by; /* uid */
        Notices warnings;
        char **pending; /* wanted, and not on the ESPs yet; NULL: an old daemon does not tell */
        bool auto_sync, in_sync;
} ManagerInfo;

void manager_info_done(ManagerInfo *info);
#define _cleanup_manager_info_ _cleanup_(manager_info_done)

ExitStatus manager_info_get(Connection *c, ManagerInfo *ret);

/* The short of org.bootsync1.Boot. */
typedef struct BootSummary {
        char *firmware, *loader, *secure_boot;
} BootSummary;

void boot_summary_done(BootSummary *boot);
#define _cleanup_boot_summary_ _cleanup_(boot_summary_done)

/* For people: "UEFI, Secure Boot enabled"; "" if it is not known. Never NULL. */
char *boot_summary_firmware(const BootSummary *boot);

typedef struct EspInfo {
        char *path; /* of the object */
        char *uuid, *device, *disk, *part_uuid, *loader, *loader_version, *one_shot_method, *state;
        char *last_error;
        char *why, *action; /* it is not good, and the command that mends it */
        char *default_kernel;
        char **kernels;
        uint64_t size_bytes, free_bytes; /* 0: not known */
        uint64_t last_sync_usec, last_verify_usec;
        bool present;
        bool in_sync, unusable; /* by its state; unusable: missing or failed, so that nothing has
                                 * been brought to it */
} EspInfo;

typedef struct EspInfos {
        EspInfo *esps; /* by UUID */
        size_t n, allocated;
} EspInfos;

void esp_infos_done(EspInfos *infos);
#define _cleanup_esp_infos_ _cleanup_(esp_infos_done)

/* The configured ESPs; with @uuids (may be empty) only those. */
ExitStatus esp_infos_get(Connection *c, char *const *uuids, EspInfos *ret);

/* The FAT UUIDs of the ESPs that these names mean to the daemon. A link below /dev on this host is
 * followed before, since the daemon asks no disk. */
ExitStatus esp_uuids_find(Connection *c, const Options *options, char *const *names, char ***ret);

/* "ESP 'UUID': REASON" for an ESP that is not in sync. Never NULL. */
char *esp_info_complaint(const EspInfo *esp);

typedef struct JobInfo {
        uint64_t id;
        char *type, *state, *message, *waiting_for;
        uint32_t percent;
        uint64_t bytes_done, bytes_total, rate; /* 0: not known */
        JobShares shares;                       /* of its ESPs */
} JobInfo;

void job_info_done(JobInfo *job);
/* Take in a{sv}, see properties_read(). */
int job_info_read(sd_bus_message *m, JobInfo *job);

typedef struct JobInfos {
        JobInfo *jobs; /* by number */
        size_t n, allocated;
} JobInfos;

void job_infos_done(JobInfos *infos);
#define _cleanup_job_infos_ _cleanup_(job_infos_done)

/* Those that run or wait. */
ExitStatus job_infos_get(Connection *c, JobInfos *ret);

/* All of these in one call, into what is empty. A daemon that does not tell what boots leaves that
 * so; after a failure they have what was read by then. */
ExitStatus all_infos_get(Connection *c, EspInfos *esps, JobInfos *jobs, BootSummary *boot);
