/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers, text and GUIDs as firmware stores them, broken ones included. */

#include "core/efi-value.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

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
        ck_assert_uint_eq(efi_u32(data), 0x050607f8);
        ck_assert_uint_eq(efi_u64(data), UINT64_C(0x81020304050607f8));
        efi_put_u16(copy, 0x07f8);
        ck_assert_int_eq(memcmp(copy, data, 2), 0);
}
END_TEST

START_TEST(first_three_fields_of_a_guid_are_swapped) {
        static const uint8_t esp[] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                       0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
        char text[GUID_TEXT_SIZE];
        uint8_t guid[GUID_SIZE];

        guid_format(esp, text);
        ck_assert_str_eq(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
        ck_assert_int_eq(guid_parse("C12A7328-F81F-11d2-BA4B-00A0C93EC93B", guid), 0);
        ck_assert_int_eq(memcmp(guid, esp, sizeof(esp)), 0);
}
END_TEST

START_TEST(what_is_no_guid_is_refused) {
        static const char *const bad[] = {
                "",
                "12345678-01", /* the PARTUUID of an MBR */
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93bb",
                "c12a7328-f81f-11d2-ba4b-00a0c93ec93g",
                "c12a7328-f81f-11d2-ba4b000a0c93ec93b",
                "c12a7328f-81f-11d2-ba4b-00a0c93ec93b",
                "{12a7328-f81f-11d2-ba4b-00a0c93ec93}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                uint8_t guid[GUID_SIZE] = { 7 };

                ck_assert_int_eq(guid_parse(bad[i], guid), -EINVAL);
                ck_assert_uint_eq(guid[0], 7);
        }
}
END_TEST

CHECK_MAIN("efi-value", text_ends_at_its_nul_or_with_its_bytes, every_width_of_character_is_read,
           lone_surrogates_are_replaced, text_is_fit_for_humans,
           encoded_text_has_its_nul_and_reads_as_it_was, only_printable_ascii_is_encoded,
           numbers_are_little_endian, first_three_fields_of_a_guid_are_swapped,
           what_is_no_guid_is_refused)
