/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is said of a boot/ that lacks something of the kernels that are kept. */

#include "core/kernel-source.h"

#include "tests/unit/check-main.h"
#include "tests/unit/core/kernel-host.h"

static char *gap(const Host *h) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        char *text = NULL;

        ck_assert_int_eq(kernel_source_gap(&set, &text), 0);
        return text;
}

static char **warnings(const Host *h) {
        _cleanup_(kernel_set_done) KernelSet set = select_on(h);
        char **list = NULL;

        ck_assert_int_eq(kernel_source_warnings(&set, &list), 0);
        return list;
}

START_TEST(nothing_is_said_of_a_boot_that_has_everything) {
        Host h = { .boot = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve=image",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_strv_ char **list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_ptr_null(list);
}
END_TEST

START_TEST(empty_boot_is_told_of_in_one_sentence) {
        Host h = { .boot = "6.8.12-4-pve=initrd",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                   .manual = "6.2.16-1-pve" };
        _cleanup_free_ char *text = gap(&h);
        _cleanup_strv_ char **list = warnings(&h);

        ck_assert_ptr_nonnull(strstr(text, "'/boot' holds no kernel (is it mounted?)"));
        ck_assert_uint_eq(strv_length(list), 1);
        ck_assert(startswith(list[0], text));
}
END_TEST

START_TEST(image_that_a_package_has_installed_is_missed) {
        Host h = { .boot = "6.8.12-3-pve", .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_free_ char *text = gap(&h);
        _cleanup_strv_ char **list = warnings(&h);

        ck_assert_ptr_nonnull(strstr(text, "'/boot/vmlinuz-6.8.12-4-pve' is missing"));
        ck_assert_uint_eq(strv_length(list), 1);
        ck_assert(startswith(list[0], text));
}
END_TEST

START_TEST(image_of_debian_is_missed_too) {
        _cleanup_free_ char *text =
                        gap(&(Host){ .boot = "6.1.0-17-amd64", .linux_images = "6.1.0-18-amd64" });

        ck_assert_ptr_nonnull(strstr(text, "'/boot/vmlinuz-6.1.0-18-amd64' is missing"));
}
END_TEST

START_TEST(image_of_a_kernel_that_is_not_kept_is_not_missed) {
        ck_assert_ptr_null(gap(&(Host){ .boot = "6.8.12-4-pve 6.8.12-3-pve",
                                        .kernels = "6.8.12-4-pve 6.8.12-3-pve 6.8.12-2-pve" }));
}
END_TEST

START_TEST(image_of_a_kernel_that_is_being_installed_may_be_yet_to_come) {
        ck_assert_ptr_null(gap(&(Host){ .boot = "6.8.12-3-pve",
                                        .kernels = "6.8.12-4-pve 6.8.12-3-pve",
                                        .installing = "6.8.12-4-pve" }));
}
END_TEST

START_TEST(lost_initrd_is_no_gap_but_a_warning_with_the_command_that_makes_it) {
        Host h = { .boot = "6.8.12-4-pve=image 6.8.12-3-pve",
                   .kernels = "6.8.12-4-pve 6.8.12-3-pve" };
        _cleanup_strv_ char **list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_uint_eq(strv_length(list), 1);
        ck_assert_ptr_nonnull(strstr(list[0], "'/boot/initrd.img-6.8.12-4-pve' is missing"));
        ck_assert_ptr_nonnull(strstr(list[0], "'update-initramfs -c -k 6.8.12-4-pve'"));
}
END_TEST

START_TEST(kernel_that_only_a_list_names_is_no_gap_but_a_warning) {
        Host h = { .boot = "6.8.12-4-pve", .kernels = "6.8.12-4-pve", .manual = "6.2.16-1-pve" };
        _cleanup_strv_ char **list = warnings(&h);

        ck_assert_ptr_null(gap(&h));
        ck_assert_uint_eq(strv_length(list), 1);
        ck_assert_ptr_nonnull(strstr(list[0], "'/boot/vmlinuz-6.2.16-1-pve' is missing"));
}
END_TEST

CHECK_MAIN("kernel-source", nothing_is_said_of_a_boot_that_has_everything,
           empty_boot_is_told_of_in_one_sentence, image_that_a_package_has_installed_is_missed,
           image_of_debian_is_missed_too, image_of_a_kernel_that_is_not_kept_is_not_missed,
           image_of_a_kernel_that_is_being_installed_may_be_yet_to_come,
           lost_initrd_is_no_gap_but_a_warning_with_the_command_that_makes_it,
           kernel_that_only_a_list_names_is_no_gap_but_a_warning)
