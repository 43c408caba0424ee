/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Putting a boot loader on an ESP: alone among the ESPs, on a sound file system, and looked at
 * afterwards. */

#include "tests/unit/check-main.h"
#include "tests/unit/core/plan-lab.h"

static void assert_install(const Lab *lab, const char *expect) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        Buffer b = {};
        _cleanup_free_ char *steps = NULL;

        ck_assert_int_eq(plan_build_install("AAAA-0001", &lab->esp.image, ESP_LOADER_GRUB, &plan),
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
        assert_install(&lab, "token\ninstall-loader grub\nboot-entry grub\nscan\n");
        lab_done(&lab);
}
END_TEST

START_TEST(a_file_system_that_was_not_unmounted_is_repaired_first) {
        Lab lab;

        lab_init(&lab);
        lab.esp.image.dirty = true;
        assert_install(&lab,
                       "token\nrepair\nbarrier\ninstall-loader grub\nboot-entry grub\nscan\n");
        lab_done(&lab);
}
END_TEST

START_TEST(leftovers_go_first) {
        Lab lab;

        lab_init(&lab);
        sim_put(&lab.esp, "loader/loader.conf.new", FILE_REGULAR, 1, 0, NULL);
        assert_install(&lab, "token\nrepair\nclear loader/loader.conf.new\nbarrier\n"
                             "install-loader grub\nboot-entry grub\nscan\n");
        lab_done(&lab);
}
END_TEST

CHECK_MAIN("plan-install", loader_and_boot_entry_come_under_the_token_and_are_looked_at,
           a_file_system_that_was_not_unmounted_is_repaired_first, leftovers_go_first)
