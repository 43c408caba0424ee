/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* posix_spawn(3) with everything said: environment, descriptors, signals. The worker waits for its
 * child here, and tells the daemon each second that it does. A program leads a process group of its
 * own, so that what a script has started does not outlive its deadline and keep an ESP busy. */

#include "blocking/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "blocking/program-output.h"
#include "common/fd.h"
#include "common/string-util.h"

#define CHILD_FD 3
#define CHROOT   "/usr/sbin/chroot"

typedef struct Program {
        const char *const *argv;
        const char *variable; /* one more of the environment, or NULL */
        int fd;               /* CHILD_FD of the program, or negative */
        int output;           /* stdout and stderr of the program; negative: our stderr */
        unsigned timeout_sec;
} Program;

static int set_attributes(posix_spawnattr_t *attributes) {
        sigset_t none, all;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                            POSIX_SPAWN_SETPGROUP)
                       ?: posix_spawnattr_setsigmask(attributes, &none)
                       ?: posix_spawnattr_setsigdefault(attributes, &all)
                       ?: posix_spawnattr_setpgroup(attributes, 0);
}

static int set_descriptors(posix_spawn_file_actions_t *actions, const Program *p) {
        int r = 0;

        if (p->output >= 0)
                r = posix_spawn_file_actions_adddup2(actions, p->output, STDERR_FILENO);
        /* Before the rest, since @fd may be what the others replace. If it is CHILD_FD already it
         * loses its close-on-exec flag just the same. */
        if (r == 0 && p->fd >= 0)
                r = posix_spawn_file_actions_adddup2(actions, p->fd, CHILD_FD);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0)
                                    ?: posix_spawn_file_actions_adddup2(actions, STDERR_FILENO,
                                                                        STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(actions, CHILD_FD + (p->fd >= 0));
        return r;
}

static int spawn(const Program *p, pid_t *ret) {
        char *const environment[] = {
                (char *) "LC_ALL=C",
                (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                (char *) p->variable,
                NULL,
        };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0) {
                (void) posix_spawnattr_destroy(&attributes);
                return -r;
        }
        r = set_attributes(&attributes) ?: set_descriptors(&actions, p);
        if (r == 0)
                r = posix_spawn(ret, p->argv[0], &actions, &attributes, (char *const *) p->argv,
                                environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

static int64_t monotonic_msec(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0 when it has ended, -ETIME when it has not in that time. @output may be NULL. */
static int wait_for(int pidfd, ProgramOutput *output, unsigned timeout_sec,
                    const CopyWatch *watch) {
        int64_t next = monotonic_msec() + 1000;

        for (unsigned i = 0; i < timeout_sec;) {
                struct pollfd p[] = {
                        { .fd = pidfd, .events = POLLIN },
                        { .fd = output ? output->fd : -EBADF, .events = POLLIN },
                };
                int n = poll(p, ELEMENTSOF(p), (int) MAX(next - monotonic_msec(), 0));

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0 && p[1].revents)
                        program_output_read(output);
                if (n > 0 && p[0].revents)
                        return 0;
                if (monotonic_msec() < next)
                        continue;
                watch->moved(COPY_READ, 0, watch->userdata);
                next += 1000;
                i++;
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

/* posix_spawn() gives the errno of exec, which has a meaning of its own there. */
static int explain_start(const char *program, int r, Error *error) {
        if (r == -ENOENT && access(program, F_OK) < 0)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "'%s' is needed and not there; install the package that it "
                                 "comes with",
                                 program);
        if (r == -ENOENT)
                (void) error_set(error, ERROR_FAILED,
                                 "Cannot start '%s': its interpreter or /dev/null is missing; "
                                 "install what it needs",
                                 program);
        else if (r == -EACCES)
                (void) error_set(error, ERROR_FAILED,
                                 "Cannot start '%s': it may not be executed; look at its mode, and "
                                 "whether its file system is mounted noexec",
                                 program);
        else if (r == -ENOEXEC)
                (void) error_set(error, ERROR_FAILED,
                                 "Cannot start '%s': it is no program of this machine; install the "
                                 "package that it comes with anew",
                                 program);
        else
                (void) error_set_errno(error, r, "Cannot start '%s'", program);
        return r;
}

static int run(const Program *p, ProgramOutput *output, const CopyWatch *watch, Error *error) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t si = {};
        pid_t pid;
        int r, q;

        r = spawn(p, &pid);
        if (output)
                output->write_fd = safe_close(output->write_fd);
        if (r < 0)
                return explain_start(p->argv[0], r, error);

        pidfd = pidfd_open(pid, 0);
        r = pidfd < 0 ? -errno : wait_for(pidfd, output, p->timeout_sec, watch);
        if (r < 0)
                (void) kill(-pid, SIGKILL);
        q = reap(pid, &si);
        if (output)
                program_output_read(output);
        if (r == -ETIME)
                return error_set(error, ERROR_TIMEOUT,
                                 "'%s' did not end within %u s and was killed; see whether the "
                                 "disk answers",
                                 p->argv[0], p->timeout_sec);
        if (r < 0 || q < 0)
                return error_set_errno(error, r < 0 ? r : q, "Cannot see how '%s' ended",
                                       p->argv[0]);
        if (si.si_code != CLD_EXITED)
                return error_set(error, ERROR_FAILED,
                                 "'%s' was ended by a signal (%s); see the journal", p->argv[0],
                                 strsignal(si.si_status));
        return si.si_status;
}

int program_run(const char *const *argv, int fd, unsigned timeout_sec, const CopyWatch *watch,
                Error *error) {
        const Program p = { argv, NULL, fd, -EBADF, timeout_sec };

        return run(&p, NULL, watch, error);
}

/* Its own error, with the program's words. */
static int fail(const char *name, int status, const ProgramOutput *output, Error *error) {
        _cleanup_free_ char *words = program_output_last_line(output);

        return error_set(error, ERROR_FAILED,
                         "'%s' failed with exit status %d (see the journal)%s%s", name, status,
                         isempty(words) ? "" : ": ", strempty(words));
}

int program_must_run(const Root *root, const char *const *argv, const char *variable,
                     unsigned timeout_sec, const CopyWatch *watch, Error *error) {
        _cleanup_(program_output_done) ProgramOutput output = PROGRAM_OUTPUT_INIT;
        _cleanup_strv_ char **words = NULL;
        int r = 0;

        if (!root_is_host(root)) {
                r = strv_extend(&words, CHROOT);
                if (r >= 0)
                        r = strv_extend(&words, root_path(root));
        }
        for (size_t i = 0; r >= 0 && argv[i]; i++)
                r = strv_extend(&words, argv[i]);
        if (r >= 0)
                r = program_output_open(&output);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start '%s'", argv[0]);

        r = run(&(Program){ (const char *const *) words, variable, -EBADF, output.write_fd,
                            timeout_sec },
                &output, watch, error);
        return r > 0 ? fail(argv[0], r, &output, error) : r;
}
