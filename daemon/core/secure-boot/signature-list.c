/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list has a type, its whole size, the size of a header, the size of each signature; then the
 * header, and signatures up to its end. Nothing is copied. */

#include "core/secure-boot/signature-list.h"

#define LIST_HEAD_SIZE 28 /* type, three sizes */
#define GUID_SIZE      16

typedef struct TypeName {
        uint8_t guid[GUID_SIZE]; /* as it lies in memory */
        SignatureType type;
        size_t size; /* of each signature's data; 0: any */
} TypeName;

static const TypeName types[] = {
        /* a5c059a1-94e4-4aa7-87b5-ab155c2bf072 */
        { { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a, 0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b,
            0xf0, 0x72 },
          SIGNATURE_X509,
          0 },
        /* c1c41626-504c-4092-aca9-41f936934328 */
        { { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40, 0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93,
            0x43, 0x28 },
          SIGNATURE_SHA256,
          32 },
        /* 3bd2a492-96c0-4079-b420-fcf98ef103ed */
        { { 0x92, 0xa4, 0xd2, 0x3b, 0xc0, 0x96, 0x79, 0x40, 0xb4, 0x20, 0xfc, 0xf9, 0x8e, 0xf1,
            0x03, 0xed },
          SIGNATURE_X509_SHA256,
          48 },
};

/* SIGNATURE_OTHER also for one of a known type whose size is not its. */
static SignatureType find_type(const uint8_t *guid, size_t data_size) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (memcmp(types[i].guid, guid, GUID_SIZE) == 0 &&
                    (types[i].size == 0 || types[i].size == data_size))
                        return types[i].type;
        return SIGNATURE_OTHER;
}

static int begin_list(SignatureReader *r) {
        const uint8_t *head = r->data;
        size_t list_size, header_size, entry_size;

        if (r->size < LIST_HEAD_SIZE)
                return -EBADMSG;
        list_size = efi_u32(head + 16);
        header_size = efi_u32(head + 20);
        entry_size = efi_u32(head + 24);
        if (list_size < LIST_HEAD_SIZE || list_size > r->size ||
            header_size > list_size - LIST_HEAD_SIZE || entry_size < GUID_SIZE)
                return -EBADMSG;
        r->next = head + LIST_HEAD_SIZE + header_size;
        r->n_left = (list_size - LIST_HEAD_SIZE - header_size) / entry_size;
        r->entry_size = entry_size;
        r->type = find_type(head, entry_size - GUID_SIZE);
        r->data += list_size;
        r->size -= list_size;
        return 0;
}

int signature_next(SignatureReader *reader, Signature *ret) {
        while (reader->n_left == 0) {
                int r;

                if (reader->size == 0)
                        return 0;
                r = begin_list(reader);
                if (r < 0)
                        return r;
        }
        *ret = (Signature){
                .type = reader->type,
                .data = reader->next + GUID_SIZE,
                .size = reader->entry_size - GUID_SIZE,
        };
        efi_guid_format(reader->next, ret->owner);
        reader->next += reader->entry_size;
        reader->n_left--;
        return 1;
}
