/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memtest86+ beside the kernels: the files of Debian's package memtest86+, 6 and later, and
 * systemd-boot's entry for them. GRUB has its entries from the package's own script. */

#include "core/boot-entry.h"

typedef enum MemtestFile {
        MEMTEST_EFI, /* a program of the firmware's */
        MEMTEST_BIN, /* with the header of a Linux kernel, for a BIOS; only GRUB has use for it */
        _MEMTEST_FILE_MAX,
        _MEMTEST_FILE_INVALID = -EINVAL,
} MemtestFile;

/* What stands before ".conf" is no boot counter, see boot_entry_counter(). */
#define ESP_MEMTEST_ENTRY ESP_ENTRY_DIR "/memtest86+x64" ENTRY_SUFFIX
#define MEMTEST_ENTRY_TEXT \
        "title    Memtest86+ (64-bit)\nefi      /" ESP_KERNEL_DIR "/memtest86+x64.efi\n"

/* "memtest86+x64.efi", "memtest86+x64.bin": where it is in the root of an ESP with GRUB. */
const char *memtest_file_name(MemtestFile file);
/* "boot/memtest86+x64.efi" and so on. */
const char *memtest_source_path(MemtestFile file);
/* "EFI/proxmox/memtest86+x64.efi"; NULL for the other. */
const char *memtest_systemd_boot_path(MemtestFile file);

/* True for each of these paths on an ESP, but not for that of the entry. */
bool esp_path_is_memtest(const char *path) _pure_;
