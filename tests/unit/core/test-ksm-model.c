/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What KSM's files mean, and what follows from their numbers. */

#include "core/ksm-model.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"

#define MIB (1024 * 1024ull)

static Ksm with_counter(const char *name, const char *value) {
        Ksm k = { .page_bytes = LAB_PAGE_BYTES };

        ck_assert_int_eq(ksm_add(&k, name, false, value), 0);
        return k;
}

START_TEST(state_is_what_run_says) {
        static const struct {
                const char *run, *sharing;
                KsmState expect;
        } cases[] = {
                { NULL, NULL, KSM_UNSUPPORTED }, { NULL, "5", KSM_UNSUPPORTED },
                { "0", "5", KSM_STOPPED },       { "0", NULL, KSM_STOPPED },
                { "1", "0", KSM_RUNNING },       { "2", "5", KSM_UNMERGING },
                { "2", "0", KSM_UNMERGED },      { "2", NULL, KSM_UNKNOWN },
                { "2", "many", KSM_UNKNOWN },    { "4", "0", KSM_UNKNOWN },
                { "5", "0", KSM_UNKNOWN },       { "", "0", KSM_UNKNOWN },
                { "01", "0", KSM_UNKNOWN },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ck_assert_msg(ksm_state_of(cases[i].run, cases[i].sharing) == cases[i].expect,
                              "case %zu", i);
}
END_TEST

START_TEST(states_have_words) {
        ck_assert_str_eq(ksm_state_to_string(KSM_UNSUPPORTED), "unsupported");
        ck_assert_str_eq(ksm_state_to_string(KSM_UNMERGED), "unmerged");
        for (KsmState s = 0; s < _KSM_STATE_MAX; s++)
                ck_assert_int_eq(ksm_state_from_string(ksm_state_to_string(s)), s);
        ck_assert_int_eq(ksm_state_from_string("asleep"), _KSM_STATE_INVALID);
}
END_TEST

START_TEST(value_is_one_line_or_the_word_that_is_chosen) {
        static const struct {
                const char *text, *expect;
        } cases[] = {
                { "1\n", "1" },
                { "-4096\n", "-4096" },
                { "18446744073709551615", "18446744073709551615" },
                { "[none] scan-time\n", "none" },
                { "none [scan-time]\n", "scan-time" },
                { "[open\n", "[open" },
                { "\n", NULL },
                { "", NULL },
                { "[]\n", NULL },
                { "1\n2\n", NULL },
                { "1\n\n", NULL },
                { "\x1b[31m\n", NULL },
                { "\xff\xfe\n", NULL },
                { "caf\xc3\xa9\n", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *value = NULL;

                ck_assert_int_eq(ksm_value_parse(cases[i].text, strlen(cases[i].text), &value),
                                 cases[i].expect ? 0 : -EBADMSG);
                ck_assert_msg(streq_ptr(value, cases[i].expect), "case %zu", i);
        }
}
END_TEST

START_TEST(value_with_a_nul_byte_or_without_end_is_none) {
        char text[KSM_VALUE_MAX + 2], *value = NULL;

        ck_assert_int_eq(ksm_value_parse("1\0002\n", 4, &value), -EBADMSG);
        memset(text, '7', sizeof(text));
        ck_assert_int_eq(ksm_value_parse(text, KSM_VALUE_MAX + 1, &value), -EBADMSG);
        text[KSM_VALUE_MAX] = '\n';
        ck_assert_int_eq(ksm_value_parse(text, KSM_VALUE_MAX + 1, &value), 0);
        ck_assert_uint_eq(strlen(value), KSM_VALUE_MAX);
        free(value);
}
END_TEST

START_TEST(attributes_stand_in_the_order_of_their_names_each_once) {
        static const char *const names[] = { "m", "z", "a", "m", "b" };
        _cleanup_(ksm_attributes_done) KsmAttributes l = {};
        int64_t number = 5;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_int_eq(ksm_attributes_add(&l, names[i], i == 3 ? "-7" : "x"), 0);
        ck_assert_uint_eq(l.n, 4);
        for (size_t i = 1; i < l.n; i++)
                ck_assert_int_lt(strcmp(l.items[i - 1].name, l.items[i].name), 0);
        ck_assert_str_eq(ksm_attributes_get(&l, "m"), "-7");
        ck_assert_ptr_null(ksm_attributes_get(&l, "c"));
        ck_assert_int_eq(ksm_attributes_get_number(&l, "c", &number), -ENOENT);
        ck_assert_int_eq(ksm_attributes_get_number(&l, "z", &number), -EBADMSG);
        ck_assert_int_eq(number, 5);
        ck_assert_int_eq(ksm_attributes_get_number(&l, "m", &number), 0);
        ck_assert_int_eq(number, -7);

        ksm_attributes_remove(&l, "m");
        ksm_attributes_remove(&l, "m");
        ck_assert_ptr_null(ksm_attributes_get(&l, "m"));
        ck_assert_uint_eq(l.n, 3);
        ck_assert_str_eq(l.items[2].name, "z");
}
END_TEST

START_TEST(what_the_kernel_would_not_show_is_left_out) {
        static const char *const names[] = { "", "pages shared", "a\nb", "\xff", "../run", "a=b" };
        char long_name[KSM_NAME_MAX + 2] = "";
        _cleanup_(ksm_done) Ksm k = {};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                ck_assert_int_eq(ksm_add(&k, names[i], i % 2, "1"), 0);
        memset(long_name, 'a', KSM_NAME_MAX + 1);
        ck_assert_int_eq(ksm_add(&k, long_name, false, "1"), 0);
        ck_assert_int_eq(ksm_add(&k, "run", true, "1"), 0);
        ck_assert_int_eq(ksm_add(&k, "counter", false, "many"), 0);
        ck_assert_int_eq(ksm_add(&k, "counter", false, "9223372036854775808"), 0);
        ck_assert_uint_eq(k.counters.n + k.tunables.n, 0);

        ck_assert_int_eq(ksm_add(&k, long_name + 1, false, "-1"), 0);
        ck_assert_int_eq(ksm_add(&k, "Newer_than_6", true, "some words"), 0);
        ck_assert_uint_eq(k.counters.n, 1);
        ck_assert_uint_eq(k.tunables.n, 1);
}
END_TEST

START_TEST(flood_of_files_is_cut_off) {
        _cleanup_(ksm_done) Ksm k = {};

        for (unsigned i = 0; i < 10 * KSM_ATTRIBUTES_MAX; i++) {
                _cleanup_free_ char *name = strprintf("file_%u", i);

                ck_assert_int_eq(ksm_add(&k, name, false, "1"), 0);
        }
        ck_assert_uint_eq(k.counters.n, KSM_ATTRIBUTES_MAX);
        ck_assert_uint_eq(k.tunables.n, 0);
}
END_TEST

START_TEST(sums_are_right_for_each_kernel) {
        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_(ksm_done) Ksm k = lab_ksm(i);

                ck_assert_uint_eq(k.counters.n, lab_expect[i].n_counters);
                ck_assert_uint_eq(k.tunables.n, lab_expect[i].n_tunables);
                ck_assert_uint_eq(ksm_saved_bytes(&k), lab_expect[i].saved);
                ck_assert_uint_eq(ksm_metadata_bytes(&k), lab_expect[i].metadata);
                ck_assert_int_eq(ksm_profit_bytes(&k), lab_expect[i].profit);
        }
}
END_TEST

START_TEST(without_counters_nothing_is_saved_and_nothing_costs) {
        const Ksm k = { .page_bytes = LAB_PAGE_BYTES };

        ck_assert_uint_eq(ksm_saved_bytes(&k), 0);
        ck_assert_uint_eq(ksm_metadata_bytes(&k), 0);
        ck_assert_int_eq(ksm_profit_bytes(&k), 0);
}
END_TEST

START_TEST(profit_may_be_a_loss_and_metadata_never_negative) {
        _cleanup_(ksm_done) Ksm vain = with_counter("pages_unshared", "1000");
        _cleanup_(ksm_done) Ksm told = with_counter("general_profit", "-64000");
        _cleanup_(ksm_done) Ksm raced = with_counter("general_profit", "4097");

        ck_assert_int_eq(ksm_profit_bytes(&vain), -64000);
        ck_assert_int_eq(ksm_profit_bytes(&told), -64000);
        ck_assert_uint_eq(ksm_metadata_bytes(&told), 64000);
        ck_assert_int_eq(ksm_add(&raced, "pages_sharing", false, "1"), 0);
        ck_assert_uint_eq(ksm_metadata_bytes(&raced), 0);
        ck_assert_int_eq(ksm_profit_bytes(&raced), 4096);
}
END_TEST

START_TEST(absurd_numbers_do_not_overflow) {
        _cleanup_(ksm_done) Ksm k = with_counter("pages_sharing", "9223372036854775807");
        _cleanup_(ksm_done) Ksm negative = with_counter("pages_sharing", "-9223372036854775808");

        ck_assert_uint_eq(ksm_saved_bytes(&negative), 0);
        ck_assert_int_eq(ksm_add(&k, "ksm_zero_pages", false, "9223372036854775807"), 0);
        ck_assert_int_eq(ksm_add(&k, "pages_shared", false, "9223372036854775807"), 0);
        ck_assert_uint_eq(ksm_saved_bytes(&k), INT64_MAX);
        ck_assert_uint_eq(ksm_metadata_bytes(&k), INT64_MAX);
        ck_assert_int_eq(ksm_profit_bytes(&k), 0);
        ck_assert_int_eq(ksm_add(&k, "general_profit", false, "-9223372036854775808"), 0);
        ck_assert_uint_eq(ksm_metadata_bytes(&k), UINT64_MAX);
        ck_assert_int_eq(ksm_profit_bytes(&k), INT64_MIN);
}
END_TEST

static void assert_memory(const Ksm *k, uint64_t available, uint64_t total, const char *sentence) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(ksm_check_memory(k, available, total, &error), sentence ? -ENOMEM : 0);
        ck_assert_int_eq(error.code, sentence ? ERROR_INSUFFICIENT_MEMORY : ERROR_NONE);
        ck_assert_msg(streq_ptr(error.message, sentence), "%s", error.message);
}

START_TEST(unmerging_must_fit_and_leave_a_reserve_on_each_kernel) {
        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_(ksm_done) Ksm k = lab_ksm(i);
                const uint64_t need = lab_expect[i].saved;

                assert_memory(&k, need + 64 * MIB, 1024 * MIB, NULL);
                assert_memory(&k, need + 128 * MIB, 4096 * MIB, NULL);
                assert_memory(&k, need + 127 * MIB, 4096 * MIB,
                              i < LAB_6_8 ? "To unmerge all pages takes 98 MiB of memory, and of "
                                            "the 224 MiB that are available 128 must remain; free "
                                            "some memory first, or insist with --force"
                                          : "To unmerge all pages takes 100 MiB of memory, and of "
                                            "the 226 MiB that are available 128 must remain; free "
                                            "some memory first, or insist with --force");
        }
}
END_TEST

START_TEST(memory_check_knows_the_edges) {
        _cleanup_(ksm_done) Ksm k = with_counter("pages_sharing", "256");
        _cleanup_(ksm_done) Ksm huge = with_counter("pages_sharing", "9223372036854775807");
        const Ksm nothing = { .page_bytes = LAB_PAGE_BYTES };
        _cleanup_error_ Error error = {};

        assert_memory(&k, 65 * MIB, 512 * MIB, NULL);
        assert_memory(&k, 65 * MIB - 1, 512 * MIB,
                      "To unmerge all pages takes 1 MiB of memory, and of the 64 MiB that are "
                      "available 64 must remain; free some memory first, or insist with --force");
        assert_memory(&nothing, 0, 512 * MIB, NULL);
        ck_assert_int_lt(ksm_check_memory(&huge, INT64_MAX, UINT64_MAX, &error), 0);
        ck_assert_int_lt(ksm_check_memory(&huge, 0, 0, NULL), 0);
}
END_TEST

CHECK_MAIN("ksm-model", state_is_what_run_says, states_have_words,
           value_is_one_line_or_the_word_that_is_chosen,
           value_with_a_nul_byte_or_without_end_is_none,
           attributes_stand_in_the_order_of_their_names_each_once,
           what_the_kernel_would_not_show_is_left_out, flood_of_files_is_cut_off,
           sums_are_right_for_each_kernel, without_counters_nothing_is_saved_and_nothing_costs,
           profit_may_be_a_loss_and_metadata_never_negative, absurd_numbers_do_not_overflow,
           unmerging_must_fit_and_leave_a_reserve_on_each_kernel, memory_check_knows_the_edges)
