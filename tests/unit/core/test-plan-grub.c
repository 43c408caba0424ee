/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plans for an ESP that GRUB boots. */

#include "tests/unit/core/plan-lab.h"

#define STAGE(version) "stage vmlinuz-" version "\nstage initrd.img-" version "\n"
#define PLACE(version) "place vmlinuz-" version "\nplace initrd.img-" version "\nbarrier\n"
#define MENU           "grub-config grub.cfg\nplace grub.cfg\nbarrier\n"
#define ENV            "stage-text grubenv\nplace grubenv\nbarrier\n"
#define REMOVE(version) \
        "remove-file vmlinuz-" version "\nremove-file initrd.img-" version "\nbarrier\n"
/* A menu of two kernels on the ESP and two that are kept. */
#define CONFIG_BYTES UINT64_C(16 * 1024 + 4 * 8 * 1024)
#define ID(version)  "gnulinux-advanced-" SIM_ROOT_ID ">gnulinux-" version "-advanced-" SIM_ROOT_ID

static void init(Lab *lab) {
        *lab = (Lab){ .kernels.database_readable = true };
        lab->esp.image.loader = ESP_LOADER_GRUB;
        lab->esp.image.cluster_bytes = CLUSTER;
        lab->esp.image.free_bytes = UINT64_C(1024) * MIB;
        sim_put(&lab->esp, ESP_GRUB_DIR, FILE_DIRECTORY, 0, 0, NULL);
        lab->in = (PlanInput){ .esp_uuid = "AAAA-0001",
                               .image = &lab->esp.image,
                               .kernels = &lab->kernels,
                               .title = TITLE };
}

static void put_kernel(Lab *lab, const char *version) {
        _cleanup_free_ char *image = grub_kernel_path(version, KERNEL_FILE_IMAGE);
        _cleanup_free_ char *initrd = grub_kernel_path(version, KERNEL_FILE_INITRD);

        sim_put(&lab->esp, image, FILE_REGULAR, IMAGE_SIZE, 0, NULL)->verdict = VERDICT_TRUSTED;
        sim_put(&lab->esp, initrd, FILE_REGULAR, INITRD_SIZE, 0, NULL)->verdict = VERDICT_EQUAL;
}

/* A menu of what is in the root by now. */
static void put_menu(Lab *lab, const char *grub_default) {
        _cleanup_free_ char *text = sim_grub_config(&lab->esp.image, "", grub_default);
        _cleanup_free_ char *summary = NULL;

        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        sim_put(&lab->esp, ESP_GRUB_CONFIG, FILE_REGULAR, strlen(text), 0, summary)->verdict =
                        VERDICT_EQUAL;
        lab->esp.grub_default = grub_default;
}

static void put_next(Lab *lab, const char *value) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(grub_env_set(NULL, 0, "next_entry", value, &text), 0);
        sim_put(&lab->esp, ESP_GRUB_ENV, FILE_REGULAR, GRUB_ENV_SIZE, 0, text);
}

/* The ESP in sync with V68 and V65. */
static void init_in_sync(Lab *lab) {
        init(lab);
        lab_keep(lab, V68);
        lab_keep(lab, V65);
        put_kernel(lab, V68);
        put_kernel(lab, V65);
        put_menu(lab, "0");
}

static void run(Lab *lab) {
        sim_run(&lab->esp, lab->plan, lab->plan->n_steps);
}

static void assert_hidden(const Lab *lab, const char *names) {
        const PlanStep *step = lab_find_step(lab, PLAN_GRUB_CONFIG, ESP_GRUB_CONFIG);

        ck_assert_ptr_nonnull(step);
        ck_assert_str_eq(step->text, names);
}

START_TEST(esp_in_sync_gives_no_steps) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(new_kernel_is_in_place_before_the_menu_and_stale_ones_go_after_it) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V68);
        put_kernel(&lab, V65);
        put_menu(&lab, "0");
        lab_assert_steps(&lab, STAGE(V68) "token\nbarrier\n" PLACE(V68) MENU REMOVE(V65));
        assert_hidden(&lab, "initrd.img-" V65 "\nvmlinuz-" V65);
        run(&lab);
}
END_TEST

START_TEST(changed_initrd_needs_no_new_menu) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        esp_image_get(&lab.esp.image, "initrd.img-" V68)->verdict = VERDICT_DIFFERS;
        lab_assert_steps(&lab, "stage initrd.img-" V68 "\ntoken\nbarrier\nplace initrd.img-" V68
                               "\nbarrier\n");
        run(&lab);
}
END_TEST

START_TEST(menu_of_another_configuration_is_made_again) {
        static const FileVerdict verdicts[] = { VERDICT_DIFFERS, VERDICT_UNCHECKED };
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        for (size_t i = 0; i < ELEMENTSOF(verdicts); i++) {
                esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = verdicts[i];
                lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        }
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_EQUAL;
        lab.in.grub_stale = true;
        lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        assert_hidden(&lab, "");
        run(&lab);
}
END_TEST

START_TEST(menu_that_is_missing_or_cannot_be_read_is_made) {
        _cleanup_(lab_done) Lab lab;
        EspFile *file;

        init_in_sync(&lab);
        file = esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG);
        file->text = mfree(file->text);
        lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        sim_drop(&lab.esp, ESP_GRUB_CONFIG);
        lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        sim_drop(&lab.esp, ESP_GRUB_DIR);
        lab_assert_steps(&lab, "token\nbarrier\nmkdir grub\nbarrier\n" MENU);
        run(&lab);
}
END_TEST

START_TEST(menu_shows_no_kernel_that_lacks_its_initrd) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab_keep(&lab, V62)->state = KERNEL_STATE_INITRD_MISSING;
        sim_put(&lab.esp, "vmlinuz-" V62, FILE_REGULAR, IMAGE_SIZE, 0, NULL);
        put_menu(&lab, "0");
        lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        assert_hidden(&lab, "vmlinuz-" V62);
        run(&lab);
}
END_TEST

START_TEST(entries_of_the_administrator_are_not_looked_at) {
        _cleanup_(lab_done) Lab lab;
        EspFile *file;
        char *text;

        init_in_sync(&lab);
        file = esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG);
        text = strprintf("%sentry id=rescue linux=vmlinuz-" V62 "\n", file->text);
        free(file->text);
        file->text = text;
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(default_of_the_administrator_is_left) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        put_menu(&lab, "1>2");
        lab_assert_steps(&lab, "");
        put_menu(&lab, "${saved_entry}");
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(pin_is_in_the_configuration_that_the_menu_is_made_from) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab.in.pin = V65;
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_DIFFERS;
        lab.esp.grub_default = ID(V65);
        lab_assert_steps(&lab, "token\nbarrier\n" MENU);
        run(&lab);
        put_menu(&lab, ID(V65));
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(pin_that_the_configuration_does_not_heed_is_told) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab.in.pin = V65;
        lab_assert_problem(&lab, "", ERROR_FAILED, "GRUB_DEFAULT");
}
END_TEST

START_TEST(pin_that_cannot_be_on_the_esp_is_told) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab.in.pin = V62;
        lab_assert_problem(&lab, "", ERROR_NOT_BOOTABLE, V62);
}
END_TEST

START_TEST(next_boot_is_armed_after_the_menu) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65);
        put_kernel(&lab, V68);
        put_menu(&lab, "0");
        lab.in.next_boot = V65;
        lab_assert_steps(&lab, STAGE(V65) "token\nbarrier\n" PLACE(V65) MENU ENV);
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_GRUB_ENV);
        ck_assert_ptr_nonnull(strstr(step->text, "\nnext_entry=" ID(V65) "\n"));
        ck_assert_uint_eq(strlen(step->text), GRUB_ENV_SIZE);
        run(&lab);
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_EQUAL;
        esp_image_get(&lab.esp.image, "vmlinuz-" V65)->verdict = VERDICT_EQUAL;
        esp_image_get(&lab.esp.image, "initrd.img-" V65)->verdict = VERDICT_EQUAL;
        lab_assert_steps(&lab, "");
}
END_TEST

/* The file of @version is called @name on the ESP, which folds case, and so is its entry. */
static void call_it(Lab *lab, const char *version, const char *name) {
        _cleanup_free_ char *path = grub_kernel_path(version, KERNEL_FILE_IMAGE);

        lab->esp.image.folds_case = true;
        esp_image_get(&lab->esp.image, path)->spelled = strdup(name);
        put_menu(lab, lab->esp.grub_default);
}

START_TEST(kernel_whose_version_is_in_another_case_is_the_one_that_the_menu_shows) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        call_it(&lab, V65, "vmlinuz-6.5.13-5-PVE");
        lab_assert_steps(&lab, "");
        lab.in.next_boot = V65;
        lab_assert_steps(&lab, "token\nbarrier\n" ENV);
        ck_assert_ptr_nonnull(strstr(lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_GRUB_ENV)->text,
                                     "\nnext_entry=" ID("6.5.13-5-PVE") "\n"));
        run(&lab);
        lab_assert_steps(&lab, "");
        lab.in.next_boot = NULL;
        lab.in.pin = V65;
        lab_assert_problem(&lab, "token\nbarrier\n" ENV, ERROR_FAILED, "6.5.13-5-PVE");
}
END_TEST

/* A new initrd for the default, V68, which does not fit beside what is there. */
static void init_tight(Lab *lab) {
        init_in_sync(lab);
        esp_image_get(&lab->esp.image, "initrd.img-" V68)->verdict = VERDICT_DIFFERS;
        lab->esp.image.free_bytes = 31 * MIB;
}

START_TEST(kernel_that_gives_way_leaves_the_menu_before_it_goes) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        lab_assert_steps(&lab,
                         "token\nbarrier\n" MENU REMOVE(
                                         V65) "stage initrd.img-" V68
                                              "\nbarrier\nplace initrd.img-" V68
                                              "\nbarrier\n" STAGE(V65) "barrier\n" PLACE(V65) MENU);
        ck_assert_ptr_nonnull(strstr(lab.plan->away, V65));
        run(&lab);
        for (size_t i = 0; i < lab.esp.image.n_files; i++)
                lab.esp.image.files[i].verdict = VERDICT_EQUAL;
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(where_it_is_not_known_what_boots_no_kernel_gives_way) {
        _cleanup_(lab_done) Lab lab;

        init_tight(&lab);
        put_next(&lab, "windows");
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V68);
        put_next(&lab, "");
        lab.esp.image.free_bytes = 4 * CLUSTER;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V68);
}
END_TEST

START_TEST(kernel_that_grub_does_not_find_is_told_and_left) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        call_it(&lab, V65, "VMLINUZ-" V65);
        lab_assert_problem(&lab, "", ERROR_FAILED, "'VMLINUZ-" V65 "'");
}
END_TEST

START_TEST(next_boot_that_is_ours_is_taken_back_and_others_stay) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        init_in_sync(&lab);
        put_next(&lab, ID(V62));
        lab_assert_steps(&lab, "token\nbarrier\n" ENV);
        step = lab_find_step(&lab, PLAN_STAGE_TEXT, ESP_GRUB_ENV);
        ck_assert_ptr_null(strstr(step->text, "next_entry"));
        put_next(&lab, "windows");
        lab_assert_steps(&lab, "");
        put_next(&lab, "");
        lab_assert_steps(&lab, "");
        lab.in.next_boot = V65;
        put_next(&lab, ID(V65));
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(damaged_environment_is_replaced_only_where_it_is_needed) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        sim_put(&lab.esp, ESP_GRUB_ENV, FILE_REGULAR, 4, 0, "oops");
        lab_assert_steps(&lab, "");
        lab.in.next_boot = V65;
        lab_assert_steps(&lab, "token\nbarrier\n" ENV);
        run(&lab);
}
END_TEST

START_TEST(kernel_that_boots_once_goes_only_when_it_does_not_any_more) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V68);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        put_menu(&lab, "0");
        put_next(&lab, ID(V65));
        lab_assert_steps(&lab, "token\nbarrier\n" MENU ENV REMOVE(V65));
        run(&lab);
}
END_TEST

START_TEST(one_menu_hides_all_that_may_be_evicted) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V614);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        put_kernel(&lab, V62);
        put_menu(&lab, "0");
        lab.esp.image.free_bytes = MIB;
        lab_assert_steps(&lab, "token\nbarrier\n" MENU REMOVE(V62)
                                               STAGE(V614) "barrier\n" PLACE(V614) MENU
                         "remove-file vmlinuz-" V65 "\nremove-file initrd.img-" V65
                         "\nremove-file vmlinuz-" V68 "\nremove-file initrd.img-" V68
                         "\nbarrier\n");
        assert_hidden(&lab,
                      "initrd.img-" V62 "\ninitrd.img-" V65 "\nvmlinuz-" V62 "\nvmlinuz-" V65);
        run(&lab);
}
END_TEST

START_TEST(full_esp_gives_up_a_stale_kernel_before_its_entry) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V614);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        put_kernel(&lab, V62);
        put_menu(&lab, "0");
        lab.esp.image.free_bytes = 0;
        lab_assert_steps(&lab, "token\n" REMOVE(V62) MENU REMOVE(V65) STAGE(V614) "barrier\n" PLACE(
                                               V614) MENU REMOVE(V68));
        run(&lab);
}
END_TEST

/* A stale kernel that is newer than all others and spared is the default of a menu made anew. */
START_TEST(full_esp_keeps_what_a_menu_made_anew_boots) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V68);
        lab_keep(&lab, V65)->initrd.size = INITRD_SIZE / 2;
        put_kernel(&lab, V614);
        put_kernel(&lab, V68);
        put_menu(&lab, "0");
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_DIFFERS;
        lab.esp.image.free_bytes = CONFIG_BYTES;
        lab_assert_problem(&lab, "token\nbarrier\n" MENU, ERROR_NO_SPACE, V65);
        run(&lab);
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_EQUAL;
        lab_assert_steps(&lab, "token\nbarrier\n" MENU REMOVE(V614)
                                               STAGE(V65) "barrier\n" PLACE(V65) MENU);
        run(&lab);
}
END_TEST

START_TEST(full_esp_keeps_what_boots_instead_of_a_pin_in_another_case) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V65);
        lab_keep(&lab, V62)->initrd.size = INITRD_SIZE / 2;
        put_kernel(&lab, V614);
        put_kernel(&lab, V65);
        call_it(&lab, V65, "vmlinuz-6.5.13-5-PVE");
        put_menu(&lab, "0");
        lab.in.pin = V65;
        lab.in.grub_stale = true;
        lab.esp.image.free_bytes = CONFIG_BYTES;
        lab_assert_problem(&lab, "token\nbarrier\n" MENU, ERROR_FAILED, "6.5.13-5-PVE");
        run(&lab);
}
END_TEST

START_TEST(full_esp_gives_up_nothing_while_nobody_can_tell_what_boots) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V614);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        put_menu(&lab, "${saved_entry}");
        lab.esp.image.free_bytes = 0;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
        put_menu(&lab, "0");
        put_next(&lab, "windows");
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V614);
}
END_TEST

START_TEST(what_systemd_boot_has_left_stays_until_room_is_needed) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        lab_put_kernel(&lab, V62);
        lab_assert_steps(&lab, "");
        kernel_set_done(&lab.kernels);
        lab.kernels.database_readable = true;
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab.esp.image.free_bytes = MIB;
        lab_assert_steps(&lab,
                         "token\nremove-entry proxmox-" V62 ".conf\nbarrier\nremove-kernel " V62
                         "\nbarrier\n" STAGE(V614) "barrier\n" PLACE(V614) MENU REMOVE(V65));
}
END_TEST

START_TEST(unreadable_database_removes_nothing_and_hides_nothing) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab.kernels.database_readable = false;
        lab_keep(&lab, V68);
        put_kernel(&lab, V65);
        put_menu(&lab, "0");
        lab_assert_problem(&lab, STAGE(V68) "token\nbarrier\n" PLACE(V68) MENU,
                           ERROR_DATABASE_UNREADABLE, V65);
        assert_hidden(&lab, "");
        run(&lab);
}
END_TEST

START_TEST(what_is_in_the_way_of_the_menu_is_named_and_nothing_goes) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V68);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        sim_put(&lab.esp, ESP_GRUB_CONFIG, FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
        lab_assert_problem(&lab, "", ERROR_FAILED, ESP_GRUB_CONFIG);
}
END_TEST

START_TEST(leftovers_are_cleared_before_the_menu_could_show_them) {
        _cleanup_(lab_done) Lab lab;

        init_in_sync(&lab);
        sim_put(&lab.esp, "vmlinuz-" V68 ".new", FILE_REGULAR, 1, 0, NULL);
        sim_put(&lab.esp, ESP_GRUB_CONFIG ".new", FILE_REGULAR, 1, 0, NULL);
        lab.in.grub_stale = true;
        lab_assert_steps(&lab, "token\nrepair\nclear grub.cfg.new\nclear vmlinuz-" V68
                               ".new\nbarrier\n" MENU);
        run(&lab);
}
END_TEST

START_TEST(kernel_that_is_spared_stays_in_the_menu) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V614)->state = KERNEL_STATE_INITRD_MISSING;
        lab_keep(&lab, V68);
        put_kernel(&lab, V68);
        put_kernel(&lab, V65);
        put_kernel(&lab, V62);
        put_menu(&lab, "0");
        lab_plan(&lab);
        assert_hidden(&lab, "initrd.img-" V62 "\nvmlinuz-" V62);
        run(&lab);
        ck_assert_ptr_nonnull(esp_image_find(&lab.esp.image, "vmlinuz-" V65));
        lab_plan(&lab);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_REMOVE_FILE, "vmlinuz-" V65));
}
END_TEST

CHECK_MAIN("plan-grub", kernel_that_is_spared_stays_in_the_menu, esp_in_sync_gives_no_steps,
           new_kernel_is_in_place_before_the_menu_and_stale_ones_go_after_it,
           changed_initrd_needs_no_new_menu, menu_of_another_configuration_is_made_again,
           menu_that_is_missing_or_cannot_be_read_is_made,
           menu_shows_no_kernel_that_lacks_its_initrd,
           entries_of_the_administrator_are_not_looked_at, default_of_the_administrator_is_left,
           pin_is_in_the_configuration_that_the_menu_is_made_from,
           pin_that_the_configuration_does_not_heed_is_told, pin_that_cannot_be_on_the_esp_is_told,
           next_boot_is_armed_after_the_menu,
           kernel_whose_version_is_in_another_case_is_the_one_that_the_menu_shows,
           kernel_that_gives_way_leaves_the_menu_before_it_goes,
           where_it_is_not_known_what_boots_no_kernel_gives_way,
           kernel_that_grub_does_not_find_is_told_and_left,
           next_boot_that_is_ours_is_taken_back_and_others_stay,
           damaged_environment_is_replaced_only_where_it_is_needed,
           kernel_that_boots_once_goes_only_when_it_does_not_any_more,
           one_menu_hides_all_that_may_be_evicted,
           full_esp_gives_up_a_stale_kernel_before_its_entry,
           full_esp_keeps_what_a_menu_made_anew_boots,
           full_esp_keeps_what_boots_instead_of_a_pin_in_another_case,
           full_esp_gives_up_nothing_while_nobody_can_tell_what_boots,
           what_systemd_boot_has_left_stays_until_room_is_needed,
           unreadable_database_removes_nothing_and_hides_nothing,
           what_is_in_the_way_of_the_menu_is_named_and_nothing_goes,
           leftovers_are_cleared_before_the_menu_could_show_them)
