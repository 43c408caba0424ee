/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Is bootsyncd.service as it should be? */

#include "client/daemon/properties.h"

/* Add a warning if the service of the host does not run, or will not after the next boot: systemd
 * is asked over the same bus, for a second at most. Without an answer there is nothing to tell. */
void service_warn(const Connection *c, Notices *l);
