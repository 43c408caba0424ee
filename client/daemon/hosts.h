/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A command on several hosts at once, by ssh. */

#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"

/* Bytes on either stream of a host, which is ended when it says more. */
#define HOST_SAID_MAX ((size_t) 1024 * 1024)

typedef struct HostRun {
        const char *name; /* as it was given, and belongs to who has given it */
        int exit;         /* status of the command; 255: of ssh; -1: a signal has ended that */
        bool too_much;    /* was said */
        char *output, *complaint; /* on stdout and stderr; never NULL */
} HostRun;

HostRun *host_runs_free(HostRun *runs);
DEFINE_CLEANUP(HostRun *, host_runs_free)

/* Have the shell of each host run @command, eight at a time. @names: addresses as in an URI of ssh,
 * [USER@]HOST[:PORT]. The runs are in the same order, and end with one that has no name. Unless it
 * is @quiet, a terminal shows how far it is. An interrupt ends all of them and the program. 0, or
 * -errno if an ssh could not be started; then the others are ended. */
int hosts_run(char *const *names, const char *command, bool quiet, HostRun **ret);
