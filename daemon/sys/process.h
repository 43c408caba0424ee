/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Start a program that inherits exactly the descriptors it is given. */

#include <sys/types.h>

#include "common/macros.h"

#define PROCESS_FDS_MAX 8

typedef struct ProcessStart {
        int exec_fd;        /* O_PATH is enough */
        char *const *argv;  /* ends with NULL */
        char *const *extra; /* "NAME=value", for its environment; NULL: nothing; ends with NULL */
        const int *fds;     /* fds[i] becomes descriptor 3 + i */
        size_t n_fds;       /* at most PROCESS_FDS_MAX */
} ProcessStart;

/* fork and fexecve() as @start says. In the child its descriptors are from 3 on, everything above
 * is closed, stdin is /dev/null, stdout and stderr stay; signals are default and unblocked, it has
 * its own session; its environment is what is extra, and of ours what tests of the program set for
 * sanitizers; oom_score_adj and nice are inherited.
 *
 * Returns 0 with the pid and a pidfd (O_CLOEXEC, pidfd_open(2)); the caller watches the pidfd and
 * reaps with waitid(P_PIDFD, …, WEXITED | WNOHANG). Nobody waits for the exec: one that fails shows
 * as an exit status. */
int process_spawn(const ProcessStart *start, pid_t *ret_pid, int *ret_pidfd);

/* The errno with which the exec failed, told by the exit status; 0 if it did not. A program that is
 * started so must not exit with a status above 128 itself. */
int process_exec_errno(int status) _const_;

/* A sealed memfd (F_SEAL_SEAL, SHRINK, GROW, WRITE, and EXEC where the kernel has it) that holds
 * @data, offset 0. */
int process_sealed_memfd(const char *name, const void *data, size_t size);
