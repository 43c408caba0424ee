/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The directories of processes in proc, below a root. */

#include "sys/root.h"

/* The pids of all processes, as the names of their directories, in no order. 0 or -errno. */
int proc_list(const Root *root, char ***ret);

/* Read file @name of process @pid as file_read() does, a page at most. -ENOENT or -ESRCH if it has
 * ended. */
int proc_read(const Root *root, const char *pid, const char *name, char **ret, size_t *ret_size);
