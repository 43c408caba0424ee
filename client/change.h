/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A change of the kernel lists or pins, and the refresh that belongs to it. */

#include "client/options.h"

/* Call the Manager's @method with @arguments. A daemon that syncs by itself returns the job of that
 * sync, which is shown; otherwise the user is asked whether to refresh now (--yes: no question,
 * --no-refresh: no refresh). */
ExitStatus change_run(const Options *options, const char *method, char *const *arguments);
