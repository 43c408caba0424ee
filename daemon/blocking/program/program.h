/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Run a program of the system, where the program is the interface. */

#include "blocking/copy/copy.h"
#include "common/error.h"
#include "common/macros.h"
#include "sys/root.h"

/* Run @argv (argv[0] is an absolute path; no shell) to its end. It inherits @fd as descriptor 3
 * unless that is negative, and nothing else: stdin is /dev/null, what it prints goes to our stderr,
 * which is the journal, in the C locale. @watch hears a sign of life each second; it is not asked
 * whether to stop, since a program that repairs must not be ended half-way. After @timeout_sec it
 * gets SIGKILL, with all that it started. Returns its exit status, or -errno with @error:
 * NotSupported if there is no such program, Timeout, Failed if a signal ended it. */
int program_run(const char *const *argv, int fd, unsigned timeout_sec, const CopyWatch *watch,
                Error *error);

/* Run @argv of the system below @root. If that is not our own "/" the program is cut off from the
 * host as far as this works (see confine.h), and @watch is told what does not. It has
 * @variable ("NAME=VALUE") in its environment, too, and no descriptor. Only exit status 0 is
 * success: any other one is Failed, and @error ends with the last line that the program has
 * printed. All of it goes to our stderr as it comes; should we end before the program, that ends at
 * its next line. Returns 0 or -errno; errors otherwise as above. */
int program_must_run(const Root *root, const char *const *argv, const char *variable,
                     unsigned timeout_sec, const CopyWatch *watch, Error *error);
