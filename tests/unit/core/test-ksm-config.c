/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What KSM is to be at the next boot is one file of one spelling. */

#include "core/ksm-config.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static KsmConfig parse(const char *text, size_t size) {
        KsmConfig c = { .run = true };

        ck_assert_int_eq(ksm_config_parse(text, size, &c), 0);
        return c;
}

static void assert_same(const char *text) {
        _cleanup_(ksm_config_done) KsmConfig c = parse(text, strlen(text));
        _cleanup_free_ char *again = NULL;

        ck_assert_int_eq(ksm_config_format(&c, &again), 0);
        ck_assert_str_eq(again, text);
}

START_TEST(what_is_written_is_read_again) {
        _cleanup_(ksm_config_done) KsmConfig c = { .run = true };
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "scan-time"), 0);
        ck_assert_int_eq(ksm_config_format(&c, &text), 0);
        ck_assert_str_eq(text, "v1\nrun=1\nadvisor_mode=scan-time\nsleep_millisecs=50\n");
        assert_same(text);
        assert_same("v1\nrun=1\n");
        assert_same("v1\nsmart_scan=0\n");
}
END_TEST

START_TEST(where_nothing_is_to_be_remembered_there_is_no_text) {
        const KsmConfig c = {};
        char *text = (char *) "";

        ck_assert_int_eq(ksm_config_format(&c, &text), 0);
        ck_assert_ptr_null(text);
}
END_TEST

START_TEST(file_with_one_odd_line_counts_as_empty) {
        static const char *const texts[] = {
                "",
                "v1",
                "v1\n",
                "v2\nrun=1\n",
                "run=1\n",
                "v1\nrun=1",
                "v1\r\nrun=1\r\n",
                "v1\nrun=0\n",
                "v1\nrun=2\n",
                "v1\nrun=1\nrun=1\n",
                "v1\nsmart_scan=0\nrun=1\n",
                "v1\nsmart_scan=0\nsmart_scan=1\n",
                "v1\nsmart_scan=0\npages_to_scan=7\n",
                "v1\nsmart_scan\n",
                "v1\nsmart_scan=\n",
                "v1\n=0\n",
                "v1\n\nrun=1\n",
                "v1\nsmart scan=0\n",
                "v1\n../run=2\n",
                "v1\nadvisor_mode=[none]\n",
                "v1\nsmart_scan=\x1b[2J\n",
                "v1\nrun=1\n#\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(ksm_config_done) KsmConfig c = parse(texts[i], strlen(texts[i]));

                ck_assert_msg(!c.run && c.tunables.n == 0, "case %zu", i);
        }
}
END_TEST

START_TEST(hostile_files_count_as_empty) {
        static const char nul[] = "v1\nrun=1\nsmart_scan=0\0\n";
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(ksm_config_done) KsmConfig with_nul = parse(nul, sizeof(nul) - 1);
        _cleanup_(ksm_config_done) KsmConfig c = {};
        Buffer b = {};
        char *flood;
        size_t size;

        memset(large, '7', 1024 * 1024);
        memcpy(large, "v1\na=", 5);
        c = parse(large, 1024 * 1024);
        ck_assert_uint_eq(c.tunables.n + with_nul.tunables.n, 0);
        ck_assert(!c.run && !with_nul.run);

        buffer_puts(&b, "v1\n");
        for (unsigned i = 0; i <= KSM_ATTRIBUTES_MAX; i++)
                buffer_printf(&b, "a%03u=1\n", i);
        ck_assert_int_eq(buffer_take(&b, &flood, &size), 0);
        c = parse(flood, size);
        free(flood);
        ck_assert_uint_eq(c.tunables.n, 0);
}
END_TEST

START_TEST(setting_is_added_or_replaced) {
        _cleanup_(ksm_config_done) KsmConfig c = {};

        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "60"), 0);
        ck_assert_uint_eq(c.tunables.n, 1);
        ck_assert_str_eq(ksm_attributes_get(&c.tunables, "sleep_millisecs"), "60");
}
END_TEST

START_TEST(other_advisor_makes_the_number_of_pages_void) {
        _cleanup_(ksm_config_done) KsmConfig c = {};

        ck_assert_int_eq(ksm_config_set(&c, "pages_to_scan", "1000"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "scan-time"), 0);
        ck_assert_ptr_null(ksm_attributes_get(&c.tunables, "pages_to_scan"));
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "none"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "pages_to_scan", "1000"), 0);
        ck_assert_uint_eq(c.tunables.n, 2);
}
END_TEST

CHECK_MAIN("ksm-config", what_is_written_is_read_again,
           where_nothing_is_to_be_remembered_there_is_no_text,
           file_with_one_odd_line_counts_as_empty, hostile_files_count_as_empty,
           setting_is_added_or_replaced, other_advisor_makes_the_number_of_pages_void)
