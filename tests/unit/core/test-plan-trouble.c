/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans for an ESP or a host that is not as it should be. */

#include "tests/unit/core/plan-lab.h"

#define REMOVE(version) \
        "remove-entry proxmox-" version ".conf\nbarrier\nremove-kernel " version "\nbarrier\n"

static void run(Lab *lab) {
        sim_run(&lab->esp, lab->plan, lab->plan->n_steps);
}

/* One kernel that is in sync, which no trouble with others may touch. */
static void init(Lab *lab) {
        lab_init(lab);
        lab_keep(lab, V68);
        lab_put_kernel(lab, V68);
}

START_TEST(without_a_command_line_there_is_no_entry) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab.in.cmdline = NULL;
        lab_assert_problem(&lab, "", ERROR_FAILED, "/etc/kernel/cmdline");
}
END_TEST

/* A directory that a look found may be one that was never written, which the repair takes away. */
START_TEST(after_a_repair_directories_are_made_again_for_what_is_copied) {
        for (int dirty = 0; dirty < 2; dirty++) {
                _cleanup_(lab_done) Lab lab;

                init(&lab);
                lab_keep(&lab, V65);
                esp_image_get(&lab.esp.image, "EFI/proxmox/" V65)->type = FILE_DIRECTORY;
                lab.esp.image.dirty = dirty;
                lab_plan(&lab);
                ck_assert_int_eq(!!lab_find_step(&lab, PLAN_MKDIR, "EFI/proxmox/" V65), dirty);
                ck_assert_ptr_null(lab_find_step(&lab, PLAN_MKDIR, "EFI/proxmox/" V68));
        }
}
END_TEST

START_TEST(options_of_entries_stay_and_new_ones_take_those_of_what_boots) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V65);
        lab_put_entry(&lab, V65, V65, "root=b quiet");
        lab_put_kernel(&lab, V62);
        lab_put_entry(&lab, V62, V62, "root=c");
        lab.in.cmdline = NULL;
        lab.in.fallback_cmdline = "root=d";
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_STAGE_TEXT,
                                         "loader/entries/proxmox-" V65 ".conf"));
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, "loader/entries/proxmox-" V68 ".conf");
        ck_assert_ptr_nonnull(strstr(step->text, "options  root=b quiet\n"));
}
END_TEST

START_TEST(fallback_command_line_is_for_entries_that_have_none) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab.in.cmdline = NULL;
        lab.in.fallback_cmdline = "root=d";
        lab_plan(&lab);
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, "loader/entries/proxmox-" V68 ".conf");
        ck_assert_ptr_nonnull(strstr(step->text, "options  root=d\n"));
}
END_TEST

START_TEST(new_command_line_rewrites_the_entries_alone) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab.in.cmdline = "root=other";
        lab_assert_steps(&lab, "stage-text proxmox-6.8.12-4-pve.conf\n"
                               "token\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(esp_without_a_known_loader_is_left_as_it_is) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab.esp.image.loader = ESP_LOADER_NONE;
        lab_assert_problem(&lab, "", ERROR_NOT_AN_ESP, "boot loader");
}
END_TEST

START_TEST(what_is_in_the_way_of_a_kernel_is_named_and_left) {
        static const struct {
                const char *path;
                FileType type;
        } obstacles[] = {
                { "EFI/proxmox/" V614, FILE_REGULAR },
                { "EFI/proxmox/" V614, FILE_OTHER },
                { "EFI/proxmox/" V614 "/vmlinuz-" V614, FILE_OTHER },
                { "EFI/proxmox/" V614 "/initrd.img-" V614, FILE_DIRECTORY },
                { "EFI/proxmox/" V614 "/vmlinuz-" V614 ".new", FILE_DIRECTORY },
                { "EFI/proxmox/" V614 "/initrd.img-" V614 ".new", FILE_OTHER },
                { "loader/entries/proxmox-" V614 ".conf", FILE_DIRECTORY },
                { "loader/entries/proxmox-" V614 ".conf", FILE_OTHER },
                { "loader/entries/proxmox-" V614 ".conf.new", FILE_DIRECTORY },
        };

        for (size_t i = 0; i < ELEMENTSOF(obstacles); i++) {
                _cleanup_(lab_done) Lab lab;

                lab_init(&lab);
                lab_keep(&lab, V614);
                lab_keep(&lab, V68);
                lab_put_kernel(&lab, V68);
                lab_put_file(&lab, V68, KERNEL_FILE_INITRD, 5, VERDICT_DIFFERS);
                sim_put(&lab.esp, obstacles[i].path, obstacles[i].type, 0, SIM_FOREIGN, NULL);
                lab_assert_problem(&lab,
                                   "stage initrd.img-6.8.12-4-pve\n"
                                   "token\n"
                                   "barrier\n"
                                   "place initrd.img-6.8.12-4-pve\n"
                                   "barrier\n",
                                   ERROR_FAILED, obstacles[i].path);
        }
}
END_TEST

START_TEST(obstacle_where_nothing_has_to_be_written_is_none) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_put(&lab.esp, "EFI/proxmox/" V68 "/vmlinuz-" V68 ".new", FILE_DIRECTORY, 0, 0, NULL);
        sim_put(&lab.esp, "loader/entries/proxmox-" V68 ".conf.new", FILE_OTHER, 0, 0, NULL);
        sim_put(&lab.esp, ESP_LOADER_CONF ".new", FILE_DIRECTORY, 0, 0, NULL);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(what_boots_stays_while_the_new_default_is_blocked) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        sim_put(&lab.esp, "loader/entries/proxmox-" V614 ".conf", FILE_DIRECTORY, 0, SIM_FOREIGN,
                NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, V614);
}
END_TEST

START_TEST(version_of_a_file_in_place_of_a_directory_only_loses_its_entry) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_put(&lab.esp, "EFI/proxmox/" V65, FILE_OTHER, 0, SIM_FOREIGN, NULL);
        lab_put_entry(&lab, V65, V65, "root=a");
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_REMOVE_KERNEL, "EFI/proxmox/" V65));
        run(&lab);
        ck_assert_ptr_null(esp_image_find(&lab.esp.image, "loader/entries/proxmox-" V65 ".conf"));
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(files_of_others_in_a_directory_of_ours_do_not_keep_an_esp_from_being_in_sync) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V65);
        esp_image_get(&lab.esp.image, "EFI/proxmox/" V65)->mtime = SIM_FOREIGN;
        sim_put(&lab.esp, "EFI/proxmox/" V65 "/notes.txt", FILE_REGULAR, 5, SIM_FOREIGN, NULL);
        lab_assert_steps(&lab, "token\nbarrier\n" REMOVE(V65));
        run(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(empty_directory_of_a_version_goes) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_put(&lab.esp, "EFI/proxmox/" V65, FILE_DIRECTORY, 0, 0, NULL);
        lab_assert_steps(&lab, "token\nbarrier\nremove-kernel 6.5.13-5-pve\nbarrier\n");
}
END_TEST

START_TEST(directory_for_entries_is_made_where_it_is_missing) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        sim_drop(&lab.esp, ESP_ENTRY_DIR);
        lab_plan(&lab);
        ck_assert_str_eq(lab.plan->steps[0].path, ESP_ENTRY_DIR);
        run(&lab);
        lab.esp.image.free_bytes = 60 * MIB;
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
}
END_TEST

START_TEST(directory_for_entries_is_made_in_a_full_esp_too) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        sim_drop(&lab.esp, ESP_ENTRY_DIR);
        lab.esp.image.free_bytes = 60 * MIB;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_MKDIR, ESP_ENTRY_DIR));
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NO_SPACE);
        run(&lab);
}
END_TEST

START_TEST(file_in_place_of_the_directory_for_entries_is_named_and_left) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        sim_put(&lab.esp, ESP_ENTRY_DIR, FILE_REGULAR, 0, SIM_FOREIGN, NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, "'" ESP_ENTRY_DIR "'");
}
END_TEST

START_TEST(garbage_in_loader_conf_is_replaced) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_put(&lab.esp, ESP_LOADER_CONF, FILE_REGULAR, 100, 0, NULL);
        lab_assert_steps(&lab, "token\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n");
        ck_assert_str_eq(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF)->text,
                         "timeout 3\ndefault proxmox-*\n");
}
END_TEST

START_TEST(garbage_lines_in_loader_conf_stay) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_conf(&lab, "\xff\x01 default\r\n=\ndefault proxmox-" V65 ".conf\r\n\tx");
        lab_plan(&lab);
        ck_assert_str_eq(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_LOADER_CONF)->text,
                         "\xff\x01 default\r\n=\ndefault proxmox-*\r\n\tx");
}
END_TEST

START_TEST(loader_conf_that_is_no_small_file_is_named_and_left) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V614);
        sim_put(&lab.esp, ESP_LOADER_CONF, FILE_REGULAR, 1024 * 1024, 0, NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, ESP_LOADER_CONF);
        sim_put(&lab.esp, ESP_LOADER_CONF, FILE_OTHER, 0, 0, NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, ESP_LOADER_CONF);
        lab_put_conf(&lab, "default proxmox-" V614 ".conf\n");
        sim_put(&lab.esp, ESP_LOADER_CONF ".new", FILE_DIRECTORY, 0, 0, NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, ESP_LOADER_CONF ".new");
}
END_TEST

START_TEST(what_boots_stays_while_the_pin_cannot_be_the_default) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_put_conf(&lab, "default proxmox-" V65 ".conf\n");
        lab.in.pin = V614;
        lab_assert_problem(&lab, "", ERROR_NOT_BOOTABLE, V614);
}
END_TEST

START_TEST(pinned_kernel_loses_its_boot_counter) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_free_ char *boots = NULL;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V614);
        lab_put_kernel(&lab, V68);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+3", V68, "root=a");
        lab.in.pin = V68;
        lab_assert_steps(&lab, "stage-text proxmox-6.8.12-4-pve.conf\n"
                               "token\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n"
                               "remove-entry proxmox-6.8.12-4-pve+3.conf\n"
                               "barrier\n");
        run(&lab);
        ck_assert_int_eq(esp_image_reader(&lab.esp.image)->default_version(&lab.esp.image, &boots),
                         0);
        ck_assert_str_eq(boots, V68);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(counted_entry_stays_while_the_plain_one_cannot_be_written) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+3", V68, "root=a");
        lab.in.pin = V68;
        lab.esp.image.free_bytes = 0;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V68);
}
END_TEST

START_TEST(entries_that_lead_nowhere_go_before_the_default_could_be_one) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V614);
        sim_drop(&lab.esp, "EFI/proxmox/" V614 "/initrd.img-" V614);
        lab_put_conf(&lab, "default proxmox-" V68 ".conf\n");
        lab_assert_steps(&lab, "token\n"
                               "remove-entry proxmox-6.14.8-2-pve.conf\n"
                               "barrier\n"
                               "stage-text loader.conf\n"
                               "place loader.conf\n"
                               "barrier\n"
                               "remove-kernel 6.14.8-2-pve\n"
                               "barrier\n");
        run(&lab);
}
END_TEST

START_TEST(kept_kernel_that_is_broken_everywhere_only_loses_its_entry) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V614);
        lab_put_file(&lab, V614, KERNEL_FILE_INITRD, 0, VERDICT_UNCHECKED);
        lab_assert_steps(&lab, "token\n"
                               "remove-entry proxmox-6.14.8-2-pve.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(broken_kernel_that_is_kept_gets_its_entry_back) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        sim_drop(&lab.esp, "EFI/proxmox/" V68 "/initrd.img-" V68);
        lab_assert_steps(&lab, "token\n"
                               "remove-entry proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n"
                               "stage initrd.img-6.8.12-4-pve\n"
                               "stage-text proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n"
                               "place initrd.img-6.8.12-4-pve\n"
                               "barrier\n"
                               "place proxmox-6.8.12-4-pve.conf\n"
                               "barrier\n");
}
END_TEST

START_TEST(half_a_kernel_is_not_completed_under_its_entry) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_entry(&lab, V614, V614, "root=a");
        lab.kernels.database_readable = false;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_ENTRY,
                                            "loader/entries/proxmox-" V614 ".conf"));
        run(&lab);
        lab_put_file(&lab, V614, KERNEL_FILE_IMAGE, IMAGE_SIZE, VERDICT_TRUSTED);
        lab_put_file(&lab, V614, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_TRUSTED);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(unreadable_database_leaves_a_default_that_might_get_worse) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_put_kernel(&lab, V614);
        sim_drop(&lab.esp, "EFI/proxmox/" V614 "/initrd.img-" V614);
        lab_put_conf(&lab, "default proxmox-" V68 ".conf\n");
        lab.kernels.database_readable = false;
        lab_assert_problem(&lab, "", ERROR_DATABASE_UNREADABLE, V614);
}
END_TEST

/* A default of the administrator's own that matches no entry, and an entry of others which comes
 * before one of ours without tries left. V614 is kept and has none. */
static void init_exhausted(Lab *lab) {
        lab_init(lab);
        lab_keep(lab, V614);
        lab_put_kernel(lab, V614);
        sim_drop(&lab->esp, "loader/entries/proxmox-" V614 ".conf");
        lab_put_entry(lab, V614 "+0-3", V614, "root=a");
        lab_put_conf(lab, "default other.conf\n");
        sim_put(&lab->esp, ESP_ENTRY_DIR "/debian.conf", FILE_REGULAR, 20, SIM_FOREIGN,
                "linux /vmlinuz\n");
}

START_TEST(what_boots_stays_while_the_kept_kernel_has_no_tries_left) {
        _cleanup_(lab_done) Lab lab;

        init_exhausted(&lab);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab_assert_steps(&lab, "token\nbarrier\n" REMOVE(V65));
        run(&lab);
        lab_assert_steps(&lab, "");
        lab.in.pin = V614;
        lab_plan(&lab);
        run(&lab);
        ck_assert_ptr_null(esp_image_find(&lab.esp.image, "loader/entries/proxmox-" V68 ".conf"));
}
END_TEST

START_TEST(what_boots_without_the_entry_that_leads_nowhere_stays_too) {
        _cleanup_(lab_done) Lab lab;

        init_exhausted(&lab);
        lab_put_kernel(&lab, V68);
        lab_put_kernel(&lab, V611);
        sim_drop(&lab.esp, "EFI/proxmox/" V611 "/initrd.img-" V611);
        lab_assert_steps(&lab, "token\n"
                               "remove-entry proxmox-6.11.11-2-pve.conf\n"
                               "barrier\n"
                               "remove-kernel 6.11.11-2-pve\n"
                               "barrier\n");
        run(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

CHECK_MAIN("plan-trouble", after_a_repair_directories_are_made_again_for_what_is_copied,
           without_a_command_line_there_is_no_entry,
           options_of_entries_stay_and_new_ones_take_those_of_what_boots,
           fallback_command_line_is_for_entries_that_have_none,
           new_command_line_rewrites_the_entries_alone, esp_without_a_known_loader_is_left_as_it_is,
           what_is_in_the_way_of_a_kernel_is_named_and_left,
           obstacle_where_nothing_has_to_be_written_is_none,
           what_boots_stays_while_the_new_default_is_blocked,
           version_of_a_file_in_place_of_a_directory_only_loses_its_entry,
           files_of_others_in_a_directory_of_ours_do_not_keep_an_esp_from_being_in_sync,
           empty_directory_of_a_version_goes, directory_for_entries_is_made_where_it_is_missing,
           directory_for_entries_is_made_in_a_full_esp_too,
           file_in_place_of_the_directory_for_entries_is_named_and_left,
           garbage_in_loader_conf_is_replaced, garbage_lines_in_loader_conf_stay,
           loader_conf_that_is_no_small_file_is_named_and_left,
           what_boots_stays_while_the_pin_cannot_be_the_default,
           pinned_kernel_loses_its_boot_counter,
           counted_entry_stays_while_the_plain_one_cannot_be_written,
           entries_that_lead_nowhere_go_before_the_default_could_be_one,
           kept_kernel_that_is_broken_everywhere_only_loses_its_entry,
           broken_kernel_that_is_kept_gets_its_entry_back,
           half_a_kernel_is_not_completed_under_its_entry,
           unreadable_database_leaves_a_default_that_might_get_worse,
           what_boots_stays_while_the_kept_kernel_has_no_tries_left,
           what_boots_without_the_entry_that_leads_nowhere_stays_too)
