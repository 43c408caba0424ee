/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The disks: what the last survey, a look at all of them, found; and what is done to one. */

#include "core/disk/partition.h"
#include "engine/work/errand.h"

typedef struct Disks Disks;

/* @surveyed is called when a survey has ended, from the event loop. */
int disks_new(Workers *workers, void (*surveyed)(void *userdata), void *userdata, Disks **ret);
/* Workers that still run go on by themselves. */
Disks *disks_free(Disks *d);
DEFINE_CLEANUP(Disks *, disks_free)

/* Look at all disks, one worker for each, so that one that is dying hides no other; if a survey
 * runs already, wait for its end, and with @again look once more then. */
int disks_survey(Disks *d, bool again);
bool disks_are_surveyed(const Disks *d) _pure_; /* false while a survey runs */

/* As the last survey found them, whole disks included, in the order of the disks. */
const Partitions *disks_partitions(const Disks *d) _pure_;

/* A device that a caller names by a path, for a JobRequest. */
typedef struct NamedDevice {
        char *path;  /* "/dev/sda2", as the kernel calls it; or dev/disk/by-uuid/UUID, a directory
                      * that serves as an ESP, as it was named */
        DeviceId id; /* not set for such a directory */
} NamedDevice;

void named_device_done(NamedDevice *d);
/* Follow @path to where it leads now. Nobody has been asked for leave yet, and nothing is opened,
 * see block_device_find(). Errors: NotAPartition for what is no block device, or not below /dev. */
int disks_name_device(const Disks *d, const char *path, NamedDevice *ret, Error *error);
/* The same device as the last survey found it, whole disks included; NULL if it did not, or if
 * another disk was there then. */
const Partition *disks_find(const Disks *d, const NamedDevice *device);
/* The FAT UUID of what is to become an ESP at @device, as the last survey found it. The device at
 * its path must still be the one that was named, and have been found. Errors: NotAPartition,
 * DeviceChanged, and those of partition_check_init(). */
int disks_find_new_esp(const Disks *d, const NamedDevice *device, char **ret_uuid, Error *error);

/* Make a partition, of which the same must hold, an empty ESP, one at a time; @force: even if it
 * holds a file system. @formatted is called from the event loop, @error not being set if that is
 * done. */
int disks_format(Disks *d, const NamedDevice *device, bool force,
                 void (*formatted)(const Error *error, void *userdata), void *userdata,
                 Error *error);
/* The sentence for a partition that was formatted, by the name, too, that it keeps when disks are
 * renumbered. NULL when out of memory. */
char *disks_describe_formatted(const Disks *d, const NamedDevice *device);
/* The worker stops before its next step; nothing happens if there is none. */
void disks_cancel_format(Disks *d);
