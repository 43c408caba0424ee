/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Disks and their partitions as the kernel lists them in sysfs. No device is opened, so nothing
 * here waits for a disk. */

#include "core/device-id.h"
#include "sys/root.h"

/* The kernel's names of the whole disks below the root ("sda", "nvme0n1"), in order. What is made
 * of other disks or of memory, what belongs to virtual machines (zvols, RBD, DRBD), drives without
 * a medium and hidden paths are left out. -ENOENT where there is no sysfs, or -ENOMEM. */
int block_disks_list(const Root *root, char ***ret);

typedef struct BlockDevice {
        char *name;      /* the kernel's: "sda2" */
        char *disk;      /* of the whole disk: "sda"; the same as @name if it is one */
        uint32_t number; /* of the partition; 0: a whole disk */
        DeviceId id;
} BlockDevice;

void block_device_done(BlockDevice *d);

/* What @path ("/dev/sda2", "/dev/disk/by-id/x") leads to. It may come from anybody: it is followed
 * within the file system that is mounted on dev below the root, and nowhere else, so nothing that
 * is mounted by a user, or that hangs, is ever walked, and what is found is not opened. -EXDEV if
 * it does not begin with "/dev/" or leads out of there, by "..", a link or a mount; -ENOENT if
 * there is nothing; -ENOTBLK if it is no block device; -ENODEV if sysfs does not know it; another
 * -errno for what is no path. */
int block_device_find(const Root *root, const char *path, BlockDevice *ret);

/* The same of the kernel's name. -ENOENT if there is no such one. */
int block_device_get(const Root *root, const char *name, BlockDevice *ret);

/* A number in a file of sys/class/block/@name: "size" and "start" are in sectors of 512 bytes. 0 or
 * -errno. */
int block_device_number(const Root *root, const char *name, const char *attribute, uint64_t *ret);

/* What is written on the disk @disk ("sda"), as it says itself: maker's model and serial number.
 * NULL where sysfs does not tell. 0 or -ENOMEM. */
int block_disk_labels(const Root *root, const char *disk, char **ret_model, char **ret_serial);

/* The names of what is made of the device, as a user knows them: "md0", "pve-root (dm-0)"; none if
 * sysfs does not tell. 0 or -ENOMEM. */
int block_device_holders(const Root *root, const char *name, char ***ret);

/* The names of its partitions, in no order. 0 or -errno. */
int block_disk_partitions(const Root *root, const char *disk, char ***ret);
