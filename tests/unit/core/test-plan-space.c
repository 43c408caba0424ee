/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans for an ESP that has no room for old and new beside each other. */

#include "tests/unit/core/plan-lab.h"

#define KERNEL_SIZE (IMAGE_SIZE + INITRD_SIZE)

/* The steps of a new kernel, all under the token. */
#define ADD(version)                                                                       \
        "mkdir " version "\nbarrier\nstage vmlinuz-" version "\nstage initrd.img-" version \
        "\nstage-text proxmox-" version ".conf\nbarrier\nplace vmlinuz-" version           \
        "\nplace initrd.img-" version "\nbarrier\nplace proxmox-" version ".conf\nbarrier\n"
#define REMOVE(version) \
        "remove-entry proxmox-" version ".conf\nbarrier\nremove-kernel " version "\nbarrier\n"

/* Carry the plan out in memory, where an overdraft fails the test. */
static void run(Lab *lab) {
        sim_run(&lab->esp, lab->plan, lab->plan->n_steps);
}

START_TEST(oldest_are_evicted_first_and_never_what_boots_now) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab_put_conf(&lab, "default proxmox-" V62 ".conf\n");
        lab.esp.image.free_bytes = MIB;
        lab_assert_steps(&lab,
                         "token\n" REMOVE(V65) ADD(V614) "stage-text loader.conf\n"
                                                         "place loader.conf\n"
                                                         "barrier\n"
                                                         "remove-entry " ENTRY_PREFIX V62 ".conf\n"
                                                         "remove-entry " ENTRY_PREFIX V68 ".conf\n"
                                                         "barrier\n"
                                                         "remove-kernel " V62 "\n"
                                                         "remove-kernel " V68 "\n"
                                                         "barrier\n");
        run(&lab);
}
END_TEST

START_TEST(several_are_evicted_where_one_is_not_enough) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V611);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab.esp.image.free_bytes = 0;
        lab_assert_steps(&lab, "token\n" REMOVE(V62) REMOVE(V65)
                                               ADD(V614) "remove-entry " ENTRY_PREFIX V611 ".conf\n"
                                                         "remove-entry " ENTRY_PREFIX V68 ".conf\n"
                                                         "barrier\n"
                                                         "remove-kernel " V68 "\n"
                                                         "remove-kernel " V611 "\n"
                                                         "barrier\n");
        run(&lab);
}
END_TEST

START_TEST(nothing_is_evicted_in_vain) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->initrd.size = 200 * MIB;
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab.esp.image.free_bytes = 3 * MIB - 1;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
        ck_assert_msg(strstr(lab.plan->problem, "needs 209 MiB and 2 MiB are free"), "%s",
                      lab.plan->problem);
}
END_TEST

START_TEST(what_booted_before_may_go_once_the_default_is_settled) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V611);
        lab.esp.image.free_bytes = KERNEL_SIZE + MIB;
        lab_assert_steps(&lab, "token\n" ADD(V614) REMOVE(V611) ADD(V68));
        run(&lab);
}
END_TEST

START_TEST(pinned_kernel_comes_first) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V611);
        lab.in.pin = V68;
        lab.esp.image.free_bytes = KERNEL_SIZE + MIB;
        lab_assert_steps(&lab, "token\n" ADD(V68) "stage-text loader.conf\n"
                                                  "place loader.conf\n"
                                                  "barrier\n" REMOVE(V611) ADD(V614));
        run(&lab);
}
END_TEST

START_TEST(pinned_kernel_that_does_not_fit_is_not_the_default) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->initrd.size = 200 * MIB;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.in.pin = V614;
        lab.esp.image.free_bytes = MIB;
        /* Nor does another leave in its favour. */
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
        run(&lab);
}
END_TEST

START_TEST(kernel_that_does_not_fit_keeps_no_other_from_being_copied) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->initrd.size = 200 * MIB;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.esp.image.free_bytes = KERNEL_SIZE + MIB;
        lab_assert_problem(&lab, "token\n" ADD(V68), ERROR_NO_SPACE, V614);
        run(&lab);
}
END_TEST

START_TEST(unreadable_database_evicts_nothing) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab.kernels.database_readable = false;
        lab.esp.image.free_bytes = MIB;
        lab_assert_problem(&lab, "", ERROR_DATABASE_UNREADABLE, V62);
}
END_TEST

START_TEST(replaced_files_make_room_for_the_next_kernel) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V614);
        lab_put_kernel(&lab, V68);
        lab_put_file(&lab, V614, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_DIFFERS);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_DIFFERS);
        lab.esp.image.free_bytes = INITRD_SIZE + MIB;
        lab_assert_steps(&lab, "token\n"
                               "stage initrd.img-" V614 "\n"
                               "barrier\n"
                               "place initrd.img-" V614 "\n"
                               "barrier\n"
                               "stage initrd.img-" V68 "\n"
                               "barrier\n"
                               "place initrd.img-" V68 "\n"
                               "barrier\n");
        run(&lab);
}
END_TEST

START_TEST(cleared_leftovers_count_as_room) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V65);
        sim_put(&lab.esp, "EFI/proxmox/" V65 "/initrd.img-" V65 ".new", FILE_REGULAR,
                2 * KERNEL_SIZE, 0, NULL);
        lab.esp.image.free_bytes = 0;
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->steps[0].action, PLAN_TOKEN);
        ck_assert_int_eq(lab.plan->steps[1].action, PLAN_REPAIR);
        ck_assert_int_eq(lab.plan->steps[2].action, PLAN_CLEAR);
        ck_assert_int_eq(lab.plan->problem_code, ERROR_NONE);
        run(&lab);
}
END_TEST

START_TEST(texts_are_counted_in_clusters_as_files_are) {
        char cmdline[2000] = "root=";

        memset(cmdline + 5, 'x', sizeof(cmdline) - 6);
        for (unsigned clusters = 0; clusters < 16; clusters++) {
                _cleanup_(lab_done) Lab lab;

                lab_init(&lab);
                lab_keep(&lab, V614);
                lab_keep(&lab, V68);
                lab_put_kernel(&lab, V614);
                lab_put_kernel(&lab, V68);
                lab.in.cmdline = cmdline;
                lab.esp.image.cluster_bytes = 512;
                lab.esp.image.free_bytes = clusters * 512;
                lab_plan(&lab);
                /* A new entry takes five clusters, an old one gives one back. */
                ck_assert(plan_writes(lab.plan) == (clusters >= 5));
                ck_assert_int_eq(lab.plan->problem_code,
                                 clusters >= 9 ? ERROR_NONE : ERROR_NO_SPACE);
                run(&lab);
        }
}
END_TEST

START_TEST(default_needs_room_too) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_conf(&lab, "default proxmox-" V68 ".conf\n");
        lab.esp.image.free_bytes = 0;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, "loader.conf");
}
END_TEST

START_TEST(room_for_the_default_is_made_by_eviction) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab_put_conf(&lab, "default proxmox-" V62 ".conf\n");
        lab.esp.image.free_bytes = 0;
        lab_assert_steps(&lab, "token\n" REMOVE(V65) "stage-text loader.conf\n"
                                                     "place loader.conf\n"
                                                     "barrier\n" REMOVE(V62));
        run(&lab);
}
END_TEST

START_TEST(files_of_others_are_no_room_that_eviction_makes) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab_put_file(&lab, V62, KERNEL_FILE_INITRD, 1, VERDICT_UNCHECKED);
        sim_put(&lab.esp, "EFI/proxmox/" V62 "/backup.tar", FILE_REGULAR, INITRD_SIZE, SIM_FOREIGN,
                NULL);
        lab.esp.image.free_bytes = MIB;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
}
END_TEST

CHECK_MAIN("plan-space", oldest_are_evicted_first_and_never_what_boots_now,
           several_are_evicted_where_one_is_not_enough, nothing_is_evicted_in_vain,
           what_booted_before_may_go_once_the_default_is_settled, pinned_kernel_comes_first,
           pinned_kernel_that_does_not_fit_is_not_the_default,
           kernel_that_does_not_fit_keeps_no_other_from_being_copied,
           unreadable_database_evicts_nothing, replaced_files_make_room_for_the_next_kernel,
           cleared_leftovers_count_as_room, texts_are_counted_in_clusters_as_files_are,
           default_needs_room_too, room_for_the_default_is_made_by_eviction,
           files_of_others_are_no_room_that_eviction_makes)
