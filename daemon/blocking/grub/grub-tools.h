/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* GRUB's own programs: its menu, for an ESP or for the host itself, as grub-mkconfig makes it from
 * the administrator's settings; and its installation, which is loader_install_grub. They are run so
 * that the hooks of Proxmox's tool stay quiet. */

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"

/* SHA-256 over all that a menu is made from beside the kernels: names and contents of
 * etc/default/grub, etc/default/grub.d/ *.cfg, what is executable in etc/grub.d, and
 * usr/sbin/grub-mkconfig. What is not there does not count. -errno if something cannot be read. */
int grub_inputs_digest(const Root *root, char ret[static DIGEST_HEX_SIZE]);

/* Let grub-mkconfig make a menu for the mounted volume @v, of the kernels in its root directory
 * except those whose files are named in @hidden (file names such as "vmlinuz-6.8.12-4-pve"; may be
 * NULL). Nothing is written to the ESP: it is shown to grub-mkconfig as /boot, in the mount
 * namespace of this process only, and is away from there when this returns. @ret_text is
 * NUL-terminated. Errors: NotSupported for an ESP that is a plain directory, or without
 * grub-mkconfig; Failed with its last words, or if the menu would boot nothing. */
int grub_make_config(EspVolume *v, char *const *hidden, const CopyWatch *watch, char **ret_text,
                     size_t *ret_size, Error *error);

/* Replace boot/grub/grub.cfg by what grub-mkconfig makes of the host as it is. It stays as it is
 * upon any error: NotSupported without grub-mkconfig; Failed as above, or if it cannot be written.
 */
int grub_update_host(const Root *root, const CopyWatch *watch, Error *error);
