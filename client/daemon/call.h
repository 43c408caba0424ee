/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to the daemon. */

#include "client/daemon/connection.h"
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
        uint32_t limit; /* 0: not sent */
        bool dry_run, force, unmerge, keys;
        bool refusal_is_result, no_block; /* not sent: see job_run() */
        sd_bus_error *refusal; /* not sent: gets an error of the daemon's own, which is not told */
} CallOptions;

/* Make a call of @method with these strings and options (each may be NULL). */
ExitStatus call_new(Connection *c, CallType type, const Method *method, char *const *strings,
                    const CallOptions *options, sd_bus_message **ret);

/* The same, sent; *@ret is the reply. A failure is told, but for one that is handed over: see
 * CallOptions. */
ExitStatus call_method(Connection *c, CallType type, const Method *method, char *const *strings,
                       const CallOptions *options, sd_bus_message **ret);
