/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way to a bootsyncd: the one on the system bus, one on another host, or a private one. */

#include <sys/types.h>

#include <systemd/sd-bus.h>

#include "client/terminal/options.h"
#include "client/terminal/output.h"

typedef struct Connection {
        sd_bus *bus;
        const char *destination; /* BUS_NAME; NULL: the peer is the daemon itself */
        const char *host;        /* NULL: this one. Borrowed from the options, as is: */
        const char *root;        /* of a private daemon; NULL: the running system */
        bool quiet;              /* nothing is told of progress */
        pid_t daemon;            /* of a private daemon; 0: not private */
        pid_t agent;             /* that asks for a password; 0: not needed, or not there */
} Connection;

static inline bool connection_is_private(const Connection *c) {
        return c->daemon > 0;
}

/* A private daemon is started if a root is given; if the caller is root in a chroot, which may see
 * the host's /run but must not drive the host's daemon; if the bus socket is absent or refused; or
 * if the bus neither has nor could start the service, which takes a systemd that runs. The last two
 * are told before. Anything else that goes wrong is an error and no reason to fall back: it would
 * hide what is broken, and two daemons would work at once. */
ExitStatus connection_open(const Options *options, Connection *ret);

/* True if root calls from a chroot, as an installer or a rescue system does. */
bool connection_in_chroot(void);

/* "bootctl-pve --root=DIR": how this daemon, or the next one like it, is called. Never NULL. */
char *connection_command(const Connection *c);

/* Does @m, a signal, come from @owner, the unique name of the daemon? Any user can address one to
 * us, and a bus delivers it whatever we have subscribed to. A private daemon is the only one who
 * can speak on its connection, and has no name. */
bool connection_is_from(const Connection *c, sd_bus_message *m, const char *owner);

/* Watch who owns the daemon's name: @handler gets a message for connection_read_owner(). */
int connection_match_owner(Connection *c, sd_bus_slot **ret, sd_bus_message_handler_t handler,
                           void *userdata);

/* 1 if the bus itself says that the daemon's name has another owner: unique names, which are part
 * of @m, or empty. 0: @m is of no concern. */
int connection_read_owner(sd_bus_message *m, const char **ret_old, const char **ret_new);

/* Have polkit ask for a password on our terminal from now on, for calls that change something. Does
 * nothing if nobody is to be asked, or can be. */
void connection_start_agent(Connection *c);

/* The sentence for a call that failed with @r or @error. */
ExitStatus connection_failed(Connection *c, const sd_bus_error *error, int r);
/* The daemon does not let us, or not without a password. */
bool connection_is_refused(const sd_bus_error *error);
/* The daemon's reply is not as its API says. */
ExitStatus connection_bad_reply(int r);

/* Also waits until a private daemon has left, so that what lies below its root can be unmounted. */
void connection_close(Connection *c);
#define _cleanup_connection_ _cleanup_(connection_close)
