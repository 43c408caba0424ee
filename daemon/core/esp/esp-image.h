/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The content of an ESP as a value: the worker scans it, and plans are made from it. */

#include "common/content.h"
#include "common/enum.h"
#include "core/kernel/kernel-select.h"
#include "core/loader/loader.h"

/* Of a file's text, bytes: a longer one is not looked at. */
#define ESP_FILE_TEXT_MAX (32 * 1024)

typedef enum FileType {
        FILE_REGULAR,
        FILE_DIRECTORY,
        FILE_OTHER, /* a symlink, a device: never followed, never touched */
        _FILE_TYPE_MAX,
        _FILE_TYPE_INVALID = -EINVAL,
} FileType;

/* The answer of a look at a file and its source. */
typedef enum FileVerdict {
        VERDICT_UNCHECKED, /* nobody asked */
        VERDICT_TRUSTED,   /* size and mtime are those of the manifest; content not read */
        VERDICT_EQUAL,     /* content read and equal to the source */
        VERDICT_DIFFERS,
        VERDICT_UNREADABLE, /* the disk does not give its content */
        _FILE_VERDICT_MAX,
        _FILE_VERDICT_INVALID = -EINVAL,
} FileVerdict;

struct EspFile {
        char *path;    /* relative to the ESP's root */
        char *spelled; /* the same in the case that the ESP has it in; NULL: as @path */
        FileType type;
        FileVerdict verdict;
        uint64_t size;  /* bytes */
        uint64_t mtime; /* ns since the epoch */
        char *text; /* entries, loader.conf, grubenv, and of grub.cfg the summary, NULL-terminated;
                     * NULL: not read or not text */
};

struct EspImage {
        EspLoader loader;
        uint64_t size_bytes, free_bytes;
        uint64_t cluster_bytes; /* at least 1 */
        bool dirty;             /* the FAT's dirty bit: manifests are not believed */
        bool folds_case; /* the file system does not tell the case of names, as FAT; set before any
                          * file is put in. Without, names are compared byte for byte */
        EspFile *files;  /* as a FAT orders their paths, then by strcmp() */
        size_t n_files, n_files_allocated;
        bool packed; /* see esp_image_pack() */
};

void esp_file_done(EspFile *file);

void esp_image_done(EspImage *image);
EspImage *esp_image_free(EspImage *image);
DEFINE_CLEANUP(EspImage *, esp_image_free)

/* NULL if there is none. Paths are compared as the file system of the ESP does. */
const EspFile *esp_image_find(const EspImage *image, const char *path);
/* The files below @dir, which ends in a slash: *@ret_n of them, in order. On a file system that
 * tells case, those of directories that differ from it by case alone are among them. */
const EspFile *esp_image_below(const EspImage *image, const char *dir, size_t *ret_n);
/* The file's record, added in order if it is not there; NULL when out of memory. */
EspFile *esp_image_get(EspImage *image, const char *path);

/* Put the paths of an image that folds case in our own spelling, see esp_path_respell(), and
 * remember how they were spelled. 0 or -ENOMEM. */
int esp_image_respell(EspImage *image, const KernelSet *kernels);

/* Put all files and their strings into one block of memory without gaps, for an image that is kept:
 * those of all ESPs come in at the same time, and piece by piece they would leave the heap full of
 * holes. From then on the image is only read and freed. 0 or -ENOMEM, with the image as it was. */
int esp_image_pack(EspImage *image);

/* Which loader the names in the image tell: the one with the surest claim; see LoaderClaim. */
EspLoader esp_image_tell_loader(const EspImage *image) _pure_;

/* True if a file of @type is at @path, spelled exactly so; for a directory also if anything is in
 * it. */
bool esp_image_shows(const EspImage *image, const char *path, FileType type) _pure_;
/* True if there is a regular file at @path, and it is not empty. */
bool esp_image_has_file(const EspImage *image, const char *path) _pure_;
/* The file that is in the way at @path, or at the path for staging it, since it is no regular one;
 * NULL if there is none. 0 or -ENOMEM. */
int esp_image_find_obstacle(const EspImage *image, const char *path, const EspFile **ret);

/* The loader that @image is read by: its own, or where no loader claims it the first of the table,
 * so that kernels which are there are seen, though nothing boots them. */
const Loader *esp_image_reader(const EspImage *image);

/* True if the loader that @image tells of is there itself, as far as it is a file. */
bool esp_image_has_loader(const EspImage *image);

/* The kernel that boots, by doing what the loader does with the same files. It is named even if its
 * initrd is missing or a file is empty, for that is what will be tried. Not known are: a default
 * that is kept in a variable of the firmware ("@saved"), or in one that grubenv does not tell; a
 * saved_entry that is no id of the menu; what was not read. The variable LoaderEntryDefault is not
 * looked at. 0 or -ENOMEM. */
int esp_image_boot(const EspImage *image, EspBoot *ret);

/* 1 if the image's loader, which need not be there yet, has kernels, see Loader, and what it boots
 * is one of them, or what nobody here knows; else 0. Or -ENOMEM. */
int esp_image_is_bootable(const EspImage *image);

/* True if @path is what an interrupted staging leaves: a file that only we write, with
 * STAGED_SUFFIX. What else ends in it is somebody else's. */
bool esp_path_is_leftover(const char *path);

/* Kept free beyond what a plan needs: directories grow, and a FAT that is full to the last cluster
 * cannot even replace loader.conf. Bytes. */
#define SPACE_RESERVE_BYTES (256 * 1024)

/* Bytes that a file of @size occupies; an empty file occupies nothing. @cluster_bytes is at least
 * 1; the result is UINT64_MAX where 64 bits do not suffice. */
uint64_t space_allocated(uint64_t size, uint64_t cluster_bytes) _const_;

/* The kernel before @kernel in @set, kept and bootable as that is, whose files have the same names
 * on a FAT; NULL if there is none. Only the first of them can be on an ESP. */
const Kernel *esp_name_rival(const KernelSet *set, const Kernel *kernel);

/* @path as we would write it: where the names in it are ours but for their case, the case is
 * changed. A version is spelled as in @kernels (may be NULL), first of all as one that is kept;
 * what else looks like one is spelled in small letters, so that its directory and its entry agree.
 * Any other name stays. 0 or -ENOMEM. */
int esp_path_respell(const char *path, const KernelSet *kernels, char **ret);
