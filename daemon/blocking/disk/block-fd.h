/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's answers about a block device: one that is open, and who uses it. Nothing is read
 * from the device. */

#include "core/disk/device-id.h"
#include "sys/block.h"

/* 0 if @fd is the block device @id; -ENOTBLK if it is none; -ESTALE if it is another one; or
 * -errno. Where no diskseq is known, or where the kernel has none, the number alone counts. */
int block_fd_check(int fd, const DeviceId *id);

/* 1 if it is write-protected, by a switch, by the disk itself or by 'blockdev --setro'; 0 if not;
 * or -errno. A mount that is to be writable fails on such a one, with EACCES or EROFS. */
int block_fd_is_read_only(int fd);

/* To be called before the first write: from here on, an error that fsync(2) or syncfs(2) tells of
 * is one of what was written from here on. */
void block_fd_forget_errors(int fd);

/* How many tries outlast the claims of those who only look, such as partition_use_claim(): 2 s. */
#define BLOCK_CLAIM_TRIES 20

/* Open the block device @fd once more, with @flags and O_EXCL: while that is open, nobody else can
 * mount it or make an array of it. There are @tries, with a tenth of a second between two of them.
 * The descriptor, or -errno; -EBUSY if somebody else claims it. */
int block_fd_claim(int fd, int flags, unsigned tries);

/* Wait as long as between two tries. */
void block_claim_pause(void);

/* The users of a block device, as a phrase for humans: PARTITION_MOUNTED with "mounted on /mnt",
 * PARTITION_USED with "used as swap" or "used by md0", PARTITION_FREE if nothing of that is known,
 * or -errno. Mounts are those of this mount namespace and of that of process 1. */
int partition_use_find(const Root *root, const BlockDevice *d, char **ret);

/* -EBUSY if the device is claimed by a mount in any namespace, an array, a pool or swap, found out
 * by claiming it for a moment; 0 if not; or -errno. */
int partition_use_claim(const Root *root, const BlockDevice *d);

/* Open dev/NAME with @flags (O_CLOEXEC and O_NONBLOCK are added). Errors: as of open(2), and those
 * of block_fd_check(). */
int partition_use_open(const Root *root, const BlockDevice *d, int flags);
