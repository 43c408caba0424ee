/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The partitions of the host as the daemon lists them, and the one that a user names. */

#include "client/connection.h"

typedef struct PartitionInfo {
        const char *device, *disk, *part_uuid;
        const char *fs_type;             /* or what else it holds; empty: nothing was found */
        const char *in_use;              /* "mounted on /mnt"; empty: by nobody */
        uint64_t size_bytes, free_bytes; /* 0: not known */
        int registered;                  /* on the list of ESPs; int as D-Bus has it */
} PartitionInfo;

typedef struct PartitionInfos {
        sd_bus_message *reply; /* that the strings are part of */
        PartitionInfo *partitions;
        size_t n, allocated;
} PartitionInfos;

void partition_infos_done(PartitionInfos *infos);
#define _cleanup_partition_infos_ _cleanup_(partition_infos_done)

/* What the daemon remembers of all disks. */
ExitStatus partition_infos_get(Connection *c, PartitionInfos *ret);
/* The same after a fresh look. A caller who may not ask for that gets what is remembered, and is
 * told so. */
ExitStatus partition_infos_probe(Connection *c, PartitionInfos *ret);

/* NULL if it is not listed. */
const PartitionInfo *partition_infos_find(const PartitionInfos *infos, const char *device);

/* The path to send for the partition that the user calls @name. On this host it is what @name leads
 * to, so that what is confirmed is what is acted upon; elsewhere and below a root it is left to the
 * daemon. Never NULL. */
char *partition_path(const Options *options, const char *name);
