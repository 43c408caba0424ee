/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* EFI_LOAD_OPTION, the value of a Boot#### variable (UEFI 2.10, 3.1.3), and the parts of any EFI
 * variable: little-endian numbers, UTF-16, GUIDs. Bytes <-> value. */

#include "common/macros.h"

#define GUID_TEXT_SIZE 37 /* lower-case hex with dashes, with the NUL */

static inline uint16_t efi_u16(const uint8_t *p) {
        return (uint16_t) (p[0] | p[1] << 8);
}

static inline uint32_t efi_u32(const uint8_t *p) {
        return efi_u16(p) | (uint32_t) efi_u16(p + 2) << 16;
}

static inline uint64_t efi_u64(const uint8_t *p) {
        return efi_u16(p) | (uint64_t) efi_u16(p + 2) << 16 | (uint64_t) efi_u16(p + 4) << 32 |
               (uint64_t) efi_u16(p + 6) << 48;
}

static inline void efi_put_u16(uint8_t *p, uint16_t value) {
        p[0] = (uint8_t) value;
        p[1] = (uint8_t) (value >> 8);
}

/* EFI_GUID, as it lies in memory, as text. */
void efi_guid_format(const uint8_t guid[static 16], char ret[static GUID_TEXT_SIZE]);

/* UTF-16LE, up to its NUL or its end, as text for humans (see string_for_humans(), which @max is
 * for). A surrogate without its other half is U+FFFD, half a character at the end is ignored. 0 or
 * -ENOMEM. */
int efi_text_decode(const uint8_t *data, size_t size, size_t max, char **ret);

/* ASCII as UTF-16LE with its NUL: 2 * (strlen(@s) + 1) bytes. -EINVAL for anything but printable
 * ASCII, or -ENOMEM. */
int efi_text_encode(const char *s, uint8_t **ret, size_t *ret_size);

#define LOAD_OPTION_ACTIVE    1u  /* of the attributes */
#define LOAD_OPTION_TITLE_MAX 128 /* bytes as decoded, before "..." */
#define LOAD_OPTION_PATH_MAX  256
#define LOAD_OPTION_SIZE_MAX  1024 /* bytes of a value that is kept whole */

typedef struct LoadOption {
        uint16_t number; /* of its variable: 3 is Boot0003 */
        bool active;     /* the firmware tries it */
        char *title;
        char partuuid[GUID_TEXT_SIZE]; /* of the GPT partition that it names, "" if none */
        char *path;                    /* "\EFI\systemd\systemd-bootx64.efi", "" if none */
        /* All of the value, in lower-case hex digits, so that it can be written again as it was;
         * NULL of one that is not ours, or is larger than LOAD_OPTION_SIZE_MAX. */
        char *hex;
} LoadOption;

void load_option_done(LoadOption *o);

/* The number in "Boot0003", with upper-case hex digits as the specification has them; -EINVAL for
 * any other name. */
int load_option_number(const char *name);

/* Everything but the number. Of several device paths the first counts. -EBADMSG if it is no load
 * option: no end of the title or of the path, a node of impossible length. Or -ENOMEM. */
int load_option_parse(const uint8_t *data, size_t size, LoadOption *ret);
/* The same from what hex is. -EBADMSG, too, for what hex would not be. */
int load_option_parse_hex(const char *hex, LoadOption *ret);
int load_option_copy(const LoadOption *o, LoadOption *ret);

/* The bytes that pairs of lower-case hex digits stand for, at most LOAD_OPTION_SIZE_MAX. -EBADMSG
 * for anything else, or -ENOMEM. */
int efi_hex_decode(const char *hex, uint8_t **ret, size_t *ret_size);

/* Make the option at @data active, in place. False if it is already, or is too short. */
bool load_option_activate(uint8_t *data, size_t size);

/* True if it starts a loader that is installed by us, or as we do: systemd-boot from
 * \EFI\systemd, shim or GRUB from \EFI\proxmox. */
bool load_option_is_ours(const LoadOption *o) _pure_;
