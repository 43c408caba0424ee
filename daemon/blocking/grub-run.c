/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* grub-install and grub-mkconfig take a minute and more where a host has many disks, since they ask
 * each of them. */

#include "blocking/grub-run.h"

#define TIMEOUT_SEC 600

/* By this Proxmox's hooks, which GRUB's programs start, know that they are run for an ESP. */
#define QUIET_HOOKS "PVE_EFIBOOT_UNSHARED=1"

int grub_run(const Root *root, const char *const *argv, const CopyWatch *watch, Error *error) {
        struct stat st;

        assert(argv[0][0] == '/');

        if (root_stat(root, argv[0] + 1, &st) < 0)
                return error_set(error, ERROR_NOT_SUPPORTED,
                                 "'%s' is needed and not there; install the package grub2-common",
                                 argv[0]);
        return program_must_run(root, argv, QUIET_HOOKS, TIMEOUT_SEC, watch, error);
}
