/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A name means one ESP, by whatever people call it, or none. */

#include "core/esp/esp-lookup.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static const EspNames esps[] = {
        { "AAAA-0001", "0815abcd-01", "/dev/sda2" },
        { "AAAB-0002", "0815abcd-02", "/dev/sdb2" },
        { "BBBB-0003", "", "/dev/disk/by-uuid/BBBB-0003" },
        { "5DA2-0004", NULL, "" },
};

#define NONE SIZE_MAX

static size_t find(const char *name) {
        _cleanup_error_ Error error = {};
        size_t found = NONE;
        int r = esp_lookup(esps, ELEMENTSOF(esps), name, &found, &error);

        ck_assert(r == 0 ? found < ELEMENTSOF(esps) && !error_is_set(&error)
                         : found == NONE && error.code == ERROR_NO_SUCH_ESP);
        return found;
}

START_TEST(uuid_and_partuuid_count_in_any_case) {
        ck_assert_uint_eq(find("AAAA-0001"), 0);
        ck_assert_uint_eq(find("aaab-0002"), 1);
        ck_assert_uint_eq(find("0815ABCD-02"), 1);
        ck_assert_uint_eq(find("0815abcd-01"), 0);
}
END_TEST

START_TEST(device_counts_with_dev_and_without_and_in_its_own_case_only) {
        ck_assert_uint_eq(find("/dev/sda2"), 0);
        ck_assert_uint_eq(find("sdb2"), 1);
        ck_assert_uint_eq(find("/dev/disk/by-uuid/BBBB-0003"), 2);
        ck_assert_uint_eq(find("SDA2"), NONE);
        ck_assert_uint_eq(find("/dev/sda"), NONE);
        ck_assert_uint_eq(find("dev/sda2"), NONE);
}
END_TEST

START_TEST(beginning_of_one_uuid_alone_counts_from_two_characters_on) {
        ck_assert_uint_eq(find("bb"), 2);
        ck_assert_uint_eq(find("aaaB"), 1);
        ck_assert_uint_eq(find("5da2-"), 3);
        ck_assert_uint_eq(find("b"), NONE);
        ck_assert_uint_eq(find("AAAA-00011"), NONE);
        ck_assert_uint_eq(find("0815"), NONE); /* that of a PARTUUID */
}
END_TEST

START_TEST(beginning_of_several_names_them_and_means_none) {
        _cleanup_error_ Error error = {};
        size_t found = NONE;

        ck_assert_int_lt(esp_lookup(esps, ELEMENTSOF(esps), "aAa", &found, &error), 0);
        ck_assert_int_eq(error.code, ERROR_NO_SUCH_ESP);
        ck_assert_str_eq(error.message, "'aAa' may mean more than one ESP: 'AAAA-0001', "
                                        "'AAAB-0002'; name it by its UUID");
        ck_assert_uint_eq(found, NONE);
}
END_TEST

START_TEST(surer_name_wins_and_two_that_are_as_sure_mean_none) {
        static const EspNames rivals[] = {
                { "CAFE-0001", "twin", "/dev/cafe" },
                { "CAFE-0002", "twin", "/dev/sdb2" },
                { "CA", "", "" },
        };
        size_t found = NONE;

        ck_assert_int_eq(esp_lookup(rivals, ELEMENTSOF(rivals), "cafe", &found, NULL), 0);
        ck_assert_uint_eq(found, 0);
        ck_assert_int_eq(esp_lookup(rivals, ELEMENTSOF(rivals), "ca", &found, NULL), 0);
        ck_assert_uint_eq(found, 2);
        ck_assert_int_lt(esp_lookup(rivals, ELEMENTSOF(rivals), "twin", &found, NULL), 0);
}
END_TEST

START_TEST(unknown_name_is_told_those_that_there_are) {
        _cleanup_error_ Error error = {}, one = {}, none = {};
        size_t found;

        ck_assert_int_lt(esp_lookup(esps, ELEMENTSOF(esps), "CCCC-0001", &found, &error), 0);
        ck_assert_str_eq(error.message,
                         "There is no ESP 'CCCC-0001' on /etc/kernel/proxmox-boot-uuids; there are "
                         "'AAAA-0001 on /dev/sda2', 'AAAB-0002 on /dev/sdb2', "
                         "'BBBB-0003 on /dev/disk/by-uuid/BBBB-0003', '5DA2-0004', see "
                         "'bootctl-pve esp list'");
        ck_assert_int_lt(esp_lookup(esps, 1, "x", &found, &one), 0);
        ck_assert_ptr_nonnull(strstr(one.message, "; there is 'AAAA-0001 on /dev/sda2', see"));
        ck_assert_int_lt(esp_lookup(NULL, 0, "aa", &found, &none), 0);
        ck_assert_int_eq(none.code, ERROR_NO_SUCH_ESP);
        ck_assert_ptr_nonnull(strstr(none.message, "none at all"));
}
END_TEST

START_TEST(hostile_name_means_none_and_is_not_repeated_as_it_came) {
        static const char *const names[] = { "",          "..",        "/",
                                             "/dev/",     "../../etc", "\x1b[31m",
                                             "\n",        "\xff\xfe",  "AAAA-0001\n",
                                             " AAAA-0001" };
        _cleanup_error_ Error error = {};
        _cleanup_free_ char *huge = NULL;
        size_t found;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_uint_eq(find(names[i]), NONE);
        huge = malloc(1024 * 1024 + 1);
        ck_assert_ptr_nonnull(huge);
        memset(huge, 'A', 1024 * 1024);
        huge[1024 * 1024] = '\0';
        memcpy(huge, "\x1b[2J", 4);
        ck_assert_int_lt(esp_lookup(esps, ELEMENTSOF(esps), huge, &found, &error), 0);
        ck_assert_uint_lt(strlen(error.message), 512);
        ck_assert_ptr_null(strchr(error.message, '\x1b'));
}
END_TEST

CHECK_MAIN("esp-lookup", uuid_and_partuuid_count_in_any_case,
           device_counts_with_dev_and_without_and_in_its_own_case_only,
           beginning_of_one_uuid_alone_counts_from_two_characters_on,
           beginning_of_several_names_them_and_means_none,
           surer_name_wins_and_two_that_are_as_sure_mean_none,
           unknown_name_is_told_those_that_there_are,
           hostile_name_means_none_and_is_not_repeated_as_it_came)
