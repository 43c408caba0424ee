/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What an ESP holds, as a value: the worker's scan, and what the plan is made from. */

#include "common/enum.h"
#include "core/boot-entry.h"
#include "core/kernel-select.h"

typedef enum EspLoader {
        ESP_LOADER_NONE,
        ESP_LOADER_SYSTEMD_BOOT,
        ESP_LOADER_GRUB,
        _ESP_LOADER_MAX,
        _ESP_LOADER_INVALID = -EINVAL,
} EspLoader;

/* "none", "systemd-boot", "grub" */
DECLARE_STRING_TABLE(esp_loader, EspLoader);

typedef enum FileType {
        FILE_REGULAR,
        FILE_DIRECTORY,
        FILE_OTHER, /* a symlink, a device: never followed, never touched */
        _FILE_TYPE_MAX,
        _FILE_TYPE_INVALID = -EINVAL,
} FileType;

/* "file", "directory", "other" */
DECLARE_STRING_TABLE(file_type, FileType);

/* What a look at a file said about it and its source. */
typedef enum FileVerdict {
        VERDICT_UNCHECKED, /* nobody asked */
        VERDICT_TRUSTED,   /* size and mtime are those of the manifest; content not read */
        VERDICT_EQUAL,     /* content read and equal to the source */
        VERDICT_DIFFERS,
        VERDICT_UNREADABLE, /* the disk does not give its content */
        _FILE_VERDICT_MAX,
        _FILE_VERDICT_INVALID = -EINVAL,
} FileVerdict;

/* "unchecked", "trusted", "equal", "differs", "unreadable" */
DECLARE_STRING_TABLE(file_verdict, FileVerdict);

#define DIGEST_HEX_SIZE 65 /* SHA-256 in lower-case hex, with the NUL */

/* True for 64 lower-case hex digits. @s may be NULL. */
bool digest_is_valid(const char *s) _pure_;

typedef struct EspFile {
        char *path;    /* relative to the ESP's root */
        char *spelled; /* the same in the case that the ESP has it in; NULL: as @path */
        FileType type;
        uint64_t size;  /* bytes */
        uint64_t mtime; /* ns since the epoch */
        FileVerdict verdict;
        char sha256[DIGEST_HEX_SIZE]; /* "" if the content was not read */
        char *text; /* entries, loader.conf, grubenv, and of grub.cfg the summary, NULL-terminated;
                     * NULL: not read or not text */
} EspFile;

typedef struct EspImage {
        EspLoader loader;
        uint64_t size_bytes, free_bytes;
        uint64_t cluster_bytes; /* at least 1 */
        bool dirty;             /* the FAT's dirty bit: manifests are not believed */
        bool folds_case; /* the file system does not tell the case of names, as FAT; set before any
                          * file is put in. Without, names are compared byte for byte */
        EspFile *files;  /* in the order of esp_path_compare(), then of strcmp() */
        size_t n_files, n_files_allocated;
} EspImage;

void esp_file_done(EspFile *file);

void esp_image_done(EspImage *image);
EspImage *esp_image_free(EspImage *image);
DEFINE_CLEANUP(EspImage *, esp_image_free)

/* NULL if there is none. Paths are compared as the file system of the ESP does. */
const EspFile *esp_image_find(const EspImage *image, const char *path);
/* What is in @dir, which ends in a slash, and, where case tells, in others that differ from it by
 * case alone: *@ret_n files in order. */
const EspFile *esp_image_below(const EspImage *image, const char *dir, size_t *ret_n);
/* The file's record, added in order if it is not there; NULL when out of memory. */
EspFile *esp_image_get(EspImage *image, const char *path);

/* Put the paths of an image that folds case in our own spelling, see esp_path_respell(), and
 * remember how they were spelled. 0 or -ENOMEM. */
int esp_image_respell(EspImage *image, const KernelSet *kernels);

/* Which loader the names in the image tell: EFI/proxmox/grub*.efi → GRUB (wins); loader/loader.conf
 * and EFI/proxmox → systemd-boot; of all these only grub/ → GRUB; else none. */
EspLoader esp_image_tell_loader(const EspImage *image) _pure_;

/* Where the file of @version is, or belongs, by the image's loader. NULL when out of memory. */
char *esp_image_kernel_path(const EspImage *image, const char *version, KernelFile file);
/* The same of Memtest86+; NULL where the loader has no use for @file. */
const char *esp_image_memtest_path(const EspImage *image, MemtestFile file);

/* True if the loader that @image tells of is there itself, as far as it is a file. */
bool esp_image_has_loader(const EspImage *image) _pure_;

/* True if @path is what an interrupted staging leaves: a file that only we write, with
 * STAGED_SUFFIX. What else ends in it is somebody else's. */
bool esp_path_is_leftover(const char *path);
