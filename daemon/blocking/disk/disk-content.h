/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of a disk, or of an image of one, as libblkid finds it. Nothing is written. */

#include "blocking/copy/copy.h"
#include "core/disk/partition.h"

/* Read the partition table of @fd, the disk "/dev/sda" as @disk: the disk itself as number 0, then
 * each entry that is a partition, with everything but fs_type, fs_uuid, label and in_use. Its
 * device is called as the kernel would call it. Containers of other partitions (MBR's extended one)
 * are left out. A disk without a table has no entries. */
int disk_content_read_table(int fd, const char *disk, Partitions *ret, Error *error);

/* Fill in fs_type, fs_uuid and label of @p from the @size bytes at @offset of @fd; @size 0: up to
 * the end. 0, -ENOMEM, or -errno of reading: what cannot be read is not empty. */
int disk_content_probe(int fd, uint64_t offset, uint64_t size, Partition *p);

/* Make libblkid find nothing in the partition @p, which is open for reading and writing as @fd, as
 * wipefs(8) does. @watch hears a sign of life after each signature. */
int disk_content_wipe(int fd, const Partition *p, const CopyWatch *watch, Error *error);
