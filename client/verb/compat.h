/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names of the tool whose place bootsync takes: proxmox-boot-tool, pve-efiboot-tool. */

#include <stdbool.h>

/* True if the program was called by one of these names. */
bool compat_is_called(const char *name);

/* Run the command line as that tool would: its words, and output and exit status where scripts rely
 * on them. All else is as under the own name. */
int compat_run(int argc, char **argv);
