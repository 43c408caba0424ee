/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Putting a boot loader on an ESP: behind what it is to boot, alone among the ESPs, on a sound file
 * system, and looked at afterwards. */

#include "core/loader/loader-files.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/plan-lab.h"

static void assert_install(const Lab *lab, const char *expect) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Buffer b = {};
        _cleanup_free_ char *steps = NULL;

        ck_assert_int_eq(plan_build_install("AAAA-0001", &lab->esp.image, ESP_LOADER_GRUB, true,
                                            &plan),
                         0);
        ck_assert(plan_writes(plan));
        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                buffer_printf(&b, "%s%s%s\n", plan_action_to_string(step->action),
                              step->path || step->text ? " " : "",
                              strempty(step->path ?: step->text));
        }
        ck_assert_int_eq(buffer_take(&b, &steps, NULL), 0);
        ck_assert_str_eq(steps, expect);
}

START_TEST(loader_and_boot_entry_come_under_the_token_and_are_looked_at) {
        Lab lab;

        lab_init(&lab);
        assert_install(&lab, "token\ninstall-loader grub\nboot-entry grub\nsignatures\nscan\n");
        lab_done(&lab);
}
END_TEST

START_TEST(entry_is_left_out_where_the_firmware_is_to_be_left_alone) {
        Plan *plan = NULL;
        Lab lab;

        lab_init(&lab);
        ck_assert_int_eq(plan_build_install("AAAA-0001", &lab.esp.image, ESP_LOADER_GRUB, false,
                                            &plan),
                         0);
        for (size_t i = 0; i < plan->n_steps; i++)
                ck_assert_int_ne(plan->steps[i].action, PLAN_BOOT_ENTRY);
        plan_free(plan);
        lab_done(&lab);
}
END_TEST

START_TEST(a_file_system_that_was_not_unmounted_is_repaired_first) {
        Lab lab;

        lab_init(&lab);
        lab.esp.image.dirty = true;
        assert_install(&lab, "token\nrepair\nbarrier\ninstall-loader grub\nboot-entry "
                             "grub\nsignatures\nscan\n");
        lab_done(&lab);
}
END_TEST

START_TEST(leftovers_go_first) {
        Lab lab;

        lab_init(&lab);
        sim_put(&lab.esp, "loader/loader.conf.new", FILE_REGULAR, 1, 0, NULL);
        assert_install(&lab, "token\nrepair\nclear loader/loader.conf.new\nbarrier\n"
                             "install-loader grub\nboot-entry grub\nsignatures\nscan\n");
        lab_done(&lab);
}
END_TEST

START_TEST(the_firmware_knows_the_loader_that_stays_before_the_one_that_comes) {
        Lab lab;

        lab_init(&lab);
        sim_put(&lab.esp, ESP_SYSTEMD_BOOT, FILE_REGULAR, 1, 0, NULL);
        assert_install(&lab, "token\nboot-entry systemd-boot\ninstall-loader grub\n"
                             "boot-entry grub\nsignatures\nscan\n");
        lab_done(&lab);
}
END_TEST

/* An ESP with nothing on it, which is to get @loader and KERNELS. */
static void lab_blank(Lab *lab, EspLoader loader) {
        lab_init(lab);
        while (lab->esp.image.n_files > 0)
                sim_drop(&lab->esp, lab->esp.image.files[0].path);
        lab->esp.image.loader = loader;
        lab->in.loader_comes = true;
        lab_keep(lab, V68);
}

START_TEST(before_systemd_boot_come_kernel_entry_and_loader_conf) {
        Lab lab;

        lab_blank(&lab, ESP_LOADER_SYSTEMD_BOOT);
        lab_assert_steps(&lab, "check-loader\n"
                               "mkdir entries\nmkdir " V68 "\nbarrier\n"
                               "stage vmlinuz-" V68 "\nstage initrd.img-" V68 "\n"
                               "stage-text proxmox-" V68 ".conf\n"
                               "token\nbarrier\n"
                               "place vmlinuz-" V68 "\nplace initrd.img-" V68 "\nbarrier\n"
                               "place proxmox-" V68 ".conf\nbarrier\n"
                               "stage-text loader.conf\nplace loader.conf\nbarrier\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
        ck_assert_int_eq(esp_image_is_bootable(&lab.esp.image), 1);
        ck_assert_int_eq(esp_image_tell_loader(&lab.esp.image), ESP_LOADER_SYSTEMD_BOOT);
        lab_done(&lab);
}
END_TEST

START_TEST(before_grub_come_kernel_and_menu) {
        Lab lab;

        lab_blank(&lab, ESP_LOADER_GRUB);
        lab_assert_steps(&lab, "check-loader\n"
                               "stage vmlinuz-" V68 "\nstage initrd.img-" V68 "\n"
                               "token\nbarrier\n"
                               "place vmlinuz-" V68 "\nplace initrd.img-" V68 "\nbarrier\n"
                               "mkdir grub\nbarrier\n"
                               "grub-config grub.cfg\nplace grub.cfg\nbarrier\n");
        sim_run(&lab.esp, lab.plan, lab.plan->n_steps);
        ck_assert_int_eq(esp_image_is_bootable(&lab.esp.image), 1);
        ck_assert_int_eq(esp_image_tell_loader(&lab.esp.image), ESP_LOADER_GRUB);
        lab_done(&lab);
}
END_TEST

START_TEST(a_loader_that_is_there_is_not_checked_for) {
        Lab lab;

        lab_blank(&lab, ESP_LOADER_SYSTEMD_BOOT);
        lab.in.loader_comes = false;
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_CHECK_LOADER, NULL));
        lab_done(&lab);
}
END_TEST

START_TEST(a_loader_that_is_another_than_its_package_s_comes_behind_all_else) {
        Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_INSTALL_LOADER, NULL));
        lab.in.loader_stale = true;
        lab_plan(&lab);
        ck_assert(plan_is_due(lab.plan));
        ck_assert_int_eq(lab.plan->steps[lab.plan->n_steps - 1].action, PLAN_INSTALL_LOADER);
        ck_assert_str_eq(lab.plan->steps[lab.plan->n_steps - 1].text, "systemd-boot");
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_TOKEN, NULL));
        lab_done(&lab);
}
END_TEST

START_TEST(room_is_left_for_a_loader_that_comes) {
        static const struct {
                EspLoader loader;
                uint64_t bytes;
        } rooms[] = { { ESP_LOADER_SYSTEMD_BOOT, 1024 * 1024 },
                      { ESP_LOADER_GRUB, 32 * 1024 * 1024 } };

        for (size_t i = 0; i < ELEMENTSOF(rooms); i++) {
                Lab lab;

                lab_blank(&lab, rooms[i].loader);
                lab.esp.image.free_bytes = IMAGE_SIZE + INITRD_SIZE + 512 * 1024 + rooms[i].bytes;
                lab_plan(&lab);
                ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
                ck_assert_ptr_nonnull(lab.plan->steps);
                lab.esp.image.free_bytes -= 1024 * 1024;
                lab_plan(&lab);
                ck_assert_int_eq(lab.plan->problem.code, ERROR_NO_SPACE);
                lab_done(&lab);
        }
}
END_TEST

START_TEST(before_grub_is_there_what_systemd_boot_boots_stays_even_on_a_full_esp) {
        Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V65);
        lab.esp.image.loader = ESP_LOADER_GRUB;
        lab.esp.image.free_bytes = IMAGE_SIZE;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_KERNEL, ESP_KERNEL_DIR "/" V65));
        lab.in.loader_comes = true;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V68);
        lab_done(&lab);
}
END_TEST

CHECK_MAIN("plan-install", loader_and_boot_entry_come_under_the_token_and_are_looked_at,
           entry_is_left_out_where_the_firmware_is_to_be_left_alone,
           a_file_system_that_was_not_unmounted_is_repaired_first, leftovers_go_first,
           the_firmware_knows_the_loader_that_stays_before_the_one_that_comes,
           before_systemd_boot_come_kernel_entry_and_loader_conf, before_grub_come_kernel_and_menu,
           a_loader_that_is_there_is_not_checked_for,
           a_loader_that_is_another_than_its_package_s_comes_behind_all_else,
           room_is_left_for_a_loader_that_comes,
           before_grub_is_there_what_systemd_boot_boots_stays_even_on_a_full_esp)
