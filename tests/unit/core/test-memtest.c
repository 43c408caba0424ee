/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of Memtest86+: which are ours, and what they must not be taken for. */

#include "core/loader/esp-path.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "core/grub/grub-config.h"
#include "core/grub/grub-loader.h"
#include "tests/unit/check-main.h"

static const char *memtest_path(MemtestFile file) {
        return loader_of(ESP_LOADER_SYSTEMD_BOOT)->memtest_path(file);
}

START_TEST(names_are_those_of_the_package) {
        ck_assert_str_eq(memtest_file_name(MEMTEST_EFI), "memtest86+x64.efi");
        ck_assert_str_eq(memtest_file_name(MEMTEST_BIN), "memtest86+x64.bin");
        ck_assert_str_eq(memtest_source_path(MEMTEST_EFI), "boot/memtest86+x64.efi");
        ck_assert_str_eq(memtest_source_path(MEMTEST_BIN), "boot/memtest86+x64.bin");
        ck_assert_str_eq(memtest_path(MEMTEST_EFI), "EFI/proxmox/memtest86+x64.efi");
        ck_assert_ptr_null(memtest_path(MEMTEST_BIN));
        ck_assert_str_eq(ESP_MEMTEST_ENTRY, "loader/entries/memtest86+x64.conf");
}
END_TEST

START_TEST(only_exact_paths_are_ours) {
        static const char *const others[] = {
                "",
                "memtest86+.bin",
                "memtest86+x64.efi.old",
                "MEMTEST86+X64.EFI",
                "memtest86+ia32.efi",
                "EFI/memtest86+x64.efi",
                "EFI/proxmox/memtest86+x64.bin",
                "EFI/proxmox/6.8/memtest86+x64.efi",
                ESP_MEMTEST_ENTRY,
        };

        ck_assert(esp_path_is_memtest("memtest86+x64.efi"));
        ck_assert(esp_path_is_memtest("memtest86+x64.bin"));
        ck_assert(esp_path_is_memtest("EFI/proxmox/memtest86+x64.efi"));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                ck_assert_msg(!esp_path_is_memtest(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(what_is_staged_is_a_leftover) {
        ck_assert(esp_path_is_leftover("memtest86+x64.bin.new"));
        ck_assert(esp_path_is_leftover("EFI/proxmox/memtest86+x64.efi.new"));
        ck_assert(esp_path_is_leftover(ESP_MEMTEST_ENTRY ".new"));
        ck_assert(!esp_path_is_leftover("memtest86+ia32.efi.new"));
}
END_TEST

START_TEST(entry_is_neither_counted_nor_one_of_a_kernel) {
        _cleanup_free_ char *version = NULL;

        ck_assert_ptr_null(boot_entry_counter("memtest86+x64.conf", NULL));
        ck_assert_int_eq(esp_entry_version(ESP_MEMTEST_ENTRY, &version, NULL), -EINVAL);
        ck_assert_ptr_null(grub_path_version("memtest86+x64.bin"));
}
END_TEST

START_TEST(entry_leads_to_the_file) {
        _cleanup_free_ char *line = NULL;

        line = strprintf("\nefi      /%s\n", memtest_path(MEMTEST_EFI));
        ck_assert_ptr_nonnull(strstr(MEMTEST_ENTRY_TEXT, line));
        ck_assert_ptr_nonnull(startswith(MEMTEST_ENTRY_TEXT, "title "));
}
END_TEST

/* As 20_memtest86+ of Debian 12 writes it. */
START_TEST(entry_of_grub_is_none_of_a_kernel) {
        static const char text[] = "set default=\"Memory test (memtest86+x64.efi)\"\n"
                                   "menuentry \"Memory test (memtest86+x64.efi)\" {\n"
                                   "\tinsmod fat\n"
                                   "        linuxefi        /memtest86+x64.efi\n"
                                   "}\n";
        _cleanup_(grub_config_done) GrubConfig config = {};
        _cleanup_free_ char *summary = NULL;

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        ck_assert_int_eq(grub_config_parse_summary(summary, &config), 0);
        ck_assert_uint_eq(config.n_entries, 1);
        ck_assert_ptr_null(config.entries[0].version);
        ck_assert_ptr_null(config.default_version);
}
END_TEST

CHECK_MAIN("memtest", names_are_those_of_the_package, only_exact_paths_are_ours,
           what_is_staged_is_a_leftover, entry_is_neither_counted_nor_one_of_a_kernel,
           entry_leads_to_the_file, entry_of_grub_is_none_of_a_kernel)
