/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plan as a value. */

#include "core/plan/plan.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"

static Plan *plan(void) {
        Plan *p = NULL;

        ck_assert_int_eq(plan_new(PLAN_ON_ESP, "AAAA-0001", &p), 0);
        return p;
}

START_TEST(new_plan_is_empty) {
        _cleanup_(plan_freep) Plan *p = plan();

        ck_assert_str_eq(p->esp_uuid, "AAAA-0001");
        ck_assert_uint_eq(p->n_steps, 0);
        ck_assert_ptr_null(p->problem.message);
        ck_assert_int_eq(p->problem.code, 0);
        ck_assert(!plan_writes(p));
        ck_assert_uint_eq(plan_work_bytes(p), 0);
}
END_TEST

START_TEST(freeing_nothing_is_fine) {
        ck_assert_ptr_null(plan_free(NULL));
}
END_TEST

START_TEST(steps_keep_their_order_and_own_their_paths) {
        _cleanup_(plan_freep) Plan *p = plan();
        char path[] = "EFI/proxmox";

        ck_assert_ptr_nonnull(plan_add(p, PLAN_MKDIR, path));
        path[0] = 'X';
        for (size_t i = 0; i < 100; i++) {
                PlanStep *step = plan_add(p, PLAN_BARRIER, NULL);

                ck_assert_ptr_nonnull(step);
                ck_assert_ptr_null(step->path);
                step->text = strdup("owned by the plan");
                step->source = strdup("this too");
        }
        ck_assert_uint_eq(p->n_steps, 101);
        ck_assert_str_eq(p->steps[0].path, "EFI/proxmox");
        ck_assert_int_eq(p->steps[0].action, PLAN_MKDIR);
        ck_assert_uint_eq(p->steps[0].bytes, 0);
        ck_assert_int_eq(p->steps[100].action, PLAN_BARRIER);
}
END_TEST

START_TEST(looking_and_waiting_write_nothing) {
        static const PlanAction quiet[] = { PLAN_KNOWN, PLAN_SCAN,    PLAN_CHECK,   PLAN_KEEP,
                                            PLAN_TOKEN, PLAN_BARRIER, PLAN_OPTIONAL };
        _cleanup_(plan_freep) Plan *p = plan();

        for (size_t i = 0; i < ELEMENTSOF(quiet); i++)
                ck_assert_ptr_nonnull(plan_add(p, quiet[i], "a"));
        ck_assert(!plan_writes(p));
}
END_TEST

START_TEST(each_changing_step_makes_a_plan_write) {
        static const PlanAction loud[] = { PLAN_MKDIR,         PLAN_CLEAR,       PLAN_STAGE,
                                           PLAN_STAGE_TEXT,    PLAN_PLACE,       PLAN_REMOVE_ENTRY,
                                           PLAN_REMOVE_KERNEL, PLAN_REMOVE_FILE, PLAN_GRUB_CONFIG };

        for (size_t i = 0; i < ELEMENTSOF(loud); i++) {
                _cleanup_(plan_freep) Plan *p = plan();

                ck_assert_ptr_nonnull(plan_add(p, PLAN_KEEP, "a"));
                ck_assert_ptr_nonnull(plan_add(p, loud[i], "a"));
                ck_assert_msg(plan_writes(p), "%s", plan_action_to_string(loud[i]));
        }
}
END_TEST

START_TEST(what_is_optional_makes_no_plan_due) {
        _cleanup_(plan_freep) Plan *p = plan();

        plan_add(p, PLAN_TOKEN, NULL);
        plan_add(p, PLAN_OPTIONAL, NULL);
        plan_add(p, PLAN_STAGE, "a");
        ck_assert(plan_writes(p));
        ck_assert(!plan_is_due(p));
        p->steps[0].action = PLAN_PLACE;
        ck_assert(plan_is_due(p));
}
END_TEST

START_TEST(only_staging_counts_as_copying) {
        _cleanup_(plan_freep) Plan *p = plan();

        for (PlanAction a = 0; a < _PLAN_ACTION_MAX; a++)
                if (plan_action_kind(a)->subject == PLAN_ON_ESP && a != PLAN_CHECK)
                        plan_add(p, a, "a")->bytes = UINT64_C(1) << a;
        ck_assert_uint_eq(plan_work_bytes(p), 2 * ((1u << PLAN_STAGE) + (1u << PLAN_STAGE_TEXT)));
}
END_TEST

START_TEST(work_counts_what_is_staged_and_compared_twice) {
        _cleanup_(plan_freep) Plan *p = plan();
        PlanStep *trusted;

        for (PlanAction a = 0; a < _PLAN_ACTION_MAX; a++)
                if (plan_action_kind(a)->subject == PLAN_ON_ESP)
                        plan_add(p, a, "a")->bytes = UINT64_C(1) << a;
        trusted = plan_add(p, PLAN_CHECK, "b");
        trusted->bytes = 1 << 20;
        trusted->trust = true;
        ck_assert_uint_eq(plan_work_bytes(p),
                          2 * ((1u << PLAN_CHECK) + (1u << PLAN_STAGE) + (1u << PLAN_STAGE_TEXT)));
}
END_TEST

START_TEST(what_changes_is_named_once_and_in_order) {
        _cleanup_(plan_freep) Plan *p = plan();
        _cleanup_strv_ char **changes = NULL, **none = NULL;
        _cleanup_free_ char *joined = NULL;

        plan_add(p, PLAN_KEEP, "a");
        plan_add(p, PLAN_TOKEN, NULL);
        ck_assert_int_eq(plan_changes(p, &none), 0);
        ck_assert(strv_isempty(none));
        plan_add(p, PLAN_STAGE, "b");
        plan_add(p, PLAN_STAGE_TEXT, "c");
        plan_add(p, PLAN_PLACE, "b");
        plan_add(p, PLAN_REPAIR, NULL);
        ck_assert_int_eq(plan_changes(p, &changes), 0);
        joined = strv_join(changes, " ");
        ck_assert_str_eq(joined, "b c /");
}
END_TEST

START_TEST(cleared_plan_has_no_steps_and_may_be_filled_again) {
        _cleanup_(plan_freep) Plan *p = plan();

        plan_add(p, PLAN_MKDIR, "a")->text = strdup("owned");
        plan_clear(p);
        ck_assert_uint_eq(p->n_steps, 0);
        ck_assert(!plan_writes(p));
        ck_assert_str_eq(p->esp_uuid, "AAAA-0001");
        ck_assert_ptr_nonnull(plan_add(p, PLAN_MKDIR, "b"));
        ck_assert_str_eq(p->steps[0].path, "b");
}
END_TEST

START_TEST(every_action_has_a_name_of_its_own) {
        for (PlanAction a = 0; a < _PLAN_ACTION_MAX; a++)
                ck_assert_int_eq(plan_action_from_string(plan_action_to_string(a)), a);
        ck_assert_str_eq(plan_action_to_string(PLAN_REMOVE_KERNEL), "remove-kernel");
        ck_assert_ptr_null(plan_action_to_string(_PLAN_ACTION_MAX));
        ck_assert_int_eq(plan_action_from_string("Stage"), _PLAN_ACTION_INVALID);
        ck_assert_int_eq(plan_action_from_string(NULL), _PLAN_ACTION_INVALID);
}
END_TEST

static void assert_host(PlanSubject what, const char *subject, const char *lock) {
        _cleanup_free_ char *its_subject = NULL, *its_lock = NULL;
        _cleanup_(plan_freep) Plan *p = NULL;

        ck_assert_int_eq(plan_new(what, NULL, &p), 0);
        ck_assert_int_eq(plan_subject(p, &its_subject), 0);
        ck_assert_int_eq(plan_lock_name(p, &its_lock), 0);
        ck_assert_str_eq(its_subject, subject);
        ck_assert_str_eq(its_lock, lock);
}

START_TEST(ksm_waits_neither_for_grub_nor_the_firmware_and_a_look_for_nothing) {
        assert_host(PLAN_ON_FIRMWARE, "the boot variables of this host", "host");
        assert_host(PLAN_ON_HOST_GRUB, "the menu of GRUB on this host", "host");
        assert_host(PLAN_ON_KEYS, "the keys and signatures of this host", "keys");
        assert_host(PLAN_ON_KSM, "KSM", "ksm");
        assert_host(PLAN_ON_KSM_PROCESSES, "the processes that gain from KSM", "ksm-processes");
}
END_TEST

CHECK_MAIN("plan", new_plan_is_empty, freeing_nothing_is_fine,
           steps_keep_their_order_and_own_their_paths, looking_and_waiting_write_nothing,
           each_changing_step_makes_a_plan_write, what_is_optional_makes_no_plan_due,
           only_staging_counts_as_copying,
           ksm_waits_neither_for_grub_nor_the_firmware_and_a_look_for_nothing,
           work_counts_what_is_staged_and_compared_twice, what_changes_is_named_once_and_in_order,
           cleared_plan_has_no_steps_and_may_be_filled_again, every_action_has_a_name_of_its_own)
