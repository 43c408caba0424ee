/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* fork and exec with nothing left over: of descriptors, signals and environment the program gets
 * what it is meant to have. It is never waited for here, as it may hang on a dying disk. Between
 * fork and exec only async-signal-safe functions are called, so that it does not matter what the
 * caller's memory looked like. */

#include "sys/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"

#define FIRST_FD       3
#define EXIT_NOEXEC    128 /* and the errno */
#define EXEC_ERRNO_MAX 127

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

typedef struct Spawn {
        int exec_fd, null_fd;
        char *const *argv;
        char *const *environment;
        const int *fds;
        size_t n_fds;
} Spawn;

/* Nothing of ours but what sanitizers and the C library's allocator read, which are told how to
 * look for our own mistakes; and @extra. The libraries of a program obey many a variable:
 * OPENSSL_CONF may even name code that libcrypto loads. NULL when out of memory. */
static char **make_environment(char *const *extra) {
        static const char *const kept[] = {
                "ASAN_OPTIONS=",
                "LSAN_OPTIONS=",
                "UBSAN_OPTIONS=",
                "MALLOC_PERTURB_=",
        };
        char **environment = calloc(strv_length(environ) + strv_length(extra) + 1, sizeof(char *));
        size_t n = 0;

        if (!environment)
                return NULL;
        STRV_FOREACH(variable, environ) {
                bool keep = false;

                for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                        keep = keep || startswith(*variable, kept[i]);
                if (keep)
                        environment[n++] = *variable;
        }
        for (size_t i = 0; i < strv_length(extra); i++)
                environment[n++] = extra[i];
        return environment;
}

/* In the child: 0 is /dev/null, 3 + i is fds[i], and exec_fd comes after the last of them.
 * Everything is first copied out of the way, as a descriptor may stand where another one has to go.
 */
static int arrange_fds(const Spawn *s) {
        const int exec_fd = FIRST_FD + (int) s->n_fds, above = exec_fd + 1;
        int copies[PROCESS_FDS_MAX], exec_copy, null_copy;

        for (size_t i = 0; i < s->n_fds; i++) {
                copies[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, above);
                if (copies[i] < 0)
                        return -errno;
        }
        exec_copy = fcntl(s->exec_fd, F_DUPFD_CLOEXEC, above);
        null_copy = fcntl(s->null_fd, F_DUPFD_CLOEXEC, above);
        if (exec_copy < 0 || null_copy < 0)
                return -errno;

        for (size_t i = 0; i < s->n_fds; i++)
                if (dup2(copies[i], FIRST_FD + (int) i) < 0)
                        return -errno;
        if (dup2(null_copy, STDIN_FILENO) < 0 || dup3(exec_copy, exec_fd, O_CLOEXEC) < 0 ||
            close_range((unsigned) above, ~0U, 0) < 0)
                return -errno;
        return exec_fd;
}

static void reset_signals(void) {
        const struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;

        /* Fails for the two that cannot be caught, and for those that the C library keeps. */
        for (int i = 1; i < _NSIG; i++)
                (void) sigaction(i, &action, NULL);
        sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const Spawn *s) {
        int r;

        reset_signals();
        (void) setsid();
        r = arrange_fds(s);
        if (r >= 0) {
                (void) fexecve(r, s->argv, s->environment);
                r = -errno;
        }
        _exit(EXIT_NOEXEC + MIN(-r, EXEC_ERRNO_MAX));
}

/* No signal may reach the child before it has shed our handlers. */
static pid_t fork_and_run(const Spawn *s) {
        sigset_t all, old;
        pid_t pid;

        sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
                return -errno;
        pid = fork();
        if (pid == 0)
                run_child(s);
        if (pid < 0)
                pid = -errno;
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        return pid;
}

int process_spawn(const ProcessStart *start, pid_t *ret_pid, int *ret_pidfd) {
        _cleanup_free_ char **environment = make_environment(start->extra);
        _cleanup_close_ int null_fd = -EBADF;
        pid_t pid;
        int pidfd, r;

        assert(start->argv);
        assert(start->n_fds <= PROCESS_FDS_MAX);

        if (!environment)
                return -ENOMEM;
        null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null_fd < 0)
                return -errno;
        pid = fork_and_run(&(Spawn){ .exec_fd = start->exec_fd,
                                     .null_fd = null_fd,
                                     .argv = start->argv,
                                     .environment = environment,
                                     .fds = start->fds,
                                     .n_fds = start->n_fds });
        if (pid < 0)
                return pid;

        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) {
                r = -errno;
                /* It has hardly begun, so that there is nothing yet that it could hang on. */
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return r;
        }
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        return 0;
}

int process_exec_errno(int status) {
        return status > EXIT_NOEXEC ? status - EXIT_NOEXEC : 0;
}

int process_sealed_memfd(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = -EBADF;

        /* With vm.memfd_noexec at 2, a file without the flag is refused; before Linux 6.3 the flag
         * is. */
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (size_t done = 0; done < size;) {
                ssize_t n = pwrite(fd, (const char *) data + done, size - done, (off_t) done);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                done += (size_t) n;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return -errno;
        return TAKE_FD(fd);
}
