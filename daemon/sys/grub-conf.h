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

/* 1 if the above would change the file, 0 if not, or -errno. */
int grub_conf_pin_differs(const Root *root, const char *version, const char *root_id);

/* Without a pin, but with the file of one: make that say nothing, so that a menu can be made which
 * has no pin; it is to be removed only then, so that a refresh that comes between sees that the
 * menu is not done. 1 if there is such a file, 0 if not, or -errno. */
int grub_conf_void_pin(const Root *root);
