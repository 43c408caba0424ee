/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Start a program that inherits exactly the descriptors it is given. */

#include <sys/types.h>

#include "common/macros.h"

#define PROCESS_FDS_MAX 8

/* fork and fexecve() of @exec_fd (O_PATH is enough). In the child, fds[i] becomes descriptor 3 + i,
 * everything above is closed, stdin is /dev/null, stdout and stderr stay; signals are default and
 * unblocked, it has its own session; its environment is @extra ("NAME=value"; NULL:
 * nothing), and of ours what tests of the program set for sanitizers; oom_score_adj and nice are
 * inherited. @argv and @extra end with NULL. @n_fds <= PROCESS_FDS_MAX.
 *
 * Returns 0 with the pid and a pidfd (O_CLOEXEC, pidfd_open(2)); the caller watches the pidfd and
 * reaps with waitid(P_PIDFD, …, WEXITED | WNOHANG). Nobody waits for the exec: one that fails shows
 * as an exit status. */
int process_spawn(int exec_fd, char *const *argv, char *const *extra, const int *fds, size_t n_fds,
                  pid_t *ret_pid, int *ret_pidfd);

/* The errno with which the exec failed, told by the exit status; 0 if it did not. A program that is
 * started so must not exit with a status above 128 itself. */
int process_exec_errno(int status) _const_;

/* A sealed memfd (F_SEAL_SEAL, SHRINK, GROW, WRITE, and EXEC where the kernel has it) that holds
 * @data, offset 0. */
int process_sealed_memfd(const char *name, const void *data, size_t size);
