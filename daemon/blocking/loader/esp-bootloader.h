/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Put a boot loader on an ESP, and an entry for it into the firmware's list. */

#include "blocking/copy/copy.h"
#include "blocking/esp/esp-open.h"

/* 0 if @loader may be installed on @v from the packages below @root, as far as that is seen without
 * trying. Errors: NotSupported if the package of systemd-boot is missing, or GRUB would go into a
 * plain directory. */
int esp_check_loader(const EspVolume *v, const Root *root, EspLoader loader, Error *error);

/* Install @loader, or install it anew, on the writable volume @v, from the packages below @root.
 * Nothing below loader/ is touched but a loader.conf that was not there before; kernels stay. All
 * is on the disk when this returns, and the files that boot were seen there.
 *
 * systemd-boot is copied as any file is (staged, read back, placed), so a power cut leaves the old
 * one or the new one. GRUB for UEFI (with @uefi; with shim and its signed image where these are
 * installed, also under the path for removable media) or for a BIOS is what grub-install makes,
 * which writes in place: an ESP whose power fails meanwhile is to be installed again. A BIOS starts
 * from the whole disk that the partition is on.
 *
 * The plan has repaired the volume before, so no leftover of ours shares clusters with a live file.
 * Errors: those of esp_check_loader(); Failed with the last words of grub-install; those of staging
 * and placing. */
int esp_install_loader(EspVolume *v, const Root *root, EspLoader loader, bool uefi,
                       const CopyWatch *watch, Error *error);

/* Have the firmware know @loader on @v's partition, see bootvar_ensure_entry(). There is nothing to
 * do for a plain directory, or on a host without UEFI. 1 if something was written, 0 if not, or
 * -errno with @error. */
int esp_ensure_boot_entry(const EspVolume *v, const Root *root, EspLoader loader, Error *error);
