/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs and their workers: who is started, who waits for whom, and who hears what, in which order.
 */

#include "tests/unit/check-main.h"
#include "tests/unit/engine/lab.h"

START_TEST(start_brings_every_esp_into_sync) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEW));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_OLD));
        ck_assert_str_eq(manager_redundancy(lab.m), "redundant");
        ck_assert(!clock_is_armed());
}
END_TEST

START_TEST(new_kernel_is_synced_when_the_files_have_settled) {
        _cleanup_lab_ Lab lab;

        lab_open(&lab);
        lab_start(&lab);
        lab_add_kernel(&lab, KERNEL_NEXT);
        lab_pass(&lab, 1 * SEC);
        ck_assert(!manager_is_busy(lab.m));
        lab_pass(&lab, 2 * SEC);
        ck_assert(manager_is_busy(lab.m));
        lab_finish(&lab);
        ck_assert(lab_holds(&lab, ESP_A, KERNEL_NEXT));
        ck_assert(lab_holds(&lab, ESP_B, KERNEL_NEXT));
        ck_assert(manager_in_sync(lab.m));
}
END_TEST

CHECK_MAIN("refresh", start_brings_every_esp_into_sync,
           new_kernel_is_synced_when_the_files_have_settled)
