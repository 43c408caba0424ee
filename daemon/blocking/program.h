/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Run a program of the system, where the program is the interface. */

#include "blocking/digest-copy.h"
#include "common/error.h"

/* Run @argv (argv[0] is an absolute path; no shell) to its end. It inherits @fd as descriptor 3
 * unless that is negative, and nothing else: stdin is /dev/null, what it prints goes to our stderr,
 * which is the journal, in the C locale. @watch hears a sign of life each second; it is not asked
 * whether to stop, since a program that repairs must not be ended half-way. After @timeout_sec it
 * gets SIGKILL. Returns its exit status, or -errno with @error: NotSupported if there is no such
 * program, Timeout, Failed if a signal ended it. */
int program_run(const char *const *argv, int fd, unsigned timeout_sec, const CopyWatch *watch,
                Error *error);
