/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The boot as the UEFI firmware sees it: read, and changed where that is ours to do. */

#include "common/error.h"
#include "core/firmware/firmware.h"
#include "sys/root.h"

/* A boot entry of ours is made from this. */
typedef struct BootTarget {
        const char *title;    /* UTF-8 */
        const char *path;     /* of the loader on its ESP, with backslashes, the first included */
        const char *partuuid; /* of the GPT partition, of any case */
        uint32_t partition;   /* its number in the table, from 1 */
        /* Its begin and length in *logical blocks* of its disk, 512 or 4096 bytes; sysfs and
         * libblkid count in 512 bytes, whatever the disk does. */
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

/* Have the firmware try entries of ours that start shim before other ones of ours; entries of
 * others keep their places in BootOrder, which is written once. 1 if that changed something, 0 if
 * not, or -errno with @error (errors as above). */
int bootvar_prefer_shim(const Root *root, Error *error);
/* The repair of what the firmware has lost. Each looks again before it writes, so that whoever has
 * come in between is not overwritten, and has what it wrote read back. 1 if something was written,
 * 0 if there was nothing to do, or -errno with @error (as above; Busy if it is not as it was seen).
 *
 * Have the entry @wanted, with its hex: nothing if one that does the same is there; with its
 * number, or the lowest that is free. No order names it yet. */
int bootvar_put_entry(const Root *root, const LoadOption *wanted, Error *error);
/* Have BootOrder be @new if it is @old; each as boot_order_format() has it, or "-" for an empty
 * one. @new is not empty, and names no entry that is not there but those that @old names. */
int bootvar_set_order(const Root *root, const char *old, const char *new, Error *error);
/* Delete the entry if it still has that number and value, and no order names it. */
int bootvar_drop_entry(const Root *root, const LoadOption *entry, Error *error);
