/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB's own programs, run so that the hooks of Proxmox's tool stay quiet. */

#include "blocking/program.h"

/* Run @argv (argv[0] is an absolute path below @root) as program_must_run() does, with ten minutes
 * of time. NotSupported if the program is not installed. */
int grub_run(const Root *root, const char *const *argv, const CopyWatch *watch, Error *error);
