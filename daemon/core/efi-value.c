/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Firmware writes its variables as it likes: text without an end, of odd size, in broken UTF-16.
 * All of it reads as something, since a name that looks wrong tells an administrator more than
 * none. */

#include "core/efi-value.h"

#include "common/string-util.h"

#define REPLACEMENT_CHARACTER 0xfffd

static bool is_high_surrogate(uint32_t c) {
        return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low_surrogate(uint32_t c) {
        return c >= 0xdc00 && c <= 0xdfff;
}

static void append_utf8(Buffer *b, uint32_t c) {
        char bytes[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

        for (size_t i = n - 1; i > 0; i--) {
                bytes[i] = (char) (0x80 | (c & 0x3f));
                c >>= 6;
        }
        bytes[0] = (char) (lead[n] | c);
        buffer_append(b, bytes, n);
}

int efi_text_decode(const uint8_t *data, size_t size, size_t max, char **ret) {
        _cleanup_(buffer_done) Buffer b = {};
        char *text;

        assert(ret);

        for (size_t i = 0; i + 2 <= size; i += 2) {
                uint32_t c = efi_u16(data + i), next = i + 4 <= size ? efi_u16(data + i + 2) : 0;

                if (c == 0)
                        break;
                if (is_high_surrogate(c) && is_low_surrogate(next)) {
                        c = 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
                        i += 2;
                } else if (is_high_surrogate(c) || is_low_surrogate(c))
                        c = REPLACEMENT_CHARACTER;
                append_utf8(&b, c);
        }
        if (b.failed)
                return -ENOMEM;
        text = string_for_humans(strempty(b.data), b.size, max);
        if (!text)
                return -ENOMEM;
        *ret = text;
        return 0;
}

int efi_text_encode(const char *s, uint8_t **ret, size_t *ret_size) {
        size_t n = strlen(s);
        uint8_t *data;

        assert(ret);
        assert(ret_size);

        for (size_t i = 0; i < n; i++)
                if (s[i] < ' ' || s[i] > '~')
                        return -EINVAL;
        data = calloc(n + 1, 2);
        if (!data)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                data[2 * i] = (uint8_t) s[i];
        *ret = data;
        *ret_size = 2 * (n + 1);
        return 0;
}

/* Which byte each pair of digits is, in the order of the text. */
static const uint8_t guid_order[GUID_SIZE] = {
        3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
};

static bool dash_before(size_t pair) {
        return pair == 4 || pair == 6 || pair == 8 || pair == 10;
}

void guid_format(const uint8_t guid[static GUID_SIZE], char ret[static GUID_TEXT_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        char *p = ret;

        for (size_t i = 0; i < GUID_SIZE; i++) {
                uint8_t byte = guid[guid_order[i]];

                if (dash_before(i))
                        *p++ = '-';
                *p++ = digits[byte >> 4];
                *p++ = digits[byte & 15];
        }
        *p = '\0';
}

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int guid_parse(const char *s, uint8_t ret[static GUID_SIZE]) {
        uint8_t guid[GUID_SIZE];

        if (strlen(s) != GUID_TEXT_SIZE - 1)
                return -EINVAL;
        for (size_t i = 0; i < GUID_SIZE; i++) {
                int high, low;

                if (dash_before(i) && *s++ != '-')
                        return -EINVAL;
                high = hex_digit(*s++);
                low = hex_digit(*s++);
                if (high < 0 || low < 0)
                        return -EINVAL;
                guid[guid_order[i]] = (uint8_t) (high << 4 | low);
        }
        memcpy(ret, guid, GUID_SIZE);
        return 0;
}
