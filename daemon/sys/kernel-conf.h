/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Load and store the files in etc/kernel and etc/bootsync. */

#include "common/warning.h"
#include "core/conf/cmdline.h"
#include "core/conf/conf-file.h"
#include "core/kernel/pin.h"
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
        uint64_t pin_usec; /* when the file with the pin was written, µs since the epoch; 0: none */
        /* Each is about a file, with whose path it begins ("/etc/kernel/proxmox-boot-uuids: line 3:
         * …"). The caller logs those that it has not logged before. */
        Warnings warnings;
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
