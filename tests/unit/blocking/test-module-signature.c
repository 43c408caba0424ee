/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files of modules, sound and hostile, in each way of compressing them. */

#include "blocking/secure-boot/module-signature.h"

#include <sys/resource.h>
#include <unistd.h>

#include "../check-main.h"
#include "common/fd.h"
#include "secure-boot-lab.h"

#define PLENTY    (UINT64_C(1) << 40)
#define BOMB_UNIT (16u * 1024 * 1024)
/* Of memory that a bomb may take, with what a sanitizer adds. */
#define GROWTH_MAX_KIB (96L * 1024)

#define FOREACH_PACKED(kind) \
        for (ModuleName kind = MODULE_NAME_XZ; (kind) < _MODULE_NAME_MAX; (kind)++)

static int read_bytes(const void *data, size_t size, ModuleName kind, uint64_t *left,
                      CMS_ContentInfo **ret) {
        _cleanup_close_ int fd = memfd_create("module", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, data, size), (ssize_t) size);
        return module_read_signature(fd, kind, left, ret);
}

/* The result; of a signature its number of signers is looked at, too. */
static int look(const void *data, size_t size, ModuleName kind) {
        _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *signature = NULL;
        uint64_t left = PLENTY;
        int r = read_bytes(data, size, kind, &left, &signature);

        ck_assert((r == 1) == (signature != NULL));
        if (signature)
                ck_assert_int_eq(sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(signature)), 1);
        return r;
}

static void put_noise(Bytes *b, size_t size) {
        uint32_t x = 1;

        while (b->size < size) {
                x = x * 1664525 + 1013904223;
                buffer_append(b, &x, sizeof(x));
        }
}

static void put_signed(Bytes *b, size_t size) {
        static Party party;

        if (!party.key)
                party = party_new("Build", NULL, PARTY_NORMAL);
        put_noise(b, size);
        put_module(b, &party, 0);
}

START_TEST(signature_is_found_behind_any_number_of_bytes) {
        /* Around what is kept, and where it is moved. */
        static const size_t sizes[] = { 0,       1000,    262184,  262188,  524368,
                                        1048720, 1048736, 1048740, 1310960, 3000000 };

        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_bytes_ Bytes plain = {};

                put_signed(&plain, sizes[i]);
                ck_assert_int_eq(look(plain.data, plain.size, MODULE_NAME_PLAIN), 1);
                FOREACH_PACKED(kind) {
                        _cleanup_bytes_ Bytes packed = {};

                        put_packed(&packed, &plain, kind);
                        ck_assert_int_eq(look(packed.data, packed.size, kind), 1);
                }
        }
}
END_TEST

START_TEST(module_that_nobody_has_signed_is_not) {
        _cleanup_bytes_ Bytes plain = {}, empty = {};

        put_noise(&plain, 2000000);
        ck_assert_int_eq(look(plain.data, plain.size, MODULE_NAME_PLAIN), 0);
        ck_assert_int_eq(look("", 0, MODULE_NAME_PLAIN), 0);
        FOREACH_PACKED(kind) {
                _cleanup_bytes_ Bytes packed = {}, nothing = {};

                put_packed(&packed, &plain, kind);
                ck_assert_int_eq(look(packed.data, packed.size, kind), 0);
                put_packed(&nothing, &empty, kind);
                ck_assert_int_eq(look(nothing.data, nothing.size, kind), 0);
        }
}
END_TEST

START_TEST(damaged_signature_is_told_also_of_the_largest) {
        static const uint8_t info[12] = { [2] = 2, [9] = MODULE_SIGNATURE_MAX >> 16 };
        _cleanup_bytes_ Bytes plain = {}, largest = {};

        put_signed(&plain, 5000);
        plain.data[plain.size - 36] ^= 1; /* of what follows the message */
        put_noise(&largest, 1400000);
        buffer_append(&largest, info, sizeof(info));
        buffer_puts(&largest, "~Module signature appended~\n");
        ck_assert_int_eq(look(plain.data, plain.size, MODULE_NAME_PLAIN), -EBADMSG);
        ck_assert_int_eq(look(largest.data, largest.size, MODULE_NAME_PLAIN), -EBADMSG);
        FOREACH_PACKED(kind) {
                _cleanup_bytes_ Bytes a = {}, b = {};

                put_packed(&a, &plain, kind);
                put_packed(&b, &largest, kind);
                ck_assert_int_eq(look(a.data, a.size, kind), -EBADMSG);
                ck_assert_int_eq(look(b.data, b.size, kind), -EBADMSG);
        }
}
END_TEST

START_TEST(parts_that_were_compressed_apart_are_one_module) {
        _cleanup_bytes_ Bytes plain = {};

        put_signed(&plain, 400000);
        FOREACH_PACKED(kind) {
                Bytes head = { .data = plain.data, .size = 300001 };
                Bytes rest = { .data = plain.data + 300001, .size = plain.size - 300001 };
                _cleanup_bytes_ Bytes packed = {};

                put_packed(&packed, &head, kind);
                put_packed(&packed, &rest, kind);
                ck_assert_int_eq(look(packed.data, packed.size, kind), 1);
        }
}
END_TEST

/* No part of one is a module that is signed, nor one that is not. */
START_TEST(what_is_cut_off_or_something_else_is_not_known) {
        _cleanup_bytes_ Bytes plain = {};

        put_signed(&plain, 3000);
        FOREACH_PACKED(kind) {
                _cleanup_bytes_ Bytes packed = {};

                put_packed(&packed, &plain, kind);
                for (size_t n = 0; n < packed.size; n += n < 40 || n + 60 > packed.size ? 1 : 37)
                        ck_assert_msg(look(packed.data, n, kind) == -EILSEQ, "%d: %zu", kind, n);
                ck_assert_int_eq(look(packed.data, packed.size, kind), 1);
                ck_assert_int_eq(look(plain.data, plain.size, kind), -EILSEQ);
                packed.data[packed.size / 2] ^= 0x10;
                ck_assert_int_eq(look(packed.data, packed.size, kind), -EILSEQ);
                packed.data[packed.size / 2] ^= 0x10;
                buffer_puts(&packed, "more");
                ck_assert_int_eq(look(packed.data, packed.size, kind), -EILSEQ);
        }
}
END_TEST

START_TEST(what_is_read_and_made_is_accounted_for) {
        _cleanup_bytes_ Bytes plain = {};

        put_signed(&plain, 200000);
        FOREACH_PACKED(kind) {
                _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *signature = NULL, *none = NULL;
                _cleanup_bytes_ Bytes packed = {};
                uint64_t left;

                put_packed(&packed, &plain, kind);
                left = plain.size + packed.size + 3;
                ck_assert_int_eq(read_bytes(packed.data, packed.size, kind, &left, &signature), 1);
                ck_assert_uint_eq(left, 3);
                left = plain.size + packed.size - 1;
                ck_assert_int_eq(read_bytes(packed.data, packed.size, kind, &left, &none), -EFBIG);
                ck_assert_uint_eq(left, 0);
                ck_assert_int_eq(read_bytes(packed.data, packed.size, kind, &left, &none), -EFBIG);
        }
}
END_TEST

static long get_peak_kib(void) {
        struct rusage usage;

        ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
        return usage.ru_maxrss;
}

START_TEST(bomb_takes_neither_memory_nor_time) {
        _cleanup_bytes_ Bytes zeros = {};

        put_zeros(&zeros, BOMB_UNIT);
        FOREACH_PACKED(kind) {
                _cleanup_(CMS_ContentInfo_freep) CMS_ContentInfo *none = NULL;
                _cleanup_bytes_ Bytes unit = {}, bomb = {};
                uint64_t left = PLENTY;
                long before;

                put_packed(&unit, &zeros, kind);
                for (size_t i = 0; i < 10 * MODULE_UNPACKED_MAX / BOMB_UNIT; i++)
                        buffer_append(&bomb, unit.data, unit.size);
                before = get_peak_kib();
                ck_assert_int_eq(read_bytes(bomb.data, bomb.size, kind, &left, &none), -EFBIG);
                ck_assert_int_lt(get_peak_kib() - before, GROWTH_MAX_KIB);
                ck_assert_uint_lt(PLENTY - left, MODULE_UNPACKED_MAX + 4 * 1024 * 1024);
        }
}
END_TEST

/* The size of the dictionary is what a header says, whatever follows. */
START_TEST(dictionary_that_is_too_large_is_not_made) {
        static const uint8_t zstd_of_1g[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0 };
        static const uint8_t zstd_of_64m[] = { 0x28, 0xb5, 0x2f, 0xfd, 0, 16 << 3, 1, 0, 0 };
        _cleanup_bytes_ Bytes plain = {}, xz = {};

        put_signed(&plain, 0);
        put_packed(&xz, &plain, MODULE_NAME_XZ);
        /* A block's header of 12 bytes follows the stream's: its 5th is that size. */
        ck_assert_uint_eq((uint8_t) xz.data[14], 0x21);
        for (unsigned size = 28; size <= 36; size += 8) {
                uint32_t crc;

                xz.data[16] = (char) size; /* 28: 64 MiB; 36: 1 GiB */
                crc = htole32(lzma_crc32((uint8_t *) xz.data + 12, 8, 0));
                memcpy(xz.data + 20, &crc, sizeof(crc));
                ck_assert_int_eq(look(xz.data, xz.size, MODULE_NAME_XZ), size == 28 ? 1 : -EFBIG);
        }
        ck_assert_int_eq(look(zstd_of_64m, sizeof(zstd_of_64m), MODULE_NAME_ZSTD), 0);
        ck_assert_int_eq(look(zstd_of_1g, sizeof(zstd_of_1g), MODULE_NAME_ZSTD), -EFBIG);
}
END_TEST

START_TEST(error_of_reading_is_passed_on) {
        _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CMS_ContentInfo *none = NULL;
        uint64_t left = PLENTY;

        FOREACH_PACKED(kind)
        ck_assert_int_eq(module_read_signature(fd, kind, &left, &none), -EISDIR);
}
END_TEST

CHECK_MAIN("module-signature", signature_is_found_behind_any_number_of_bytes,
           module_that_nobody_has_signed_is_not, damaged_signature_is_told_also_of_the_largest,
           parts_that_were_compressed_apart_are_one_module,
           what_is_cut_off_or_something_else_is_not_known, what_is_read_and_made_is_accounted_for,
           bomb_takes_neither_memory_nor_time, dictionary_that_is_too_large_is_not_made,
           error_of_reading_is_passed_on)
