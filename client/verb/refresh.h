/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The refresh itself, which `refresh` and every change share. */

#include "client/daemon/connection.h"

/* True, and said so, if this is a container: its kernel is the host's, and so are the ESPs. A root
 * or a host that is named is another matter. */
bool refresh_is_pointless(const Options *options);

/* Refresh the ESPs that @options name and report; @change, what was changed before, goes first, and
 * may be NULL. */
ExitStatus refresh_run(Connection *c, const Options *options, const char *change);
