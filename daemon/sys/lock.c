/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lock files. The lock is flock(2)'s, which belongs to the open file, not to the process that took
 * it: a worker that inherits the descriptor holds it as long as it lives, whatever becomes of the
 * daemon. The pid in the file is only a hint for people and for a pidfd. A lock file is never
 * removed: whoever opened it just before would then hold a lock that nobody else sees. */

#include "sys/lock.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"

static pid_t read_holder(int fd) {
        char text[sizeof("4194304\n") + 8];
        uint64_t pid;
        ssize_t n;

        n = pread(fd, text, sizeof(text) - 1, 0);
        if (n <= 0 || text[n - 1] != '\n')
                return 0;
        text[n - 1] = '\0';
        return parse_u64(text, &pid) < 0 || pid > INT_MAX ? 0 : (pid_t) pid;
}

int lock_try(const Root *root, const char *name, pid_t *ret_holder) {
        _cleanup_free_ char *path = strprintf(PATH_RUN "/%s.lock", name);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        assert(!strchr(name, '/'));

        if (!path)
                return -ENOMEM;
        r = root_mkdir_p(root, PATH_RUN, 0755);
        if (r < 0)
                return r;
        /* Whoever may open the file may lock it, so nobody else may. */
        fd = root_openat(root, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK)
                        return -errno;
                if (ret_holder)
                        *ret_holder = read_holder(fd);
                return -EBUSY;
        }
        /* An earlier holder's pid may be another process by now. The file is not emptied: what it
         * takes is then there for the next pid even if the file system is full. */
        r = lock_set_holder(fd, 0);
        if (r < 0 && st.st_size > 0)
                return r;
        return TAKE_FD(fd);
}

bool lock_is_held(const Root *root, const char *path) {
        _cleanup_close_ int fd = root_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

        return fd >= 0 && fcntl(fd, F_GETLK, &lock) >= 0 && lock.l_type != F_UNLCK;
}

int lock_set_holder(int fd, pid_t pid) {
        char text[sizeof("-2147483648\n")];
        int n = snprintf(text, sizeof(text), "%d\n", (int) pid);

        if (pwrite(fd, text, (size_t) n, 0) < 0 || ftruncate(fd, n) < 0)
                return -errno;
        return 0;
}
