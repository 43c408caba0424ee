/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For programs of another root than ours: fork and enter that root, cut off from the host. */

#include <sys/types.h>

#include "common/macros.h"

/* The namespaces that a process has to itself; the last resort is none. */
typedef enum ConfineLevel {
        CONFINE_ALL,    /* processes, mounts, network, IPC, names of the host, cgroups */
        CONFINE_MOUNTS, /* mounts alone */
        CONFINE_NONE,
        _CONFINE_LEVEL_MAX,
        _CONFINE_LEVEL_INVALID = -EINVAL,
} ConfineLevel;

/* As fork(), into as many namespaces as can be had; what this is goes to *@ret, in the child, too,
 * and why it is not CONFINE_ALL to *@ret_why (-errno, else 0). With CONFINE_ALL the child is PID 1
 * of its namespace: what it has started ends with it. Not to be called where there are threads.
 * Returns -errno. */
pid_t confine_fork(ConfineLevel *ret, int *ret_why);

/* In that child, which has no descriptors above 2: make @root, an absolute path, the root directory
 * for good, with what bootsyncd(8) says of --root, and drop every capability that GRUB's programs
 * do without. What cannot be kept from the program, and is no reason not to run it, goes to stderr
 * in a line. Returns -errno. */
int confine_enter(const char *root, ConfineLevel level);
