/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Modules of a kernel and those who make them: the signature behind a module's bytes (Linux,
 * include/linux/module_signature.h), and what DKMS and dpkg say in their files. Those may have been
 * written by anybody. */

#include "common/macros.h"

/* The end of a file that tells of its signature. */
#define MODULE_TRAILER_SIZE 40
/* With its certificates; the kernel's own have 700 bytes. */
#define MODULE_SIGNATURE_MAX (256 * 1024)

/* @end is the end of a module of @file_size bytes, at least MODULE_TRAILER_SIZE of it, or all: 1 if
 * a PKCS #7 signature stands before the trailer, its place in @ret_offset and @ret_size; 0 if it is
 * not signed; -EBADMSG if it is signed in a way that the kernel would not read. */
int module_find_signature(const uint8_t *end, size_t size, uint64_t file_size, uint64_t *ret_offset,
                          size_t *ret_size);

typedef enum ModuleName {
        MODULE_NAME_NONE, /* not the name of a module */
        MODULE_NAME_PLAIN,
        MODULE_NAME_XZ, /* of these a signature is within what was compressed */
        MODULE_NAME_ZSTD,
        MODULE_NAME_GZIP,
        _MODULE_NAME_MAX,
} ModuleName;

/* "zfs.ko" is plain, "zfs.ko.xz", "zfs.ko.zst", "zfs.ko.gz" are compressed. */
ModuleName module_name_kind(const char *name) _pure_;

/* The values of mok_certificate in a configuration file of DKMS, absolute paths. It is a shell
 * script: what is more than a plain word, quoted or not, is not taken. 0 or -ENOMEM. */
int dkms_conf_certificates(const char *text, size_t size, char ***ret);

/* A path that is looked for, and what for. */
typedef struct WantedPath {
        char *path; /* absolute */
        size_t tag;
} WantedPath;

/* Order @wanted for package_list_find(). */
void package_list_sort(WantedPath *wanted, size_t n);
/* Each of @wanted that the list of a package's files (dpkg's info/PACKAGE.list) has is told to
 * @found. */
void package_list_find(const char *text, size_t size, const WantedPath *wanted, size_t n,
                       void (*found)(size_t tag, void *userdata), void *userdata);
/* "zfs-dkms" of "zfs-dkms.list", "libc6" of "libc6:amd64.list"; -EINVAL for any other name;
 * -ENOMEM. */
int package_list_name(const char *name, char **ret);
