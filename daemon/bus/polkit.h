/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Questions to polkit. */

#include <systemd/sd-bus.h>

#include "bus/bus.h"
#include "bus/caller.h"

/* Like bus_authorise() in auth.h, for a sender whom only polkit can authorise. Never waits for
 * polkit: the first call sends the question and returns 0. When polkit has answered, @m is
 * dispatched again, and the call that follows finds the verdict and uses it up. It holds for the
 * same message, action and details only. What cannot be asked is refused (AccessDenied), as is one
 * question too many of @caller, the sender (LimitsExceeded, see caller.h); a password
 * that was needed and not allowed to be asked for is InteractiveAuthorizationRequired. */
int polkit_authorise(Bus *b, sd_bus_message *m, Caller *caller, const char *action,
                     const char *const *details, sd_bus_error *error);

/* Take every question back, or those of @sender, who has left. */
void polkit_forget_all(Bus *b);
void polkit_forget_sender(Bus *b, const char *sender);
