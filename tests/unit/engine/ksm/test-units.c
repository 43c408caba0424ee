/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Units as systemd describes them: which can be started, which run, which start by themselves. */

#include "engine/ksm/ksm-job.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

START_TEST(units_are_found_by_name) {
        _cleanup_(units_done) Units units = {};

        ck_assert_ptr_null(units_find(&units, "a.service"));
        ck_assert_ptr_nonnull(units_add(&units, "a.service"));
        ck_assert_ptr_nonnull(units_add(&units, "b.service"));
        ck_assert_str_eq(units_find(&units, "b.service")->name, "b.service");
        ck_assert_ptr_null(units_find(&units, "c.service"));
        ck_assert_ptr_null(units_find(&units, "b.service")->active);
}
END_TEST

START_TEST(unit_that_is_masked_or_not_installed_is_not_available) {
        ck_assert(unit_condition(&(Unit){ .load = (char *) "loaded", .file = (char *) "disabled" })
                                  .available);
        ck_assert(!unit_condition(&(Unit){ .load = (char *) "loaded",
                                           .file = (char *) "masked-runtime" })
                                   .available);
        ck_assert(!unit_condition(&(Unit){ .load = (char *) "loaded", .file = (char *) "" })
                                   .available);
        ck_assert(!unit_condition(&(Unit){ .load = (char *) "not-found",
                                           .file = (char *) "enabled" })
                                   .available);
        ck_assert(!unit_condition(&(Unit){}).available);
}
END_TEST

START_TEST(unit_on_its_way_up_or_down_is_active) {
        ck_assert(unit_condition(&(Unit){ .active = (char *) "activating" }).active);
        ck_assert(unit_condition(&(Unit){ .active = (char *) "deactivating" }).active);
        ck_assert(!unit_condition(&(Unit){ .active = (char *) "failed" }).active);
        ck_assert(!unit_condition(&(Unit){ .active = (char *) "inactive" }).active);
        ck_assert(!unit_condition(&(Unit){}).active);
        ck_assert(unit_condition(&(Unit){ .file = (char *) "enabled-runtime" }).enabled);
        ck_assert(!unit_condition(&(Unit){ .file = (char *) "disabled" }).enabled);
        ck_assert(!unit_condition(&(Unit){}).enabled);
}
END_TEST

CHECK_MAIN("units", units_are_found_by_name, unit_that_is_masked_or_not_installed_is_not_available,
           unit_on_its_way_up_or_down_is_active)
