/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On an ESP with room a plan has all steps that are needed, no others, and in order. */

#include "tests/unit/core/plan-lab.h"

START_TEST(esp_in_sync_gives_no_steps) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_plan(&lab);
        ck_assert_uint_eq(lab.plan->n_steps, 0);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
        ck_assert_ptr_null(lab.plan->problem.message);
        ck_assert_str_eq(lab.plan->esp_uuid, "AAAA-0001");
}
END_TEST

START_TEST(new_kernel_is_staged_then_placed_then_gets_its_entry) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V65);
        lab_assert_steps(&lab, "mkdir 6.8.12-4-pve\n"
                               "barrier\n"
                               "stage vmlinuz-6.8.12-4-pve\n"
                               "stage initrd.img-6.8.12-4-pve\n"
                               "stage-text proxmox-6.8.12-4-pve.conf\n"
                               "token\n"
                               "barrier\n"
                               "place vmlinuz-6.8.12-4-pve\n"
                               "place initrd.img-6.8.12-4-pve\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(staged_files_name_their_source_as_it_was_planned) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        lab_init(&lab);
        lab_keep(&lab, V68)->initrd =
                        (FileStamp){ .inode = 7, .size = 4097, .mtime = 8, .ctime = 9 };
        lab_plan(&lab);
        step = lab_find_step(&lab, PLAN_STAGE, "EFI/proxmox/" V68 "/initrd.img-" V68);
        ck_assert_ptr_nonnull(step);
        ck_assert_str_eq(step->source, "boot/initrd.img-" V68);
        ck_assert(file_stamp_equal(&step->stamp, &lab.kernels.kernels[0].initrd));
        ck_assert_uint_eq(step->bytes, 4097);
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, "loader/entries/proxmox-" V68 ".conf");
        ck_assert_ptr_nonnull(step);
        ck_assert_str_eq(step->text,
                         "title    Proxmox Virtual Environment\n"
                         "version  6.8.12-4-pve\n"
                         "options  root=a\n"
                         "linux    /EFI/proxmox/6.8.12-4-pve/vmlinuz-6.8.12-4-pve\n"
                         "initrd   /EFI/proxmox/6.8.12-4-pve/initrd.img-6.8.12-4-pve\n");
        ck_assert_uint_eq(plan_work_bytes(lab.plan), 2 * (IMAGE_SIZE + 4097 + strlen(step->text)));
}
END_TEST

START_TEST(changed_initrd_alone_is_copied_and_the_image_must_stay) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *keep;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, 5, VERDICT_DIFFERS);
        lab_put_file(&lab, V68, KERNEL_FILE_IMAGE, IMAGE_SIZE, VERDICT_TRUSTED)->mtime = 11;
        lab_assert_steps(&lab, "stage initrd.img-6.8.12-4-pve\n"
                               "token\n"
                               "barrier\n"
                               "place initrd.img-6.8.12-4-pve\n"
                               "barrier\n");
        keep = &lab.plan->steps[0];
        ck_assert_int_eq(keep->action, PLAN_KEEP);
        ck_assert_str_eq(keep->path, "EFI/proxmox/" V68 "/vmlinuz-" V68);
        ck_assert_uint_eq(keep->esp_size, IMAGE_SIZE);
        ck_assert_uint_eq(keep->esp_mtime, 11);
}
END_TEST

START_TEST(file_that_nobody_compared_is_copied) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_file(&lab, V68, KERNEL_FILE_IMAGE, IMAGE_SIZE, VERDICT_UNCHECKED);
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_STAGE, "EFI/proxmox/" V68 "/vmlinuz-" V68));
}
END_TEST

START_TEST(stale_kernel_goes_last_and_its_entry_before_it) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_conf(&lab, "default proxmox-" V65 ".conf\n");
        lab_assert_steps(&lab, "mkdir 6.8.12-4-pve\n"
                               "barrier\n"
                               "stage vmlinuz-6.8.12-4-pve\n"
                               "stage initrd.img-6.8.12-4-pve\n"
                               "stage-text proxmox-6.8.12-4-pve.conf\n"
                               "token\n"
                               "barrier\n"
                               "place vmlinuz-6.8.12-4-pve\n"
                               "place initrd.img-6.8.12-4-pve\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n"
                               "remove-entry proxmox-6.5.13-5-pve.conf\n"
                               "barrier\n"
                               "remove-kernel 6.5.13-5-pve\n"
                               "barrier\n");
        ck_assert_uint_eq(lab_find_step(&lab, PLAN_REMOVE_KERNEL, "EFI/proxmox/" V65)->bytes,
                          IMAGE_SIZE + INITRD_SIZE);
}
END_TEST

START_TEST(known_kernel_without_a_reason_is_stale) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65)->reasons = 0;
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "remove-entry proxmox-6.5.13-5-pve.conf\n"
                               "barrier\n"
                               "remove-kernel 6.5.13-5-pve\n"
                               "barrier\n");
}
END_TEST

START_TEST(version_is_not_matched_as_a_part_of_another) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, "6.8.12-41-pve");
        lab_put_kernel(&lab, "6.8.12-41-pve");
        lab_put_kernel(&lab, "6.8.12-4-pve");
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "remove-entry proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n"
                               "remove-kernel 6.8.12-4-pve\n"
                               "barrier\n");
}
END_TEST

START_TEST(pin_becomes_the_default_after_the_entries) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V68);
        lab_put_conf(&lab, "# mine\ntimeout 10\ndefault proxmox-*\n");
        lab.in.pin = V65;
        lab_assert_steps(&lab, "mkdir 6.5.13-5-pve\n"
                               "barrier\n"
                               "stage vmlinuz-6.5.13-5-pve\n"
                               "stage initrd.img-6.5.13-5-pve\n"
                               "stage-text proxmox-6.5.13-5-pve.conf\n"
                               "token\n"
                               "barrier\n"
                               "place vmlinuz-6.5.13-5-pve\n"
                               "place initrd.img-6.5.13-5-pve\n"
                               "barrier\n"
                               "place proxmox-6.5.13-5-pve.conf\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n");
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF);
        ck_assert_str_eq(step->text, "# mine\ntimeout 10\ndefault proxmox-" V65 ".conf\n");
}
END_TEST

START_TEST(unpinned_default_is_taken_back) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_conf(&lab, "default proxmox-" V68 ".conf\n");
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n");
        ck_assert_str_eq(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF)->text,
                         "default proxmox-*\n");
}
END_TEST

START_TEST(default_never_names_a_kernel_that_will_not_be_there) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V65);
        lab.in.pin = V68;
        lab_assert_problem(&lab, "", ERROR_NOT_BOOTABLE, V68);
}
END_TEST

START_TEST(pinned_kernel_that_only_the_esp_holds_is_the_default) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65)->state = KERNEL_STATE_IMAGE_MISSING;
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.in.pin = V65;
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(kept_kernel_that_is_not_bootable_is_left_as_it_is) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V68);
        lab_put_entry(&lab, V68, V68, "root=other");
        lab_put_file(&lab, V68, KERNEL_FILE_IMAGE, 5, VERDICT_UNCHECKED);
        lab_put_kernel(&lab, V65);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(unreadable_database_removes_nothing_and_says_so) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_kernel(&lab, V62);
        lab_put_entry(&lab, V68 "+3", V68, "root=a");
        lab.kernels.database_readable = false;
        lab_assert_problem(&lab, "", ERROR_DATABASE_UNREADABLE, V62 ", " V65);
}
END_TEST

START_TEST(unreadable_database_still_lets_kernels_in) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab.kernels.database_readable = false;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(
                        lab_find_step(&lab, PLAN_PLACE, "loader/entries/proxmox-" V68 ".conf"));
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
}
END_TEST

START_TEST(last_kernel_is_not_removed) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_put_kernel(&lab, V65);
        lab_assert_steps(&lab, "");
        lab_keep(&lab, V68)->state = KERNEL_STATE_INITRD_MISSING;
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(leftovers_are_cleared_under_the_token_before_anything_is_staged) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_file(&lab, V68, KERNEL_FILE_INITRD, 5, VERDICT_DIFFERS);
        sim_put(&lab.esp, "EFI/proxmox/" V68 "/initrd.img-" V68 ".new", FILE_REGULAR, 5, 0, NULL);
        sim_put(&lab.esp, "loader/loader.conf.new", FILE_REGULAR, 5, 0, NULL);
        sim_put(&lab.esp, "loader/entries/proxmox-" V62 ".conf.new", FILE_REGULAR, 5, 0, NULL);
        lab_assert_steps(&lab, "token\n"
                               "repair\n"
                               "clear initrd.img-6.8.12-4-pve.new\n"
                               "clear proxmox-6.2.16-3-pve.conf.new\n"
                               "clear loader.conf.new\n"
                               "barrier\n"
                               "stage initrd.img-6.8.12-4-pve\n"
                               "barrier\n"
                               "place initrd.img-6.8.12-4-pve\n"
                               "barrier\n");
}
END_TEST

START_TEST(what_is_not_ours_is_not_touched) {
        static const char *const others[] = {
                "EFI/proxmox/notes.txt",
                "EFI/proxmox/" V65 "/notes.txt.new",
                "EFI/proxmox/not-a-version/vmlinuz-1.new",
                "EFI/proxmox/" V65 "/vmlinuz-" V62 ".new",
                "loader/entries/debian.conf",
                "loader/entries/debian.conf.new",
                "loader/entries/proxmox-memtest.conf",
                "loader/entries/proxmox-" V65 ".CONF",
                "loader/random-seed.new",
        };
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                sim_put(&lab.esp, others[i], FILE_REGULAR, 5, 0, NULL);
        sim_put(&lab.esp, "EFI/proxmox/not-a-version", FILE_DIRECTORY, 0, 0, NULL);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(boot_counted_entry_keeps_its_name) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+2-1", V68, "root=a");
        lab_assert_steps(&lab, "");
        lab_put_entry(&lab, V68 "+2-1", V68, "root=b");
        lab_assert_steps(&lab, "stage-text proxmox-6.8.12-4-pve+2-1.conf\n"
                               "token\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve+2-1.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(only_one_entry_of_a_kernel_may_stand) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_entry(&lab, V68 "+3", V68, "root=a");
        lab_put_entry(&lab, V68 "+2-1", V68, "root=a");
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "remove-entry proxmox-6.8.12-4-pve+2-1.conf\n"
                               "remove-entry proxmox-6.8.12-4-pve+3.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(all_entries_of_a_stale_kernel_go) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_entry(&lab, V65 "+3", V65, "root=a");
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "remove-entry proxmox-6.5.13-5-pve+3.conf\n"
                               "remove-entry proxmox-6.5.13-5-pve.conf\n"
                               "barrier\n"
                               "remove-kernel 6.5.13-5-pve\n"
                               "barrier\n");
}
END_TEST

CHECK_MAIN("plan-build", esp_in_sync_gives_no_steps,
           new_kernel_is_staged_then_placed_then_gets_its_entry,
           staged_files_name_their_source_as_it_was_planned,
           changed_initrd_alone_is_copied_and_the_image_must_stay,
           file_that_nobody_compared_is_copied, stale_kernel_goes_last_and_its_entry_before_it,
           known_kernel_without_a_reason_is_stale, version_is_not_matched_as_a_part_of_another,
           pin_becomes_the_default_after_the_entries, unpinned_default_is_taken_back,
           default_never_names_a_kernel_that_will_not_be_there,
           pinned_kernel_that_only_the_esp_holds_is_the_default,
           kept_kernel_that_is_not_bootable_is_left_as_it_is,
           unreadable_database_removes_nothing_and_says_so,
           unreadable_database_still_lets_kernels_in, last_kernel_is_not_removed,
           leftovers_are_cleared_under_the_token_before_anything_is_staged,
           what_is_not_ours_is_not_touched, boot_counted_entry_keeps_its_name,
           only_one_entry_of_a_kernel_may_stand, all_entries_of_a_stale_kernel_go)
