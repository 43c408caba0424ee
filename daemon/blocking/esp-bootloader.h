/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Put a boot loader on an ESP, so that the firmware finds it there. */

#include "blocking/digest-copy.h"
#include "blocking/esp-open.h"

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
 * Errors: NotSupported if the loader's package is missing, or GRUB is to go into a plain directory;
 * Failed with the last words of grub-install; those of staging and placing. */
int esp_install_loader(EspVolume *v, const Root *root, EspLoader loader, bool uefi,
                       const CopyWatch *watch, Error *error);

/* What a Boot#### variable is to name: "\\EFI\\proxmox\\shimx64.efi" where there is a shim on
 * the ESP, else the loader itself. NULL for ESP_LOADER_NONE. */
const char *esp_loader_efi_path(const EspVolume *v, EspLoader loader);
/* How that variable is called, "Linux Boot Manager" or "proxmox"; NULL for ESP_LOADER_NONE. */
const char *esp_loader_title(EspLoader loader);
