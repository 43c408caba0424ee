/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* File descriptors and open directories as owned values. */

#include <dirent.h>
#include <unistd.h>

#include "common/macros.h"

/* Close @fd if it is open; keeps errno. Returns -EBADF, to be stored back. */
static inline int safe_close(int fd) {
        if (fd >= 0) {
                int saved = errno;

                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void closep(int *fd) {
        *fd = safe_close(*fd);
}
#define _cleanup_close_ _cleanup_(closep)

DEFINE_CLEANUP(DIR *, closedir)
#define _cleanup_closedir_ _cleanup_(closedirp)

/* True if the process can open @n more files. It closes them again, so it is true for a process
 * with one thread alone. */
bool fd_has_room(unsigned n);

/* Open what @fd is once more, also where that is O_PATH. O_CLOEXEC is added. Returns the descriptor
 * or -errno. */
int fd_reopen(int fd, int flags);

/* Write all of it, however often that takes. 0 or -errno, after which some may be written. */
int fd_write_all(int fd, const char *data, size_t size);
