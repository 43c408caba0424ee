/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* polkit's authentication agent for terminals, which asks for the password. */

#include <sys/types.h>

/* Start pkttyagent(1) as our child, for the calls of this process, and wait until polkit knows it.
 * Returns its pid, or 0 if there is none to be had: then polkit says what it says. */
pid_t agent_start(void);
/* End it and give the terminal back. 0 is allowed. */
void agent_stop(pid_t agent);
