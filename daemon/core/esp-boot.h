/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which kernels an ESP boots, and which of them nobody has to choose. */

#include "core/esp-image.h"

/* What the boot loader of an ESP starts when nobody is at the keyboard and no one-shot is armed. */
typedef struct EspBoot {
        bool known;    /* false: the files do not tell, or it is no kernel of ours */
        char *version; /* NULL: not known, or there is nothing to boot */
        bool complete; /* image and initrd of that version are there, and not empty */
} EspBoot;

void esp_boot_done(EspBoot *boot);

/* By loader.conf and the entries as systemd-boot 252 takes them, see esp_image_default(), or by
 * grub.cfg and the saved_entry of grubenv. The kernel is named even if its initrd is missing or a
 * file is empty, for that is what will be tried. Not known are: a default that is kept in a
 * variable of the firmware ("@saved"), or in one that grubenv does not tell; a saved_entry that is
 * no id of the menu; what was not read. The variable LoaderEntryDefault is not looked at. 0 or
 * -ENOMEM. */
int esp_image_boot(const EspImage *image, EspBoot *ret);

/* 1 if the file at @path is an entry of ours that names an image and an initrd which are in the ESP
 * and not empty, else 0. An entry whose text was not read does not count. Or -ENOMEM. */
int esp_image_entry_boots(const EspImage *image, const char *path);

/* Versions with an entry of ours that names an image and an initrd which are in the ESP and not
 * empty, newest first. With GRUB the entries are those in grub.cfg. 0 or -ENOMEM. */
int esp_image_kernels(const EspImage *image, char ***ret);

/* The version that this ESP boots as it is: loader.conf's default resolved over the entries by the
 * rules of systemd-boot 252 (a glob over the file names, case-insensitive; entries without tries
 * left last, then by sort-key, machine-id and version where there is a sort-key, else by file name,
 * newest first; without a match the first of all). Like the loader it passes over an
 * entry of ours whose image is not there, and does not look for the initrd. *@ret is NULL if
 * nothing boots, or an entry that is not ours, or one that lacks its initrd. Entries whose text was
 * not read do not count. With GRUB it is the default of grub.cfg, whatever grubenv says about the
 * next boot. 0 or -ENOMEM. */
int esp_image_default(const EspImage *image, char **ret);

/* The version that would boot if there were no entries but those which lead to a complete kernel of
 * ours. With GRUB the newest in the menu or, without any there, in the root. *@ret is NULL if there
 * is none. 0 or -ENOMEM. */
int esp_image_best(const EspImage *image, char **ret);
