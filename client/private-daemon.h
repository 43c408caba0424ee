/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bootsyncd of our own, at the other end of a socketpair. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "client/exit-status.h"

/* Start a daemon on @root (NULL: the running system), see ProgramPath, and connect to it as a peer:
 * without a bus, messages carry neither sender nor destination. It runs in a session of its own, so
 * that a Ctrl-C meant for the client leaves its job alone. */
ExitStatus private_daemon_start(const char *root, sd_bus **ret_bus, pid_t *ret_pid);

/* The connection is closed: give the daemon a few seconds to leave. One that still has a job stays
 * behind. */
void private_daemon_wait(pid_t pid);
