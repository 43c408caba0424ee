/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An image of an ESP with GRUB knows its kernels, and which one its menu boots. */

#include "core/grub/grub-loader.h"

#include "common/string-util.h"
#include "core/esp/esp-image.h"
#include "tests/unit/check-main.h"

#define ENTRY(version)                                                   \
        "entry id=gnulinux-" version                                     \
        "-advanced-R submenu=gnulinux-advanced-R linux=vmlinuz-" version \
        " initrd=initrd.img-" version "\n"

static void put_file(EspImage *image, const char *version, KernelFile f, uint64_t size) {
        _cleanup_free_ char *path = grub_kernel_path(version, f);

        esp_image_get(image, path)->size = size;
}

static void put_kernel(EspImage *image, const char *version) {
        put_file(image, version, KERNEL_FILE_IMAGE, 8);
        put_file(image, version, KERNEL_FILE_INITRD, 8);
}

static void put_config(EspImage *image, const char *summary) {
        EspFile *file = esp_image_get(image, ESP_GRUB_CONFIG);

        free(file->text);
        file->text = strdup(summary);
}

static void assert_boots(const EspImage *image, const char *kernels, const char *expect) {
        _cleanup_strv_ char **versions = NULL;
        _cleanup_free_ char *joined = NULL, *version = NULL;

        ck_assert_int_eq(esp_image_reader(image)->kernels(image, &versions), 0);
        ck_assert_int_eq(esp_image_reader(image)->default_version(image, &version), 0);
        joined = strv_join(versions, " ");
        ck_assert_str_eq(joined, kernels);
        ck_assert_msg(streq_ptr(version, expect), "'%s'", strempty(version));
}

START_TEST(kernels_are_those_that_the_menu_and_the_root_have) {
        _cleanup_(esp_image_done) EspImage image = { .loader = ESP_LOADER_GRUB };

        put_config(&image, "default value=0 version=6.8\n" ENTRY("6.8") ENTRY("6.5") ENTRY("6.2"));
        put_kernel(&image, "6.11");
        put_kernel(&image, "6.8");
        put_kernel(&image, "6.5");
        assert_boots(&image, "6.8 6.5", "6.8");
}
END_TEST

START_TEST(kernel_that_lacks_a_part_does_not_boot) {
        _cleanup_(esp_image_done) EspImage image = { .loader = ESP_LOADER_GRUB };

        put_config(&image, "default value=0 version=6.8\n" ENTRY("6.8"));
        put_kernel(&image, "6.8");
        put_file(&image, "6.8", KERNEL_FILE_INITRD, 0);
        assert_boots(&image, "", NULL);
        put_file(&image, "6.8", KERNEL_FILE_INITRD, 8);
        assert_boots(&image, "6.8", "6.8");
        esp_image_get(&image, "vmlinuz-6.8")->type = FILE_DIRECTORY;
        assert_boots(&image, "", NULL);
}
END_TEST

START_TEST(entry_without_the_initrd_of_its_version_does_not_count) {
        _cleanup_(esp_image_done) EspImage image = { .loader = ESP_LOADER_GRUB };

        put_kernel(&image, "6.8");
        put_kernel(&image, "6.5");
        put_config(&image, "default version=6.8\nentry id=gnulinux-a linux=vmlinuz-6.8\n");
        assert_boots(&image, "", NULL);
        put_config(&image, "default version=6.8\n"
                           "entry id=gnulinux-a linux=vmlinuz-6.8 initrd=initrd.img-6.5\n");
        assert_boots(&image, "", NULL);
}
END_TEST

START_TEST(what_cannot_be_read_boots_nothing) {
        _cleanup_(esp_image_done) EspImage image = { .loader = ESP_LOADER_GRUB };

        put_kernel(&image, "6.8");
        assert_boots(&image, "", NULL);
        put_config(&image, "menuentry x {\n}\n");
        assert_boots(&image, "", NULL);
        put_config(&image, "default value=${saved_entry}\n" ENTRY("6.8"));
        assert_boots(&image, "6.8", NULL);
}
END_TEST

START_TEST(complete_kernels_in_the_root_are_listed_newest_first) {
        _cleanup_(esp_image_done) EspImage image = { .loader = ESP_LOADER_GRUB };
        _cleanup_strv_ char **versions = NULL;
        _cleanup_free_ char *joined = NULL;

        put_kernel(&image, "6.5");
        put_kernel(&image, "6.11");
        put_file(&image, "6.8", KERNEL_FILE_IMAGE, 8);
        ck_assert_int_eq(grub_image_complete(&image, &versions), 0);
        joined = strv_join(versions, " ");
        ck_assert_str_eq(joined, "6.11 6.5");
}
END_TEST

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

CHECK_MAIN("grub-loader", kernels_of_grub_are_in_the_root,
           kernels_are_those_that_the_menu_and_the_root_have,
           kernel_that_lacks_a_part_does_not_boot,
           entry_without_the_initrd_of_its_version_does_not_count,
           what_cannot_be_read_boots_nothing, complete_kernels_in_the_root_are_listed_newest_first)
