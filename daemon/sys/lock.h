/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lock files in run/bootsync below the root, held by an open descriptor (flock(2)): they go with
 * the last process that has it open, also by SIGKILL. */

#include <sys/types.h>

#include "sys/root.h"

/* Try to take run/bootsync/NAME.lock; never waits. Returns the descriptor (O_CLOEXEC) or -errno;
 * -EBUSY if another process holds it, then @ret_holder (may be NULL) is the pid written in the
 * file, or 0 if there is none. */
int lock_try(const Root *root, const char *name, pid_t *ret_holder);

/* Write @pid into the locked file, for those who find it held; 0: nobody they could wait for. Works
 * on a full file system if the file has held a pid before. */
int lock_set_holder(int fd, pid_t pid);
