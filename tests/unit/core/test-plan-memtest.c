/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memtest86+ in plans: last to come, first to go, and never what a kernel waits for. */

#include "tests/unit/core/plan-lab.h"

#define EFI_PATH     "EFI/proxmox/memtest86+x64.efi"
#define MEMTEST_SIZE (144 * 1024)

#define BRING "stage memtest86+x64.efi\n"
#define PLACE "place memtest86+x64.efi\nbarrier\n"
#define ENTRY "stage-text memtest86+x64.conf\nbarrier\nplace memtest86+x64.conf\nbarrier\n"
#define GONE  "remove-entry memtest86+x64.conf\nbarrier\nremove-file memtest86+x64.efi\nbarrier\n"

static void run(Lab *lab) {
        sim_run(&lab->esp, lab->plan, lab->plan->n_steps);
}

static void install_package(Lab *lab) {
        for (MemtestFile f = 0; f < _MEMTEST_FILE_MAX; f++)
                lab->kernels.memtest[f] = (FileStamp){ .inode = 100 + f, .size = MEMTEST_SIZE };
}

static void put_file(Lab *lab, const char *path) {
        sim_put(&lab->esp, path, FILE_REGULAR, MEMTEST_SIZE, 0, NULL)->verdict = VERDICT_TRUSTED;
}

static void put_memtest(Lab *lab) {
        put_file(lab, EFI_PATH);
        sim_put(&lab->esp, ESP_MEMTEST_ENTRY, FILE_REGULAR, strlen(MEMTEST_ENTRY_TEXT), 0,
                MEMTEST_ENTRY_TEXT);
}

/* One kernel that is in sync. */
static void init(Lab *lab) {
        lab_init(lab);
        lab_keep(lab, V68);
        lab_put_kernel(lab, V68);
}

/* The same with GRUB, whose menu is made of what is there. */
static void init_grub(Lab *lab) {
        _cleanup_free_ char *text = NULL, *summary = NULL;

        *lab = (Lab){ .kernels.database_readable = true };
        lab->esp.image.loader = ESP_LOADER_GRUB;
        lab->esp.image.cluster_bytes = CLUSTER;
        lab->esp.image.free_bytes = UINT64_C(1024) * MIB;
        sim_put(&lab->esp, ESP_GRUB_DIR, FILE_DIRECTORY, 0, 0, NULL);
        lab->in = (PlanInput){ .esp_uuid = "AAAA-0001",
                               .image = &lab->esp.image,
                               .kernels = &lab->kernels,
                               .title = TITLE };
        lab_keep(lab, V68);
        sim_put(&lab->esp, "vmlinuz-" V68, FILE_REGULAR, IMAGE_SIZE, 0, NULL)->verdict =
                        VERDICT_TRUSTED;
        sim_put(&lab->esp, "initrd.img-" V68, FILE_REGULAR, INITRD_SIZE, 0, NULL)->verdict =
                        VERDICT_TRUSTED;
        text = sim_grub_config(&lab->esp.image, "", "0");
        ck_assert_int_eq(grub_config_summarise(text, strlen(text), &summary), 0);
        sim_put(&lab->esp, ESP_GRUB_CONFIG, FILE_REGULAR, strlen(text), 0, summary)->verdict =
                        VERDICT_EQUAL;
}

static bool menu_has_memtest(const Lab *lab) {
        return strstr(esp_image_find(&lab->esp.image, ESP_GRUB_CONFIG)->text, "memtest");
}

START_TEST(file_comes_before_its_entry_and_nothing_is_due) {
        _cleanup_(lab_done) Lab lab;
        const PlanStep *step;

        init(&lab);
        install_package(&lab);
        lab_assert_steps(&lab, "token\nbarrier\noptional\n" BRING "barrier\n" PLACE ENTRY);
        ck_assert(!plan_is_due(lab.plan));
        step = lab_find_step(&lab, PLAN_STAGE, EFI_PATH);
        ck_assert_str_eq(step->source, "boot/memtest86+x64.efi");
        ck_assert(file_stamp_equal(&step->stamp, &lab.kernels.memtest[MEMTEST_EFI]));
        run(&lab);
        esp_image_get(&lab.esp.image, EFI_PATH)->verdict = VERDICT_TRUSTED;
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(kernels_come_first) {
        _cleanup_(lab_done) Lab lab;

        lab_init(&lab);
        lab_keep(&lab, V68);
        install_package(&lab);
        lab_assert_steps(&lab, "mkdir " V68 "\nbarrier\n"
                               "stage vmlinuz-" V68 "\nstage initrd.img-" V68 "\n"
                               "stage-text proxmox-" V68 ".conf\n"
                               "token\nbarrier\n"
                               "place vmlinuz-" V68 "\nplace initrd.img-" V68 "\nbarrier\n"
                               "place proxmox-" V68 ".conf\nbarrier\n"
                               "optional\n" BRING "barrier\n" PLACE ENTRY);
        ck_assert(plan_is_due(lab.plan));
        run(&lab);
}
END_TEST

START_TEST(other_file_is_replaced_under_its_entry) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        install_package(&lab);
        put_memtest(&lab);
        lab_assert_steps(&lab, "");
        esp_image_get(&lab.esp.image, EFI_PATH)->verdict = VERDICT_DIFFERS;
        lab_assert_steps(&lab, "token\nbarrier\noptional\n" BRING "barrier\n" PLACE);
        run(&lab);
}
END_TEST

START_TEST(other_entry_is_written_anew) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        install_package(&lab);
        put_memtest(&lab);
        sim_put(&lab.esp, ESP_MEMTEST_ENTRY, FILE_REGULAR, 12, 0, "efi /other\n");
        lab_assert_steps(&lab, "token\nbarrier\noptional\nstage-text memtest86+x64.conf\nbarrier\n"
                               "place memtest86+x64.conf\nbarrier\n");
        run(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(without_the_package_the_entry_goes_before_the_file) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        put_memtest(&lab);
        lab_assert_steps(&lab, "token\nbarrier\noptional\n" GONE);
        ck_assert(!plan_is_due(lab.plan));
        run(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(files_of_others_are_not_touched) {
        static const char *const paths[] = {
                "EFI/proxmox/memtest86+ia32.efi",
                "EFI/memtest86+x64.efi",
                "memtest86+x64.efi",
                "loader/entries/memtest86+x64+3.conf",
                "loader/entries/memtest.conf",
        };
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                sim_put(&lab.esp, paths[i], FILE_REGULAR, 5, SIM_FOREIGN, "efi /EFI/x.efi\n");
        lab_assert_steps(&lab, "");
        install_package(&lab);
        lab_plan(&lab);
        run(&lab);
        put_memtest(&lab);
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(without_room_it_is_left_out_and_nothing_else_suffers) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        install_package(&lab);
        lab.esp.image.free_bytes = MEMTEST_SIZE + SPACE_RESERVE_BYTES + CLUSTER - 1;
        lab_assert_steps(&lab, "");
        ck_assert_str_eq(lab.plan->left_out,
                         "There is no room for Memtest86+ on ESP 'AAAA-0001', so it is left out");
        lab.esp.image.free_bytes++;
        lab_plan(&lab);
        ck_assert_ptr_null(lab.plan->left_out);
        run(&lab);
}
END_TEST

START_TEST(kernel_that_takes_all_room_leaves_it_out) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab.esp.image.free_bytes = IMAGE_SIZE + INITRD_SIZE + SPACE_RESERVE_BYTES + 4 * CLUSTER;
        lab_keep(&lab, V65);
        install_package(&lab);
        lab_plan(&lab);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
        ck_assert_ptr_null(lab_find_step(&lab, PLAN_OPTIONAL, NULL));
        ck_assert_ptr_nonnull(lab.plan->left_out);
        run(&lab);
}
END_TEST

START_TEST(it_is_the_first_to_go_where_a_kernel_needs_room) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V65);
        lab_put_kernel(&lab, V62);
        install_package(&lab);
        put_memtest(&lab);
        lab.esp.image.free_bytes = IMAGE_SIZE + INITRD_SIZE + SPACE_RESERVE_BYTES;
        lab_plan(&lab);
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_REMOVE_FILE, EFI_PATH));
        ck_assert_int_eq(lab.plan->steps[2].action, PLAN_TOKEN);
        ck_assert_str_eq(lab.plan->steps[3].path, ESP_MEMTEST_ENTRY);
        ck_assert_str_eq(lab.plan->steps[5].path, EFI_PATH);
        /* The stale kernel goes only at the end. */
        ck_assert_str_eq(lab.plan->steps[lab.plan->n_steps - 2].path, "EFI/proxmox/" V62);
        run(&lab);

        /* And then there is room again. */
        lab_put_file(&lab, V65, KERNEL_FILE_IMAGE, IMAGE_SIZE, VERDICT_TRUSTED);
        lab_put_file(&lab, V65, KERNEL_FILE_INITRD, INITRD_SIZE, VERDICT_TRUSTED);
        lab_assert_steps(&lab, "token\nbarrier\noptional\n" BRING "barrier\n" PLACE ENTRY);
        run(&lab);
}
END_TEST

START_TEST(it_is_not_evicted_in_vain) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        lab_keep(&lab, V65);
        install_package(&lab);
        put_memtest(&lab);
        lab.esp.image.free_bytes = MIB;
        lab_assert_problem(&lab, "", ERROR_NO_SPACE, V65);
}
END_TEST

START_TEST(it_waits_while_the_default_is_not_settled) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        install_package(&lab);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+0-3", V68, "root=a");
        lab_put_conf(&lab, "default other.conf\n");
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(it_is_never_the_default) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_free_ char *none = NULL, *theirs = NULL, *tried = NULL;

        init(&lab);
        put_memtest(&lab);
        lab_put_conf(&lab, "timeout 3\n");
        ck_assert_int_eq(esp_image_reader(&lab.esp.image)->default_version(&lab.esp.image, &none),
                         0);
        ck_assert_str_eq(none, V68);
        lab_put_conf(&lab, "default other.conf\n");
        ck_assert_int_eq(esp_image_reader(&lab.esp.image)->default_version(&lab.esp.image, &theirs),
                         0);
        ck_assert_str_eq(theirs, V68);
        sim_drop(&lab.esp, "loader/entries/proxmox-" V68 ".conf");
        lab_put_entry(&lab, V68 "+0-3", V68, "root=a");
        lab_put_conf(&lab, "default proxmox-*\n");
        ck_assert_int_eq(esp_image_reader(&lab.esp.image)->default_version(&lab.esp.image, &tried),
                         0);
        ck_assert_str_eq(tried, V68);
}
END_TEST

START_TEST(what_is_in_the_way_is_named_and_left) {
        static const char *const paths[] = { EFI_PATH, EFI_PATH ".new", ESP_MEMTEST_ENTRY };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(lab_done) Lab lab;

                init(&lab);
                install_package(&lab);
                sim_put(&lab.esp, paths[i], FILE_DIRECTORY, 0, SIM_FOREIGN, NULL);
                lab_assert_steps(&lab, "");
                ck_assert_msg(strstr(lab.plan->left_out, paths[i]), "%s", lab.plan->left_out);
        }
}
END_TEST

START_TEST(what_has_failed_is_not_tried_again_in_this_job) {
        _cleanup_(lab_done) Lab lab;

        init(&lab);
        install_package(&lab);
        lab.in.memtest_stays = true;
        lab_assert_steps(&lab, "");
        ck_assert_ptr_null(lab.plan->left_out);
}
END_TEST

START_TEST(with_grub_both_files_come_to_the_root_and_then_the_menu) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab);
        install_package(&lab);
        lab_assert_steps(&lab,
                         "token\nbarrier\noptional\n" BRING "stage memtest86+x64.bin\nbarrier\n"
                         "place memtest86+x64.efi\nplace memtest86+x64.bin\nbarrier\n"
                         "grub-config grub.cfg\nplace grub.cfg\nbarrier\n");
        ck_assert_ptr_nonnull(lab_find_step(&lab, PLAN_STAGE, "memtest86+x64.efi"));
        ck_assert(!plan_is_due(lab.plan));
        run(&lab);
        ck_assert(menu_has_memtest(&lab));
        put_file(&lab, "memtest86+x64.efi");
        put_file(&lab, "memtest86+x64.bin");
        esp_image_get(&lab.esp.image, ESP_GRUB_CONFIG)->verdict = VERDICT_EQUAL;
        lab_assert_steps(&lab, "");
}
END_TEST

START_TEST(with_grub_another_file_needs_no_new_menu) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab);
        install_package(&lab);
        put_file(&lab, "memtest86+x64.bin");
        put_file(&lab, "memtest86+x64.efi");
        esp_image_get(&lab.esp.image, "memtest86+x64.efi")->verdict = VERDICT_DIFFERS;
        lab_assert_steps(&lab, "token\nbarrier\noptional\n" BRING "barrier\n" PLACE);
        run(&lab);
}
END_TEST

/* Its script looks at what is there, so the files cannot be hidden from it. */
START_TEST(with_grub_the_menu_follows_when_the_files_have_gone) {
        _cleanup_(lab_done) Lab lab;

        init_grub(&lab);
        put_file(&lab, "memtest86+x64.efi");
        put_file(&lab, "memtest86+x64.bin");
        lab_assert_steps(&lab, "token\nbarrier\noptional\n"
                               "remove-file memtest86+x64.efi\nremove-file memtest86+x64.bin\n"
                               "barrier\n"
                               "grub-config grub.cfg\nplace grub.cfg\nbarrier\n");
        run(&lab);
        ck_assert(!menu_has_memtest(&lab));
}
END_TEST

START_TEST(with_grub_it_goes_first_and_the_menu_is_made_once) {
        _cleanup_(lab_done) Lab lab;
        size_t menus = 0;

        init_grub(&lab);
        lab_keep(&lab, V65);
        put_file(&lab, "memtest86+x64.efi");
        put_file(&lab, "memtest86+x64.bin");
        lab.esp.image.free_bytes = IMAGE_SIZE + INITRD_SIZE + SPACE_RESERVE_BYTES - CLUSTER;
        lab_plan(&lab);
        ck_assert_str_eq(lab.plan->steps[3].path, "memtest86+x64.efi");
        ck_assert_int_eq(lab.plan->steps[3].action, PLAN_REMOVE_FILE);
        for (size_t i = 0; i < lab.plan->n_steps; i++)
                menus += lab.plan->steps[i].action == PLAN_GRUB_CONFIG;
        ck_assert_uint_eq(menus, 1);
        ck_assert_int_eq(lab.plan->problem.code, ERROR_NONE);
        run(&lab);
}
END_TEST

CHECK_MAIN("plan-memtest", file_comes_before_its_entry_and_nothing_is_due, kernels_come_first,
           other_file_is_replaced_under_its_entry, other_entry_is_written_anew,
           without_the_package_the_entry_goes_before_the_file, files_of_others_are_not_touched,
           without_room_it_is_left_out_and_nothing_else_suffers,
           kernel_that_takes_all_room_leaves_it_out,
           it_is_the_first_to_go_where_a_kernel_needs_room, it_is_not_evicted_in_vain,
           it_waits_while_the_default_is_not_settled, it_is_never_the_default,
           what_is_in_the_way_is_named_and_left, what_has_failed_is_not_tried_again_in_this_job,
           with_grub_both_files_come_to_the_root_and_then_the_menu,
           with_grub_another_file_needs_no_new_menu,
           with_grub_the_menu_follows_when_the_files_have_gone,
           with_grub_it_goes_first_and_the_menu_is_made_once)
