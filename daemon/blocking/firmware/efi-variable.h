/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One variable of the UEFI firmware, below the root, by libefivar. Any plain directory in that
 * place serves as firmware, if EFIVARFS_PATH named it and LIBEFIVAR_OPS was "efivarfs" at exec. */

#include "common/error.h"
#include "sys/root.h"

#define EFI_VENDOR_GLOBAL     "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define EFI_VENDOR_LOADER     "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f" /* Boot Loader Interface */
#define EFI_VARIABLE_SIZE_MAX (64 * 1024)

/* The value without its attributes; *@ret is NULL if there is none. The kernel lets those who are
 * not root read a hundred times a second; it is waited for. -errno with @error, FirmwareError: it
 * is larger than EFI_VARIABLE_SIZE_MAX, libefivar has another directory than the root, or the
 * firmware does not give it; or -ENOMEM. */
int efi_variable_read(const Root *root, const char *vendor, const char *name, uint8_t **ret,
                      size_t *ret_size, Error *error);

/* The names of all the vendor's variables that are @wanted, in order. -ENOENT if there are no
 * variables, else -errno. */
int efi_variable_list(const Root *root, const char *vendor, bool (*wanted)(const char *name),
                      char ***ret);

/* Set a variable that outlasts a reset and can be seen while Linux runs, and read it back; nothing
 * is written if it has this value. 1 if it was written, 0 if not, or -errno with @error: ReadOnly,
 * NotSupported where there are no variables, FirmwareError. */
int efi_variable_write(const Root *root, const char *vendor, const char *name, const uint8_t *data,
                       size_t size, Error *error);

/* 1 if it was there, 0 if not; errors as for writing. */
int efi_variable_remove(const Root *root, const char *vendor, const char *name, Error *error);
