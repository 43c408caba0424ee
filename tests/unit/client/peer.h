/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The other end of the client's socket. */

#include "tests/unit/client/bench.h"

/* Answer what comes in on @fd, which is taken over, until the client is gone. @calls is the file
 * that gets a line for each call. */
void peer_serve(int fd, size_t scene, bool on_bus, const char *calls);
