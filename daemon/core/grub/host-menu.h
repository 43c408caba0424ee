/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB's menu of a host without synced ESPs, as grub-mkconfig of GRUB 2.06 writes it. Its kernels
 * are wherever GRUB finds the host's boot/: "/boot/vmlinuz-VER", "/ROOT/pve-1@/boot/vmlinuz-VER".
 */

#include "core/kernel/kernel-select.h"

typedef struct HostMenu {
        char *root_id; /* ID of the submenu "gnulinux-advanced-ID", see core/grub/grub-config.h;
                        * NULL if there is none: somebody else's menu, or one without submenus */
        char *default_version; /* NULL: no kernel of this host, or nobody can tell */
        char **versions;       /* that have an entry */
} HostMenu;

void host_menu_done(HostMenu *m);

/* @saved: saved_entry of grubenv; NULL: not known. With the errors of grub_menu_read(). */
int host_menu_read(const char *text, size_t size, const char *saved, HostMenu *ret);

/* The newest kernel that is kept and bootable but has no entry. NULL if there is none. */
const char *host_menu_lacks(const HostMenu *m, const KernelSet *kernels);
