/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The digest leaves out what signing itself changes: the checksum, and the place and content of the
 * table of signatures. It is made of the sections in the order in which they lie in the file, as
 * firmware and shim make it. Whatever could be read in two ways is refused, since the firmware may
 * read it in the other one. */

#include "core/secure-boot/pe.h"

#include <stdlib.h>

#include "common/string-util.h"
#include "core/firmware/load-option.h"

#define DOS_HEADER_SIZE    64
#define PE_OFFSET_FIELD    60 /* in the DOS header */
#define COFF_SIZE          24 /* "PE\0\0" and the COFF header */
#define SYMBOL_SIZE        18
#define CHECKSUM_FIELD     64 /* in the optional header, as the next ones */
#define HEADERS_SIZE_FIELD 60
#define DIRECTORIES_FIELD  108
#define DIRECTORIES        112
#define SECURITY           4 /* index of the directory of signatures */
#define DIRECTORY_SIZE     8
#define SECTION_SIZE       40
#define MAGIC_64           0x20b
#define OPTIONAL_SIZE_MIN  (DIRECTORIES + (SECURITY + 1) * DIRECTORY_SIZE)
#define SIGNATURE_ALIGN    8 /* of the table's entries, and of its own place */

#define SHIM_TABLE_SIZE  16 /* two sizes, two offsets */
#define SHIM_LEVELS_SIZE 12

#define WIN_CERT_HEAD     8
#define WIN_CERT_REVISION 0x0200
#define WIN_CERT_PKCS7    0x0002

typedef struct Layout {
        const uint8_t *headers;
        size_t size;
        uint64_t file_size;
        size_t optional; /* offset of the optional header */
        size_t optional_size;
        size_t sections; /* offset of the section table */
        size_t n_sections;
        uint64_t headers_size; /* SizeOfHeaders */
} Layout;

static bool is_within(uint64_t offset, uint64_t size, uint64_t limit) {
        return offset <= limit && size <= limit - offset;
}

static int find_layout(Layout *l) {
        const uint8_t *h = l->headers;
        size_t pe;

        if (l->size < DOS_HEADER_SIZE || h[0] != 'M' || h[1] != 'Z')
                return -EBADMSG;
        pe = efi_u32(h + PE_OFFSET_FIELD);
        if (!is_within(pe, COFF_SIZE + OPTIONAL_SIZE_MIN, l->size) ||
            memcmp(h + pe, "PE\0\0", 4) != 0)
                return -EBADMSG;
        l->n_sections = efi_u16(h + pe + 6);
        l->optional_size = efi_u16(h + pe + 20);
        l->optional = pe + COFF_SIZE;
        if (l->optional_size < OPTIONAL_SIZE_MIN || efi_u16(h + l->optional) != MAGIC_64 ||
            efi_u32(h + l->optional + DIRECTORIES_FIELD) <= SECURITY)
                return -EBADMSG;
        l->sections = l->optional + l->optional_size;
        if (l->n_sections == 0 || l->n_sections > PE_SECTIONS_MAX ||
            !is_within(l->sections, l->n_sections * SECTION_SIZE, l->size))
                return -EBADMSG;
        l->headers_size = efi_u32(h + l->optional + HEADERS_SIZE_FIELD);
        if (l->headers_size < l->sections + l->n_sections * SECTION_SIZE ||
            l->headers_size > l->file_size)
                return -EBADMSG;
        return 0;
}

static int find_certificates(const Layout *l, PeRange *ret) {
        const uint8_t *entry = l->headers + l->optional + DIRECTORIES + SECURITY * DIRECTORY_SIZE;
        PeRange range = { .offset = efi_u32(entry), .size = efi_u32(entry + 4) };

        if (range.size == 0) {
                *ret = (PeRange){};
                return 0;
        }
        /* Firmware takes the table for the end of the file. */
        if (range.offset < l->headers_size || range.offset % SIGNATURE_ALIGN != 0 ||
            range.offset > l->file_size || range.size != l->file_size - range.offset)
                return -EBADMSG;
        *ret = range;
        return 0;
}

static void add_range(Pe *pe, uint64_t offset, uint64_t size) {
        if (size > 0)
                pe->hashed[pe->n_hashed++] = (PeRange){ .offset = offset, .size = size };
}

static int compare_ranges(const void *a, const void *b) {
        const PeRange *x = a, *y = b;

        return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* All but the checksum and the directory entry of the signatures. */
static void add_headers(const Layout *l, Pe *pe) {
        uint64_t checksum = l->optional + CHECKSUM_FIELD;
        uint64_t directory = l->optional + DIRECTORIES + SECURITY * DIRECTORY_SIZE;

        add_range(pe, 0, checksum);
        add_range(pe, checksum + 4, directory - checksum - 4);
        add_range(pe, directory + DIRECTORY_SIZE, l->headers_size - directory - DIRECTORY_SIZE);
}

/* @limit: where the signatures begin, or the end of the file. */
static int read_section(const Layout *l, size_t i, uint64_t limit, PeRange *ret) {
        const uint8_t *section = l->headers + l->sections + i * SECTION_SIZE;
        PeRange range = { .offset = efi_u32(section + 20), .size = efi_u32(section + 16) };

        if (range.size > 0 &&
            (range.offset < l->headers_size || !is_within(range.offset, range.size, limit)))
                return -EBADMSG;
        *ret = range;
        return 0;
}

/* The used part of the section, which is filled up behind that. */
static void add_section(const Layout *l, size_t i, PeRange range, Pe *pe) {
        const uint8_t *header = l->headers + l->sections + i * SECTION_SIZE;
        PeSection *section = &pe->sections[pe->n_sections++];
        uint32_t used = efi_u32(header + 8);

        memcpy(section->name, header, PE_NAME_SIZE - 1);
        /* One without bytes may say that they lie anywhere. */
        if (range.size > 0)
                section->range = (PeRange){ .offset = range.offset,
                                            .size = used > 0 ? MIN(range.size, used) : range.size };
}

/* It follows the symbols, of which a program for the firmware has none, or those that strip(1) left
 * for the sake of the names. */
static PeRange find_strings(const Layout *l, uint64_t limit) {
        const uint8_t *coff = l->headers + l->optional - COFF_SIZE;
        uint64_t symbols = efi_u32(coff + 12);
        uint64_t offset = symbols + (uint64_t) efi_u32(coff + 16) * SYMBOL_SIZE;

        if (symbols == 0 || offset >= limit)
                return (PeRange){};
        return (PeRange){ .offset = offset, .size = MIN(limit - offset, PE_STRINGS_MAX) };
}

static int add_sections(const Layout *l, uint64_t limit, Pe *pe) {
        PeRange sections[PE_SECTIONS_MAX];
        uint64_t sum = l->headers_size;

        for (size_t i = 0; i < l->n_sections; i++) {
                const PeSection *section = &pe->sections[i];
                int r = read_section(l, i, limit, &sections[i]);

                if (r < 0)
                        return r;
                add_section(l, i, sections[i], pe);
                if (!streq(section->name, ".sbat") || section->range.size == 0)
                        continue;
                if (pe->sbat.size > 0)
                        return -EBADMSG;
                pe->sbat = section->range;
        }
        qsort(sections, l->n_sections, sizeof(*sections), compare_ranges);
        for (size_t i = 0; i < l->n_sections; i++) {
                if (i > 0 && sections[i].size > 0 &&
                    sections[i].offset < sections[i - 1].offset + sections[i - 1].size)
                        return -EBADMSG;
                add_range(pe, sections[i].offset, sections[i].size);
                sum += sections[i].size;
        }
        /* Firmware counts what it has seen, and takes the rest for what lies behind that. */
        if (sum > limit)
                return -EBADMSG;
        add_range(pe, sum, limit - sum);
        return 0;
}

int pe_parse(const uint8_t *headers, size_t size, uint64_t file_size, Pe *ret) {
        Layout l = { .headers = headers, .size = size, .file_size = file_size };
        uint64_t limit;
        Pe pe = {};
        int r;

        assert(ret);

        if (size > file_size)
                return -EBADMSG;
        r = find_layout(&l);
        if (r >= 0)
                r = find_certificates(&l, &pe.certificates);
        if (r < 0)
                return r;
        pe.machine = efi_u16(headers + l.optional - COFF_SIZE + 4);
        add_headers(&l, &pe);
        limit = pe.certificates.size > 0 ? pe.certificates.offset : file_size;
        r = add_sections(&l, limit, &pe);
        if (r < 0)
                return r;
        pe.strings = find_strings(&l, limit);
        *ret = pe;
        return 0;
}

int pe_certificate_next(const uint8_t *table, size_t size, size_t *pos, const uint8_t **ret,
                        size_t *ret_size) {
        while (*pos < size) {
                const uint8_t *entry = table + *pos;
                size_t left = size - *pos, length;

                if (left < WIN_CERT_HEAD)
                        return -EBADMSG;
                length = efi_u32(entry);
                if (length < WIN_CERT_HEAD || length > left)
                        return -EBADMSG;
                *pos += MIN(left,
                            (length + SIGNATURE_ALIGN - 1) / SIGNATURE_ALIGN * SIGNATURE_ALIGN);
                if (efi_u16(entry + 4) != WIN_CERT_REVISION || efi_u16(entry + 6) != WIN_CERT_PKCS7)
                        continue;
                *ret = entry + WIN_CERT_HEAD;
                *ret_size = length - WIN_CERT_HEAD;
                return 1;
        }
        return 0;
}

/* Its first four bytes are its size, and offsets count from there. */
static bool has_name(const PeSection *section, const char *strings, size_t size, const char *name) {
        size_t n = strlen(name) + 1;
        uint64_t offset;

        if (n <= PE_NAME_SIZE)
                return streq(section->name, name);
        return section->name[0] == '/' && parse_u64(section->name + 1, &offset) >= 0 &&
               is_within(offset, n, size) && memcmp(strings + offset, name, n) == 0;
}

bool pe_find_section(const Pe *pe, const char *strings, size_t size, const char *name,
                     PeRange *ret) {
        for (size_t i = 0; i < pe->n_sections; i++)
                if (pe->sections[i].range.size > 0 &&
                    has_name(&pe->sections[i], strings, size, name)) {
                        *ret = pe->sections[i].range;
                        return true;
                }
        return false;
}

int pe_parse_shim_section(const uint8_t *section, size_t size, PeRange *ret_accepted,
                          PeRange *ret_refused) {
        PeRange accepted, refused;

        if (size < SHIM_TABLE_SIZE)
                return -EBADMSG;
        accepted = (PeRange){ .offset = efi_u32(section + 8), .size = efi_u32(section) };
        refused = (PeRange){ .offset = efi_u32(section + 12), .size = efi_u32(section + 4) };
        if (!is_within(accepted.offset, accepted.size, size) ||
            !is_within(refused.offset, refused.size, size))
                return -EBADMSG;
        *ret_accepted = accepted;
        *ret_refused = refused;
        return 0;
}

int pe_parse_shim_level(const uint8_t *section, size_t size, PeRange *ret) {
        const uint8_t *end;
        uint64_t offset;

        /* A version of the format, and offsets from behind it: of the level that is set by itself,
         * and of the latest one, which is set if an administrator wants it. */
        if (size < SHIM_LEVELS_SIZE || efi_u32(section) != 0)
                return -EBADMSG;
        offset = (uint64_t) efi_u32(section + 4) + 4;
        end = offset < size ? memchr(section + offset, '\0', size - offset) : NULL;
        if (!end)
                return -EBADMSG;
        *ret = (PeRange){ .offset = offset, .size = (uint64_t) (end - section) - offset };
        return 0;
}
