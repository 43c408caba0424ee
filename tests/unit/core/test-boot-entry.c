/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names on the ESP and the text of loader entries. */

#include "core/boot-entry.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static void assert_and_free(char *path, const char *expect) {
        ck_assert_str_eq(path, expect);
        free(path);
}

START_TEST(paths_are_those_of_the_existing_layout) {
        assert_and_free(esp_kernel_dir("6.8.12-4-pve"), "EFI/proxmox/6.8.12-4-pve");
        assert_and_free(esp_kernel_path("6.8.12-4-pve", KERNEL_FILE_IMAGE),
                        "EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve");
        assert_and_free(esp_kernel_path("6.8.12-4-pve", KERNEL_FILE_INITRD),
                        "EFI/proxmox/6.8.12-4-pve/initrd.img-6.8.12-4-pve");
        assert_and_free(esp_entry_path("6.8.12-4-pve"), "loader/entries/proxmox-6.8.12-4-pve.conf");
        assert_and_free(boot_source_path("6.8.12-4-pve", KERNEL_FILE_IMAGE),
                        "boot/vmlinuz-6.8.12-4-pve");
        assert_and_free(boot_source_path("6.8.12-4-pve", KERNEL_FILE_INITRD),
                        "boot/initrd.img-6.8.12-4-pve");
}
END_TEST

static void assert_version(const char *path, const char *version, bool counted) {
        _cleanup_free_ char *v = NULL;
        bool c = !counted;

        ck_assert_msg(esp_entry_version(path, &v, &c) == 0, "%s", path);
        ck_assert_str_eq(v, version);
        ck_assert(c == counted);
}

static void assert_root_version(const char *path, const char *expect) {
        ck_assert_msg(streq_ptr(grub_path_version(path), expect), "%s", path);
}

START_TEST(kernels_of_grub_are_in_the_root) {
        _cleanup_free_ char *image = grub_kernel_path("6.8.12-4-pve", KERNEL_FILE_IMAGE);
        _cleanup_free_ char *initrd = grub_kernel_path("6.8.12-4-pve", KERNEL_FILE_INITRD);

        ck_assert_str_eq(image, "vmlinuz-6.8.12-4-pve");
        ck_assert_str_eq(initrd, "initrd.img-6.8.12-4-pve");
        assert_root_version(image, "6.8.12-4-pve");
        assert_root_version(initrd, "6.8.12-4-pve");
        assert_root_version("vmlinuz", NULL);
        assert_root_version("vmlinuz-", NULL);
        assert_root_version("vmlinuz-pve", NULL);
        assert_root_version("vmlinuz-6.8.new", NULL);
        assert_root_version("vmlinuz-6.8/x", NULL);
        assert_root_version("initrd-6.8", NULL);
        assert_root_version("boot/vmlinuz-6.8", NULL);
}
END_TEST

START_TEST(version_is_read_from_our_entries) {
        assert_version("loader/entries/proxmox-6.8.12-4-pve.conf", "6.8.12-4-pve", false);
        assert_version("loader/entries/proxmox-6.1.0-27-amd64.conf", "6.1.0-27-amd64", false);
}
END_TEST

START_TEST(boot_counter_is_not_part_of_the_version) {
        assert_version("loader/entries/proxmox-6.8.12-4-pve+3.conf", "6.8.12-4-pve", true);
        assert_version("loader/entries/proxmox-6.8.12-4-pve+2-1.conf", "6.8.12-4-pve", true);
        assert_version("loader/entries/proxmox-6.8.12-4-pve+0-3.conf", "6.8.12-4-pve", true);
        assert_version("loader/entries/proxmox-6.12.9+bpo-amd64+3.conf", "6.12.9+bpo-amd64", true);
}
END_TEST

START_TEST(plus_without_a_counter_is_part_of_the_version) {
        assert_version("loader/entries/proxmox-6.12.9+bpo-amd64.conf", "6.12.9+bpo-amd64", false);
        assert_version("loader/entries/proxmox-6.12+3-.conf", "6.12+3-", false);
        assert_version("loader/entries/proxmox-6.12+3-1-1.conf", "6.12+3-1-1", false);
}
END_TEST

START_TEST(other_names_are_not_ours) {
        static const char *const other[] = {
                "",
                "loader/entries",
                "loader/entries/",
                "loader/entries/proxmox-.conf",
                "loader/entries/proxmox-+3.conf",
                "loader/entries/proxmox-6.8+3+3.conf",
                "loader/entries/proxmox-6.8+2147483648.conf",
                "loader/entries/proxmox-6.8+1-99999999999999999999.conf",
                "loader/entries/proxmox-6.8",
                "loader/entries/proxmox-6.8.conf.new",
                "loader/entries/proxmox-6.8.CONF",
                "loader/entries/Proxmox-6.8.conf",
                "loader/entries/debian-6.8.conf",
                "loader/entries/proxmox-memtest.conf",
                "loader/entries/proxmox-6.8/x.conf",
                "loader/entries/sub/proxmox-6.8.conf",
                "loader/entries/proxmox-6.8 .conf",
                "/loader/entries/proxmox-6.8.conf",
                "proxmox-6.8.conf",
                "proxmox-6.8+3.conf",
        };

        for (size_t i = 0; i < ELEMENTSOF(other); i++) {
                char *v = (char *) 0x1;

                ck_assert_msg(esp_entry_version(other[i], &v, NULL) == -EINVAL, "%s", other[i]);
                ck_assert_ptr_eq(v, (char *) 0x1);
        }
}
END_TEST

START_TEST(counted_may_be_left_out) {
        _cleanup_free_ char *v = NULL;

        ck_assert_int_eq(esp_entry_version("loader/entries/proxmox-6.8+1.conf", &v, NULL), 0);
        ck_assert_str_eq(v, "6.8");
}
END_TEST

START_TEST(tries_left_are_told) {
        uint64_t left = 99;
        const char *name = "a+b+3-1.conf";

        ck_assert_ptr_eq(boot_entry_counter(name, &left), name + 3);
        ck_assert_uint_eq(left, 3);
        ck_assert_ptr_nonnull(boot_entry_counter("a+0-3.conf", &left));
        ck_assert_uint_eq(left, 0);
        ck_assert_ptr_null(boot_entry_counter("a.conf", &left));
        ck_assert_ptr_null(boot_entry_counter("a+.conf", &left));
        ck_assert_ptr_null(boot_entry_counter("a+5", &left));
        ck_assert_ptr_null(boot_entry_counter("a+5.CONF", &left));
        ck_assert_ptr_null(boot_entry_counter("a+-5.conf", &left));
        ck_assert_uint_eq(left, 0);
}
END_TEST

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

CHECK_MAIN("boot-entry", rendered_options_are_read_as_they_were_given,
           paths_are_those_of_the_existing_layout, kernels_of_grub_are_in_the_root,
           version_is_read_from_our_entries, boot_counter_is_not_part_of_the_version,
           plus_without_a_counter_is_part_of_the_version, other_names_are_not_ours,
           counted_may_be_left_out, tries_left_are_told, entry_has_five_keys_in_order,
           entry_without_options_has_no_such_line, rendered_entry_is_read_back,
           repeated_options_are_joined_and_other_keys_replaced, empty_text_is_an_entry_without_keys,
           text_with_nul_bytes_is_refused, options_of_a_megabyte_are_kept)
