/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB on the host's own file system: boot/grub. */

#include "core/host-menu.h"
#include "sys/root.h"

/* True if there is boot/grub/grub.cfg. */
bool host_grub_exists(const Root *root);

/* True if GRUB can write what is in boot/grub, and so can clear the entry that it has booted once.
 * It overwrites blocks, and knows neither journals nor checksums: the file system must be ext2,
 * ext3, ext4, xfs or vfat, on a disk or a partition of one; what LVM, RAID or a loop device is made
 * of is not (proc/self/mountinfo and sys/dev/block tell). False when in doubt. */
bool host_grub_is_writable(const Root *root);

/* Read grub.cfg. -ENOENT if there is none, -EBADMSG if it is damaged, or another -errno. */
int host_grub_load_menu(const Root *root, HostMenu *ret);

/* The version that boots by default, by grub.cfg and the saved_entry of grubenv; *@ret is NULL if
 * that is no kernel of this host, or nobody can tell. Errors as above. */
int host_grub_default(const Root *root, char **ret);

/* next_entry of boot/grub/grubenv; *@ret is NULL if it is not set. 0, or -errno: -EBADMSG if that
 * is no environment block. */
int host_grub_get_next(const Root *root, char **ret);
/* The same, written (NULL: unset) to the blocks that the file has already, where GRUB finds it
 * even if the journal of the file system is not empty. -ENOSPC if it does not fit. */
int host_grub_set_next(const Root *root, const char *value);
