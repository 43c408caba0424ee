/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The paths of a kernel's files and of Memtest86+ on an ESP, and of the loader entries that lead to
 * them (UAPI.1, Boot Loader Specification, type #1). */

#include "core/kernel/boot-dir.h"

#define ESP_KERNEL_DIR  "EFI/proxmox"
#define ESP_ENTRY_DIR   "loader/entries"
#define ESP_LOADER_DIR  "loader"
#define ESP_LOADER_CONF ESP_LOADER_DIR "/loader.conf"
#define ENTRY_PREFIX    "proxmox-"
#define ENTRY_SUFFIX    ".conf"
#define STAGED_SUFFIX   ".new"

/* Paths on the ESP, relative, without a leading slash. NULL when out of memory. */
char *esp_kernel_dir(const char *version);                   /* EFI/proxmox/VER */
char *esp_kernel_path(const char *version, KernelFile file); /* EFI/proxmox/VER/vmlinuz-VER */
char *esp_entry_path(const char *version);                   /* loader/entries/proxmox-VER.conf */

/* True for what esp_kernel_path() gives for a valid version. */
bool esp_path_is_kernel(const char *path);

/* The version in "loader/entries/proxmox-VER.conf" or, with a boot counter (@ret_counted),
 * "loader/entries/proxmox-VER+3-1.conf". -EINVAL if it is not one of our entries, a bare file name
 * included; -ENOMEM. @ret_counted may be NULL. */
int esp_entry_version(const char *path, char **ret_version, bool *ret_counted);

/* Find the boot counter "+LEFT" or "+LEFT-DONE" that stands before the ".conf" of an entry's file
 * name: its begin, or NULL. @ret_left may be NULL. */
const char *boot_entry_counter(const char *name, uint64_t *ret_left);

#define ESP_MEMTEST ESP_KERNEL_DIR "/" MEMTEST_EFI_NAME
/* The name before ".conf" has no end that is a boot counter, see boot_entry_counter(). */
#define ESP_MEMTEST_ENTRY  ESP_ENTRY_DIR "/memtest86+x64" ENTRY_SUFFIX
#define MEMTEST_ENTRY_TEXT "title    Memtest86+ (64-bit)\nefi      /" ESP_MEMTEST "\n"

/* True for each of these paths on an ESP, but not for that of the entry. */
bool esp_path_is_memtest(const char *path) _pure_;
