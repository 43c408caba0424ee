/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A plan is told by what is different afterwards. */

#include "core/plan/plan-describe.h"

#include "core/plan/plan.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/plan-lab.h"

#define _cleanup_description_ _cleanup_(plan_description_done)

/* "kind name detail bytes" of each change and "state path" of each file, a line each. */
static char *tell(const PlanDescription *d) {
        Buffer b = {};
        char *text;

        for (size_t i = 0; i < d->n_changes; i++)
                buffer_printf(&b, "%s %s %s %llu\n", d->changes[i].kind, d->changes[i].name,
                              d->changes[i].detail, (unsigned long long) d->changes[i].bytes);
        for (size_t i = 0; i < d->n_files; i++)
                buffer_printf(&b, "%s %s\n", d->files[i].state, d->files[i].path);
        buffer_puts(&b, "");
        ck_assert_int_eq(buffer_take(&b, &text, NULL), 0);
        return text;
}

static void describe(Lab *lab, PlanDescription *ret, const char *expect) {
        _cleanup_free_ char *text = NULL;

        lab_plan(lab);
        ck_assert_int_eq(plan_describe(lab->plan, lab->in.image, NULL, NULL, ret), 0);
        text = tell(ret);
        ck_assert_str_eq(text, expect);
}

START_TEST(kernels_that_come_and_go_and_the_default_are_told_once_each) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};
        uint64_t before;

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_put_kernel(&lab, V68);
        before = lab.esp.image.free_bytes;
        describe(&lab, &d,
                 "copy-kernel 6.14.8-2-pve  50331648\n"
                 "remove-kernel 6.8.12-4-pve  50331648\n"
                 "default 6.14.8-2-pve 6.8.12-4-pve 0\n"
                 "new loader/entries/proxmox-6.14.8-2-pve.conf\n"
                 "removed loader/entries/proxmox-6.8.12-4-pve.conf\n");
        ck_assert_str_eq(d.files[0].old, "");
        ck_assert_ptr_nonnull(strstr(d.files[0].new, "root=a"));
        ck_assert_ptr_nonnull(strstr(d.files[1].old, "6.8.12-4-pve"));
        ck_assert_str_eq(d.files[1].new, "");
        ck_assert_uint_eq(d.write_bytes, IMAGE_SIZE + INITRD_SIZE + strlen(d.files[0].new));
        ck_assert_uint_eq(d.free_bytes, before);
}
END_TEST

START_TEST(esp_in_sync_has_no_changes_and_the_room_that_it_has) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        describe(&lab, &d, "");
        ck_assert_uint_eq(d.write_bytes, 0);
        ck_assert_uint_eq(d.free_bytes, lab.esp.image.free_bytes);
}
END_TEST

START_TEST(changed_text_is_told_with_the_old_one) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        lab_put_entry(&lab, V68, V68, "root=b");
        describe(&lab, &d, "changed loader/entries/proxmox-6.8.12-4-pve.conf\n");
        ck_assert_ptr_nonnull(strstr(d.files[0].old, "root=b"));
        ck_assert_ptr_nonnull(strstr(d.files[0].new, "root=a"));
}
END_TEST

START_TEST(pin_changes_loader_conf_and_the_default_and_copies_nothing) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};

        lab_init(&lab);
        lab_keep(&lab, V614);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V614);
        lab_put_kernel(&lab, V68);
        lab.in.pin = V68;
        describe(&lab, &d, "default 6.8.12-4-pve 6.14.8-2-pve 0\nchanged loader/loader.conf\n");
}
END_TEST

START_TEST(leftovers_and_repair_are_told) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};

        lab_init(&lab);
        lab_keep(&lab, V68);
        lab_put_kernel(&lab, V68);
        sim_put(&lab.esp, "loader/loader.conf.new", FILE_REGULAR, 10, 0, NULL);
        describe(&lab, &d, "repair   0\nremove-file loader/loader.conf.new  0\n");
}
END_TEST

START_TEST(texts_that_are_too_long_are_only_named) {
        _cleanup_(lab_done) Lab lab;
        _cleanup_description_ PlanDescription d = {};
        _cleanup_free_ char *options = malloc(30000);

        ck_assert_ptr_nonnull(options);
        memset(options, 'x', 29999);
        memcpy(options, "root=", 5);
        options[29999] = '\0';
        lab_init(&lab);
        lab.in.cmdline = options;
        for (unsigned i = 0; i < 6; i++) {
                static const char *const versions[] = { V614, V611, V68, V65, V62, "5.15.1-1-pve" };

                lab_keep(&lab, versions[i]);
        }
        lab_plan(&lab);
        ck_assert_int_eq(plan_describe(lab.plan, lab.in.image, NULL, NULL, &d), 0);
        ck_assert_uint_eq(d.n_files, 6);
        ck_assert_str_eq(d.files[3].state, "new");
        ck_assert_str_eq(d.files[4].state, "large");
        ck_assert_str_eq(d.files[4].new, "");
}
END_TEST

START_TEST(one_shot_and_menus_of_the_host_are_told_without_an_esp) {
        _cleanup_description_ PlanDescription armed = {}, made = {};
        _cleanup_(plan_freep) Plan *firmware = NULL, *grub = NULL;
        _cleanup_free_ char *text = NULL, *menu = NULL;
        PlanStep *step;

        ck_assert_int_eq(plan_new(PLAN_ON_FIRMWARE, NULL, &firmware), 0);
        step = plan_add(firmware, PLAN_DISARM, NULL);
        step->text = strdup("proxmox-" V65 ".conf");
        step = plan_add(firmware, PLAN_ARM, NULL);
        step->text = strdup("proxmox-" V68 ".conf");
        ck_assert_int_eq(plan_describe(firmware, NULL, NULL, NULL, &armed), 0);
        text = tell(&armed);
        ck_assert_str_eq(text, "disarm 6.5.13-5-pve  0\narm 6.8.12-4-pve  0\n");

        ck_assert_int_eq(plan_new(PLAN_ON_HOST_GRUB, NULL, &grub), 0);
        ck_assert_ptr_nonnull(plan_add(grub, PLAN_UPDATE_GRUB, "/boot/grub/grub.cfg"));
        ck_assert_int_eq(plan_describe(grub, NULL, NULL, NULL, &made), 0);
        menu = tell(&made);
        ck_assert_str_eq(menu, "made /boot/grub/grub.cfg\n");
}
END_TEST

START_TEST(menu_of_an_esp_is_made_and_its_default_is_the_wanted_one_unless_there_is_a_problem) {
        _cleanup_description_ PlanDescription d = {}, problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_free_ char *text = NULL, *doubtful = NULL;
        EspImage image = { .loader = ESP_LOADER_GRUB, .cluster_bytes = CLUSTER };
        PlanStep *step;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &plan), 0);
        step = plan_add(plan, PLAN_STAGE, "vmlinuz-" V68);
        step->source = strdup("boot/vmlinuz-" V68);
        step->bytes = 5;
        ck_assert_ptr_nonnull(plan_add(plan, PLAN_GRUB_CONFIG, "grub/grub.cfg"));
        step = plan_add(plan, PLAN_REMOVE_FILE, "vmlinuz-" V65);
        step->bytes = 7;
        step = plan_add(plan, PLAN_STAGE_TEXT, "grub/grubenv");
        step->text = strdup("next_entry=x\n");
        ck_assert_int_eq(plan_describe(plan, &image, V68, V65, &d), 0);
        text = tell(&d);
        ck_assert_str_eq(text, "copy-kernel 6.8.12-4-pve  5\nremove-kernel 6.5.13-5-pve  7\n"
                               "arm 6.5.13-5-pve  0\ndefault 6.8.12-4-pve  0\n"
                               "made grub/grub.cfg\n");
        (void) error_set(&plan->problem, ERROR_NO_SPACE, "full");
        ck_assert_int_eq(plan_describe(plan, &image, V68, NULL, &problem), 0);
        doubtful = tell(&problem);
        ck_assert_ptr_null(strstr(doubtful, "default"));
        ck_assert_ptr_nonnull(strstr(doubtful, "disarm"));
}
END_TEST

CHECK_MAIN("plan-describe", kernels_that_come_and_go_and_the_default_are_told_once_each,
           esp_in_sync_has_no_changes_and_the_room_that_it_has,
           changed_text_is_told_with_the_old_one,
           pin_changes_loader_conf_and_the_default_and_copies_nothing,
           leftovers_and_repair_are_told, texts_that_are_too_long_are_only_named,
           one_shot_and_menus_of_the_host_are_told_without_an_esp,
           menu_of_an_esp_is_made_and_its_default_is_the_wanted_one_unless_there_is_a_problem)
