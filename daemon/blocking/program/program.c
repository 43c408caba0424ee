/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* posix_spawn(3) with everything said: environment, descriptors, signals; for a program of another
 * root fork and exec, with a few things more in between. The worker waits for its child here, and
 * tells the daemon each second that it does. A program leads a process group of its own, so that
 * what a script has started does not outlive its deadline and keep an ESP busy. Programs say in
 * their last line why they have failed, and the journal is to have all of it while they run, so
 * what they print goes through a pipe. What cannot be handed on is lost: a full journal is no
 * reason for a boot loader to fail. */

#include "blocking/program/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>

#include "blocking/program/confine.h"
#include "common/fd.h"
#include "common/string-util.h"

#define CHILD_FD        3
#define EXIT_NOEXEC     127
#define OUTPUT_LINE_MAX 300 /* bytes of a line that are kept */
#define READS_MAX       32  /* at once: who prints without end must not keep us from its deadline */

/* The output of a program: handed on to our stderr as it comes, and its last line kept. */
typedef struct ProgramOutput {
        int fd;       /* our end of the pipe; negative when all was read */
        int write_fd; /* the program's */
        char line[OUTPUT_LINE_MAX], last[OUTPUT_LINE_MAX];
        size_t line_size, last_size;
} ProgramOutput;

#define PROGRAM_OUTPUT_INIT ((ProgramOutput){ .fd = -EBADF, .write_fd = -EBADF })

static int output_open(ProgramOutput *o) {
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        o->fd = fds[0];
        o->write_fd = fds[1];
        return fcntl(o->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void output_done(ProgramOutput *o) {
        o->fd = safe_close(o->fd);
        o->write_fd = safe_close(o->write_fd);
}

static void end_line(ProgramOutput *o) {
        const char *line = o->line;
        size_t size = o->line_size;

        o->line_size = 0;
        text_trim(&line, &size);
        if (size == 0)
                return;
        memcpy(o->last, line, size);
        o->last_size = size;
}

static void take(ProgramOutput *o, const char *data, size_t size) {
        (void) !write(STDERR_FILENO, data, size);
        for (size_t i = 0; i < size; i++)
                if (data[i] == '\n' || data[i] == '\r')
                        end_line(o);
                else if (o->line_size < sizeof(o->line))
                        o->line[o->line_size++] = data[i];
}

/* Take what is there, and do not wait for more. */
static void output_read(ProgramOutput *o) {
        char data[4096];

        for (unsigned i = 0; i < READS_MAX && o->fd >= 0; i++) {
                ssize_t n = read(o->fd, data, sizeof(data));

                if (n > 0)
                        take(o, data, (size_t) n);
                else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                        o->fd = safe_close(o->fd);
                else if (errno == EAGAIN)
                        break;
        }
}

/* The last line that was not blank, fit for a message; "" if there was none. NULL when out of
 * memory. */
static char *output_last_line(const ProgramOutput *o) {
        ProgramOutput rest = *o;

        end_line(&rest); /* one that was not ended is a line as well */
        return string_for_humans(rest.last, rest.last_size, OUTPUT_LINE_MAX);
}

typedef struct Program {
        const Root *root; /* another one, which is entered; NULL: our own */
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

static int spawn_here(const Program *p, char *const *environment, pid_t *ret) {
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

/* In the child. Its parent is told by what it prints, and by its exit status. */
_Noreturn static void enter_and_exec(const Program *p, char *const *environment,
                                     ConfineLevel level) {
        const struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;
        int null_fd, r = 0;

        for (int i = 1; i < _NSIG; i++) /* fails for some, which are default anyway */
                (void) sigaction(i, &action, NULL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) setpgid(0, 0);
        null_fd = open("/dev/null", O_RDONLY);
        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
            (p->output >= 0 && dup2(p->output, STDERR_FILENO) < 0) ||
            dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || close_range(CHILD_FD, ~0U, 0) < 0)
                r = -errno;
        if (r >= 0)
                r = confine_enter(root_path(p->root), level);
        if (r < 0)
                (void) dprintf(STDERR_FILENO, "Cannot enter '%s': %s.\n", root_path(p->root),
                               strerror(-r));
        else {
                (void) execve(p->argv[0], (char *const *) p->argv, environment);
                (void) dprintf(STDERR_FILENO, "Cannot run '%s' in '%s': %s.\n", p->argv[0],
                               root_path(p->root), strerror(errno));
        }
        _exit(EXIT_NOEXEC);
}

static void note_level(const Program *p, ConfineLevel level, int why, const CopyWatch *watch) {
        _cleanup_free_ char *sentence = NULL;

        if (level == CONFINE_ALL || !watch->noted)
                return;
        sentence = strprintf("'%s' of '%s' is not kept from this host's processes, network%s (%s)",
                             p->argv[0], root_path(p->root),
                             level == CONFINE_NONE ? " and mounts" : "", strerror(-why));
        if (sentence)
                watch->noted(sentence, watch->userdata);
}

/* No signal may reach the child before it has shed our handlers. */
static int spawn_confined(const Program *p, char *const *environment, const CopyWatch *watch,
                          pid_t *ret) {
        ConfineLevel level;
        sigset_t all, old;
        pid_t pid;
        int why;

        (void) sigfillset(&all);
        if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
                return -errno;
        pid = confine_fork(&level, &why);
        if (pid == 0)
                enter_and_exec(p, environment, level);
        (void) sigprocmask(SIG_SETMASK, &old, NULL);
        if (pid < 0)
                return pid;
        (void) setpgid(pid, pid); /* whoever of the two comes first */
        note_level(p, level, why, watch);
        *ret = pid;
        return 0;
}

static int spawn(const Program *p, const CopyWatch *watch, pid_t *ret) {
        char *const environment[] = {
                (char *) "LC_ALL=C",
                (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                (char *) p->variable,
                NULL,
        };

        return p->root ? spawn_confined(p, environment, watch, ret)
                       : spawn_here(p, environment, ret);
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
                        output_read(output);
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

        r = spawn(p, watch, &pid);
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
                output_read(output);
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
        const Program p = {
                .argv = argv,
                .fd = fd,
                .output = -EBADF,
                .timeout_sec = timeout_sec,
        };

        return run(&p, NULL, watch, error);
}

/* Its own error, with the program's words. */
static int fail(const char *name, int status, const ProgramOutput *output, Error *error) {
        _cleanup_free_ char *words = output_last_line(output);

        return error_set(error, ERROR_FAILED,
                         "'%s' failed with exit status %d (see the journal)%s%s", name, status,
                         isempty(words) ? "" : ": ", strempty(words));
}

int program_must_run(const Root *root, const char *const *argv, const char *variable,
                     unsigned timeout_sec, const CopyWatch *watch, Error *error) {
        _cleanup_(output_done) ProgramOutput output = PROGRAM_OUTPUT_INIT;
        Program p = {
                .root = root_is_host(root) ? NULL : root,
                .argv = argv,
                .variable = variable,
                .fd = -EBADF,
                .timeout_sec = timeout_sec,
        };
        int r;

        r = output_open(&output);
        if (r < 0)
                return error_set_errno(error, r, "Cannot start '%s'", argv[0]);
        p.output = output.write_fd;
        r = run(&p, &output, watch, error);
        return r > 0 ? fail(argv[0], r, &output, error) : r;
}
