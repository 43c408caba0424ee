/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The answer to "what would a refresh do?" */

#include "client/daemon/connection.h"

/* Show what is different afterwards, with --verbose or as JSON each step. STATUS_PARTIAL if
 * anything stands in the way. */
ExitStatus dry_run(Connection *c, const Options *options);
