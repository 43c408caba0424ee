/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Load and store the files in etc/kernel and etc/bootsync, and the package database. */

#include "core/cmdline.h"
#include "core/list-file.h"
#include "core/package-db.h"
#include "core/pin.h"
#include "core/settings.h"
#include "sys/root.h"

typedef struct KernelConf {
        ListFile esps;
        ListFile manual;
        char *pin, *next_boot; /* NULL: none, or no pin is in its file (then there is a warning) */
        char *cmdline;         /* from etc/kernel/cmdline, or adopted; NULL otherwise */
        /* CMDLINE_FILE; CMDLINE_ADOPTED (a fallback only: the options of existing entries go
         * first); CMDLINE_NONE. */
        CmdlineSource cmdline_source;
        Settings settings;
        /* One sentence each, beginning with the file's path ("/etc/kernel/proxmox-boot-uuids: line
         * 3: …"). The caller logs those that it has not logged before. */
        char **warnings;
} KernelConf;

#define KERNEL_CONF_INIT ((KernelConf){ .settings = SETTINGS_INIT })

void kernel_conf_done(KernelConf *c);

/* Missing files are empty. What is no file (a directory, a FIFO, a dangling link, over 16 MiB) or
 * cannot be understood gives a warning and counts as empty, except the ESP list, since "no ESPs"
 * would look like success. A file that is there but cannot be read (an I/O error, no permission) is
 * an error: as if it were empty, a pin would be taken off the ESPs. An etc/kernel/cmdline without
 * root= gives a warning, and the adopted one is used. 0, -ENOMEM, or the errno of reading; then
 * *@ret_reason says of which file ("/etc/kernel/…: Input/output error"). */
int kernel_conf_load(const Root *root, KernelConf *ret, char **ret_reason);

/* etc/kernel/cmdline and the adopted one are both missing: adopt proc/cmdline of this root into
 * var/lib/bootsync/cmdline. *@ret is the line. -ENODATA if proc/cmdline has no root=. */
int kernel_conf_adopt_cmdline(const Root *root, char **ret);

/* Read the file again, change the one item, store. 1 changed, 0 was so already. -EINVAL if @item is
 * none; fails with -errno of reading, too: a list that cannot be read is not replaced. */
int kernel_conf_change_list(const Root *root, ListKind kind, const char *item, bool add);

/* Write the pin, or with @version == NULL remove its file. 1 changed, 0 was so already. -EINVAL if
 * @version is none. */
int kernel_conf_store_pin(const Root *root, PinScope scope, const char *version);

/* dpkg's database: status, then updates/NNNN (names of digits only) in numeric order. -ENOENT
 * without a status file, -EBADMSG when it cannot be understood, -EAGAIN if dpkg writes to it faster
 * than it can be read; @ret_reason then says which file and why (but is NULL for -ENOMEM). Whatever
 * the error, the kernels on the ESPs must then stay. */
int package_db_load(const Root *root, PackageDb *ret, char **ret_reason);

/* 1 if @version's image is in boot/, or dpkg has its package, be it only half installed as it is
 * while the package's hooks run; 0 if neither. -errno if there is no image and the database cannot
 * be read, so that it is unknown. */
int kernel_is_known(const Root *root, const char *version);

/* "/etc/kernel/…" for messages: @path with a slash in front and in @root if that is not "/", made
 * fit for humans. NULL when out of memory. */
char *path_for_humans(const Root *root, const char *path);
