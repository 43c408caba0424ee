/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A whole look at what Secure Boot would make of this host, and of what lies on an ESP. */

#include "common/error.h"
#include "core/secure-boot/secure-boot.h"
#include "sys/root.h"

/* The whole host: keys of the firmware and of DKMS, the kernels in /boot and the loaders of
 * packages judged, modules of @kept_kernels (up to NULL). The shim of the host's package counts for
 * all that shim would load. Without EFI or without SecureBoot support: empty facts, no error.
 * -errno with @error, FirmwareError, if a list of keys cannot be read, or is none: nothing could be
 * said then. -ENOMEM. */
int secure_boot_look(const Root *root, const char *const *kept_kernels, SecureBootFacts *ret,
                     Error *error);

/* The boot loaders and kernels on an ESP that is open at @esp_fd (read-only directory), each
 * judged; the shim of each directory counts for what it loads. Bounded: files that no loader of
 * ours or removable path has are not looked at. Empty where secure_boot_look() is; errors likewise.
 */
int secure_boot_look_esp(const Root *root, int esp_fd, SignedFiles *ret, Error *error);
