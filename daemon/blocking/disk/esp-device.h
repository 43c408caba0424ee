/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The partition that an ESP is on: opened, locked, and known to be the right one. Nothing is
 * written. */

#include <sys/types.h>

#include "common/error.h"
#include "core/disk/device-id.h"
#include "sys/root.h"

typedef struct EspDevice {
        int fd; /* O_RDONLY; locked by flock(2), which holds in every chroot with the same /dev */
        dev_t number;
} EspDevice;

#define ESP_DEVICE_INIT ((EspDevice){ .fd = -EBADF })

/* Take over @path_fd (O_PATH) of a block device: open and lock it, and let libblkid see that it
 * holds a FAT file system with the UUID @uuid and nothing else, and that no other block device is
 * made of it. It must be @id, if that is set: before anything is read. Errors: DeviceChanged if it
 * is another one; Busy if another process has it locked; NotAnEsp if it holds something else;
 * EspInUse, naming its user. */
int esp_device_open(const Root *root, int path_fd, const char *uuid, const DeviceId *id,
                    EspDevice *ret, Error *error);
void esp_device_done(EspDevice *d);

/* To be called before it is mounted or opened to be written. ReadOnly, naming the device, if it is
 * write-protected, which a mount does not tell from other reasons. Else 0, and no error of earlier
 * writes is told of any more, see block_fd_forget_errors(). */
int esp_device_begin_writing(const EspDevice *d, const Root *root, const char *uuid, Error *error);

/* Find its mount in this mount namespace. 1 with the mount point and whether the file system (not
 * only this mount of it) is read-only, 0 if there is none, or -errno. */
int esp_device_find_mount(const EspDevice *d, char **ret_target, bool *ret_read_only);

/* Claim the device for a moment, as a mount does. 0, or -EBUSY if somebody has it mounted or
 * claimed, and still has it after some seconds. */
int esp_device_wait_free(const EspDevice *d);

/* fat_read_t; @userdata is the EspDevice. */
int esp_device_read(uint64_t offset, void *buffer, size_t size, void *userdata);
