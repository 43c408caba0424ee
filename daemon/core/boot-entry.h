/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* systemd-boot's loader entries (UAPI.1, Boot Loader Specification, type #1) and where the files of
 * a kernel live on an ESP: for systemd-boot in a directory of their own, for GRUB in the root. */

#include "common/macros.h"

#define ESP_KERNEL_DIR  "EFI/proxmox"
#define ESP_ENTRY_DIR   "loader/entries"
#define ESP_LOADER_CONF "loader/loader.conf"
#define ENTRY_PREFIX    "proxmox-"
#define ENTRY_SUFFIX    ".conf"
#define STAGED_SUFFIX   ".new"

typedef enum KernelFile {
        KERNEL_FILE_IMAGE,
        KERNEL_FILE_INITRD,
        _KERNEL_FILE_MAX,
} KernelFile;

/* "vmlinuz", "initrd.img": the part before "-VERSION", both in boot/ and on the ESP. */
const char *kernel_file_stem(KernelFile file);

/* Paths on the ESP, relative, without a leading slash. NULL when out of memory. */
char *esp_kernel_dir(const char *version);                    /* EFI/proxmox/VER */
char *esp_kernel_path(const char *version, KernelFile file);  /* EFI/proxmox/VER/vmlinuz-VER */
char *esp_entry_path(const char *version);                    /* loader/entries/proxmox-VER.conf */
char *grub_kernel_path(const char *version, KernelFile file); /* vmlinuz-VER */
char *boot_source_path(const char *version, KernelFile file); /* boot/vmlinuz-VER */

/* True for what esp_kernel_path() gives for a valid version. */
bool esp_path_is_kernel(const char *path);

/* The version of what grub_kernel_path() gives for a valid one; NULL for any other path. Points
 * into @path. */
const char *grub_path_version(const char *path) _pure_;

/* The version in "loader/entries/proxmox-VER.conf" or, with a boot counter (@ret_counted),
 * "loader/entries/proxmox-VER+3-1.conf". -EINVAL if it is not one of our entries, a bare file name
 * included; -ENOMEM. @ret_counted may be NULL. */
int esp_entry_version(const char *path, char **ret_version, bool *ret_counted);

/* Where the boot counter "+LEFT" or "+LEFT-DONE" begins that stands before the ".conf" of an
 * entry's file name, or NULL. @ret_left may be NULL. */
const char *boot_entry_counter(const char *name, uint64_t *ret_left);

typedef struct BootEntry {
        char *title, *version, *options;
        char *sort_key, *machine_id;
        char *image, *initrd; /* the keys "linux" and "initrd"; NULL where a key is absent */
} BootEntry;

void boot_entry_done(BootEntry *e);

/* The text of @version's entry: title, version, options, linux, initrd, in this order. Without
 * options (NULL or "") there is no such line. */
int boot_entry_render(const char *title, const char *version, const char *options, char **ret);

/* Read the keys of the fields out of any entry text; unknown keys and comments are skipped, a
 * repeated "options" is joined with a blank as the specification says, of other repeated keys the
 * last counts. Text with NUL bytes: -EBADMSG. */
int boot_entry_parse(const char *text, size_t size, BootEntry *ret);
