/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ESP with GRUB holds and boots; a part of esp-image. */

#include "core/esp-image.h"
#include "core/grub-config.h"

/* The version of the image of @version as grub-mkconfig finds it spelled, and so spells the ids of
 * its entries; @version itself if there is no image. NULL if it does not find the image, since it
 * looks for "vmlinuz-" in this case only. Points into @image or is @version. */
const char *grub_image_spelling(const EspImage *image, const char *version);

/* @version, as GRUB spells it, in the spelling of the paths of @image. Points into @image or is
 * @version. */
const char *grub_image_version(const EspImage *image, const char *version);

/* True if image and initrd of @version are in the root, and not empty, and grub-mkconfig finds
 * them. */
bool grub_image_is_complete(const EspImage *image, const char *version);
/* Those versions, newest first. 0 or -ENOMEM. */
int grub_image_complete(const EspImage *image, char ***ret);

/* What the summary of grub.cfg says, with the files and versions spelled as in @image. 1, 0 if
 * there is none or it cannot be read, or -ENOMEM. */
int grub_image_config(const EspImage *image, GrubConfig *ret);
/* True for an entry of a kernel that was made by grub-mkconfig itself. */
bool grub_entry_is_ours(const GrubEntry *e);
/* True if it names the image and the initrd of its version. */
bool grub_entry_is_whole(const GrubEntry *e);

/* See esp_image_kernels() and esp_image_default(). */
int grub_image_kernels(const EspImage *image, char ***ret);
int grub_image_default(const EspImage *image, char **ret);
