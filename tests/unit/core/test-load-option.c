/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boot#### values, those of real firmware, those that libefiboot makes, and junk; and the parts of
 * EFI variables. */

#include "core/firmware/load-option.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define PARTUUID "0123abcd-4567-89ab-cdef-0123456789ab"
#define PATH     "\\EFI\\systemd\\systemd-bootx64.efi"

#define END     "\x7f\xff\x04\x00"
#define NEXT    "\x7f\x01\x04\x00" /* the end of this path; another one follows */
#define FILE_AB "\x04\x04\x0a\x00\x41\x00\x62\x00\x00\x00"
/* PciRoot(0)/Pci(0x1,0x1), as OVMF puts it before a disk. */
#define PCI "\x02\x01\x0c\x00\xd0\x41\x03\x0a\x00\x00\x00\x00\x01\x01\x06\x00\x01\x01"

/* HD(2,GPT,0123abcd-4567-89ab-cdef-0123456789ab,0x800,0x100000) */
#define HD                                                                     \
        "\x04\x01\x2a\x00\x02\0\0\0\x00\x08\0\0\0\0\0\0\x00\x00\x10\0\0\0\0\0" \
        "\xcd\xab\x23\x01\x67\x45\xab\x89\xcd\xef\x01\x23\x45\x67\x89\xab\x02\x02"
#define HD_SIGNATURE_TYPE 41

/* An option with the title "T" and the paths @paths. */
static size_t make(uint8_t *data, uint16_t attributes, const char *paths, size_t paths_size) {
        memcpy(data, (uint8_t[]){ (uint8_t) attributes, (uint8_t) (attributes >> 8), 0, 0 }, 4);
        efi_put_u16(data + 4, (uint16_t) paths_size);
        memcpy(data + 6, "T\0\0\0", 4);
        memcpy(data + 10, paths, paths_size);
        return 10 + paths_size;
}

/* From a copy that is exactly as large, so that a sanitizer sees a byte too many. */
static int parse(const uint8_t *data, size_t size, LoadOption *ret) {
        _cleanup_free_ uint8_t *exact = malloc(MAX(size, (size_t) 1));

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, data, size);
        return load_option_parse(exact, size, ret);
}

static void assert_path(const char *paths, size_t paths_size, const char *expect) {
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t data[512];
        size_t size = make(data, 1, paths, paths_size);

        ck_assert_int_eq(parse(data, size, &o), 0);
        ck_assert_str_eq(o.path, expect);
}
#define ASSERT_PATH(paths, expect) assert_path(paths, sizeof(paths) - 1, expect)

static int try_paths(const char *paths, size_t paths_size) {
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t data[512];

        return parse(data, make(data, 1, paths, paths_size), &o);
}
#define TRY(paths) try_paths(paths, sizeof(paths) - 1)

START_TEST(option_says_what_is_started_from_where) {
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t data[128];
        size_t size = make(data, 1, HD FILE_AB END, 56);

        ck_assert_int_eq(parse(data, size, &o), 0);
        ck_assert(o.active);
        ck_assert_str_eq(o.title, "T");
        ck_assert_str_eq(o.partuuid, PARTUUID);
        ck_assert_str_eq(o.path, "\\Ab");
}
END_TEST

START_TEST(no_prefix_of_an_option_is_one) {
        uint8_t data[128];
        size_t size = make(data, 1, HD FILE_AB END, 56);

        for (size_t n = 0; n < size; n++)
                ck_assert_int_eq(parse(data, n, &(LoadOption){}), -EBADMSG);
}
END_TEST

START_TEST(data_for_the_loader_is_passed_over) {
        uint8_t data[64];
        size_t size = make(data, 1, FILE_AB END, 14);
        _cleanup_(load_option_done) LoadOption o = {};

        memcpy(data + size, "\x04\x04\x00", 3);
        ck_assert_int_eq(parse(data, size + 3, &o), 0);
        ck_assert_str_eq(o.path, "\\Ab");
}
END_TEST

START_TEST(path_is_found_behind_the_way_to_the_disk) {
        ASSERT_PATH(PCI FILE_AB END, "\\Ab");
        ASSERT_PATH(PCI END, "");
        ASSERT_PATH(END, "");
}
END_TEST

START_TEST(path_in_several_nodes_is_joined_with_one_backslash) {
        ASSERT_PATH(FILE_AB FILE_AB END, "\\Ab\\Ab");
        ASSERT_PATH("\x04\x04\x0a\x00\\\x00x\x00\\\x00" FILE_AB END, "\\x\\Ab");
        ASSERT_PATH("\x04\x04\x0a\x00/\x00x\x00/\x00" END, "\\x\\");
}
END_TEST

START_TEST(only_the_first_of_several_paths_counts) {
        ASSERT_PATH(FILE_AB NEXT FILE_AB END, "\\Ab");
        ASSERT_PATH(FILE_AB END FILE_AB END, "\\Ab");
}
END_TEST

START_TEST(first_three_fields_of_a_guid_are_swapped) {
        static const uint8_t esp[] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                       0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t data[128];
        size_t size = make(data, 1, HD FILE_AB END, 56);

        memcpy(data + 10 + 24, esp, sizeof(esp));
        ck_assert_int_eq(parse(data, size, &o), 0);
        ck_assert_str_eq(o.partuuid, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
}
END_TEST

START_TEST(partition_of_an_mbr_has_no_partuuid) {
        _cleanup_(load_option_done) LoadOption o = {};
        uint8_t data[128];
        size_t size = make(data, 1, HD FILE_AB END, 56);

        data[10 + HD_SIGNATURE_TYPE] = 1;
        ck_assert_int_eq(parse(data, size, &o), 0);
        ck_assert_str_eq(o.partuuid, "");
        ck_assert_str_eq(o.path, "\\Ab");
}
END_TEST

START_TEST(junk_is_refused) {
        static const uint8_t endless_title[] = { 1, 0, 0, 0, 4, 0, 'T', 0, 0x7f, 0xff, 4, 1 };

        ck_assert_int_eq(parse(endless_title, sizeof(endless_title), &(LoadOption){}), -EBADMSG);
        ck_assert_int_eq(TRY(""), -EBADMSG);
        ck_assert_int_eq(TRY(FILE_AB), -EBADMSG);
        ck_assert_int_eq(TRY("\x04\x04\x00\x00" END), -EBADMSG);
        ck_assert_int_eq(TRY("\x04\x04\x03\x00" END), -EBADMSG);
        ck_assert_int_eq(TRY("\x04\x04\x09\x00" END), -EBADMSG);
        ck_assert_int_eq(TRY("\x7f\xff\x03\x00"), -EBADMSG);
        ck_assert_int_eq(TRY(END), 0);
        /* A partition whose node is too short has none. */
        ck_assert_int_eq(TRY("\x04\x01\x04\x00" END), 0);
}
END_TEST

START_TEST(option_is_made_active_once_and_nothing_else_changes) {
        uint8_t data[32], before[32];
        size_t size = make(data, 0x108, FILE_AB END, 14);

        memcpy(before, data, size);
        ck_assert(load_option_activate(data, size));
        ck_assert_uint_eq(efi_u16(data), 0x109);
        ck_assert_uint_eq(efi_u16(data + 2), 0);
        ck_assert_int_eq(memcmp(before + 4, data + 4, size - 4), 0);
        ck_assert(!load_option_activate(data, size));
        ck_assert(!load_option_activate((uint8_t[]){ 0, 0, 0, 0 }, 4));
}
END_TEST

START_TEST(names_of_boot_entries_are_exact) {
        static const char *const bad[] = { "",         "Boot",     "Boot000",  "Boot00000",
                                           "Boot000g", "Boot00af", "BootNext", "boot0001",
                                           "Boot 001", "BootOrder" };

        ck_assert_int_eq(load_option_number("Boot0000"), 0);
        ck_assert_int_eq(load_option_number("Boot00AF"), 0xaf);
        ck_assert_int_eq(load_option_number("BootFFFF"), 0xffff);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(load_option_number(bad[i]), -EINVAL);
}
END_TEST

START_TEST(ours_are_known_by_their_path) {
        static const struct {
                const char *path;
                bool ours;
        } cases[] = {
                { PATH, true },
                { "\\efi\\SYSTEMD\\SYSTEMD-BOOTAA64.EFI", true },
                { "\\EFI\\proxmox\\shimx64.efi", true },
                { "\\EFI\\proxmox\\grubx64.efi", true },
                { "\\EFI\\proxmox\\vmlinuz.efi", false },
                { "\\EFI\\proxmox\\x\\grubx64.efi", false },
                { "\\EFI\\debian\\grubx64.efi", false },
                { "\\EFI\\BOOT\\BOOTX64.EFI", false },
                { "\\EFI\\systemd\\systemd-bootx64.efi.old", false },
                { "\\EFI\\systemd\\", false },
                { "grubx64.efi", false },
                { "", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                LoadOption o = { .path = (char *) cases[i].path };

                ck_assert_msg(load_option_is_ours(&o) == cases[i].ours, "%s", cases[i].path);
        }
}
END_TEST

static void assert_text(const void *data, size_t size, const char *expect) {
        _cleanup_free_ uint8_t *exact = malloc(MAX(size, (size_t) 1));
        _cleanup_free_ char *text = NULL;

        /* Exactly as large, so that a sanitizer sees a byte too many. */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, data, size);
        ck_assert_int_eq(efi_text_decode(exact, size, 64, &text), 0);
        ck_assert_str_eq(text, expect);
}
#define ASSERT_TEXT(data, expect) assert_text(data, sizeof(data) - 1, expect)

START_TEST(text_ends_at_its_nul_or_with_its_bytes) {
        ASSERT_TEXT("a\0b\0\0\0c\0", "ab");
        ASSERT_TEXT("a\0b\0", "ab");
        ASSERT_TEXT("a\0b", "a");
        ASSERT_TEXT("a", "");
        ASSERT_TEXT("", "");
        ASSERT_TEXT("\0\0", "");
}
END_TEST

START_TEST(every_width_of_character_is_read) {
        ASSERT_TEXT("\xe4\0\xac\x20", "\xc3\xa4\xe2\x82\xac");
        ASSERT_TEXT("\x3d\xd8\x00\xde!\0", "\xf0\x9f\x98\x80!");
}
END_TEST

START_TEST(lone_surrogates_are_replaced) {
        ASSERT_TEXT("\x3d\xd8x\0", "\xef\xbf\xbdx");
        ASSERT_TEXT("\x00\xdex\0", "\xef\xbf\xbdx");
        ASSERT_TEXT("\x3d\xd8", "\xef\xbf\xbd");
        ASSERT_TEXT("\x3d\xd8\x00", "\xef\xbf\xbd");
        ASSERT_TEXT("\x3d\xd8\x3d\xd8\x00\xde", "\xef\xbf\xbd\xf0\x9f\x98\x80");
}
END_TEST

START_TEST(text_is_fit_for_humans) {
        uint8_t data[200] = {};

        ASSERT_TEXT("a\0\n\0\x1b\0\x9b\0b\0", "a\?\?\?b");
        for (size_t i = 0; i < sizeof(data); i += 2)
                data[i] = 'x';
        assert_text(data, sizeof(data),
                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...");
}
END_TEST

START_TEST(encoded_text_has_its_nul_and_reads_as_it_was) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t size;

        ck_assert_int_eq(efi_text_encode("a.~ ", &data, &size), 0);
        ck_assert_uint_eq(size, 10);
        ck_assert_int_eq(memcmp(data, "a\0.\0~\0 \0\0\0", 10), 0);
        assert_text(data, size, "a.~ ");
}
END_TEST

START_TEST(only_printable_ascii_is_encoded) {
        static const char *const bad[] = { "\xc3\xa4", "a\n", "\t", "\x7f" };
        uint8_t *data;
        size_t size;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_int_eq(efi_text_encode(bad[i], &data, &size), -EINVAL);
}
END_TEST

START_TEST(numbers_are_little_endian) {
        const uint8_t data[] = { 0xf8, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x81 };
        uint8_t copy[2];

        ck_assert_uint_eq(efi_u16(data), 0x07f8);
        ck_assert_uint_eq(efi_u64(data), UINT64_C(0x81020304050607f8));
        efi_put_u16(copy, 0x07f8);
        ck_assert_int_eq(memcmp(copy, data, 2), 0);
}
END_TEST

CHECK_MAIN("load-option", option_says_what_is_started_from_where, no_prefix_of_an_option_is_one,
           data_for_the_loader_is_passed_over, path_is_found_behind_the_way_to_the_disk,
           path_in_several_nodes_is_joined_with_one_backslash,
           only_the_first_of_several_paths_counts, first_three_fields_of_a_guid_are_swapped,
           partition_of_an_mbr_has_no_partuuid, junk_is_refused,
           option_is_made_active_once_and_nothing_else_changes, names_of_boot_entries_are_exact,
           ours_are_known_by_their_path, text_ends_at_its_nul_or_with_its_bytes,
           every_width_of_character_is_read, lone_surrogates_are_replaced, text_is_fit_for_humans,
           encoded_text_has_its_nul_and_reads_as_it_was, only_printable_ascii_is_encoded,
           numbers_are_little_endian)
