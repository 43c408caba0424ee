/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chooses between the system bus and a private daemon, by what is there and never by what failed:
 * see connection_open(). Both speak the same API, so nothing above this file asks which it is,
 * except where a private daemon has to be told to look at the ESPs first. */

#include "client/connection.h"

#include <sys/stat.h>
#include <unistd.h>

#include "client/agent.h"
#include "client/call.h"
#include "client/output.h"
#include "client/private-daemon.h"
#include "common/names.h"
#include "common/string-util.h"

/* For a process in a chroot "/" is not what it is for PID 1. Who may not look (another user, a
 * container with a hidden /proc) is not in a chroot of its own making. */
static bool in_chroot(void) {
        struct stat here, init;

        if (geteuid() != 0 || stat("/", &here) < 0 || stat("/proc/1/root", &init) < 0)
                return false;
        return here.st_dev != init.st_dev || here.st_ino != init.st_ino;
}

static ExitStatus bus_call(sd_bus *bus, const char *method, const char *argument,
                           sd_bus_message **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call_method(bus, BUS_DRIVER, "/org/freedesktop/DBus", BUS_DRIVER, method, &error,
                               ret, argument ? "s" : "", argument);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to talk to the bus: %s.",
                            error.message ?: strerror(-r));
        return STATUS_DONE;
}

/* Is the service there, or would a call start it? */
static ExitStatus find_service(sd_bus *bus, bool *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *owner = NULL, *names = NULL;
        _cleanup_strv_ char **activatable = NULL;
        ExitStatus status;
        int r, owned;

        status = bus_call(bus, "NameHasOwner", BUS_NAME, &owner);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read(owner, "b", &owned);
        if (r < 0)
                return call_bad_reply(r);
        if (owned) {
                *ret = true;
                return STATUS_DONE;
        }

        status = bus_call(bus, "ListActivatableNames", NULL, &names);
        if (status != STATUS_DONE)
                return status;
        r = sd_bus_message_read_strv(names, &activatable);
        if (r < 0)
                return call_bad_reply(r);
        *ret = strv_contains(activatable, BUS_NAME);
        return STATUS_DONE;
}

static ExitStatus open_private(const char *root, Connection *ret) {
        Connection c = {};
        ExitStatus status;

        status = private_daemon_start(root, &c.bus, &c.daemon);
        if (status == STATUS_DONE)
                *ret = c;
        return status;
}

static ExitStatus open_remote(const char *host, Connection *ret) {
        _cleanup_connection_ Connection c = { .destination = BUS_NAME, .host = host };
        ExitStatus status;
        bool found;
        int r;

        r = sd_bus_open_system_remote(&c.bus, host);
        if (r == -EINVAL)
                return fail(STATUS_USAGE, "'%s' is not a valid host.", host);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to connect to '%s': %s.", host, strerror(-r));
        status = find_service(c.bus, &found);
        if (status != STATUS_DONE)
                return status;
        if (!found)
                return fail(STATUS_FAILED, "'%s' does not offer %s. Is bootsync installed there?",
                            host, BUS_NAME);
        *ret = TAKE_STRUCT(c);
        return STATUS_DONE;
}

ExitStatus connection_open(const Options *options, Connection *ret) {
        _cleanup_connection_ Connection c = { .destination = BUS_NAME };
        ExitStatus status;
        bool found;
        int r;

        if (options->host)
                return open_remote(options->host, ret);
        if (options->root || in_chroot())
                return open_private(options->root, ret);

        r = sd_bus_open_system(&c.bus);
        if (r == -ENOENT || r == -ECONNREFUSED)
                return open_private(NULL, ret);
        if (r < 0)
                return fail(STATUS_FAILED, "Failed to connect to the system bus: %s.",
                            strerror(-r));
        status = find_service(c.bus, &found);
        if (status != STATUS_DONE)
                return status;
        if (!found)
                return open_private(NULL, ret);
        *ret = TAKE_STRUCT(c);
        return STATUS_DONE;
}

bool connection_is_from(const Connection *c, sd_bus_message *m, const char *owner) {
        return !c->destination || streq_ptr(sd_bus_message_get_sender(m), owner);
}

void connection_close(Connection *c) {
        agent_stop(c->agent);
        c->bus = sd_bus_flush_close_unref(c->bus);
        if (connection_is_private(c))
                private_daemon_wait(c->daemon);
        *c = (Connection){};
}
