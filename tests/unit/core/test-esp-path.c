/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The paths of kernels and entries on an ESP. */

#include "core/loader/esp-path.h"

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

CHECK_MAIN("esp-path", paths_are_those_of_the_existing_layout, version_is_read_from_our_entries,
           boot_counter_is_not_part_of_the_version, plus_without_a_counter_is_part_of_the_version,
           other_names_are_not_ours, counted_may_be_left_out, tries_left_are_told)
