/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* loader.conf: one value is ours, every other byte is the administrator's. */

#include "core/loader-conf.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static void assert_default(const char *text, const char *expect) {
        _cleanup_free_ char *value = NULL;

        ck_assert_int_eq(loader_conf_default(text, &value), 0);
        ck_assert_msg(streq_ptr(value, expect), "'%s' gave '%s'", text, strempty(value));
}

static void assert_render(const char *old, const char *version, const char *expect) {
        _cleanup_free_ char *text = NULL, *again = NULL;

        ck_assert_int_eq(loader_conf_render(old, version, &text), 0);
        ck_assert_str_eq(text, expect);
        ck_assert_int_eq(loader_conf_render(text, version, &again), 0);
        ck_assert_str_eq(again, expect);
}

START_TEST(last_default_counts) {
        assert_default("default a\ntimeout 3\ndefault b\n", "b");
        assert_default("default a\r\n", "a");
        assert_default("\tdefault \"a b\" ", "a b");
        assert_default("default @saved\n", "@saved");
}
END_TEST

START_TEST(lines_that_systemd_boot_ignores_do_not_count) {
        assert_default("", NULL);
        assert_default("timeout 3\n", NULL);
        assert_default("#default a\n", NULL);
        assert_default("Default a\n", NULL);
        assert_default("defaulta\n", NULL);
        assert_default("default a\ndefault\n", "a");
        assert_default("default a\ndefault @bogus\n", "a");
        assert_default("default a\ndefault @SAVED\n", "@SAVED");
        assert_default("default a\ndefault @saved2\n", "a");
}
END_TEST

START_TEST(new_file_has_timeout_and_default) {
        assert_render(NULL, NULL, "timeout 3\ndefault proxmox-*\n");
        assert_render(NULL, "6.8.12-4-pve", "timeout 3\ndefault proxmox-6.8.12-4-pve.conf\n");
}
END_TEST

START_TEST(pin_is_set_and_taken_back_in_place) {
        assert_render("timeout 3\ndefault proxmox-*\neditor no\n", "6.5",
                      "timeout 3\ndefault proxmox-6.5.conf\neditor no\n");
        assert_render("timeout 3\ndefault proxmox-6.5.conf\neditor no\n", NULL,
                      "timeout 3\ndefault proxmox-*\neditor no\n");
        assert_render("default proxmox-6.5.conf\n", "6.8", "default proxmox-6.8.conf\n");
}
END_TEST

START_TEST(other_bytes_of_the_administrator_stay) {
        assert_render("# mine\r\n\r\n  timeout\t10  \r\ndefault proxmox-*\r\nconsole-mode max",
                      "6.5",
                      "# mine\r\n\r\n  timeout\t10  \r\ndefault proxmox-6.5.conf\r\nconsole-mode "
                      "max");
        assert_render("default x\rtimeout 1\r", "6.5", "default proxmox-6.5.conf\rtimeout 1\r");
        assert_render("timeout 1\ndefault x", "6.5", "timeout 1\ndefault proxmox-6.5.conf");
        assert_render("\xff\xfe\x01\ndefault x\n", "6.5",
                      "\xff\xfe\x01\ndefault proxmox-6.5.conf\n");
}
END_TEST

START_TEST(missing_default_is_appended) {
        assert_render("", NULL, "default proxmox-*\n");
        assert_render("timeout 5\n", NULL, "timeout 5\ndefault proxmox-*\n");
        assert_render("timeout 5", NULL, "timeout 5\ndefault proxmox-*\n");
        assert_render("timeout 5\r\n", "6.5", "timeout 5\r\ndefault proxmox-6.5.conf\n");
        assert_render("#default a\ndefault\ndefault @bogus\n", "6.5",
                      "#default a\ndefault\ndefault @bogus\ndefault proxmox-6.5.conf\n");
        assert_render("default \"\"\n", NULL, "default proxmox-*\n");
}
END_TEST

START_TEST(later_defaults_are_dropped) {
        assert_render("default a\ntimeout 3\ndefault b\r\n\ndefault c", "6.5",
                      "default proxmox-6.5.conf\ntimeout 3\n\n");
}
END_TEST

START_TEST(own_default_of_the_administrator_stays_without_a_pin) {
        assert_render("default windows.conf\n", NULL, "default windows.conf\n");
        assert_render("default @saved\n", NULL, "default @saved\n");
        assert_render("default proxmox-*\ndefault windows.conf\n", NULL,
                      "default proxmox-*\ndefault windows.conf\n");
        assert_render("default windows.conf\n", "6.5", "default proxmox-6.5.conf\n");
}
END_TEST

START_TEST(nothing_is_rewritten_where_nothing_has_to_change) {
        static const char *const texts[] = {
                "default   \"proxmox-*\"\t\r\n",
                "default x\ndefault proxmox-*",
                "default Proxmox-*\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_render(texts[i], NULL, texts[i]);
        assert_render("default PROXMOX-6.5-pve.conf", "6.5-pve", "default PROXMOX-6.5-pve.conf");
}
END_TEST

START_TEST(old_pin_in_any_case_is_taken_back) {
        assert_render("default Proxmox-6.5.conf\n", NULL, "default proxmox-*\n");
}
END_TEST

START_TEST(large_file_is_copied) {
        _cleanup_free_ char *old = malloc(1024 * 1024 + 1), *text = NULL;

        memset(old, '#', 1024 * 1024);
        old[1024 * 1024] = '\0';
        ck_assert_int_eq(loader_conf_render(old, NULL, &text), 0);
        ck_assert_uint_eq(strlen(text), 1024 * 1024 + strlen("\ndefault proxmox-*\n"));
        ck_assert_mem_eq(text, old, 1024 * 1024);
}
END_TEST

CHECK_MAIN("loader-conf", last_default_counts, lines_that_systemd_boot_ignores_do_not_count,
           new_file_has_timeout_and_default, pin_is_set_and_taken_back_in_place,
           other_bytes_of_the_administrator_stay, missing_default_is_appended,
           later_defaults_are_dropped, own_default_of_the_administrator_stays_without_a_pin,
           nothing_is_rewritten_where_nothing_has_to_change, old_pin_in_any_case_is_taken_back,
           large_file_is_copied)
