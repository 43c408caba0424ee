/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the kernel says of a block device that is open. Nothing is read from the device. */

#include "core/device-id.h"

/* 0 if @fd is the block device @id; -ENOTBLK if it is none; -ESTALE if it is another one; or
 * -errno. Where no diskseq is known, or where the kernel has none, the number alone counts. */
int block_fd_check(int fd, const DeviceId *id);

/* 1 if it is write-protected, by a switch, by the disk itself or by 'blockdev --setro'; 0 if not;
 * or -errno. A mount that is to be writable fails on such a one, with EACCES or EROFS. */
int block_fd_is_read_only(int fd);

/* To be called before the first write: from here on, an error that fsync(2) or syncfs(2) tells of
 * is one of what was written from here on. */
void block_fd_forget_errors(int fd);
