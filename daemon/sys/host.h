/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Facts about the host below the root. */

#include "sys/root.h"

typedef struct Host {
        char *running; /* proc/sys/kernel/osrelease; NULL if it is not there, or is no version */
        char *cmdline; /* proc/cmdline; NULL if it is not there */
        char *boot_id; /* 32 or 36 characters as the kernel gives it; NULL if it is not there */
        /* Of loader entries: "Proxmox Virtual Environment" if etc/pve is there, "Proxmox
         * Mailgateway" for usr/share/doc/proxmox-mailgateway, "Proxmox Backup Server" for
         * usr/share/doc/proxmox-backup; with none of them "Proxmox Virtual Environment" as well,
         * which is the reference's default. */
        char *title;
} Host;

void host_done(Host *h);
/* A value that is absent below the root is NULL; only -ENOMEM fails. */
int host_load(const Root *root, Host *ret);
/* True if the kernel was started by UEFI firmware: there is sys/firmware/efi. */
bool host_has_efi(const Root *root);
/* When this boot began: btime of proc/stat, s since the epoch; 0 if that is not there. Only -ENOMEM
 * fails. */
int host_boot_time(const Root *root, uint64_t *ret);
