/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of boot loaders on an ESP, for the architecture that this was built for, or for arm64
 * if LOADER_FILES_OF_ARM64 is defined, by which a test has those names looked at on any machine.
 * Paths are relative to the ESP's root. */

#include "common/macros.h"

#if defined(__aarch64__) || defined(LOADER_FILES_OF_ARM64)
#define EFI_ARCH        "aa64"
#define EFI_ARCH_UPPER  "AA64"
#define GRUB_EFI_TARGET "arm64-efi"
#define DEBIAN_ARCH     "arm64"
#elif defined(__x86_64__)
#define EFI_ARCH        "x64"
#define EFI_ARCH_UPPER  "X64"
#define GRUB_EFI_TARGET "x86_64-efi"
#define DEBIAN_ARCH     "amd64"
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

/* Brought by Debian's packages systemd-boot-efi and systemd-boot-efi-ARCH-signed. */
#define SYSTEMD_BOOT_DIR    "usr/lib/systemd/boot/efi"
#define SYSTEMD_BOOT_SOURCE SYSTEMD_BOOT_DIR "/systemd-boot" EFI_ARCH ".efi"

/* Brought by shim-signed and grub-efi-ARCH-signed; grub-install takes them where they are. */
#define SHIM_SIGNED_SOURCE "usr/lib/shim/shim" EFI_ARCH ".efi.signed"
#define GRUB_SIGNED_SOURCE "usr/lib/grub/" GRUB_EFI_TARGET "-signed/grub" EFI_ARCH ".efi.signed"

/* Firmware starts this file if it knows nothing of the disk (UEFI, "Removable Media Boot
 * Behavior"). */
#define ESP_REMOVABLE ESP_REMOVABLE_DIR "/BOOT" EFI_ARCH_UPPER ".EFI"

/* The GRUB that shim starts from there, where it is not GRUB itself. */
#define ESP_GRUB_REMOVABLE ESP_REMOVABLE_DIR "/grub" EFI_ARCH ".efi"

/* By this a signed GRUB that was started from there finds its modules and its menu; it looks in the
 * directory that it was started from. */
#define ESP_GRUB_REMOVABLE_STUB ESP_REMOVABLE_DIR "/grub.cfg"

/* A shim that was started from there looks for these beside itself. */
#define ESP_GRUB_REMOVABLE        ESP_REMOVABLE_DIR "/grub" EFI_ARCH ".efi"
#define ESP_MOK_MANAGER_REMOVABLE ESP_REMOVABLE_DIR "/mm" EFI_ARCH ".efi"
#define ESP_MOK_MANAGER           ESP_GRUB_EFI_DIR "/mm" EFI_ARCH ".efi"

/* grub-install makes this for a BIOS, and then copies it to a place without a file system. */
#define ESP_GRUB_BIOS_IMAGE "grub/i386-pc/core.img"
