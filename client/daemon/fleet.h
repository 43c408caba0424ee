/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One verb on several hosts: -H pve1,root@pve2:2222. */

#include "client/terminal/options.h"

/* Run the words of @options by the bootctl-pve of each host in its --host, eight at a time, without
 * anybody who could be asked there, and show how each has ended. STATUS_DONE if all have;
 * STATUS_USAGE for a list that is none; what the others ended with, if that is one and the same
 * status of bootctl-pve; else STATUS_FAILED, as if a host was not reached. An interrupt ends it and
 * the program. */
ExitStatus fleet_run(const Options *options);
