/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One ESP as an open directory, and the opening of what is below it without ever leaving it. */

#include <sys/stat.h>

#include "blocking/disk/esp-device.h"
#include "common/names.h"
#include "core/esp/esp-image.h"
#include "core/esp/fat.h"

#define ESP_MOUNT_NAME "esp"
#define ESP_MOUNT_PATH PATH_RUN "/" ESP_MOUNT_NAME /* below the root */

/* The mount of an ESP's partition that nobody but this process sees. */
typedef struct EspMount {
        Root *root;   /* opened again in the mount namespace of this process's own */
        int run_fd;   /* run/bootsync, which the mount point is in */
        bool mounted; /* by us */
} EspMount;

#define ESP_MOUNT_INIT ((EspMount){ .run_fd = -EBADF })

typedef struct EspVolume {
        int fd; /* its root directory */
        char *uuid;
        bool dirty;       /* FAT's dirty bit was set before the volume was mounted here */
        bool folds_case;  /* its file system does not tell the case of names */
        bool distrust;    /* it may have been written behind our back: content must be compared */
        EspDevice device; /* fd is negative: a plain directory, and then there is no mount */
        Fat fat;          /* of a device: as it was before the volume was mounted here */
        EspMount mount;
} EspVolume;

#define ESP_VOLUME_INIT \
        ((EspVolume){ .fd = -EBADF, .device = ESP_DEVICE_INIT, .mount = ESP_MOUNT_INIT })

/* Open dev/disk/by-uuid/@uuid below @root, which is locked by flock(2) for as long as it is open. A
 * directory there is the ESP itself; a block device is mounted in a mount namespace of this
 * process's own, read-only unless @writable. If @id is set, it must be that device. Errors:
 * EspMissing if there is nothing; DeviceChanged; Busy if another process has it locked; those of
 * esp_device_open(); ReadOnly if it is to be written and is write-protected; EspMounted if it is
 * mounted read-only elsewhere and is to be written, or mounted where it is not seen. */
int esp_volume_open(const Root *root, const char *uuid, const DeviceId *id, bool writable,
                    EspVolume *ret, Error *error);
/* Unmount it, and tell if that fails. Nothing below may be open. */
int esp_volume_close(EspVolume *v, Error *error);
/* The same, whatever comes. */
void esp_volume_done(EspVolume *v);

/* Mount the partition of @v, which must not be mounted, and look at its dirty bit before. */
int esp_volume_mount(EspVolume *v, bool writable, Error *error);

/* Open @path (relative; "." is the root directory) with openat2(RESOLVE_BENEATH |
 * RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS). O_CLOEXEC, O_NOFOLLOW and O_NONBLOCK are added, so
 * that nothing that lies on a disk can lead astray or block. A symlink anywhere in @path is -ELOOP,
 * but for a last one with O_PATH. Returns the descriptor or -errno. */
int esp_openat(const EspVolume *v, const char *path, int flags, mode_t mode);

/* Open the directory that @path is in; *@ret_name points to the last component within @path. */
int esp_open_parent(const EspVolume *v, const char *path, const char **ret_name);

/* Power may have failed for a new directory when only its name was on the disk. A repair begins
 * what is done with such a volume, and must not be kept from it: what cannot be looked at is not
 * there. */
bool esp_may_be_torn(const EspVolume *v, int error_number);

/* lstat: a symlink at the end is described, not followed. 1, 0 if there is nothing (also where a
 * parent is missing or no directory), -errno. */
int esp_stat(const EspVolume *v, const char *path, struct stat *ret);

/* Type, size and mtime of @st into @file. */
void esp_file_set_stat(EspFile *file, const struct stat *st);

/* True if both are of one file, by whatever names. */
static inline bool same_inode(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Fill @error with "Cannot VERB 'PATH' on ESP 'UUID' (what to do): why". Returns @error_number as a
 * negative errno. */
int esp_fail(const EspVolume *v, Error *error, int error_number, const char *verb,
             const char *path);
