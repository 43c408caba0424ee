/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* No kernel leaves an ESP before those that took its place are complete there, and what boot/ has
 * lost leaves none at all. */

#include "tests/unit/core/plan-lab.h"

#define REMOVE(version) \
        "remove-entry proxmox-" version ".conf\nbarrier\nremove-kernel " version "\nbarrier\n"

/* V614 has taken the place of V65 and has no initrd; V62 was stale before. */
static void init(Lab *lab) {
        lab_init(lab);
        lab_keep(lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(lab, V68);
        lab_put_kernel(lab, V68);
        lab_put_kernel(lab, V65);
        lab_put_kernel(lab, V62);
}

START_TEST(kernel_stays_until_the_one_that_took_its_place_is_there) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_assert_steps(&lab, "token\nbarrier\n" REMOVE(V62));
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
        lab_assert_steps(&lab, "");

        lab_put_kernel(&lab, V614);
        lab_assert_steps(&lab, "token\nbarrier\n" REMOVE(V65));
}
END_TEST

START_TEST(each_kernel_that_is_not_there_spares_one) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V611)->state = KERNEL_STATE_IMAGE_MISSING;
        lab.kernels.kernels[1].reasons = 1u << KERNEL_SERIES;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(entry_that_leads_nowhere_does_not_count_as_there) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V614);
        lab_put_file(&lab, V614, KERNEL_FILE_INITRD, 0, VERDICT_UNCHECKED);
        lab_assert_steps(&lab, "token\n"
                               "remove-entry proxmox-" V614 ".conf\n"
                               "barrier\n" REMOVE(V62));
}
END_TEST

START_TEST(kernel_that_is_not_complete_is_not_spared) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V65 ".conf");
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "remove-kernel " V65 "\n"
                               "barrier\n");
}
END_TEST

START_TEST(kernel_that_only_a_list_or_a_pin_names_spares_none) {
        static const KernelReason reasons[] = { KERNEL_MANUAL, KERNEL_PIN, KERNEL_NEXT_BOOT };

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++) {
                _cleanup_(lab_done) Lab lab;

                init(&lab);
                sim_drop(&lab.esp, "loader/entries/proxmox-" V62 ".conf");
                lab.kernels.kernels[0].reasons = 1u << reasons[i];
                lab_plan(&lab);
                ck_assert_ptr_nonnull(
                                lab_find_step(&lab, PLAN_REMOVE_KERNEL, ESP_KERNEL_DIR "/" V65));
        }
}
END_TEST

START_TEST(spared_kernel_goes_where_its_room_is_needed) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V611);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.esp.image.free_bytes = MIB;
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_KERNEL, ESP_KERNEL_DIR "/" V65));
        ck_assert_ptr_nonnull(
                        lab_find_step(&lab, PLAN_PLACE, "loader/entries/proxmox-" V611 ".conf"));
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
}
END_TEST

START_TEST(empty_boot_removes_nothing_and_says_so) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_IMAGE_MISSING;
        lab.kernels.kernels[0].packaged = true;
        lab.kernels.boot_is_empty = true;
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        /* An incomplete kernel and the optional Memtest86+ are left as well. */
        lab_put_file(&lab, V65, KERNEL_FILE_INITRD, 0, VERDICT_UNCHECKED);
        sim_put(&lab.esp, ESP_MEMTEST, FILE_REGULAR, 9, 0, NULL);
        sim_put(&lab.esp, ESP_MEMTEST_ENTRY, FILE_REGULAR, strlen(MEMTEST_ENTRY_TEXT), 0,
                MEMTEST_ENTRY_TEXT);
        lab_assert_problem(&lab, "", ERROR_NO_SUCH_KERNEL, "'/boot' holds no kernel");
        lab_assert_problem(&lab, "", ERROR_NO_SUCH_KERNEL, "mounted");
}
END_TEST

START_TEST(lost_image_is_a_problem_and_the_others_are_synced_all_the_same) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_IMAGE_MISSING;
        lab.kernels.kernels[0].packaged = true;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V614);
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NO_SUCH_KERNEL);
        ck_assert_ptr_nonnull(strstr(lab.plan->problem.message, "/boot/vmlinuz-" V614));
        ck_assert_ptr_nonnull(
                        lab_find_step(&lab, PLAN_PLACE, "loader/entries/proxmox-" V68 ".conf"));
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_REMOVE_KERNEL, ESP_KERNEL_DIR "/" V614));
}
END_TEST

CHECK_MAIN("plan-spare", kernel_stays_until_the_one_that_took_its_place_is_there,
           each_kernel_that_is_not_there_spares_one,
           entry_that_leads_nowhere_does_not_count_as_there,
           kernel_that_is_not_complete_is_not_spared,
           kernel_that_only_a_list_or_a_pin_names_spares_none,
           spared_kernel_goes_where_its_room_is_needed, empty_boot_removes_nothing_and_says_so,
           lost_image_is_a_problem_and_the_others_are_synced_all_the_same)
