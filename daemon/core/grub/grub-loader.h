/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernels of an ESP with GRUB: what planning wants to know besides its Loader. That goes by
 * grub.cfg and the saved_entry of grubenv: its entries are those in grub.cfg, the best is the
 * newest in the menu or, without any there, in the root. */

#include "core/esp/esp-image.h"
#include "core/grub/grub-config.h"

/* The path of a kernel's file for GRUB, in the root: "vmlinuz-VER". NULL when out of memory. */
char *grub_kernel_path(const char *version, KernelFile file);
/* The version of what grub_kernel_path() gives for a valid one; NULL for any other path. Points
 * into @path. */
const char *grub_path_version(const char *path) _pure_;

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

/* Read the summary of grub.cfg, with the files and versions spelled as in @image, and see which
 * entries are whole. 1, 0 if there is
 * none or it cannot be read, or -ENOMEM. */
int grub_image_config(const EspImage *image, GrubConfig *ret);
