/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* etc/apt/apt.conf.d/76pveconf: what apt's autoremove must not remove. */

#include "common/macros.h"

/* APT::NeverAutoRemove with, for each K of @protected_kernels (versions and series), the anchored
 * patterns ^pve-kernel-K$, ^proxmox-kernel-K$ and ^proxmox-kernel-K-signed$, and ^linux-image-K$
 * where K is a version that does not end in "-pve", every character that a POSIX extended regular
 * expression treats specially escaped. -EINVAL if one of them cannot be a
 * version, so that none can end its pattern or the file's syntax early; -ENOMEM. */
int apt_conf_render(char *const *protected_kernels, char **ret);
