/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which bytes of a program its signature covers. The headers are those of programs that Debian has
 * signed; with these bytes the digests were found to be those in their signatures. */

#include "core/secure-boot/pe.h"

#include "core/firmware/load-option.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/corpus.h"

static int parse(const char *name, Pe *ret) {
        _cleanup_free_ char *path = strprintf("pe/%s", name);
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        data = read_corpus(path, &size);
        return pe_parse(data, size - 4, size - 4 + efi_u32(data + size - 4), ret);
}

static void assert_hashed(const Pe *pe, const PeRange *ranges, size_t n) {
        ck_assert_uint_eq(pe->n_hashed, n);
        for (size_t i = 0; i < n; i++) {
                ck_assert_uint_eq(pe->hashed[i].offset, ranges[i].offset);
                ck_assert_uint_eq(pe->hashed[i].size, ranges[i].size);
        }
}

START_TEST(kernel_that_debian_has_signed_is_hashed_but_for_checksum_and_signatures) {
        const PeRange ranges[] = { { 0, 152 },       { 156, 76 },     { 240, 3856 },
                                   { 4096, 12288 },  { 16384, 4096 }, { 20480, 8208384 },
                                   { 8228864, 4608 } };
        Pe pe;

        ck_assert_int_eq(parse("linux-6.1", &pe), 0);
        ck_assert_uint_eq(pe.machine, 0x8664);
        assert_hashed(&pe, ranges, ELEMENTSOF(ranges));
        ck_assert_uint_eq(pe.certificates.offset, 8233472);
        ck_assert_uint_eq(pe.certificates.size, 1472);
        ck_assert_uint_eq(pe.sbat.size, 0);
}
END_TEST

START_TEST(shim_has_a_section_of_generations) {
        Pe pe;

        ck_assert_int_eq(parse("shim-16.1", &pe), 0);
        ck_assert_uint_eq(pe.sbat.offset, 897024);
        ck_assert_uint_eq(pe.sbat.size, 198);
        ck_assert_uint_eq(pe.certificates.size, 19368);
        ck_assert_uint_eq(pe.n_hashed, 14);
}
END_TEST

/* The beginning of the string table of that shim. */
static const char strings[] = "\x04\xed\0\0.eh_frame\0.data.ident\0.sbatlevel\0.vendor_cert";

START_TEST(section_with_a_long_name_is_found_by_the_string_table) {
        PeRange range;
        Pe pe;

        ck_assert_int_eq(parse("shim-16.1", &pe), 0);
        ck_assert_uint_eq(pe.strings.offset, 0xdc000 + 3741 * 18);
        ck_assert(pe_find_section(&pe, strings, sizeof(strings), PE_SHIM_SECTION, &range));
        ck_assert_uint_eq(range.offset, 765952);
        ck_assert_uint_eq(range.size, 9610);
        ck_assert(pe_find_section(&pe, strings, sizeof(strings), ".sbatlevel", &range));
        ck_assert_uint_eq(range.size, 93);
        ck_assert(pe_find_section(&pe, NULL, 0, ".sbat", &range));
        ck_assert_uint_eq(range.size, 198);
        /* The name is cut off, or there is none. */
        ck_assert(!pe_find_section(&pe, strings, sizeof(strings) - 1, PE_SHIM_SECTION, &range));
        ck_assert(!pe_find_section(&pe, NULL, 0, PE_SHIM_SECTION, &range));
        ck_assert_int_eq(parse("linux-6.1", &pe), 0);
        ck_assert(!pe_find_section(&pe, strings, sizeof(strings), PE_SHIM_SECTION, &range));
}
END_TEST

START_TEST(section_without_bytes_and_strings_behind_the_end_are_none) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size, section;
        PeRange range;
        Pe pe;

        data = read_corpus("pe/shim-16.1", &size);
        section = efi_u32(data + 60) + 24 + 240 + 6 * 40;
        ck_assert_int_eq(memcmp(data + section, "/37", 4), 0);
        memset(data + section + 16, 0, 4);
        ck_assert_int_eq(pe_parse(data, size - 4, size - 4 + efi_u32(data + size - 4), &pe), 0);
        ck_assert(!pe_find_section(&pe, strings, sizeof(strings), PE_SHIM_SECTION, &range));
        ck_assert_uint_eq(pe.strings.offset + pe.strings.size, pe.certificates.offset);
        memset(data + efi_u32(data + 60) + 12, 0x7f, 4);
        ck_assert_int_eq(pe_parse(data, size - 4, size - 4 + efi_u32(data + size - 4), &pe), 0);
        ck_assert_uint_eq(pe.strings.size, 0);
}
END_TEST

START_TEST(shim_has_a_certificate_and_a_list_of_what_it_refuses) {
        _cleanup_free_ uint8_t *data = NULL;
        PeRange accepted, refused;
        size_t size;

        data = read_corpus("pe/shim-16.1-keys", &size);
        ck_assert_int_eq(pe_parse_shim_section(data, size, &accepted, &refused), 0);
        ck_assert_uint_eq(accepted.offset, 16);
        ck_assert_uint_eq(accepted.size, 930);
        ck_assert_uint_eq(data[accepted.offset], 0x30); /* a SEQUENCE of DER */
        ck_assert_uint_eq(refused.offset, 946);
        ck_assert_uint_eq(refused.size, size - 946);
        ck_assert_int_eq(pe_parse_shim_section(data, size - 1, &accepted, &refused), -EBADMSG);
        ck_assert_int_eq(pe_parse_shim_section(data, 15, &accepted, &refused), -EBADMSG);
}
END_TEST

START_TEST(shim_has_the_level_that_it_sets) {
        /* Recorded from shim 16.1. */
        static const char section[] = "\0\0\0\0\x08\0\0\0)\0\0\0sbat,1,2025021800\nshim,4\ngrub,5\n"
                                      "\0sbat,1,2025051000\nshim,4\ngrub,5\ngrub.proxmox,2\n";
        const uint8_t *data = (const uint8_t *) section;
        uint8_t other[sizeof(section)];
        PeRange level;

        ck_assert_int_eq(pe_parse_shim_level(data, sizeof(section), &level), 0);
        ck_assert_uint_eq(level.size, strlen("sbat,1,2025021800\nshim,4\ngrub,5\n"));
        ck_assert_uint_eq(level.offset, 12);
        ck_assert_int_eq(pe_parse_shim_level(data, 11, &level), -EBADMSG);
        ck_assert_int_eq(pe_parse_shim_level(data, 20, &level), -EBADMSG); /* without its NUL */
        memcpy(other, section, sizeof(section));
        other[0] = 1; /* of a later format */
        ck_assert_int_eq(pe_parse_shim_level(other, sizeof(other), &level), -EBADMSG);
        other[0] = 0;
        memset(other + 4, 0xff, 4);
        ck_assert_int_eq(pe_parse_shim_level(other, sizeof(other), &level), -EBADMSG);
}
END_TEST

START_TEST(program_without_signatures_is_hashed_to_its_end) {
        Pe pe;

        ck_assert_int_eq(parse("systemd-boot-252", &pe), 0);
        ck_assert_uint_eq(pe.certificates.size, 0);
        ck_assert_uint_eq(pe.hashed[pe.n_hashed - 1].offset + pe.hashed[pe.n_hashed - 1].size,
                          140891);
}
END_TEST

typedef struct Damage {
        size_t offset; /* from the beginning of the headers */
        uint32_t value;
        size_t size; /* of the value: 2 or 4 */
} Damage;

/* The PE header of that systemd-boot is at 128. */
#define PE_HEADER 128
#define OPTIONAL  (PE_HEADER + 24)

START_TEST(what_could_be_read_in_two_ways_is_refused) {
        static const Damage damages[] = {
                { 0, 0, 2 },                            /* no MZ */
                { 60, UINT32_MAX, 4 },                  /* the header is elsewhere */
                { 60, 1020, 4 },                        /* … and ends behind what there is */
                { PE_HEADER, 0, 4 },                    /* no PE */
                { PE_HEADER + 6, 0, 2 },                /* no section */
                { PE_HEADER + 6, 97, 2 },               /* too many of them */
                { PE_HEADER + 20, 111, 2 },             /* an optional header without directories */
                { OPTIONAL, 0x10b, 2 },                 /* 32 bits */
                { OPTIONAL + 60, 100, 4 },              /* headers that end within themselves */
                { OPTIONAL + 60, UINT32_MAX, 4 },       /* headers larger than the file */
                { OPTIONAL + 108, 4, 4 },               /* no directory of signatures */
                { OPTIONAL + 112 + 36, 4096, 4 },       /* signatures that begin in the headers */
                { OPTIONAL + 240 + 20, 90000, 4 },      /* a section that overlaps the next one */
                { OPTIONAL + 240 + 16, UINT32_MAX, 4 }, /* … that is larger than the file */
                { OPTIONAL + 240 + 20, 512, 4 },        /* … that begins in the headers */
        };
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;
        Pe pe;

        data = read_corpus("pe/systemd-boot-252", &size);
        for (size_t i = 0; i < ELEMENTSOF(damages); i++) {
                _cleanup_free_ uint8_t *copy = malloc(size);

                memcpy(copy, data, size);
                for (size_t k = 0; k < damages[i].size; k++)
                        copy[damages[i].offset + k] = (uint8_t) (damages[i].value >> 8 * k);
                ck_assert_msg(pe_parse(copy, size - 4, 140891, &pe) == -EBADMSG, "damage %zu", i);
        }
        ck_assert_int_eq(pe_parse(data, size - 4, 140891, &pe), 0);
        ck_assert_int_eq(pe_parse(data, size - 4, size - 5, &pe), -EBADMSG);
        for (size_t n = 0; n < 500; n++)
                ck_assert_int_eq(pe_parse(data, n, 140891, &pe), -EBADMSG);
}
END_TEST

START_TEST(table_of_signatures_is_read_entry_by_entry) {
        static const uint8_t table[] = {
                11, 0, 0, 0, 0, 2, 2, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0, /* three bytes, filled up */
                9,  0, 0, 0, 0, 2, 1, 0, 'x', 0,   0,   0, 0, 0, 0, 0, /* of another kind */
                9,  0, 0, 0, 0, 2, 2, 0, 'd', /* the last one need not be */
        };
        const uint8_t *found = NULL;
        size_t pos = 0, n = 0;

        ck_assert_int_eq(pe_certificate_next(table, sizeof(table), &pos, &found, &n), 1);
        ck_assert_uint_eq(n, 3);
        ck_assert_ptr_eq(found, table + 8);
        ck_assert_int_eq(pe_certificate_next(table, sizeof(table), &pos, &found, &n), 1);
        ck_assert_uint_eq(n, 1);
        ck_assert_uint_eq(*found, 'd');
        ck_assert_int_eq(pe_certificate_next(table, sizeof(table), &pos, &found, &n), 0);

        pos = 0;
        ck_assert_int_eq(pe_certificate_next(table, 10, &pos, &found, &n), -EBADMSG);
        pos = 0;
        ck_assert_int_eq(pe_certificate_next(table, 7, &pos, &found, &n), -EBADMSG);
}
END_TEST

CHECK_MAIN("pe", kernel_that_debian_has_signed_is_hashed_but_for_checksum_and_signatures,
           shim_has_a_section_of_generations, section_with_a_long_name_is_found_by_the_string_table,
           section_without_bytes_and_strings_behind_the_end_are_none,
           shim_has_a_certificate_and_a_list_of_what_it_refuses, shim_has_the_level_that_it_sets,
           program_without_signatures_is_hashed_to_its_end,
           what_could_be_read_in_two_ways_is_refused, table_of_signatures_is_read_entry_by_entry)
