/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program of the firmware: boot loaders and kernels are PE files. From its first bytes follows
 * which of all its bytes a signature covers, and where the signatures and shim's generation numbers
 * lie (PE format, and "Windows Authenticode Portable Executable Signature Format"). The bytes come
 * from a disk. */

#include "common/macros.h"

/* Headers of more are refused; those of a unified kernel image have a few hundred bytes. */
#define PE_HEADERS_MAX  (64 * 1024)
#define PE_SECTIONS_MAX 96 /* as Windows has it */
/* Three parts of the headers, the sections, and what follows them. */
#define PE_RANGES_MAX (PE_SECTIONS_MAX + 4)

typedef struct PeRange {
        uint64_t offset, size; /* bytes in the file */
} PeRange;

#define PE_NAME_SIZE   9           /* of a section, with the NUL */
#define PE_STRINGS_MAX (64 * 1024) /* so much of the string table is of interest */

typedef struct PeSection {
        char name[PE_NAME_SIZE]; /* as it stands in the table; a longer one is "/37", see below */
        PeRange range;           /* the used part of it; size 0: it has no bytes in the file */
} PeSection;

typedef struct Pe {
        uint16_t machine;              /* IMAGE_FILE_MACHINE_*: 0x8664 x86-64, 0xaa64 arm64 */
        PeRange hashed[PE_RANGES_MAX]; /* what the digest is made of, in this order */
        size_t n_hashed;
        PeRange certificates; /* the table of signatures; size 0: none */
        PeRange sbat;         /* the section .sbat; size 0: none */
        PeSection sections[PE_SECTIONS_MAX];
        size_t n_sections;
        PeRange strings; /* the string table, up to PE_STRINGS_MAX; size 0: none */
} Pe;

/* @headers are the first @size bytes of a file of @file_size: PE_HEADERS_MAX of them, or all.
 * -EBADMSG if that is no PE file of 64 bits, or one whose parts do not lie within it, or overlap so
 * that a digest is not defined. */
int pe_parse(const uint8_t *headers, size_t size, uint64_t file_size, Pe *ret);

/* The next PKCS #7 signature in a table of @size bytes, from *@pos on, which begins as 0: 1; 0:
 * there is no more; -EBADMSG. Entries of another kind are passed over. */
int pe_certificate_next(const uint8_t *table, size_t size, size_t *pos, const uint8_t **ret,
                        size_t *ret_size);

/* The section @name: names of more than eight characters stand in the string table, of which
 * @strings are @size bytes (0: it could not be read), and which GNU ld writes for programs of the
 * firmware, too. False if there is none with bytes in the file. */
bool pe_find_section(const Pe *pe, const char *strings, size_t size, const char *name,
                     PeRange *ret);

/* The section of a shim in which its keys are (cert_table, shim's cert.S). Debian's has 10 KiB. */
#define PE_SHIM_SECTION     ".vendor_cert"
#define PE_SHIM_SECTION_MAX (1024 * 1024)

/* Read that section: @ret_accepted is a certificate in DER or an EFI_SIGNATURE_LIST, @ret_refused
 * such a list, both within @section, their size 0 if there is none. -EBADMSG. */
int pe_parse_shim_section(const uint8_t *section, size_t size, PeRange *ret_accepted,
                          PeRange *ret_refused);

/* The section of a shim (15.3 and later) with the SBAT levels that it knows (sbat_var.S). */
#define PE_SHIM_LEVELS     ".sbatlevel"
#define PE_SHIM_LEVELS_MAX (64 * 1024)

/* The level in that section which shim sets when it starts, unless nobody has chosen another:
 * without its NUL. -EBADMSG. */
int pe_parse_shim_level(const uint8_t *section, size_t size, PeRange *ret);
