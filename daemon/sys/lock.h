/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Lock files in run/bootsync below the root, held by an open descriptor (flock(2)): they go with
 * the last process that has it open, also by SIGKILL. And a look at the locks of others. */

#include <sys/types.h>

#include "sys/root.h"

/* Try to take run/bootsync/NAME.lock; never waits. Returns the descriptor (O_CLOEXEC) or -errno;
 * -EBUSY if another process holds it, then @ret_holder (may be NULL) is the pid written in the
 * file, or 0 if there is none. */
int lock_try(const Root *root, const char *name, pid_t *ret_holder);

/* True if another process holds a record lock (fcntl(2)) on the file at @path, as package managers
 * do while they run; false also where that cannot be told, as when there is no such file. Never
 * waits, and takes no lock itself: a process loses all its record locks of a file as soon as it
 * closes one descriptor of it. */
bool lock_is_held(const Root *root, const char *path);

/* Write @pid into the locked file, for those who find it held; 0: nobody they could wait for. Works
 * on a full file system if the file has held a pid before. */
int lock_set_holder(int fd, pid_t pid);
