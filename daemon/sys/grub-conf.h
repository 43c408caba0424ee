/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB's configuration below etc/default. */

#include "sys/root.h"

/* What tells whether it has changed: inode, size and times of etc/default/grub and of what is read
 * in etc/default/grub.d. Only -ENOMEM fails. */
int grub_conf_stamp(const Root *root, char **ret);

/* Make @version the default entry (NULL: none) by etc/default/grub.d/proxmox-kernel-pin.cfg.
 * @root_id, as in the ids of GRUB's menu, may be NULL if it is not known yet: a pin is then left
 * as it is. 1 if the file was changed, 0 if not, or -errno. */
int grub_conf_store_pin(const Root *root, const char *version, const char *root_id);
