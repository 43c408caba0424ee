/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The mount of an ESP's partition that nobody but this process sees. */

#include "blocking/esp-device.h"
#include "common/names.h"

#define ESP_MOUNT_NAME "esp"
#define ESP_MOUNT_PATH PATH_RUN "/" ESP_MOUNT_NAME /* below the root */

typedef struct EspMount {
        Root *root;   /* opened again in the mount namespace of this process's own */
        int run_fd;   /* run/bootsync, which the mount point is in */
        bool mounted; /* by us */
} EspMount;

#define ESP_MOUNT_INIT ((EspMount){ .run_fd = -EBADF })

/* Enter a mount namespace that no mount leaves, though the host's mounts and unmounts are still
 * followed, and make the mount point run/bootsync/esp below @root there. Needs CAP_SYS_ADMIN. */
int esp_mount_prepare(const Root *root, const char *uuid, EspMount *ret, Error *error);
/* Unmounts, whatever that gives. */
void esp_mount_done(EspMount *m);

/* Mount @d as vfat with umask=0077: read-only, or with @writable so that an earlier dirty bit
 * stays. Returns its root directory, O_RDONLY | O_DIRECTORY. Errors: ReadOnly if it is to be
 * written and is write-protected; EspMounted if it is mounted read-only elsewhere and is to be
 * written, or mounted where it is not seen. */
int esp_mount(EspMount *m, const EspDevice *d, const char *uuid, bool writable, Error *error);

/* Unmount; with this all that was written has been handed to the disk. Nothing below may be open.
 */
int esp_unmount(EspMount *m, const char *uuid, Error *error);
