/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* db, dbx, KEK and PK as OVMF has them, with Microsoft's keys. */

#include "core/secure-boot/signature-list.h"

#include "tests/unit/check-main.h"
#include "tests/unit/core/corpus.h"

static int read_all(const uint8_t *data, size_t size, Signature *ret, size_t max, size_t *ret_n) {
        SignatureReader reader = { .data = data, .size = size };
        Signature s;
        int r;

        *ret_n = 0;
        while ((r = signature_next(&reader, &s)) > 0) {
                if (*ret_n < max)
                        ret[*ret_n] = s;
                (*ret_n)++;
        }
        return r;
}

START_TEST(db_of_ovmf_has_both_certificates_of_microsoft) {
        _cleanup_free_ uint8_t *data = NULL;
        Signature s[2];
        size_t size, n;

        data = read_corpus("signature-list/ovmf-db", &size);
        ck_assert_int_eq(read_all(data, size, s, 2, &n), 0);
        ck_assert_uint_eq(n, 2);
        for (size_t i = 0; i < n; i++) {
                ck_assert_int_eq(s[i].type, SIGNATURE_X509);
                ck_assert_str_eq(s[i].owner, "77fa9abd-0359-4d32-bd60-28f4e78f784b");
                ck_assert_uint_eq(s[i].data[0], 0x30); /* a SEQUENCE of DER */
        }
        ck_assert_uint_eq(s[0].size, 1499);
        ck_assert_uint_eq(s[1].size, 1556);
}
END_TEST

START_TEST(dbx_has_digests) {
        _cleanup_free_ uint8_t *data = NULL;
        Signature s;
        size_t size, n;

        data = read_corpus("signature-list/ovmf-dbx", &size);
        ck_assert_int_eq(read_all(data, size, &s, 1, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(s.type, SIGNATURE_SHA256);
        ck_assert_uint_eq(s.size, 32);
}
END_TEST

/* A list with one digest and, behind its header of @header bytes, @rest bytes more. */
static size_t make_list(uint8_t *list, uint32_t header, uint32_t entry, uint32_t rest) {
        static const uint8_t sha256[] = { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                          0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 };
        const uint32_t sizes[] = { 28 + header + rest, header, entry };

        memset(list, 0, 1024);
        memcpy(list, sha256, sizeof(sha256));
        for (size_t i = 0; i < 3; i++)
                for (size_t k = 0; k < 4; k++)
                        list[16 + 4 * i + k] = (uint8_t) (sizes[i] >> 8 * k);
        return sizes[0];
}

START_TEST(sizes_that_contradict_each_other_end_the_reading) {
        uint8_t list[1024];
        Signature s;
        size_t n, size;

        size = make_list(list, 0, 48, 48);
        ck_assert_int_eq(read_all(list, size, &s, 1, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_int_eq(read_all(list, size - 1, &s, 1, &n), -EBADMSG);
        ck_assert_int_eq(read_all(list, size + 5, &s, 1, &n), -EBADMSG);
        ck_assert_uint_eq(n, 1); /* what came before counts */
        size = make_list(list, 8, 48, 48);
        ck_assert_int_eq(read_all(list, size, &s, 1, &n), 0);
        ck_assert_ptr_eq(s.data, list + 28 + 8 + 16);
        size = make_list(list, 0, 15, 48);
        ck_assert_int_eq(read_all(list, size, &s, 1, &n), -EBADMSG);
        size = make_list(list, 0, 0, 48);
        ck_assert_int_eq(read_all(list, size, &s, 1, &n), -EBADMSG);
        size = make_list(list, 0, 50, 50);
        ck_assert_int_eq(read_all(list, size, &s, 1, &n), 0);
        ck_assert_int_eq(s.type, SIGNATURE_OTHER); /* no digest has that size */
        (void) make_list(list, UINT32_MAX, 48, 48);
        ck_assert_int_eq(read_all(list, 75, &s, 1, &n), -EBADMSG);
}
END_TEST

CHECK_MAIN("signature-list", db_of_ovmf_has_both_certificates_of_microsoft, dbx_has_digests,
           sizes_that_contradict_each_other_end_the_reading)
