/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel unmerges inside of the write of 2 to run (mm/ksm.c, run_store), and stops in the midst
 * when the writer gets a signal: run is 0 then, and what it has not come to stays merged. It also
 * makes the writer the origin of a lack of memory, which is killed before anything else. So the
 * writer is a process of its own, and this one lives to tell. */

#include "blocking/ksm/ksm-control.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/names.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "core/ksm/ksm-model.h"
#include "sys/file.h"
#include "sys/ksm.h"

#define MIB         (1024 * 1024ULL)
#define LOOK_MSEC   250
#define GRACE_USEC  UINT64_C(10000000)
#define FILE_MAX    4096
#define RUN_UNMERGE "2"

static int open_file(const Root *root, const char *name) {
        _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", name);

        /* The kernel's files know no truncation; those of a test do. */
        return path ? root_openat(root, path, O_WRONLY | O_TRUNC | O_NOFOLLOW, 0) : -ENOMEM;
}

/* One write(): the kernel takes a value whole. */
static int write_value(int fd, const char *value) {
        size_t size = strlen(value);
        ssize_t n = write(fd, value, size);

        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -EIO;
}

static int read_back(const Root *root, const char *name, char **ret) {
        _cleanup_free_ char *path = strprintf(PATH_KSM "/%s", name), *text = NULL;
        size_t size;
        int r;

        if (!path)
                return -ENOMEM;
        r = file_read(root, path, FILE_MAX, &text, &size);
        return r < 0 ? r : ksm_value_parse(text, size, ret);
}

int ksm_write(const Root *root, const char *name, const char *value, Error *error) {
        _cleanup_free_ char *now = NULL;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!ksm_name_is_valid(name) ||
            (streq(name, "run") && !streq(value, "0") && !streq(value, "1")))
                return error_set(error, ERROR_INVALID_OPTION,
                                 "'%s' of KSM cannot be set to '%s' by a plan", name, value);
        fd = open_file(root, name);
        if (fd < 0)
                return error_set_errno(error, fd, "Cannot open /" PATH_KSM "/%s", name);
        r = write_value(fd, value);
        if (r < 0)
                return ksm_tunable_refused(name, value, r, error);
        r = read_back(root, name, &now);
        if (r < 0)
                return error_set_errno(error, r, "Cannot read /" PATH_KSM "/%s again", name);
        if (!streq(now, value))
                return error_set(error, ERROR_VERIFY_FAILED,
                                 "'%s' of KSM was set to '%s' and is '%s'; does something else set "
                                 "it, too?",
                                 name, value, now);
        return 0;
}

/* In the child: nothing but system calls. The worker reads SIGTERM from a descriptor and keeps it
 * blocked; here it must end the write. */
_Noreturn static void write_and_exit(int fd, pid_t parent) {
        sigset_t none;

        (void) sigemptyset(&none);
        (void) signal(SIGTERM, SIG_DFL);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(ECANCELED);
        _exit(write(fd, RUN_UNMERGE, strlen(RUN_UNMERGE)) < 0 ? errno : 0);
}

static int start_writer(const Root *root, pid_t *ret_pid, int *ret_pidfd) {
        _cleanup_close_ int fd = -EBADF;
        pid_t parent = getpid(), pid;
        int pidfd;

        fd = open_file(root, "run");
        if (fd < 0)
                return fd;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                write_and_exit(fd, parent);
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) {
                int r = -errno;

                (void) kill(pid, SIGTERM);
                return r;
        }
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        return 0;
}

/* Bytes that are merged. */
static int look(const Root *root, uint64_t *ret) {
        _cleanup_(ksm_done) Ksm k = {};
        int r = ksm_look(root, &k);

        if (r < 0)
                return r;
        *ret = ksm_figures(&k).saved_bytes;
        return 0;
}

static bool memory_is_short(const Root *root) {
        uint64_t available, total;

        return memory_look(root, &available, &total) >= 0 && ksm_memory_is_short(available, total);
}

/* Until the writer has ended. 1 if it was told to, as memory got short; -ETIME if it was told to
 * and does not. */
static int wait_for_writer(const Root *root, int pidfd, bool force, const KsmUnmergeWatch *watch) {
        struct pollfd pollfd = { .fd = pidfd, .events = POLLIN };
        uint64_t before, now, deadline = UINT64_MAX;
        bool is_short = false;
        int r;

        r = look(root, &before);
        if (r < 0)
                return r;
        while ((r = poll(&pollfd, 1, LOOK_MSEC)) == 0) {
                r = look(root, &now);
                if (r < 0)
                        return r;
                watch->progress(before - MIN(before, now), watch->userdata);
                if (monotonic_usec() > deadline)
                        return -ETIME;
                if (deadline != UINT64_MAX)
                        continue;
                is_short = !force && memory_is_short(root);
                if (is_short || watch->wants_stop(watch->userdata)) {
                        (void) pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
                        deadline = monotonic_usec() + GRACE_USEC;
                }
        }
        return r < 0 ? -errno : is_short;
}

/* The kernel counts the pages of a process as merged until it has come to the end of that process,
 * so what is left may be less than is said. */
static int explain(const siginfo_t *si, bool is_short, uint64_t left, Error *error) {
        unsigned long long mib = (left + MIB - 1) / MIB;
        bool exited = si->si_code == CLD_EXITED;

        if (exited && si->si_status == 0 && left == 0)
                return 0;
        if (exited && si->si_status == 0)
                return error_set(error, ERROR_VERIFY_FAILED,
                                 "The kernel says that it has unmerged all pages, and still counts "
                                 "%llu MiB as merged; try again",
                                 mib);
        if ((exited && si->si_status == ENOMEM) || (!exited && si->si_status == SIGKILL))
                return error_set(
                                error, ERROR_INSUFFICIENT_MEMORY,
                                "The memory of this host did not suffice to unmerge all pages: the "
                                "kernel still counts %llu MiB as merged; free some, then try again",
                                mib);
        if (is_short)
                return error_set(
                                error, ERROR_INSUFFICIENT_MEMORY,
                                "The unmerge was stopped as memory got short, and so is ksmd: the "
                                "kernel still counts %llu MiB as merged; free some, then try again",
                                mib);
        if (!exited || si->si_status == EINTR || si->si_status == ECANCELED)
                return error_set(error, ERROR_CANCELED,
                                 "The unmerge was stopped, and so is ksmd: the kernel still counts "
                                 "%llu MiB as merged; another try goes on from there",
                                 mib);
        return error_set_errno(error, si->si_status,
                               "The kernel does not unmerge all pages, it still counts %llu MiB as "
                               "merged",
                               mib);
}

int ksm_unmerge(const Root *root, bool force, const KsmUnmergeWatch *watch, Error *error) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t si = {};
        bool is_short;
        pid_t pid = 0;
        uint64_t left;
        int r;

        r = start_writer(root, &pid, &pidfd);
        if (r < 0)
                return error_set_errno(error, r, "Cannot write to /" PATH_KSM "/run");
        r = wait_for_writer(root, pidfd, force, watch);
        if (r == -ETIME)
                return error_set(error, ERROR_TIMEOUT,
                                 "The unmerge does not stop: process %d waits in the kernel for a "
                                 "process that hangs; see 'bootctl-pve ksm status' later",
                                 (int) pid);
        is_short = r > 0;
        if (r >= 0 && waitid(P_PIDFD, (id_t) pidfd, &si, WEXITED) < 0)
                r = -errno;
        if (r >= 0)
                r = look(root, &left);
        if (r < 0)
                return error_set_errno(error, r, "Cannot tell how the unmerge went");
        return explain(&si, is_short, left, error);
}
