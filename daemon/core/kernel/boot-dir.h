/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of boot/, and its names: kernels, and Memtest86+ beside them (Debian's package
 * memtest86+, 6 and later). */

#include "common/content.h"

typedef enum KernelFile {
        KERNEL_FILE_IMAGE,
        KERNEL_FILE_INITRD,
        _KERNEL_FILE_MAX,
} KernelFile;

/* "vmlinuz", "initrd.img": the part before "-VERSION", both in boot/ and on the ESP. */
const char *kernel_file_stem(KernelFile file);

/* "boot/vmlinuz-VER". NULL when out of memory. */
char *boot_source_path(const char *version, KernelFile file);

#define MEMTEST_EFI_NAME "memtest86+x64.efi"
#define MEMTEST_BIN_NAME "memtest86+x64.bin"

typedef enum MemtestFile {
        MEMTEST_EFI, /* a program of the firmware's */
        MEMTEST_BIN, /* with the header of a Linux kernel, for a BIOS; only GRUB has use for it */
        _MEMTEST_FILE_MAX,
        _MEMTEST_FILE_INVALID = -EINVAL,
} MemtestFile;

/* "memtest86+x64.efi", "memtest86+x64.bin": where it is in the root of an ESP with GRUB. */
const char *memtest_file_name(MemtestFile file);
/* "boot/memtest86+x64.efi" and so on. */
const char *memtest_source_path(MemtestFile file);
/* True if the stamps of all of its files are equal. */
bool memtest_equal(const FileStamp a[static _MEMTEST_FILE_MAX],
                   const FileStamp b[static _MEMTEST_FILE_MAX]) _pure_;

/* One version found in boot/. An empty file counts as absent. */
typedef struct BootKernel {
        char *version;
        bool has_image, has_initrd;
        FileStamp image, initrd;
        /* Those that would start this image, and those that would not: bits 1 << Checker
         * (core/secure-boot). Who is in neither was not asked, or there is nobody to ask: Secure
         * Boot is not enabled. */
        unsigned accepted, refused;
} BootKernel;

typedef struct BootDir {
        BootKernel *kernels; /* newest first, unique */
        size_t n_kernels, n_allocated;
        FileStamp memtest[_MEMTEST_FILE_MAX]; /* all zero: not there */
} BootDir;

void boot_dir_done(BootDir *dir);
/* The entry for @version, added (in order) if it is not there; NULL when out of memory. */
BootKernel *boot_dir_get(BootDir *dir, const char *version);
const BootKernel *boot_dir_find(const BootDir *dir, const char *version);
bool boot_dir_equal(const BootDir *a, const BootDir *b);
