/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to the daemon, and what a failed one means for the user. */

#include "client/connection.h"
#include "common/names.h"

typedef struct Method {
        const char *path, *interface, *name;
        bool dictionary; /* its strings are KEY=VALUE, and travel as one a{ss} */
} Method;

#define METHOD_MANAGER(name) (&(const Method){ BUS_PATH, BUS_IFACE_MANAGER, (name), false })
#define METHOD_KSM(name)     (&(const Method){ BUS_PATH_KSM, BUS_IFACE_KSM, (name), false })

typedef enum CallType {
        CALL_READ,   /* answered soon, to everybody */
        CALL_CHANGE, /* may ask for authorisation, or look at disks first */
} CallType;

/* The dictionary of options that ends every call; what is empty is not sent. */
typedef struct CallOptions {
        char *const *esps;
        const char *new_kernel;
        bool dry_run, force, unmerge;
        bool refusal_is_result; /* not sent: see job_run() */
} CallOptions;

/* A call of @method with these strings and options (each may be NULL). */
ExitStatus call_new(Connection *c, CallType type, const Method *method, char *const *strings,
                    const CallOptions *options, sd_bus_message **ret);

/* What the daemon itself refuses goes to @ret_refusal and is not told; NULL: it is told as any
 * failure. */
ExitStatus call_send(Connection *c, CallType type, sd_bus_message *call, sd_bus_error *ret_refusal,
                     sd_bus_message **ret);

/* Both, for a method that takes no strings. */
ExitStatus call_method(Connection *c, CallType type, const Method *method,
                       const CallOptions *options, sd_bus_message **ret);

/* The daemon does not let us, or not without a password. */
bool call_is_refused(const sd_bus_error *error);

/* The sentence for a call that failed with @r or @error. */
ExitStatus call_failed(Connection *c, const sd_bus_error *error, int r);

/* The daemon's reply is not as its API says. */
ExitStatus call_bad_reply(int r);
