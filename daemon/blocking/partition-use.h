/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who uses a block device now, as a phrase for humans. Nothing is written. */

#include "sys/block-disks.h"

/* 1 with "mounted on /mnt", "used as swap" or "used by md0", 0 if nothing of that is known, or
 * -errno. Mounts are those of this mount namespace and of that of process 1. */
int partition_use_find(const Root *root, const BlockDevice *d, char **ret);

/* -EBUSY if the device is claimed by a mount in any namespace, an array, a pool or swap, found out
 * by claiming it for a moment; 0 if not; or -errno. */
int partition_use_claim(const Root *root, const BlockDevice *d);

/* Open dev/NAME with @flags (O_CLOEXEC and O_NONBLOCK are added). Errors: as of open(2), and those
 * of block_fd_check(). */
int partition_use_open(const Root *root, const BlockDevice *d, int flags);
