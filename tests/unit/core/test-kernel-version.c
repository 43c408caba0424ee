/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which strings are versions, and that their order is the boot loader's. */

#include "core/kernel/kernel-version.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

/* Oldest first. */
static const char *const real_kernels[] = {
        "4.15.18-30-pve",
        "5.15.158-2-pve",
        "6.1.0-9-amd64",
        "6.1.0-18-amd64",
        "6.1.0-18-cloud-amd64",
        "6.1.0-18-rt-amd64",
        "6.1.0-19-amd64",
        "6.2.16-20-pve",
        "6.5.13-6-pve",
        "6.8.0-rc1",
        "6.8.1-1-pve",
        "6.8.1-11-pve",
        "6.8.4-2-pve",
        "6.8.12-9-pve",
        "6.8.12-10-pve",
        "6.8.12-10-pve-debug",
        "6.11.11-2-pve",
        "6.12.22+deb12-amd64",
        "6.12.22+deb12-cloud-amd64",
        "6.12.22+deb13-amd64",
        "6.14.0-1-pve",
};

START_TEST(names_of_real_kernels_are_versions) {
        for (size_t i = 0; i < ELEMENTSOF(real_kernels); i++)
                ck_assert_msg(kernel_version_is_valid(real_kernels[i]), "%s", real_kernels[i]);
        ck_assert(kernel_version_is_valid("6.9~rc3-1-pve"));
        ck_assert(kernel_version_is_valid("6.8"));
        ck_assert(kernel_version_is_valid("6"));
        ck_assert(kernel_version_is_valid("5.10.0_custom"));
}
END_TEST

START_TEST(version_begins_with_a_digit) {
        static const char *const bad[] = { "v6.8", "-6.8", ".6.8", "~6", "+6", "_6", " 6", "old" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(!kernel_version_is_valid(bad[i]), "%s", bad[i]);
        ck_assert(!kernel_version_is_valid(""));
        ck_assert(!kernel_version_is_valid(NULL));
}
END_TEST

START_TEST(version_does_not_end_in_a_boot_counter) {
        ck_assert(!kernel_version_is_valid("6.9.0+3"));
        ck_assert(!kernel_version_is_valid("6.9.0+2-1"));
        ck_assert(!kernel_version_is_valid("6.12.22+deb12+10"));
        ck_assert(kernel_version_is_valid("6.9.0+"));
        ck_assert(kernel_version_is_valid("6.9.0+3a"));
        ck_assert(kernel_version_is_valid("6.9.0+a3"));
        ck_assert(kernel_version_is_valid("6.9.0+1-2-3"));
        ck_assert(kernel_version_is_valid("6.9.0+-3"));
        ck_assert(kernel_version_is_valid("6.9.0-1-3"));
}
END_TEST

START_TEST(version_holds_only_the_bytes_of_its_alphabet) {
        for (unsigned c = 1; c < 256; c++) {
                const char s[] = { '6', (char) c, 'x', '\0' };
                bool allowed = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '+' ||
                               c == '~' || c == '-';

                ck_assert_msg(kernel_version_is_valid(s) == allowed, "byte %u", c);
        }
}
END_TEST

START_TEST(names_of_leftover_files_are_no_versions) {
        static const char *const suffixes[] = {
                ".dpkg-new", ".dpkg-tmp", ".dpkg-old", ".dpkg-dist", ".dpkg-bak",
                ".new",      ".tmp",      ".bak",      ".old",       "~",
        };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                _cleanup_free_ char *end = strprintf("6.8.12-4-pve%s", suffixes[i]),
                                    *middle = strprintf("6.8.12-4-pve%s1", suffixes[i]);

                ck_assert_msg(!kernel_version_is_valid(end), "%s", end);
                ck_assert_msg(kernel_version_is_valid(middle), "%s", middle);
        }
        /* Not a suffix, but the end of a word. */
        ck_assert(kernel_version_is_valid("6.8-threshold"));
        ck_assert(kernel_version_is_valid("6new"));
}
END_TEST

START_TEST(version_has_at_most_128_bytes) {
        char s[KERNEL_VERSION_LENGTH_MAX + 2];
        _cleanup_free_ char *huge = malloc(1024 * 1024 + 1);

        memset(s, '6', sizeof(s));
        s[KERNEL_VERSION_LENGTH_MAX + 1] = '\0';
        ck_assert(!kernel_version_is_valid(s));
        s[KERNEL_VERSION_LENGTH_MAX] = '\0';
        ck_assert(kernel_version_is_valid(s));

        memset(huge, '6', 1024 * 1024);
        huge[1024 * 1024] = '\0';
        ck_assert(!kernel_version_is_valid(huge));
}
END_TEST

START_TEST(parsing_takes_just_the_bytes_given) {
        _cleanup_free_ char *version = NULL;

        ck_assert_int_eq(kernel_version_parse("6.8.12-4-pve", 6, &version), 0);
        ck_assert_str_eq(version, "6.8.12");
}
END_TEST

START_TEST(parsing_refuses_what_is_no_version) {
        char *version = (char *) "untouched";

        ck_assert_int_eq(kernel_version_parse("6.8\0pve", 7, &version), -EINVAL);
        ck_assert_int_eq(kernel_version_parse("6.8\0", 4, &version), -EINVAL);
        ck_assert_int_eq(kernel_version_parse("6.8 ", 4, &version), -EINVAL);
        ck_assert_int_eq(kernel_version_parse("6.8.new", 7, &version), -EINVAL);
        ck_assert_int_eq(kernel_version_parse("", 0, &version), -EINVAL);
        ck_assert_str_eq(version, "untouched");
}
END_TEST

static void assert_less(const char *a, const char *b) {
        ck_assert_msg(kernel_version_compare(a, b) < 0, "'%s' < '%s'", a, b);
        ck_assert_msg(kernel_version_compare(b, a) > 0, "'%s' > '%s'", b, a);
}

/* Neither sorts before the other whatever follows, so that only strcmp() tells them apart. */
static void assert_same_by_format(const char *a, const char *b) {
        _cleanup_free_ char *a1 = strprintf("%s-1", a), *a2 = strprintf("%s-2", a),
                            *b1 = strprintf("%s-1", b), *b2 = strprintf("%s-2", b);

        assert_less(a1, b2);
        assert_less(b1, a2);
        ck_assert_int_eq(kernel_version_compare(a, b) > 0, strcmp(a, b) > 0);
        ck_assert_int_eq(kernel_version_compare(a, b) < 0, strcmp(a, b) < 0);
}

START_TEST(order_is_that_of_the_specification) {
        static const char *const ascending[] = {
                "122.1",   "123~rc1-1", "123",     "123-a",   "123-a.1", "123-1",
                "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1",  "124-1",
        };

        for (size_t i = 0; i < ELEMENTSOF(ascending); i++) {
                ck_assert_int_eq(kernel_version_compare(ascending[i], ascending[i]), 0);
                for (size_t k = i + 1; k < ELEMENTSOF(ascending); k++)
                        assert_less(ascending[i], ascending[k]);
        }
}
END_TEST

START_TEST(examples_of_the_specification_hold) {
        assert_same_by_format("11", "11");
        assert_same_by_format("systemd-123", "systemd-123");
        assert_less("bar-123", "foo-123");
        assert_less("123", "123a");
        assert_less("123", "123.a");
        assert_less("123.a", "123.b");
        assert_less("123.a", "123a");
        assert_same_by_format("11\xce\xb1", "11\xce\xb2");
        assert_less("B", "a");
        assert_less("", "0");
        assert_less("0", "0.");
        assert_less("0", "0.0");
        assert_less("~", "0");
        assert_less("~", "");
        assert_same_by_format("1_", "1");
        assert_same_by_format("_1", "1");
        assert_less("1_", "1.2");
        assert_less("1.3.3", "1_2_3");
        assert_same_by_format("1+", "1");
        assert_same_by_format("+1", "1");
        assert_less("1+", "1.2");
        assert_less("1.3.3", "1+2+3");
}
END_TEST

START_TEST(numbers_of_any_length_are_compared) {
        _cleanup_free_ char *nines = malloc(1001), *one = malloc(1003);

        memset(nines, '9', 1000);
        nines[1000] = '\0';
        memset(one, '0', 1002);
        one[0] = '1';
        one[1001] = '\0';
        assert_less(nines, one);
        assert_less("18446744073709551615", "18446744073709551616");
        assert_same_by_format("6.008", "6.8");
        assert_same_by_format("6.0", "6.000");
        assert_less("6.09", "6.10");
}
END_TEST

START_TEST(number_sorts_after_letters_as_in_systemd_boot) {
        assert_less("6.8-a", "6.8-0");
        assert_less("6.8.z", "6.8.0");
}
END_TEST

START_TEST(what_follows_a_tilde_came_before) {
        assert_less("6.8~", "6.8");
        assert_less("6.8~", "6.8~~");
        assert_less("6.8~~", "6.8");
        assert_less("6.8~rc1", "6.8~rc2");
        assert_less("6.8~rc9-1-pve", "6.8-1-pve");
        assert_less("6.8+~1", "6.8+");
}
END_TEST

START_TEST(real_kernels_sort_by_age) {
        for (size_t i = 0; i < ELEMENTSOF(real_kernels); i++)
                for (size_t k = i + 1; k < ELEMENTSOF(real_kernels); k++)
                        assert_less(real_kernels[i], real_kernels[k]);
}
END_TEST

START_TEST(zero_means_equal_strings_only) {
        assert_less("6.08", "6.8");
        assert_less("6.8", "6.8+");
        assert_less("6.8", "6.8_");
        ck_assert_int_eq(kernel_version_compare("6.8_+", "6.8_+"), 0);
}
END_TEST

START_TEST(newest_first_is_the_reverse) {
        for (size_t i = 0; i < ELEMENTSOF(real_kernels); i++)
                for (size_t k = 0; k < ELEMENTSOF(real_kernels); k++)
                        ck_assert_int_eq(kernel_version_compare_newest_first(real_kernels[i],
                                                                             real_kernels[k]) < 0,
                                         k < i);
}
END_TEST

START_TEST(series_is_the_first_two_numbers) {
        static const struct {
                const char *version, *series;
        } cases[] = {
                { "6.8.12-4-pve", "6.8" }, { "6.12.22+deb12-amd64", "6.12" },
                { "6.8", "6.8" },          { "6.8rc1", "6.8" },
                { "6.8-1-pve", "6.8" },    { "10.20.30", "10.20" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *series = NULL;

                ck_assert_int_eq(kernel_version_series(cases[i].version, &series), 0);
                ck_assert_str_eq(series, cases[i].series);
        }
}
END_TEST

START_TEST(version_without_two_numbers_has_no_series) {
        static const char *const bad[] = { "", "6", "6.", "6.x", "6-8", "x.8", ".8", "6..8" };
        char *series = (char *) "untouched";

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                ck_assert_msg(kernel_version_series(bad[i], &series) == -EINVAL, "%s", bad[i]);
        ck_assert_str_eq(series, "untouched");
}
END_TEST

CHECK_MAIN("kernel-version", names_of_real_kernels_are_versions, version_begins_with_a_digit,
           version_does_not_end_in_a_boot_counter, version_holds_only_the_bytes_of_its_alphabet,
           names_of_leftover_files_are_no_versions, version_has_at_most_128_bytes,
           parsing_takes_just_the_bytes_given, parsing_refuses_what_is_no_version,
           order_is_that_of_the_specification, examples_of_the_specification_hold,
           numbers_of_any_length_are_compared, number_sorts_after_letters_as_in_systemd_boot,
           what_follows_a_tilde_came_before, real_kernels_sort_by_age,
           zero_means_equal_strings_only, newest_first_is_the_reverse,
           series_is_the_first_two_numbers, version_without_two_numbers_has_no_series)
