/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Disks and their partitions as the kernel lists them in sysfs, and the names that it and udev give
 * them. No device is opened, so nothing here waits for a disk. */

#include "core/disk/device-id.h"
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
        bool is_made_of_others; /* by the kernel, as LVM, RAID and loop devices are */
} BlockDevice;

void block_device_done(BlockDevice *d);

/* Find the device that @path ("/dev/sda2", "/dev/disk/by-id/x") leads to. It may come from anybody:
 * it is followed within the file system that is mounted on dev below the root, and nowhere else, so
 * nothing that is mounted by a user, or that hangs, is ever walked, and the device is not opened.
 * -EXDEV if it does not begin with "/dev/" or leads out of there, by "..", a link or a mount;
 * -ENOENT if there is nothing; -ENOTBLK if it is no block device; -ENODEV if sysfs does not know
 * it; another -errno if it is no path. */
int block_device_find(const Root *root, const char *path, BlockDevice *ret);

/* The same of the kernel's name. -ENOENT if there is no such one. */
int block_device_get(const Root *root, const char *name, BlockDevice *ret);

/* The same of the device with that number, by sysfs. -ENOENT likewise. */
int block_device_at(const Root *root, dev_t number, BlockDevice *ret);

/* A number in a file of sys/class/block/@name: "size" and "start" are in sectors of 512 bytes. 0 or
 * -errno. */
int block_device_number(const Root *root, const char *name, const char *attribute, uint64_t *ret);

/* The maker's model and the serial number of the disk @disk ("sda"), as it says itself. NULL if
 * sysfs does not tell. 0 or -ENOMEM. */
int block_disk_labels(const Root *root, const char *disk, char **ret_model, char **ret_serial);

/* The names of what is made of the device, as a user knows them: "md0", "pve-root (dm-0)"; none if
 * sysfs does not tell. 0 or -ENOMEM. */
int block_device_holders(const Root *root, const char *name, char ***ret);

/* The names of its partitions, in no order. 0 or -errno. */
int block_disk_partitions(const Root *root, const char *disk, char ***ret);

typedef struct BlockNames {
        char *device;    /* "/dev/sda2" */
        char *disk;      /* "/dev/sda": of the whole disk; NULL if sysfs does not tell */
        char *part_uuid; /* of its entry in the partition table; NULL without a link that tells */
} BlockNames;

void block_names_done(BlockNames *names);

/* Of the partition that the link dev/disk/by-uuid/@uuid leads to. All NULL if there is no link. 0
 * or -ENOMEM. */
int block_names_load(const Root *root, const char *uuid, BlockNames *ret);
