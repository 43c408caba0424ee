/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB on the host's own file system: its configuration below etc/default, and boot/grub. */

#include "core/grub/host-menu.h"
#include "sys/root.h"

/* Tell whether its configuration has changed: inode, size and times of etc/default/grub and of the
 * files that are read in etc/default/grub.d. Only -ENOMEM fails. */
int grub_conf_stamp(const Root *root, char **ret);

/* Make @version the default entry (NULL: none) by etc/default/grub.d/proxmox-kernel-pin.cfg.
 * @root_id, as in the ids of GRUB's menu, may be NULL if it is not known yet: a pin is then left
 * as it is. Without a pin, but with the file of one, @keep makes that say nothing, so that a menu
 * can be made which has no pin; it is to be removed only then, so that a refresh that comes between
 * sees that the menu is not done. 1 if the file was changed (with @keep: if there is one), 0 if
 * not, or -errno. */
int grub_conf_store_pin(const Root *root, const char *version, const char *root_id, bool keep);

/* 1 if the above would change the file, 0 if not, or -errno. */
int grub_conf_pin_differs(const Root *root, const char *version, const char *root_id);

/* GRUB as it boots this host. */
typedef struct HostGrub {
        bool exists; /* there is boot/grub/grub.cfg; if not, nothing else is looked at */
        /* GRUB can write what is in boot/grub, and so can clear the entry that it has booted once.
         * It overwrites blocks, and knows neither journals nor checksums: the file system must be
         * ext2, ext3, ext4, xfs or vfat, on a disk or a partition of one; what LVM, RAID or a loop
         * device is made of is not (proc/self/mountinfo and sys/dev/block tell). False when in
         * doubt. */
        bool writable;
        bool pinned; /* there is a file of grub_conf_store_pin() */
        /* The version that boots by default, by grub.cfg and the saved_entry of grubenv; NULL if
         * that is no kernel of this host, or nobody can tell. */
        char *default_version;
} HostGrub;

/* The default is the caller's to free. Only -ENOMEM fails. */
int host_grub_look(const Root *root, HostGrub *ret);

/* Read grub.cfg. -ENOENT if there is none, -EBADMSG if it is damaged, or another -errno. */
int host_grub_load_menu(const Root *root, HostMenu *ret);

/* next_entry of boot/grub/grubenv; *@ret is NULL if it is not set. 0, or -errno: -EBADMSG if that
 * is no environment block. */
int host_grub_get_next(const Root *root, char **ret);
/* The same, written (NULL: unset) to the blocks that the file has already, where GRUB finds it
 * even if the journal of the file system is not empty. -ENOSPC if it does not fit. */
int host_grub_set_next(const Root *root, const char *value);
