/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the values of EFI variables are made of: little-endian numbers, UTF-16, GUIDs. */

#include "common/macros.h"

#define GUID_SIZE      16 /* as the firmware stores it */
#define GUID_TEXT_SIZE 37 /* lower-case hex with dashes, with the NUL */

static inline uint16_t efi_u16(const uint8_t *p) {
        return (uint16_t) (p[0] | p[1] << 8);
}

static inline uint32_t efi_u32(const uint8_t *p) {
        return efi_u16(p) | (uint32_t) efi_u16(p + 2) << 16;
}

static inline uint64_t efi_u64(const uint8_t *p) {
        return efi_u32(p) | (uint64_t) efi_u32(p + 4) << 32;
}

static inline void efi_put_u16(uint8_t *p, uint16_t value) {
        p[0] = (uint8_t) value;
        p[1] = (uint8_t) (value >> 8);
}

/* UTF-16LE, up to its NUL or its end, as text for humans (see string_for_humans(), which @max is
 * for). A surrogate without its other half is U+FFFD, half a character at the end is ignored. 0 or
 * -ENOMEM. */
int efi_text_decode(const uint8_t *data, size_t size, size_t max, char **ret);

/* ASCII as UTF-16LE with its NUL: 2 * (strlen(@s) + 1) bytes. -EINVAL for anything but printable
 * ASCII, or -ENOMEM. */
int efi_text_encode(const char *s, uint8_t **ret, size_t *ret_size);

/* A GUID's first three fields are little-endian (RFC 9562 calls that Microsoft's). */
void guid_format(const uint8_t guid[static GUID_SIZE], char ret[static GUID_TEXT_SIZE]);
/* Hex digits of any case with the dashes where they belong. 0 or -EINVAL. */
int guid_parse(const char *s, uint8_t ret[static GUID_SIZE]);
