/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first bytes of a program, the last four of which are how many more follow: whatever is to be
 * hashed lies within the file, in order or behind what was counted, and no byte of the signatures
 * is. */

#include "core/firmware/load-option.h"
#include "core/secure-boot/pe.h"
#include "tests/fuzz/fuzz.h"

static void check_within(const PeRange *range, uint64_t limit) {
        FUZZ_ASSERT(range->offset <= limit && range->size <= limit - range->offset);
}

static void check_headers(const uint8_t *data, size_t size, uint64_t file_size) {
        uint64_t sum = 0;
        PeRange found;
        Pe pe;
        int r;

        r = pe_parse(data, size, file_size, &pe);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        check_within(&pe.certificates, file_size);
        check_within(&pe.sbat, file_size);
        check_within(&pe.strings, file_size);
        FUZZ_ASSERT(pe.n_sections > 0 && pe.n_sections <= PE_SECTIONS_MAX);
        for (size_t i = 0; i < pe.n_sections; i++)
                check_within(&pe.sections[i].range, file_size);
        /* Any bytes may be the string table. */
        if (pe_find_section(&pe, (const char *) data, size, PE_SHIM_SECTION, &found))
                check_within(&found, file_size);
        FUZZ_ASSERT(pe.n_hashed >= 3 && pe.n_hashed <= PE_RANGES_MAX);
        for (size_t i = 0; i < pe.n_hashed; i++) {
                check_within(&pe.hashed[i], file_size - pe.certificates.size);
                FUZZ_ASSERT(pe.hashed[i].size > 0);
                sum += pe.hashed[i].size;
        }
        FUZZ_ASSERT(sum == file_size - pe.certificates.size - 12);
}

static void check_table(const uint8_t *data, size_t size) {
        const uint8_t *signature;
        size_t pos = 0, before = 0, n;
        int r;

        while ((r = pe_certificate_next(data, size, &pos, &signature, &n)) > 0) {
                FUZZ_ASSERT(pos > before && pos <= size);
                FUZZ_ASSERT(signature >= data && n <= size - (size_t) (signature - data));
                before = pos;
        }
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
}

static void check_shim_section(const uint8_t *data, size_t size) {
        PeRange accepted, refused, level;
        int r = pe_parse_shim_level(data, size, &level);

        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r >= 0)
                check_within(&level, size);
        r = pe_parse_shim_section(data, size, &accepted, &refused);
        FUZZ_ASSERT(r == 0 || r == -EBADMSG);
        if (r < 0)
                return;
        check_within(&accepted, size);
        check_within(&refused, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        check_table(data, size);
        check_shim_section(data, size);
        if (size < 4)
                return 0;
        check_headers(data, size - 4, size - 4 + efi_u32(data + size - 4));
        return 0;
}
