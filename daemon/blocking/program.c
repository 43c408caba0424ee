/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* posix_spawn(3) with everything said: environment, descriptors, signals. The worker waits for its
 * child here, and tells the daemon each second that it does. */

#include "blocking/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/fd.h"

#define CHILD_FD 3

static int spawn(const char *const *argv, int fd, pid_t *ret) {
        static char *const environment[] = {
                (char *) "LC_ALL=C",
                (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                NULL,
        };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0) {
                (void) posix_spawnattr_destroy(&attributes);
                return -r;
        }
        r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) ?:
            posix_spawnattr_setsigmask(&attributes, &none) ?:
            posix_spawnattr_setsigdefault(&attributes, &all);
        /* First, since @fd may be what the others replace. If it is CHILD_FD already it loses its
         * close-on-exec flag just the same. */
        if (r == 0 && fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0)
                                    ?: posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO,
                                                                        STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&actions, CHILD_FD + (fd >= 0));
        if (r == 0)
                r = posix_spawn(ret, argv[0], &actions, &attributes, (char *const *) argv,
                                environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

/* 0 when it has ended, -ETIME when it has not in that time. */
static int wait_for(int pidfd, unsigned timeout_sec, const CopyWatch *watch) {
        for (unsigned i = 0; i < timeout_sec; i++) {
                struct pollfd p = { .fd = pidfd, .events = POLLIN };
                int n = poll(&p, 1, 1000);

                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                watch->moved(COPY_READ, 0, watch->userdata);
        }
        return -ETIME;
}

/* Reap it. A program that hangs in the kernel is waited for even after SIGKILL. */
static int reap(pid_t pid, siginfo_t *ret) {
        while (waitid(P_PID, (id_t) pid, ret, WEXITED) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

int program_run(const char *const *argv, int fd, unsigned timeout_sec, const CopyWatch *watch,
                Error *error) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t si = {};
        pid_t pid;
        int r, q;

        r = spawn(argv, fd, &pid);
        if (r == -ENOENT)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "'%s' is needed and not there; install the package that it "
                                 "comes with",
                                 argv[0]);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start '%s'", argv[0]);

        pidfd = pidfd_open(pid, 0);
        r = pidfd < 0 ? -errno : wait_for(pidfd, timeout_sec, watch);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        q = reap(pid, &si);
        if (r == -ETIME)
                return error_set(error, ERROR_TIMEOUT,
                                 "'%s' did not end within %u s and was killed; see whether the "
                                 "disk answers",
                                 argv[0], timeout_sec);
        if (r < 0 || q < 0)
                return error_set_errno(error, r < 0 ? r : q, "Cannot see how '%s' ended", argv[0]);
        if (si.si_code != CLD_EXITED)
                return error_set(error, ERROR_FAILED,
                                 "'%s' was ended by a signal (%s); see the journal", argv[0],
                                 strsignal(si.si_status));
        return si.si_status;
}
