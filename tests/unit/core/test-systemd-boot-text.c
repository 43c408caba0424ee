/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loader entries, of which all is ours, and loader.conf, where one value is ours and every other
 * byte is the administrator's. */

#include "core/systemd-boot/systemd-boot-text.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

START_TEST(entry_has_five_keys_in_order) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(boot_entry_render("Proxmox Virtual Environment", "6.8.12-4-pve",
                                           "root=ZFS=rpool/ROOT/pve-1 boot=zfs", &text),
                         0);
        ck_assert_str_eq(text, "title    Proxmox Virtual Environment\n"
                               "version  6.8.12-4-pve\n"
                               "options  root=ZFS=rpool/ROOT/pve-1 boot=zfs\n"
                               "linux    /EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve\n"
                               "initrd   /EFI/proxmox/6.8.12-4-pve/initrd.img-6.8.12-4-pve\n");
}
END_TEST

START_TEST(entry_without_options_has_no_such_line) {
        _cleanup_free_ char *a = NULL, *b = NULL;

        ck_assert_int_eq(boot_entry_render("T", "6.8", NULL, &a), 0);
        ck_assert_int_eq(boot_entry_render("T", "6.8", "", &b), 0);
        ck_assert_str_eq(a, b);
        ck_assert_ptr_null(strstr(a, "options"));
}
END_TEST

START_TEST(rendered_entry_is_read_back) {
        _cleanup_(boot_entry_done) BootEntry e = {};
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(boot_entry_render("T \xc3\xa4", "6.8", "root=/dev/sda1 x=\"a b\"", &text),
                         0);
        ck_assert_int_eq(boot_entry_parse(text, strlen(text), &e), 0);
        ck_assert_str_eq(e.title, "T \xc3\xa4");
        ck_assert_str_eq(e.version, "6.8");
        ck_assert_str_eq(e.options, "root=/dev/sda1 x=\"a b\"");
        ck_assert_str_eq(e.image, "/EFI/proxmox/6.8/vmlinuz-6.8");
        ck_assert_str_eq(e.initrd, "/EFI/proxmox/6.8/initrd.img-6.8");
}
END_TEST

START_TEST(repeated_options_are_joined_and_other_keys_replaced) {
        static const char text[] = "options a\r\ntitle first\noptions  b c\n# options no\n"
                                   "title second\rmachine-id 1\noptions\noptions d";
        _cleanup_(boot_entry_done) BootEntry e = {};

        ck_assert_int_eq(boot_entry_parse(text, strlen(text), &e), 0);
        ck_assert_str_eq(e.options, "a b c d");
        ck_assert_str_eq(e.title, "second");
        ck_assert_ptr_null(e.version);
        ck_assert_ptr_null(e.image);
        ck_assert_ptr_null(e.initrd);
}
END_TEST

START_TEST(empty_text_is_an_entry_without_keys) {
        BootEntry e = { .title = (char *) 0x1 };

        ck_assert_int_eq(boot_entry_parse("", 0, &e), 0);
        ck_assert_ptr_null(e.title);
}
END_TEST

START_TEST(text_with_nul_bytes_is_refused) {
        BootEntry e = { .title = (char *) 0x1 };

        ck_assert_int_eq(boot_entry_parse("title a\0\n", 9, &e), -EBADMSG);
        ck_assert_int_eq(boot_entry_parse("\0", 1, &e), -EBADMSG);
        ck_assert_ptr_eq(e.title, (char *) 0x1);
}
END_TEST

START_TEST(options_of_a_megabyte_are_kept) {
        _cleanup_(boot_entry_done) BootEntry e = {};
        _cleanup_free_ char *text = malloc(1024 * 1024);

        memset(text, 'x', 1024 * 1024);
        memcpy(text, "options ", 8);
        ck_assert_int_eq(boot_entry_parse(text, 1024 * 1024, &e), 0);
        ck_assert_uint_eq(strlen(e.options), 1024 * 1024 - 8);
}
END_TEST

START_TEST(rendered_options_are_read_as_they_were_given) {
        static const char *const options[] = {
                "root=a",         "root=a x=\"b c\"", "\"root=a b\" quiet", "\"root=a\" \"x y\"",
                "\"root=a\"",     " root=a",          "root=a\t",           "\"",
                "\"\"root=a\"\"",
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_(boot_entry_done) BootEntry entry = {};
                _cleanup_free_ char *text = NULL;

                ck_assert_int_eq(boot_entry_render("T", "6.8", options[i], &text), 0);
                ck_assert_int_eq(boot_entry_parse(text, strlen(text), &entry), 0);
                ck_assert_str_eq(entry.options, options[i]);
        }
}
END_TEST

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

/* Lines as systemd-boot splits them. */

START_TEST(key_and_value_are_split_at_blanks) {
        assert_default("default 3", "3");
        assert_default("default \t root=/dev/sda1  ro \t\n", "root=/dev/sda1  ro");
        assert_default("  default\tProxmox Virtual Environment\r\n", "Proxmox Virtual Environment");
        assert_default("default b\r", "b");
}
END_TEST

START_TEST(comments_blanks_and_lone_keys_have_no_key) {
        assert_default("# default x", NULL);
        assert_default(" \t#default x\n", NULL);
        assert_default("\n", NULL);
        assert_default(" \t \r\n", NULL);
        assert_default("default", NULL);
        assert_default("default \n", NULL);
}
END_TEST

START_TEST(hash_in_a_value_is_no_comment) {
        assert_default("default a #1", "a #1");
}
END_TEST

START_TEST(double_quotes_around_a_value_are_cut) {
        assert_default("default \"a b\"\n", "a b");
        assert_default("default \"\"", "");
        assert_default("default \"", "");
        assert_default("default \"a", "\"a");
        assert_default("default a\"", "a\"");
        assert_default("default 'a'", "'a'");
}
END_TEST

START_TEST(keys_are_compared_whole_and_with_case) {
        assert_default("default x", "x");
        assert_default("Default x", NULL);
        assert_default("defaul x", NULL);
        assert_default("defaults x", NULL);
}
END_TEST

START_TEST(lines_add_up_to_the_text) {
        static const char text[] = "a 1\r\n\r\rb 2\n\n\rc 3\nd 4";
        _cleanup_free_ char *new = NULL;

        ck_assert_int_eq(loader_conf_render(text, "6.8", &new), 0);
        ck_assert_ptr_nonnull(startswith(new, text));
        ck_assert_str_eq(new + strlen(text), "\ndefault proxmox-6.8.conf\n");
        assert_default("default a\rdefault b", "b");
        assert_default("default a\r\ndefault b", "b");
        assert_default("default a\n\rdefault b", "b");
        assert_default("default a\r\rdefault b", "b");
}
END_TEST

START_TEST(empty_text_has_no_lines) {
        assert_default("", NULL);
}
END_TEST

START_TEST(line_of_a_megabyte_is_one_line) {
        _cleanup_free_ char *text = malloc(1024 * 1024 + 1);

        memset(text, ' ', 1024 * 1024);
        memcpy(text, "default", strlen("default"));
        text[1024 * 1024 - 1] = 'b';
        text[1024 * 1024] = '\0';
        assert_default(text, "b");
}
END_TEST

CHECK_MAIN("systemd-boot-text", entry_has_five_keys_in_order,
           entry_without_options_has_no_such_line, rendered_entry_is_read_back,
           repeated_options_are_joined_and_other_keys_replaced, empty_text_is_an_entry_without_keys,
           text_with_nul_bytes_is_refused, options_of_a_megabyte_are_kept,
           rendered_options_are_read_as_they_were_given, key_and_value_are_split_at_blanks,
           comments_blanks_and_lone_keys_have_no_key, hash_in_a_value_is_no_comment,
           double_quotes_around_a_value_are_cut, keys_are_compared_whole_and_with_case,
           lines_add_up_to_the_text, empty_text_has_no_lines, line_of_a_megabyte_is_one_line,
           last_default_counts, lines_that_systemd_boot_ignores_do_not_count,
           new_file_has_timeout_and_default, pin_is_set_and_taken_back_in_place,
           other_bytes_of_the_administrator_stay, missing_default_is_appended,
           later_defaults_are_dropped, own_default_of_the_administrator_stays_without_a_pin,
           nothing_is_rewritten_where_nothing_has_to_change, old_pin_in_any_case_is_taken_back,
           large_file_is_copied)
