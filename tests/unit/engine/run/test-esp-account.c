/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A step counts when its worker says that it is over, and not before. */

#include "engine/run/esp-account.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

#define DIR "EFI/proxmox/6.5.13-5-pve"

enum { ENTRY, KERNEL, OPTIONAL, MEMTEST, SCAN };

static Plan *removal(void) {
        Plan *p;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "1111-AAAA", &p), 0);
        ck_assert_ptr_nonnull(plan_add(p, PLAN_REMOVE_ENTRY, "loader/entries/proxmox-x.conf"));
        ck_assert_ptr_nonnull(plan_add(p, PLAN_REMOVE_KERNEL, DIR));
        ck_assert_ptr_nonnull(plan_add(p, PLAN_OPTIONAL, NULL));
        ck_assert_ptr_nonnull(plan_add(p, PLAN_REMOVE_ENTRY, "loader/entries/memtest86+x64.conf"));
        ck_assert_ptr_nonnull(plan_add(p, PLAN_SCAN, NULL));
        return p;
}

static void hear(EspAccount *a, const Plan *p, ReportType type, uint64_t index) {
        esp_account_take_report(a, p, &(Report){ .type = type, .index = index });
}

START_TEST(step_counts_when_the_next_one_begins) {
        _cleanup_(plan_freep) Plan *p = removal();
        EspAccount a = {};

        hear(&a, p, REPORT_STARTED, 0);
        hear(&a, p, REPORT_STEP, ENTRY);
        ck_assert(!a.deed.entries);
        hear(&a, p, REPORT_STEP, KERNEL);
        ck_assert(a.deed.entries);
        ck_assert(strv_isempty(a.deed.removed));
        hear(&a, p, REPORT_STEP, OPTIONAL);
        ck_assert(strv_contains(a.deed.removed, "6.5.13-5-pve"));
        esp_deed_done(&a.deed);
}
END_TEST

START_TEST(last_step_counts_at_a_good_end_only) {
        _cleanup_(plan_freep) Plan *p = removal();
        EspAccount good = {}, bad = {};

        p->n_steps = KERNEL + 1;
        hear(&good, p, REPORT_STEP, KERNEL);
        hear(&good, p, REPORT_DONE, 0);
        ck_assert_uint_eq(strv_length(good.deed.removed), 1);
        hear(&bad, p, REPORT_STEP, KERNEL);
        hear(&bad, p, REPORT_FAILED, 0);
        hear(&bad, p, REPORT_STARTED, 0);
        hear(&bad, p, REPORT_STEP, ENTRY);
        ck_assert_uint_eq(strv_length(bad.deed.removed), 0);
        esp_deed_done(&good.deed);
        p->n_steps = SCAN + 1;
}
END_TEST

START_TEST(step_that_was_passed_over_does_not_count) {
        _cleanup_(plan_freep) Plan *p = removal();
        EspAccount a = {};

        hear(&a, p, REPORT_STEP, MEMTEST);
        hear(&a, p, REPORT_WARNING, 0);
        hear(&a, p, REPORT_STEP, SCAN);
        hear(&a, p, REPORT_DONE, 0);
        ck_assert(!a.deed.entries);
}
END_TEST

START_TEST(file_that_a_worker_makes_up_is_none) {
        _cleanup_(plan_freep) Plan *p = removal();
        EspAccount a = {};

        hear(&a, p, REPORT_PLACED, 12345);
        hear(&a, p, REPORT_PLACED, SCAN);
        ck_assert_uint_eq(a.deed.bytes, 0);
        ck_assert(!a.deed.entries);
}
END_TEST

CHECK_MAIN("esp-account", step_counts_when_the_next_one_begins, last_step_counts_at_a_good_end_only,
           step_that_was_passed_over_does_not_count, file_that_a_worker_makes_up_is_none)
