/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One variable of the UEFI firmware, as a file of efivarfs below the root. Any plain directory in
 * that place serves as firmware. */

#include "common/error.h"
#include "sys/root.h"

#define PATH_EFI              "sys/firmware/efi"
#define PATH_EFI_VARIABLES    PATH_EFI "/efivars"
#define EFI_VENDOR_GLOBAL     "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_VENDOR_LOADER     "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" /* Boot Loader Interface */
#define EFI_VARIABLE_SIZE_MAX (64 * 1024)

/* The value without its attributes. -ENOENT if there is none, -EFBIG beyond EFI_VARIABLE_SIZE_MAX,
 * -EBADMSG without attributes, or what the firmware fails with (-EIO mostly). The kernel lets those
 * who are not root read a hundred times a second; it is waited for. */
int efi_variable_read(const Root *root, const char *vendor, const char *name, uint8_t **ret,
                      size_t *ret_size);

/* Set a variable that outlasts a reset and can be seen while Linux runs, and read it back; nothing
 * is written if it has this value. 1 if it was written, 0 if not, or -errno with @error: ReadOnly,
 * NotSupported where there are no variables, FirmwareError. */
int efi_variable_write(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                       size_t size, Error *error);

/* 1 if it was there, 0 if not; errors as for writing. */
int efi_variable_remove(const Root *root, const char *vendor, const char *name, Error *error);
