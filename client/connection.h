/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way to a bootsyncd: the one on the system bus, one on another host, or a private one. */

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "client/options.h"

typedef struct Connection {
        sd_bus *bus;
        const char *destination; /* BUS_NAME; NULL: the peer is the daemon itself */
        const char *host;        /* NULL: this one. Borrowed from the options */
        pid_t daemon;            /* of a private daemon; 0: not private */
        pid_t agent;             /* that asks for a password; 0: not needed, or not there */
} Connection;

static inline bool connection_is_private(const Connection *c) {
        return c->daemon > 0;
}

/* A private daemon is started if a root is given; if the caller is root in a chroot, which may see
 * the host's /run but must not drive the host's daemon; if the bus socket is absent or refused; or
 * if the bus neither has nor could start the service. Anything else that goes wrong is an error and
 * no reason to fall back: it would hide what is broken, and two daemons would work at once. */
ExitStatus connection_open(const Options *options, Connection *ret);

/* Does @m, a signal, come from @owner, the unique name of the daemon? Any user can address one to
 * us, and a bus delivers it whatever we have subscribed to. A private daemon is the only one who
 * can speak on its connection, and has no name. */
bool connection_is_from(const Connection *c, sd_bus_message *m, const char *owner);

/* Also waits until a private daemon has left, so that what lies below its root can be unmounted. */
void connection_close(Connection *c);
#define _cleanup_connection_ _cleanup_(connection_close)
