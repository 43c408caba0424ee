/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A descriptor holds on to a file, but with the rights that it was opened with; the link that the
 * kernel has for it leads to that file whatever has become of its name. */

#include "common/fd.h"

#include <fcntl.h>
#include <stdio.h>

bool fd_has_room(unsigned n) {
        _cleanup_close_ int fd = -EBADF;

        if (n == 0)
                return true;
        fd = open("/", O_PATH | O_CLOEXEC);
        return fd >= 0 && fd_has_room(n - 1);
}

int fd_reopen(int fd, int flags) {
        char path[sizeof("/proc/self/fd/-2147483648")];
        int other;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        other = open(path, flags | O_CLOEXEC);
        return other < 0 ? -errno : other;
}

int fd_write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}
