/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* While Secure Boot is enabled a kernel that it refuses comes behind one that it does not, which is
 * named as the default before; and the last that it accepts stays. */

#include "tests/unit/core/plan-lab.h"

#define BY_FIRMWARE (1u << CHECKER_FIRMWARE)

static void refuse(Kernel *k) {
        k->refused = BY_FIRMWARE;
}

static void accept(Kernel *k) {
        k->accepted = BY_FIRMWARE;
}

START_TEST(refused_kernel_comes_behind_the_default_that_is_named_before) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        refuse(lab_keep(&lab, V614));
        accept(lab_keep(&lab, V68));
        lab_assert_steps(&lab, "mkdir " V68 "\nbarrier\n"
                               "stage vmlinuz-" V68 "\nstage initrd.img-" V68 "\n"
                               "stage-text proxmox-" V68 ".conf\n"
                               "token\nbarrier\n"
                               "place vmlinuz-" V68 "\nplace initrd.img-" V68 "\nbarrier\n"
                               "place proxmox-" V68 ".conf\nbarrier\n"
                               "stage-text loader.conf\nplace loader.conf\nbarrier\n"
                               "mkdir " V614 "\nbarrier\n"
                               "stage vmlinuz-" V614 "\nstage initrd.img-" V614 "\n"
                               "stage-text proxmox-" V614 ".conf\nbarrier\n"
                               "place vmlinuz-" V614 "\nplace initrd.img-" V614 "\nbarrier\n"
                               "place proxmox-" V614 ".conf\nbarrier\n");
        ck_assert_str_eq(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF)->text,
                         "timeout 3\ndefault proxmox-" V68 ".conf\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
}
END_TEST

START_TEST(refused_kernel_is_left_out_where_no_other_can_be_made_the_default) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        refuse(lab_keep(&lab, V614));
        accept(lab_keep(&lab, V68));
        sim_put(&lab.esp, ESP_LOADER_CONF, FILE_DIRECTORY, 0, 0, NULL);
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_PLACE, "loader/entries/proxmox-" V614 ".conf"));
        ck_assert_ptr_nonnull(
                        lab_find_step(&lab, PLAN_PLACE, "loader/entries/proxmox-" V68 ".conf"));
        ck_assert(error_is_set(&lab.plan->problem));
}
END_TEST

START_TEST(esp_that_boots_is_left_as_it_is_where_all_that_is_kept_is_refused) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        refuse(lab_keep(&lab, V614));
        lab_put_kernel(&lab, V68);
        lab_assert_problem(&lab, "", ERROR_NOT_BOOTABLE, V68);
}
END_TEST

START_TEST(last_kernel_that_is_accepted_stays_beside_one_that_nobody_has_judged) {
        SignedFile old = { .path = (char *) "/EFI/proxmox/" V65 "/vmlinuz-" V65,
                           .stamp = { .size = IMAGE_SIZE },
                           .by = { [CHECKER_FIRMWARE] = { .accepted = true } } };
        const SignedFiles judged = { .items = &old, .n = 1 };
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.in.judged = &judged;
        lab_assert_steps(&lab, "");
        /* Another file than the one that was judged. */
        old.stamp.size++;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_KERNEL, "EFI/proxmox/" V65));
        old.stamp.size--;
        accept(&lab.kernels.kernels[0]);
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_KERNEL, "EFI/proxmox/" V65));
}
END_TEST

START_TEST(word_of_who_does_not_check_here_counts_for_nothing) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->refused = 1u << CHECKER_SHIM;
        lab_keep(&lab, V68)->accepted = 1u << CHECKER_SHIM;
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF));
}
END_TEST

CHECK_MAIN("plan-secure", refused_kernel_comes_behind_the_default_that_is_named_before,
           refused_kernel_is_left_out_where_no_other_can_be_made_the_default,
           esp_that_boots_is_left_as_it_is_where_all_that_is_kept_is_refused,
           last_kernel_that_is_accepted_stays_beside_one_that_nobody_has_judged,
           word_of_who_does_not_check_here_counts_for_nothing)
