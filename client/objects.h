/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon says about the host, its ESPs and its jobs, as values. Strings may be NULL, which
 * means empty. */

#include "client/connection.h"

typedef struct ManagerInfo {
        char *version, *running, *default_kernel, *wanted, *pinned, *next_boot;
        char **manual, **automatic, **selected, **protected;
        char *watching, *watching_reason;
        char *cmdline, *cmdline_source;
        char *in_sync_reason; /* why not */
        char *redundancy, *redundancy_reason;
        char *last_refresh_result;
        uint64_t last_refresh_usec;
        bool auto_sync, in_sync;
} ManagerInfo;

void manager_info_done(ManagerInfo *info);
#define _cleanup_manager_info_ _cleanup_(manager_info_done)

ExitStatus manager_info_get(Connection *c, ManagerInfo *ret);

typedef struct EspInfo {
        char *uuid, *device, *disk, *part_uuid, *loader, *loader_version, *one_shot_method, *state;
        char *last_error;
        char *default_kernel;
        char **kernels;
        uint64_t size_bytes, free_bytes; /* 0: not known */
        uint64_t last_sync_usec, last_verify_usec;
        bool present;
} EspInfo;

typedef struct EspInfos {
        EspInfo *esps; /* by UUID */
        size_t n, allocated;
} EspInfos;

void esp_infos_done(EspInfos *infos);
#define _cleanup_esp_infos_ _cleanup_(esp_infos_done)

/* The configured ESPs; with @uuids (may be empty; FAT UUIDs or PARTUUIDs of any case) only those.
 */
ExitStatus esp_infos_get(Connection *c, char *const *uuids, EspInfos *ret);

bool esp_info_in_sync(const EspInfo *esp);
/* Missing or failed: nothing has been brought to it. */
bool esp_info_unusable(const EspInfo *esp);
/* "ESP 'UUID': REASON" for an ESP that is not in sync. Never NULL. */
char *esp_info_complaint(const EspInfo *esp);

typedef struct JobInfo {
        uint64_t id;
        char *type, *state;
} JobInfo;

typedef struct JobInfos {
        JobInfo *jobs; /* by number */
        size_t n, allocated;
} JobInfos;

void job_infos_done(JobInfos *infos);
#define _cleanup_job_infos_ _cleanup_(job_infos_done)

/* Those that run or wait. */
ExitStatus job_infos_get(Connection *c, JobInfos *ret);
