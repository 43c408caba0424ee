/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a signed module, DKMS's configuration, dpkg's lists of files. */

#include "core/secure-boot/module.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/corpus.h"

/* The last bytes of Debian's fat.ko of 6.1.0-47-amd64. Before them stands in four bytes how many
 * more that module has. */
#define RECORDED_SIZE 189905

static uint8_t *read_recorded(size_t *ret_size) {
        uint8_t *data = read_corpus("module/fat-6.1-end", ret_size);

        *ret_size -= 4;
        memmove(data, data + 4, *ret_size);
        return data;
}

START_TEST(signature_of_a_module_stands_before_its_trailer) {
        _cleanup_free_ uint8_t *data = NULL;
        uint64_t offset = 0;
        size_t size, length = 0;

        data = read_recorded(&size);
        ck_assert_uint_gt(size, MODULE_TRAILER_SIZE);
        ck_assert_int_eq(module_find_signature(data, size, RECORDED_SIZE, &offset, &length), 1);
        ck_assert_uint_eq(offset + length, RECORDED_SIZE - MODULE_TRAILER_SIZE);
        ck_assert_uint_le(length, size - MODULE_TRAILER_SIZE);
        /* A SEQUENCE of DER. */
        ck_assert_uint_eq(data[size - MODULE_TRAILER_SIZE - length], 0x30);
}
END_TEST

START_TEST(what_has_no_trailer_is_not_signed) {
        _cleanup_free_ uint8_t *data = NULL;
        uint64_t offset;
        size_t size, length;

        data = read_recorded(&size);
        ck_assert_int_eq(module_find_signature(data, 0, 0, &offset, &length), 0);
        ck_assert_int_eq(module_find_signature(data, size - 1, RECORDED_SIZE - 1, &offset, &length),
                         0);
        data[size - 2] = '!';
        ck_assert_int_eq(module_find_signature(data, size, RECORDED_SIZE, &offset, &length), 0);
}
END_TEST

START_TEST(trailer_that_the_kernel_would_not_read_is_damage) {
        static const uint8_t zeros[12];
        _cleanup_free_ uint8_t *data = NULL;
        uint64_t offset;
        size_t size, length;
        uint8_t *info;

        data = read_recorded(&size);
        info = data + size - MODULE_TRAILER_SIZE;
        /* Each of the first eight bytes has one value only. */
        for (size_t i = 0; i < 8; i++) {
                info[i] ^= 1;
                ck_assert_int_eq(module_find_signature(data, size, RECORDED_SIZE, &offset, &length),
                                 -EBADMSG);
                info[i] ^= 1;
        }
        ck_assert_int_eq(module_find_signature(data, size, RECORDED_SIZE, &offset, &length), 1);
        /* More than the file has, nothing, and a file that is only the words. */
        ck_assert_int_eq(module_find_signature(info, MODULE_TRAILER_SIZE, 500, &offset, &length),
                         -EBADMSG);
        ck_assert_int_eq(module_find_signature(info + 12, 28, 28, &offset, &length), -EBADMSG);
        info[9] = 0xff;
        ck_assert_int_eq(module_find_signature(data, size, UINT64_C(1) << 40, &offset, &length),
                         -EBADMSG);
        memcpy(info + 8, zeros, 4);
        ck_assert_int_eq(module_find_signature(data, size, RECORDED_SIZE, &offset, &length),
                         -EBADMSG);
}
END_TEST

START_TEST(module_is_known_by_its_name) {
        ck_assert_int_eq(module_name_kind("zfs.ko"), MODULE_NAME_PLAIN);
        ck_assert_int_eq(module_name_kind("zfs.ko.xz"), MODULE_NAME_XZ);
        ck_assert_int_eq(module_name_kind("zfs.ko.zst"), MODULE_NAME_ZSTD);
        ck_assert_int_eq(module_name_kind("zfs.ko.gz"), MODULE_NAME_GZIP);
        ck_assert_int_eq(module_name_kind("zfs.ko.old"), MODULE_NAME_NONE);
        ck_assert_int_eq(module_name_kind("modules.dep"), MODULE_NAME_NONE);
}
END_TEST

START_TEST(plain_values_of_dkms_are_taken_and_nothing_is_run) {
        static const char text[] = "# mok_certificate=/a/comment\n"
                                   "mok_signing_key=/var/lib/dkms/mok.key\n"
                                   "  mok_certificate=/var/lib/dkms/mok.pub\n"
                                   "mok_certificate=\"/etc/keys/a.der\" # mine\n"
                                   "mok_certificate='/etc/keys/b.pem'\r\n"
                                   "mok_certificate=/etc/keys/c.der # another\n"
                                   "mok_certificate=$HOME/d\n"
                                   "mok_certificate=/etc/$(id)/e\n"
                                   "mok_certificate=`id`\n"
                                   "mok_certificate=relative\n"
                                   "mok_certificate=\"/not/closed\n"
                                   "mok_certificate='/x/y\n"
                                   "mok_certificate=/\n"
                                   "mok_certificate=\n"
                                   "my_mok_certificate=/f\n"
                                   "mok_certificate=/last";
        _cleanup_strv_ char **paths = NULL;
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(dkms_conf_certificates(text, strlen(text), &paths), 0);
        joined = strv_join(paths, " ");
        ck_assert_str_eq(joined, "/var/lib/dkms/mok.pub /etc/keys/a.der /etc/keys/b.pem "
                                 "/etc/keys/c.der /last");
}
END_TEST

static void note(size_t tag, void *userdata) {
        buffer_printf(userdata, "%zu ", tag);
}

START_TEST(list_of_a_package_is_searched_for_whole_lines) {
        static const char text[] = "/.\n/usr/src\n/usr/src/zfs-2.1\n/usr/src/zfs-2.1/Makefile\n"
                                   "/lib/modules/1/x.ko";
        WantedPath wanted[] = { { (char *) "/usr/src/zfs-2.1", 1 },
                                { (char *) "/usr/src/zfs-2", 2 },
                                { (char *) "/lib/modules/1/x.ko", 3 },
                                { (char *) "/usr/src/zfs-2.1", 4 },
                                { (char *) "/usr/src/zfs-2.1/Makefile.am", 5 } };
        _cleanup_(buffer_done) Buffer found = {};
        _cleanup_free_ char *joined = NULL;

        package_list_sort(wanted, ELEMENTSOF(wanted));
        package_list_find(text, strlen(text), wanted, ELEMENTSOF(wanted), note, &found);
        ck_assert_int_eq(buffer_take(&found, &joined, NULL), 0);
        ck_assert(streq(joined, "1 4 3 ") || streq(joined, "4 1 3 "));
        package_list_sort(NULL, 0);
        package_list_find(text, strlen(text), NULL, 0, note, &found);
        ck_assert_uint_eq(found.size, 0);
}
END_TEST

START_TEST(name_of_a_list_is_that_of_its_package) {
        _cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;

        ck_assert_int_eq(package_list_name("zfs-dkms.list", &a), 0);
        ck_assert_str_eq(a, "zfs-dkms");
        ck_assert_int_eq(package_list_name("libc6:amd64.list", &b), 0);
        ck_assert_str_eq(b, "libc6");
        ck_assert_int_eq(package_list_name("zfs-dkms.md5sums", &c), -EINVAL);
        ck_assert_int_eq(package_list_name(".list", &c), -EINVAL);
}
END_TEST

CHECK_MAIN("module", signature_of_a_module_stands_before_its_trailer,
           what_has_no_trailer_is_not_signed, trailer_that_the_kernel_would_not_read_is_damage,
           module_is_known_by_its_name, plain_values_of_dkms_are_taken_and_nothing_is_run,
           list_of_a_package_is_searched_for_whole_lines, name_of_a_list_is_that_of_its_package)
