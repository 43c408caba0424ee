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
        ck_assert_msg(strstr(lab.plan->problem.message, "needs 209 MiB and 2 MiB are free"), "%s",
                      lab.plan->problem.message);
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
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
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
                ck_assert_int_eq(lab.plan->problem.code,
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

/* Two kernels that fit, and a new initrd for the default, which does not fit beside them. */
static void init_tight(Lab *lab) {
        lab_init(lab);
        lab_keep(lab, V614);
        lab_keep(lab, V68);
        lab_put_kernel(lab, V614);
        lab_put_kernel(lab, V68);
        lab_put_file(lab, V614, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_DIFFERS);
        lab->esp.image.free_bytes = 31 * MIB;
}

#define REPLACE(version) \
        "stage initrd.img-" version "\nbarrier\nplace initrd.img-" version "\nbarrier\n"

/* In sync but for nothing: what a look would find after the plan. */
static void assert_synced(Lab *lab) {
        for (size_t i = 0; i < lab->esp.image.n_files; i++)
                lab->esp.image.files[i].verdict = VERDICT_EQUAL;
        lab_assert_steps(lab, "");
}

START_TEST(kernel_that_nobody_needs_gives_way_to_the_default_and_comes_back) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab_assert_steps(&lab, "token\n" REMOVE(V68) REPLACE(V614) ADD(V68));
        ck_assert_str_eq(lab.plan->away, "'" V68 "' is taken off ESP 'AAAA-0001' to make room for "
                                         "'" V614 "', and then copied again");
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_KEEP, "EFI/proxmox/" V68 "/vmlinuz-" V68));
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_KEEP, "EFI/proxmox/" V614 "/vmlinuz-" V614));
        run(&lab);
        assert_synced(&lab);
}
END_TEST

START_TEST(stale_kernels_go_before_a_kept_one_gives_way) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab_put_kernel(&lab, V62);
        lab_put_file(&lab, V62, KERNEL_FILE_INITRD, MIB, VERDICT_UNCHECKED);
        lab.esp.image.free_bytes = 20 * MIB;
        lab_assert_steps(&lab, "token\n" REMOVE(V62) REMOVE(V68) REPLACE(V614) ADD(V68));
        run(&lab);
        assert_synced(&lab);
}
END_TEST

START_TEST(kernel_that_runs_or_shall_boot_next_gives_way_to_none) {
        static const KernelReason reasons[] = { KERNEL_RUNNING, KERNEL_PIN, KERNEL_NEXT_BOOT };

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++) {
                _cleanup_(lab_done) Lab lab;

                init_tight(&lab);
                lab.kernels.kernels[1].reasons |= 1u << reasons[i];
                lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
                ck_assert_ptr_null(lab.plan->away);
        }
}
END_TEST

START_TEST(kernel_that_boots_now_gives_way_to_none) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab_put_conf(&lab, "default proxmox-" V68 ".conf\n");
        lab_assert_problem(&lab, "token\nstage-text loader.conf\nplace loader.conf\nbarrier\n",
                           ERROR_NO_SPACE, V614);
        ck_assert_ptr_null(lab.plan->away);
}
END_TEST

START_TEST(kernel_that_could_not_come_back_stays) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab.kernels.kernels[0].initrd.size = INITRD_SIZE + 31 * MIB;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);

        lab.kernels.kernels[0].initrd.size = INITRD_SIZE;
        sim_put(&lab.esp, "EFI/proxmox/" V68 "/vmlinuz-" V68 ".new", FILE_DIRECTORY, 0, SIM_FOREIGN,
                NULL);
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
}
END_TEST

START_TEST(kernel_that_is_not_the_default_gives_way_to_itself) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab_put_file(&lab, V614, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_EQUAL);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_DIFFERS);
        lab_assert_steps(&lab, "token\n" REMOVE(V68) ADD(V68));
        run(&lab);
        assert_synced(&lab);
}
END_TEST

START_TEST(unreadable_database_lets_no_kernel_give_way) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab.kernels.database_readable = false;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
}
END_TEST

START_TEST(exact_fit_is_refused_in_the_name_of_the_reserve) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab.kernels.kernels[1].reasons |= 1u << KERNEL_RUNNING;
        lab.esp.image.free_bytes = INITRD_SIZE;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, "a reserve of 256 must be left");
        lab.esp.image.free_bytes = INITRD_SIZE - 1;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, "needs 40 MiB and 39 MiB are free");
        lab.esp.image.free_bytes = INITRD_SIZE + SPACE_RESERVE_BYTES;
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
        run(&lab);
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
           files_of_others_are_no_room_that_eviction_makes,
           kernel_that_nobody_needs_gives_way_to_the_default_and_comes_back,
           stale_kernels_go_before_a_kept_one_gives_way,
           kernel_that_runs_or_shall_boot_next_gives_way_to_none,
           kernel_that_boots_now_gives_way_to_none, kernel_that_could_not_come_back_stays,
           kernel_that_is_not_the_default_gives_way_to_itself,
           unreadable_database_lets_no_kernel_give_way,
           exact_fit_is_refused_in_the_name_of_the_reserve)
