/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What udev and the kernel call a partition, by links alone: no device is opened, so nothing here
 * waits for a disk. */

#include "sys/root.h"

typedef struct BlockNames {
        char *device;    /* "/dev/sda2" */
        char *disk;      /* "/dev/sda": of the whole disk; NULL if sysfs does not tell */
        char *part_uuid; /* of its entry in the partition table; NULL without a link that tells */
} BlockNames;

void block_names_done(BlockNames *names);

/* Of the partition that the link dev/disk/by-uuid/@uuid leads to. All NULL if there is no link. 0
 * or -ENOMEM. */
int block_names_load(const Root *root, const char *uuid, BlockNames *ret);

/* "/dev/sda": the whole disk that the partition with the number @number is on, by sysfs. -ENOENT if
 * that does not know it. */
int block_disk_of(const Root *root, dev_t number, char **ret);

/* True if that is a disk or a partition of one, and not made of others by the kernel, as LVM, RAID
 * and loop devices are. False if sysfs does not know it. */
bool block_is_of_disk(const Root *root, dev_t number);

/* "/dev/sda2": what the kernel calls the device with that number. -ENOENT likewise. */
int block_device_of(const Root *root, dev_t number, char **ret);
