/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The worker's line to the daemon: reports out; the token, "stop" and SIGTERM in. */

#include "core/wire/report.h"

typedef struct Channel Channel;

/* Take over @fd. If it is a SOCK_SEQPACKET socket each report is one message; else (a terminal, a
 * file, a pipe) each is a line, and the token is granted at once. Blocks SIGTERM and SIGINT, which
 * from now on are read as "stop". -EBADF if @fd is not open or was opened by this program itself,
 * that is with O_CLOEXEC; or -errno. */
int channel_new(int fd, Channel **ret);
Channel *channel_free(Channel *c);
DEFINE_CLEANUP(Channel *, channel_free)

/* Send a report. A peer that cannot be reached is gone, which is remembered and is no error.
 * -ENOMEM or -E2BIG. */
int channel_send(Channel *c, const Report *report);

/* True once the worker should end: it was told to, or the daemon is gone and the token was not
 * granted. With the token the plan is carried on to its end without a daemon. Never waits. */
bool channel_wants_stop(Channel *c);

/* Wait until the token is granted: 0; or the worker should end: -ECANCELED. */
int channel_wait_token(Channel *c);
