/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image of an ESP knows its kernels, and reads entries and loader.conf as systemd-boot does. */

#include "core/esp/esp-image.h"

#include "common/string-util.h"
#include "core/loader/esp-path.h"
#include "core/systemd-boot/systemd-boot-text.h"
#include "tests/unit/check-main.h"

static EspFile *put(EspImage *image, const char *path) {
        EspFile *file = esp_image_get(image, path);

        ck_assert_ptr_nonnull(file);
        return file;
}

static void put_directory(EspImage *image, const char *path) {
        put(image, path)->type = FILE_DIRECTORY;
}

static void put_text(EspImage *image, const char *path, const char *text) {
        EspFile *file = put(image, path);

        free(file->text);
        file->text = strdup(text);
        file->size = strlen(text);
}

static void put_default(EspImage *image, const char *value) {
        _cleanup_free_ char *text = strprintf("timeout 3\ndefault %s\n", value);

        put_text(image, ESP_LOADER_CONF, text);
}

/* An entry named @name that boots @version. */
static void put_entry(EspImage *image, const char *name, const char *version) {
        _cleanup_free_ char *path = strprintf(ESP_ENTRY_DIR "/%s", name), *text = NULL;

        ck_assert_int_eq(boot_entry_render("T", version, "root=x", &text), 0);
        put_text(image, path, text);
}

static void put_file(EspImage *image, const char *version, KernelFile file, uint64_t size) {
        _cleanup_free_ char *path = esp_kernel_path(version, file);

        put(image, path)->size = size;
}

static void put_kernel(EspImage *image, const char *version) {
        _cleanup_free_ char *name = strprintf(ENTRY_PREFIX "%s" ENTRY_SUFFIX, version);

        put_file(image, version, KERNEL_FILE_IMAGE, 8);
        put_file(image, version, KERNEL_FILE_INITRD, 8);
        put_entry(image, name, version);
}

static void assert_default(const EspImage *image, const char *expect) {
        _cleanup_free_ char *version = NULL;

        ck_assert_int_eq(esp_image_reader(image)->default_version(image, &version), 0);
        ck_assert_msg(streq_ptr(version, expect), "got '%s' instead of '%s'", strempty(version),
                      strempty(expect));
}

static void assert_kernels(const EspImage *image, const char *expect) {
        _cleanup_strv_ char **versions = NULL;
        _cleanup_free_ char *joined = NULL;

        ck_assert_int_eq(esp_image_reader(image)->kernels(image, &versions), 0);
        joined = strv_join(versions, " ");
        ck_assert_str_eq(joined, expect);
}

START_TEST(files_are_sorted_and_unique) {
        static const char *const paths[] = { "m", "b", "z", "a", "b/c", "b", "b.x", "m", "c" };
        _cleanup_(esp_image_done) EspImage image = {};

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                put(&image, paths[i])->size += 1;
        ck_assert_uint_eq(image.n_files, 7);
        for (size_t i = 1; i < image.n_files; i++)
                ck_assert(strcmp(image.files[i - 1].path, image.files[i].path) < 0);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                ck_assert_str_eq(esp_image_find(&image, paths[i])->path, paths[i]);
        ck_assert_uint_eq(esp_image_find(&image, "b")->size, 2);
        ck_assert_uint_eq(esp_image_find(&image, "a")->size, 1);
}
END_TEST

START_TEST(new_file_is_regular_and_unchecked) {
        _cleanup_(esp_image_done) EspImage image = {};
        const EspFile *file = put(&image, "a");

        ck_assert_int_eq(file->type, FILE_REGULAR);
        ck_assert_int_eq(file->verdict, VERDICT_UNCHECKED);
        ck_assert_ptr_null(file->text);
}
END_TEST

START_TEST(absent_file_is_not_found) {
        _cleanup_(esp_image_done) EspImage image = {};

        ck_assert_ptr_null(esp_image_find(&image, "a"));
        put(&image, "b");
        ck_assert_ptr_null(esp_image_find(&image, "a"));
        ck_assert_ptr_null(esp_image_find(&image, "c"));
        ck_assert_ptr_null(esp_image_find(&image, "B"));
        ck_assert_ptr_null(esp_image_find(&image, ""));
}
END_TEST

START_TEST(thousand_files_in_any_order_are_found) {
        EspImage *image = calloc(1, sizeof(*image));

        for (unsigned i = 0; i < 1000; i++) {
                char path[16];

                snprintf(path, sizeof(path), "%u", i * 7919 % 1000);
                put(image, path)->mtime = i;
        }
        ck_assert_uint_eq(image->n_files, 1000);
        ck_assert_uint_eq(esp_image_find(image, "919")->mtime, 1);
        ck_assert_ptr_null(esp_image_free(image));
        ck_assert_ptr_null(esp_image_free(NULL));
}
END_TEST

START_TEST(empty_esp_has_no_loader) {
        _cleanup_(esp_image_done) EspImage image = {};

        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
        put_directory(&image, "EFI");
        put(&image, "EFI/BOOT/BOOTX64.EFI");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
}
END_TEST

START_TEST(systemd_boot_needs_conf_and_directory) {
        _cleanup_(esp_image_done) EspImage image = {};

        put(&image, "loader/loader.conf");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
        put(&image, "EFI/proxmoxy/a");
        put(&image, "EFI/proxmox"); /* a file of that name */
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
        put_directory(&image, "EFI/proxmox");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_SYSTEMD_BOOT);
        put_directory(&image, "loader/loader.conf");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
}
END_TEST

START_TEST(file_below_the_directory_shows_it) {
        _cleanup_(esp_image_done) EspImage image = {};

        put(&image, "loader/loader.conf");
        put(&image, "EFI/proxmox/6.8/vmlinuz-6.8");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_SYSTEMD_BOOT);
}
END_TEST

START_TEST(grub_wins_over_systemd_boot) {
        _cleanup_(esp_image_done) EspImage image = {};

        put(&image, "loader/loader.conf");
        put_directory(&image, "EFI/proxmox");
        put(&image, "EFI/proxmox/grub.cfg");
        put(&image, "EFI/proxmox/6.8/grubx64.efi");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_SYSTEMD_BOOT);
        put(&image, "EFI/proxmox/grubx64.efi");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_GRUB);
}
END_TEST

START_TEST(grub_marker_is_read_in_any_case_and_for_any_machine) {
        _cleanup_(esp_image_done) EspImage a = {}, b = {};

        put(&a, "EFI/PROXMOX/GRUBX64.EFI");
        ck_assert_int_eq(esp_image_tell_loader(&a), ESP_LOADER_GRUB);
        put(&b, "EFI/proxmox/grubaa64.efi");
        ck_assert_int_eq(esp_image_tell_loader(&b), ESP_LOADER_GRUB);
}
END_TEST

START_TEST(grub_directory_alone_is_grub_on_bios) {
        _cleanup_(esp_image_done) EspImage image = {};

        put(&image, "grubby");
        put(&image, "grub");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_NONE);
        put_directory(&image, "grub");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_GRUB);
        put_directory(&image, "EFI/proxmox");
        put(&image, "loader/loader.conf");
        ck_assert_int_eq(esp_image_tell_loader(&image), ESP_LOADER_SYSTEMD_BOOT);
}
END_TEST

START_TEST(leftover_is_a_file_of_ours_with_the_staging_suffix) {
        ck_assert(esp_path_is_leftover("loader/loader.conf.new"));
        ck_assert(esp_path_is_leftover("EFI/proxmox/6.8/vmlinuz-6.8.new"));
        ck_assert(!esp_path_is_leftover("loader/loader.conf"));
        ck_assert(!esp_path_is_leftover("loader/loader.conf.new2"));
        ck_assert(esp_path_is_leftover("loader/entries/proxmox-6.8.conf.new"));
        ck_assert(!esp_path_is_leftover("loader/entries/windows.conf.new"));
        ck_assert(!esp_path_is_leftover("EFI/proxmox/6.8/vmlinuz-6.9.new"));
        ck_assert(!esp_path_is_leftover("EFI/proxmox/6.8/vmlinuz-6.8.new.new"));
        ck_assert(!esp_path_is_leftover("EFI/Microsoft/data.new"));
        ck_assert(esp_path_is_leftover("vmlinuz-6.8.new"));
        ck_assert(esp_path_is_leftover("initrd.img-6.8.new"));
        ck_assert(esp_path_is_leftover("grub/grub.cfg.new"));
        ck_assert(esp_path_is_leftover("grub/grubenv.new"));
        ck_assert(!esp_path_is_leftover("vmlinuz.new"));
        ck_assert(!esp_path_is_leftover("vmlinuz-pve.new"));
        ck_assert(!esp_path_is_leftover("grub/custom.cfg.new"));
        ck_assert(!esp_path_is_leftover("renew"));
        ck_assert(!esp_path_is_leftover(""));
}
END_TEST

START_TEST(digest_is_64_lower_case_hex_digits) {
        char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

        ck_assert(digest_is_valid(digest));
        digest[63] = 'F';
        ck_assert(!digest_is_valid(digest));
        digest[63] = '\0';
        ck_assert(!digest_is_valid(digest));
        ck_assert(!digest_is_valid(""));
        ck_assert(!digest_is_valid(NULL));
}
END_TEST

START_TEST(complete_kernels_are_listed_newest_first) {
        _cleanup_(esp_image_done) EspImage image = {};

        assert_kernels(&image, "");
        put_kernel(&image, "6.8.4-3-pve");
        put_kernel(&image, "6.8.12-10-pve");
        put_kernel(&image, "6.8.12-4-pve");
        put_kernel(&image, "6.5.13-5-pve");
        assert_kernels(&image, "6.8.12-10-pve 6.8.12-4-pve 6.8.4-3-pve 6.5.13-5-pve");
}
END_TEST

START_TEST(kernel_that_lacks_a_part_is_not_listed) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_file(&image, "6.1", KERNEL_FILE_IMAGE, 8); /* no entry */
        put_file(&image, "6.1", KERNEL_FILE_INITRD, 8);
        put_file(&image, "6.2", KERNEL_FILE_IMAGE, 8);
        put_entry(&image, "proxmox-6.2.conf", "6.2");
        put_file(&image, "6.3", KERNEL_FILE_INITRD, 8);
        put_entry(&image, "proxmox-6.3.conf", "6.3");
        put_kernel(&image, "6.4");
        put_file(&image, "6.4", KERNEL_FILE_INITRD, 0);
        put_kernel(&image, "6.5");
        put_directory(&image, "EFI/proxmox/6.5/initrd.img-6.5");
        put_kernel(&image, "6.6");
        put_text(&image, "loader/entries/proxmox-6.6.conf", "linux /EFI/proxmox/6.6/vmlinuz-6.6\n");
        put_kernel(&image, "6.7");
        put_directory(&image, "loader/entries/proxmox-6.7.conf");
        assert_kernels(&image, "");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(entry_that_was_not_read_counts_as_none) {
        _cleanup_(esp_image_done) EspImage image = {};
        EspFile *entry;

        put_kernel(&image, "6.8");
        entry = put(&image, "loader/entries/proxmox-6.8.conf");
        entry->text = mfree(entry->text);
        assert_kernels(&image, "");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(counted_and_plain_entry_are_one_kernel) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.8");
        put_entry(&image, "proxmox-6.8+3.conf", "6.8");
        assert_kernels(&image, "6.8");
}
END_TEST

START_TEST(kernels_of_others_are_not_listed) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.8");
        put_entry(&image, "debian-6.9.conf", "6.8");
        assert_kernels(&image, "6.8");
}
END_TEST

START_TEST(empty_esp_boots_nothing) {
        _cleanup_(esp_image_done) EspImage image = {};

        assert_default(&image, NULL);
        put_default(&image, "proxmox-*");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(newest_entry_boots_without_a_default) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_kernel(&image, "6.8.12-10-pve");
        put_kernel(&image, "6.8.12-9-pve");
        assert_default(&image, "6.8.12-10-pve");
        put_text(&image, ESP_LOADER_CONF, "timeout 3\n");
        assert_default(&image, "6.8.12-10-pve");
}
END_TEST

START_TEST(pattern_chooses_the_newest_match) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_kernel(&image, "6.5.13-6-pve");
        put_kernel(&image, "6.8.12-4-pve");
        put_default(&image, "proxmox-*");
        assert_default(&image, "6.8.12-4-pve");
        put_default(&image, "proxmox-6.5.*");
        assert_default(&image, "6.5.13-6-pve");
        put_default(&image, "proxmox-6.5.13-[1-5]-pve.conf");
        assert_default(&image, "6.5.13-5-pve");
        put_default(&image, "proxmox-6.5.13-?-pve.conf");
        assert_default(&image, "6.5.13-6-pve");
}
END_TEST

START_TEST(exact_default_wins_in_any_case) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-PVE");
        put_kernel(&image, "6.8.12-4-pve");
        put_default(&image, "Proxmox-6.5.13-5-pve.CONF");
        assert_default(&image, "6.5.13-5-PVE");
}
END_TEST

START_TEST(default_without_suffix_matches_nothing) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_kernel(&image, "6.8.12-4-pve");
        put_default(&image, "proxmox-6.5.13-5-pve");
        assert_default(&image, "6.8.12-4-pve");
}
END_TEST

START_TEST(default_that_matches_nothing_falls_back_to_the_newest) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_kernel(&image, "6.8.12-4-pve");
        put_default(&image, "proxmox-6.2.conf");
        assert_default(&image, "6.8.12-4-pve");
        put_default(&image, "@saved");
        assert_default(&image, "6.8.12-4-pve");
}
END_TEST

START_TEST(entry_of_others_that_boots_is_not_ours) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.8.12-4-pve");
        put_text(&image, "loader/entries/windows.conf", "efi /EFI/Microsoft/x.efi\n");
        put_text(&image, "loader/entries/arch.conf", "linux /vmlinuz-linux\n");
        put_default(&image, "windows.conf");
        assert_default(&image, NULL);
        put_default(&image, "proxmox-*");
        assert_default(&image, "6.8.12-4-pve");
        /* Without a match the order of ids decides, where "windows" comes after "proxmox". */
        put_default(&image, "gone.conf");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(order_of_ids_decides_against_older_names_of_others) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.8.12-4-pve");
        put_text(&image, "loader/entries/arch.conf", "linux /vmlinuz-linux\n");
        assert_default(&image, "6.8.12-4-pve");
}
END_TEST

START_TEST(entry_without_its_image_is_skipped) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_INITRD, 8);
        put_entry(&image, "proxmox-6.8.12-4-pve.conf", "6.8.12-4-pve");
        put_default(&image, "proxmox-6.8.12-4-pve.conf");
        assert_default(&image, "6.5.13-5-pve");
}
END_TEST

START_TEST(entry_without_its_initrd_is_chosen_and_does_not_boot) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_IMAGE, 8);
        put_entry(&image, "proxmox-6.8.12-4-pve.conf", "6.8.12-4-pve");
        put_default(&image, "proxmox-*");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(entry_without_tries_left_comes_last) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_IMAGE, 8);
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_INITRD, 8);
        put_entry(&image, "proxmox-6.8.12-4-pve+0-3.conf", "6.8.12-4-pve");
        put_default(&image, "proxmox-*");
        assert_default(&image, "6.5.13-5-pve");
        /* A pattern that matches nothing else still boots it. */
        put_default(&image, "proxmox-6.8.12-4-pve*");
        assert_default(&image, "6.8.12-4-pve");
        /* The id has the counter in it. */
        put_default(&image, "proxmox-6.8.12-4-pve.conf");
        assert_default(&image, "6.5.13-5-pve");
}
END_TEST

START_TEST(best_passes_over_what_leads_nowhere_and_what_is_not_ours) {
        _cleanup_(esp_image_done) EspImage image = {};
        _cleanup_free_ char *best = NULL, *none = NULL;

        put_entry(&image, "zebra.conf", "7.0");
        put_file(&image, "6.11.11-2-pve", KERNEL_FILE_IMAGE, 8);
        put_entry(&image, "proxmox-6.11.11-2-pve.conf", "6.11.11-2-pve");
        ck_assert_int_eq(esp_image_reader(&image)->best(&image, &none), 0);
        ck_assert_ptr_null(none);
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_IMAGE, 8);
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_INITRD, 8);
        put_entry(&image, "proxmox-6.8.12-4-pve+0-3.conf", "6.8.12-4-pve");
        put_kernel(&image, "6.5.13-5-pve");
        ck_assert_int_eq(esp_image_reader(&image)->best(&image, &best), 0);
        ck_assert_str_eq(best, "6.5.13-5-pve");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(entry_with_tries_left_is_an_entry_as_any) {
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.5.13-5-pve");
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_IMAGE, 8);
        put_file(&image, "6.8.12-4-pve", KERNEL_FILE_INITRD, 8);
        put_entry(&image, "proxmox-6.8.12-4-pve+1-2.conf", "6.8.12-4-pve");
        put_default(&image, "proxmox-*");
        assert_default(&image, "6.8.12-4-pve");
        assert_kernels(&image, "6.8.12-4-pve 6.5.13-5-pve");
}
END_TEST

START_TEST(only_conf_files_in_the_directory_itself_are_entries) {
        static const char *const names[] = {
                "proxmox-7.0.conf.new", ".proxmox-7.0.conf", "auto-zzz.conf", "zzz.txt",
                "zzz/zzz.conf",         "zzz.con",
        };
        _cleanup_(esp_image_done) EspImage image = {};

        put_kernel(&image, "6.8");
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                put_entry(&image, names[i], "6.8");
        put_directory(&image, "loader/entries/zzz.conf");
        assert_default(&image, "6.8");
        put_entry(&image, "zzz2.CONF", "6.8");
        assert_default(&image, NULL);
}
END_TEST

START_TEST(every_loader_has_a_name_of_its_own) {
        for (EspLoader l = 0; l < _ESP_LOADER_MAX; l++)
                ck_assert_int_eq(esp_loader_from_string(esp_loader_to_string(l)), l);
}
END_TEST

START_TEST(packed_image_says_the_same_in_one_block) {
        _cleanup_(esp_image_done) EspImage image = { .folds_case = true };
        const EspFile *entry, *initrd;
        const char *first;

        put_kernel(&image, "6.8-1-PVE");
        put_kernel(&image, "6.5");
        put_default(&image, "proxmox-6.5.conf");
        put(&image, "EFI/systemd/systemd-bootx64.efi")->mtime = 7;
        image.loader = ESP_LOADER_SYSTEMD_BOOT;
        ck_assert_int_eq(esp_image_respell(&image, NULL), 0);
        for (int i = 0; i < 2; i++) {
                ck_assert_int_eq(esp_image_pack(&image), 0);
                assert_kernels(&image, "6.8-1-pve 6.5");
                assert_default(&image, "6.5");
        }
        initrd = esp_image_find(&image, "EFI/proxmox/6.8-1-pve/initrd.img-6.8-1-pve");
        ck_assert_str_eq(initrd->spelled, "EFI/proxmox/6.8-1-PVE/initrd.img-6.8-1-PVE");
        ck_assert_ptr_null(initrd->text);
        ck_assert_uint_eq(initrd->size, 8);
        ck_assert_uint_eq(esp_image_find(&image, "EFI/systemd/systemd-bootx64.efi")->mtime, 7);

        /* The strings follow the records, one behind the other, in the order of the files. */
        first = (const char *) (image.files + image.n_files);
        entry = esp_image_find(&image, image.files[0].path);
        ck_assert_ptr_eq(entry->path, first);
        for (size_t i = 1; i < image.n_files; i++)
                ck_assert(image.files[i].path > image.files[i - 1].path);
}
END_TEST

START_TEST(packed_image_may_be_empty) {
        _cleanup_(esp_image_done) EspImage image = {};

        ck_assert_int_eq(esp_image_pack(&image), 0);
        ck_assert_ptr_null(esp_image_find(&image, "a"));
}
END_TEST

CHECK_MAIN("esp-image", files_are_sorted_and_unique, new_file_is_regular_and_unchecked,
           absent_file_is_not_found, thousand_files_in_any_order_are_found, empty_esp_has_no_loader,
           systemd_boot_needs_conf_and_directory, file_below_the_directory_shows_it,
           grub_wins_over_systemd_boot, grub_marker_is_read_in_any_case_and_for_any_machine,
           grub_directory_alone_is_grub_on_bios, leftover_is_a_file_of_ours_with_the_staging_suffix,
           digest_is_64_lower_case_hex_digits, complete_kernels_are_listed_newest_first,
           kernel_that_lacks_a_part_is_not_listed, entry_that_was_not_read_counts_as_none,
           counted_and_plain_entry_are_one_kernel, kernels_of_others_are_not_listed,
           empty_esp_boots_nothing, newest_entry_boots_without_a_default,
           pattern_chooses_the_newest_match, exact_default_wins_in_any_case,
           default_without_suffix_matches_nothing,
           default_that_matches_nothing_falls_back_to_the_newest,
           entry_of_others_that_boots_is_not_ours,
           order_of_ids_decides_against_older_names_of_others, entry_without_its_image_is_skipped,
           entry_without_its_initrd_is_chosen_and_does_not_boot,
           entry_without_tries_left_comes_last,
           best_passes_over_what_leads_nowhere_and_what_is_not_ours,
           entry_with_tries_left_is_an_entry_as_any,
           only_conf_files_in_the_directory_itself_are_entries, every_loader_has_a_name_of_its_own,
           packed_image_says_the_same_in_one_block, packed_image_may_be_empty)
