/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The boot as the UEFI firmware sees it: read, and changed where that is ours to do. */

#include "common/error.h"
#include "core/firmware.h"
#include "sys/root.h"

/* What a boot entry of ours is made from. */
typedef struct BootTarget {
        const char *title;    /* UTF-8 */
        const char *path;     /* of the loader on its ESP, with backslashes, the first included */
        const char *partuuid; /* of the GPT partition, of any case */
        uint32_t partition;   /* its number in the table, from 1 */
        /* Where it begins and how long it is in *logical blocks* of its disk, 512 or 4096 bytes;
         * sysfs and libblkid count in 512 bytes, whatever the disk does. */
        uint64_t start, size;
} BootTarget;

/* Read it all. Without EFI (no sys/firmware/efi below the root) @ret's uefi is false, and that is
 * no error. Boot#### variables that hold no load option are passed over. -errno with @error,
 * FirmwareError, if a variable that counts cannot be read, or -ENOMEM. */
int bootvar_read(const Root *root, Firmware *ret, Error *error);

/* Have systemd-boot take the entry @id ("proxmox-6.8.12-4-pve.conf", ASCII) at the next boot, once
 * (LoaderEntryOneShot); NULL: what is set is deleted. 1 if that changed something, 0 if not, or
 * -errno with @error: ReadOnly, NotSupported without EFI variables, FirmwareError. */
int bootvar_set_one_shot(const Root *root, const char *id, Error *error);

/* Have the firmware know @target's loader: an active entry for its partition and path, which
 * BootOrder has. An entry that is there is used; a new one gets the lowest number that is free, and
 * its place in BootOrder is after the last entry of ours, else first. Other entries and their order
 * stay as they are. @now: what bootvar_read() gave; read again if something was written. 1 if that
 * was so, 0 if not, or -errno with @error (errors as above; NotSupported, too, for a partition that
 * is not of a GPT). */
int bootvar_ensure_entry(const Root *root, const BootTarget *target, Firmware *now, Error *error);
