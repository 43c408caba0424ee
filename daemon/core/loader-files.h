/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where boot loaders lie on an ESP, for the architecture that this was built for. Paths are
 * relative to the ESP's root. */

#include "common/macros.h"

#if defined(__x86_64__)
#define EFI_ARCH       "x64"
#define EFI_ARCH_UPPER "X64"
#elif defined(__aarch64__)
#define EFI_ARCH       "aa64"
#define EFI_ARCH_UPPER "AA64"
#else
#error "Neither GRUB nor systemd-boot is known to us on this architecture"
#endif

#define ESP_EFI_DIR          "EFI"
#define ESP_SYSTEMD_BOOT_DIR ESP_EFI_DIR "/systemd"
#define ESP_REMOVABLE_DIR    ESP_EFI_DIR "/BOOT"
#define ESP_GRUB_EFI_DIR     ESP_EFI_DIR "/proxmox"

#define ESP_SYSTEMD_BOOT ESP_SYSTEMD_BOOT_DIR "/systemd-boot" EFI_ARCH ".efi"
#define ESP_SHIM         ESP_GRUB_EFI_DIR "/shim" EFI_ARCH ".efi"
#define ESP_GRUB         ESP_GRUB_EFI_DIR "/grub" EFI_ARCH ".efi"

/* What firmware starts that knows nothing of the disk (UEFI, "Removable Media Boot Behavior"). */
#define ESP_REMOVABLE ESP_REMOVABLE_DIR "/BOOT" EFI_ARCH_UPPER ".EFI"

/* By these a signed GRUB finds its modules and its menu; it looks in the directory that it was
 * started from. */
#define ESP_GRUB_STUB           ESP_GRUB_EFI_DIR "/grub.cfg"
#define ESP_GRUB_REMOVABLE_STUB ESP_REMOVABLE_DIR "/grub.cfg"

/* What grub-install makes for a BIOS, and then copies to where there is no file system. */
#define ESP_GRUB_BIOS_IMAGE "grub/i386-pc/core.img"

/* True for the files of boot loaders that we stage and place ourselves. */
bool esp_path_is_loader(const char *path) _pure_;
