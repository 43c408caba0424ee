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

/* One of them, for a question. */
typedef struct PartitionDescription {
        sd_bus_message *reply;      /* that the strings are part of */
        const char *device;         /* as the kernel calls it */
        const char *disk;           /* empty, and so is all that follows: nobody has looked yet */
        const char *model, *serial; /* of the disk; empty: it does not tell */
        const char *content, *in_use;
        uint64_t size_bytes;
} PartitionDescription;

void partition_description_done(PartitionDescription *d);
#define _cleanup_partition_description_ _cleanup_(partition_description_done)

void partition_infos_done(PartitionInfos *infos);
#define _cleanup_partition_infos_ _cleanup_(partition_infos_done)

/* What the daemon remembers of all disks. */
ExitStatus partition_infos_get(Connection *c, PartitionInfos *ret);
/* Have it look at them again. That a caller may not ask for that is said, and no failure. */
ExitStatus partitions_probe(Connection *c);

/* What the daemon makes of @name, and remembers of it. */
ExitStatus partition_describe(Connection *c, const char *name, PartitionDescription *ret);

/* NULL if it is not listed. */
const PartitionInfo *partition_infos_find(const PartitionInfos *infos, const char *device);

/* The path to send for the partition that the user calls @name. On this host it is what @name leads
 * to, so that what is confirmed is what is acted upon; elsewhere and below a root it is left to the
 * daemon. Never NULL. */
char *partition_path(const Options *options, const char *name);
