/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Calls to the daemon, and what a failed one means for the user. */

#include "client/connection.h"

typedef enum CallType {
        CALL_READ,   /* answered from memory */
        CALL_CHANGE, /* may ask for authorisation, or look at disks first */
} CallType;

/* A call of the Manager's @method with these strings (NULL: none) and the dictionary of options
 * that ends every call: esps if there are any, new-kernel if not NULL. */
ExitStatus call_new(Connection *c, CallType type, const char *method, char *const *strings,
                    char *const *esps, const char *new_kernel, sd_bus_message **ret);

ExitStatus call_send(Connection *c, CallType type, sd_bus_message *call, sd_bus_message **ret);

/* Both, for a method with no other argument than @esps. */
ExitStatus call_method(Connection *c, CallType type, const char *method, char *const *esps,
                       sd_bus_message **ret);

/* The sentence for a call that failed with @r or @error. */
ExitStatus call_failed(Connection *c, const sd_bus_error *error, int r);

/* The daemon's reply is not as its API says. */
ExitStatus call_bad_reply(int r);
