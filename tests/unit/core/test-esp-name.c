/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names as FAT tells them apart, and as we spell them. */

#include "core/esp/esp-image.h"

#include <ctype.h>

#include "common/string-util.h"
#include "tests/unit/core/plan-lab.h"

#define UPPER "6.8.12-4-PVE"

static void assert_spelled(const KernelSet *kernels, const char *path, const char *expect) {
        _cleanup_free_ char *spelled = NULL;

        ck_assert_int_eq(esp_path_respell(path, kernels, &spelled), 0);
        ck_assert_str_eq(spelled, expect);
}

/* The order of two paths on a FAT; 0: they name the same file. */
static int compare(const char *a, const char *b) {
        _cleanup_(esp_image_done) EspImage image = { .folds_case = true };

        ck_assert_ptr_nonnull(esp_image_get(&image, a));
        ck_assert_ptr_nonnull(esp_image_get(&image, b));
        if (image.n_files == 1)
                return 0;
        return esp_image_find(&image, a) == &image.files[0] ? -1 : 1;
}

START_TEST(case_of_letters_does_not_count) {
        ck_assert_int_eq(compare("EFI/proxmox/" V68, "efi/PROXMOX/" UPPER), 0);
        ck_assert_int_lt(compare("EFI/a", "efi/B"), 0);
        ck_assert_int_gt(compare("EFI/B", "efi/a"), 0);
        ck_assert_int_gt(compare("EFI/proxmox", "EFI"), 0);
}
END_TEST

START_TEST(dots_at_the_end_of_a_name_do_not_count) {
        ck_assert_int_eq(compare("EFI/proxmox/6.8./x..", "EFI/proxmox/6.8/x"), 0);
        ck_assert_int_ne(compare("EFI/proxmox/6.8.1", "EFI/proxmox/6.81"), 0);
        ck_assert_int_ne(compare("a..b", "ab"), 0);
        /* Nor do they where the names part. */
        ck_assert_int_lt(compare("EFI/x.y", "EFI/x/"), 0);
        ck_assert_int_eq(compare("EFI/x.y", "EFI/x./") < 0, compare("EFI/x.y", "EFI/x/") < 0);
        ck_assert_int_eq(compare("EFI/x..y", "EFI/x./") < 0, compare("EFI/x..y", "EFI/x/") < 0);
}
END_TEST

START_TEST(other_letters_are_compared_byte_for_byte) {
        ck_assert_int_ne(compare("\xc3\xa4", "\xc3\x84"), 0);
        ck_assert_int_eq(compare("\xc3\xa4", "\xc3\xa4"), 0);
        ck_assert_int_ne(compare("[", "{"), 0);
}
END_TEST

START_TEST(our_names_are_spelled_as_we_write_them) {
        static const char *const paths[] = {
                "EFI/proxmox",
                "EFI/proxmox/" V68,
                "EFI/proxmox/" V68 "/vmlinuz-" V68,
                "EFI/proxmox/" V68 "/initrd.img-" V68 ".new",
                "EFI/proxmox/memtest86+x64.efi",
                "EFI/BOOT/grub.cfg.new",
                "loader/loader.conf",
                "loader/entries/proxmox-" V68 ".conf",
                "loader/entries/proxmox-" V68 "+3-1.conf",
                "loader/entries/proxmox-" V68 ".conf.new",
                "loader/entries/memtest86+x64.conf",
                "grub/grubenv",
                "vmlinuz-" V68,
                "initrd.img-" V68 ".new",
        };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *upper = strdup(paths[i]);

                for (char *p = upper; *p; p++)
                        *p = (char) toupper(*p);
                assert_spelled(NULL, upper, paths[i]);
                assert_spelled(NULL, paths[i], paths[i]);
        }
}
END_TEST

START_TEST(version_is_spelled_as_the_kernel_that_is_kept) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, "6.8-Mine")->reasons = 0;
        lab_keep(&lab, "6.8-MINE");
        assert_spelled(&lab.kernels, "EFI/proxmox/6.8-mine", "EFI/proxmox/6.8-MINE");
        assert_spelled(&lab.kernels, "VMLINUZ-6.8-mine.NEW", "vmlinuz-6.8-MINE.new");
        lab.kernels.kernels[1].reasons = 0;
        assert_spelled(&lab.kernels, "EFI/proxmox/6.8-mine", "EFI/proxmox/6.8-Mine");
        assert_spelled(&lab.kernels, "EFI/proxmox/6.8-miner", "EFI/proxmox/6.8-miner");
}
END_TEST

START_TEST(version_that_ends_in_a_dot_lacks_it_on_a_fat) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, "6.8.");
        assert_spelled(&lab.kernels, "EFI/proxmox/6.8/vmlinuz-6.8",
                       "EFI/proxmox/6.8./vmlinuz-6.8.");
        assert_spelled(&lab.kernels, "loader/entries/proxmox-6.8..CONF",
                       "loader/entries/proxmox-6.8..conf");
}
END_TEST

START_TEST(names_of_others_stay) {
        assert_spelled(NULL, "EFI/proxmox/Notes.TXT", "EFI/proxmox/Notes.TXT");
        assert_spelled(NULL, "loader/entries/Debian.conf", "loader/entries/Debian.conf");
        assert_spelled(NULL, "loader/random-seed", "loader/random-seed");
        assert_spelled(NULL, "VMLINUZ-Debian", "VMLINUZ-Debian");
        assert_spelled(NULL, "GRUBX64.EFI", "GRUBX64.EFI");
}
END_TEST

START_TEST(of_two_kernels_with_the_same_names_the_first_is_the_rival_of_the_second) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_keep(&lab, UPPER);
        ck_assert_ptr_eq(esp_name_rival(&lab.kernels, &lab.kernels.kernels[2]),
                         &lab.kernels.kernels[1]);
        ck_assert_ptr_null(esp_name_rival(&lab.kernels, &lab.kernels.kernels[1]));
        lab.kernels.kernels[1].state = KERNEL_STATE_INITRD_MISSING;
        ck_assert_ptr_null(esp_name_rival(&lab.kernels, &lab.kernels.kernels[2]));
}
END_TEST

/* The lab's ESP as one that folds case, with @path called @name. */
static void call_it(Lab *lab, const char *path, const char *name) {
        EspFile *file = esp_image_get(&lab->esp.image, path);

        ck_assert_int_eq(compare(path, name), 0);
        free(file->path);
        file->path = strdup(name);
}

static void see(Lab *lab) {
        lab->esp.image.folds_case = true;
        ck_assert_int_eq(esp_image_respell(&lab->esp.image, &lab->kernels), 0);
}

START_TEST(kernel_in_another_case_is_in_sync) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        call_it(&lab, "EFI/proxmox/" V68, "EFI/proxmox/" UPPER);
        call_it(&lab, "EFI/proxmox/" V68 "/vmlinuz-" V68, "EFI/proxmox/" UPPER "/VMLINUZ-" UPPER);
        call_it(&lab, "loader/entries/proxmox-" V68 ".conf",
                "loader/entries/PROXMOX-" UPPER ".CONF");
        see(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(empty_directory_in_another_case_is_the_one_that_is_filled) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        sim_put(&lab.esp, "EFI/proxmox/" UPPER, FILE_DIRECTORY, 0, 0, NULL);
        see(&lab);
        lab_assert_steps(&lab,
                         "stage vmlinuz-" V68 "\nstage initrd.img-" V68 "\nstage-text proxmox-" V68
                         ".conf\ntoken\nbarrier\nplace vmlinuz-" V68 "\nplace initrd.img-" V68
                         "\nbarrier\nplace proxmox-" V68 ".conf\nbarrier\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
}
END_TEST

START_TEST(stale_kernel_goes_with_its_entry_whatever_their_case) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V614);
        lab_put_kernel(&lab, V68);
        call_it(&lab, "EFI/proxmox/" V68, "EFI/proxmox/" UPPER);
        see(&lab);
        lab_assert_steps(&lab, "token\nbarrier\nremove-entry proxmox-" V68
                               ".conf\nbarrier\nremove-kernel " V68 "\nbarrier\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
}
END_TEST

START_TEST(of_two_kernels_with_the_same_names_one_is_left_out) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, UPPER);
        lab_put_kernel(&lab, V68);
        see(&lab);
        lab_assert_problem(&lab, "", ERROR_FAILED, "'" V68 "' and '" UPPER "'");
}
END_TEST

START_TEST(where_case_counts_another_case_is_another_kernel) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, UPPER);
        lab_assert_steps(&lab, "token\nbarrier\nremove-entry proxmox-" UPPER
                               ".conf\nbarrier\nremove-kernel " UPPER "\nbarrier\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
}
END_TEST

CHECK_MAIN("esp-name", case_of_letters_does_not_count, dots_at_the_end_of_a_name_do_not_count,
           other_letters_are_compared_byte_for_byte, our_names_are_spelled_as_we_write_them,
           version_is_spelled_as_the_kernel_that_is_kept,
           version_that_ends_in_a_dot_lacks_it_on_a_fat, names_of_others_stay,
           of_two_kernels_with_the_same_names_the_first_is_the_rival_of_the_second,
           kernel_in_another_case_is_in_sync,
           empty_directory_in_another_case_is_the_one_that_is_filled,
           stale_kernel_goes_with_its_entry_whatever_their_case,
           of_two_kernels_with_the_same_names_one_is_left_out,
           where_case_counts_another_case_is_another_kernel)
