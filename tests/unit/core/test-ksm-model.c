/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM's files as values: their figures, the limits of the settings, and what is remembered of them.
 */

#include "core/ksm/ksm-model.h"

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
        static const char *const words[] = { "unsupported", "stopped",  "running",
                                             "unmerging",   "unmerged", "unknown" };

        ck_assert_uint_eq(ELEMENTSOF(words), _KSM_STATE_MAX);
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                ck_assert_str_eq(ksm_state_to_string((KsmState) i), words[i]);
        ck_assert_ptr_null(ksm_state_to_string(_KSM_STATE_MAX));
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
                ck_assert_uint_eq(ksm_figures(&k).saved_bytes, lab_expect[i].saved);
                ck_assert_uint_eq(ksm_figures(&k).metadata_bytes, lab_expect[i].metadata);
                ck_assert_int_eq(ksm_figures(&k).profit_bytes, lab_expect[i].profit);
        }
}
END_TEST

START_TEST(without_counters_nothing_is_saved_and_nothing_costs) {
        const Ksm k = { .page_bytes = LAB_PAGE_BYTES };

        ck_assert_uint_eq(ksm_figures(&k).saved_bytes, 0);
        ck_assert_uint_eq(ksm_figures(&k).metadata_bytes, 0);
        ck_assert_int_eq(ksm_figures(&k).profit_bytes, 0);
}
END_TEST

START_TEST(profit_may_be_a_loss_and_metadata_never_negative) {
        _cleanup_(ksm_done) Ksm vain = with_counter("pages_unshared", "1000");
        _cleanup_(ksm_done) Ksm told = with_counter("general_profit", "-64000");
        _cleanup_(ksm_done) Ksm raced = with_counter("general_profit", "4097");

        ck_assert_int_eq(ksm_figures(&vain).profit_bytes, -64000);
        ck_assert_int_eq(ksm_figures(&told).profit_bytes, -64000);
        ck_assert_uint_eq(ksm_figures(&told).metadata_bytes, 64000);
        ck_assert_int_eq(ksm_add(&raced, "pages_sharing", false, "1"), 0);
        ck_assert_uint_eq(ksm_figures(&raced).metadata_bytes, 0);
        ck_assert_int_eq(ksm_figures(&raced).profit_bytes, 4096);
}
END_TEST

START_TEST(absurd_numbers_do_not_overflow) {
        _cleanup_(ksm_done) Ksm k = with_counter("pages_sharing", "9223372036854775807");
        _cleanup_(ksm_done) Ksm negative = with_counter("pages_sharing", "-9223372036854775808");

        ck_assert_uint_eq(ksm_figures(&negative).saved_bytes, 0);
        ck_assert_int_eq(ksm_add(&k, "ksm_zero_pages", false, "9223372036854775807"), 0);
        ck_assert_int_eq(ksm_add(&k, "pages_shared", false, "9223372036854775807"), 0);
        ck_assert_uint_eq(ksm_figures(&k).saved_bytes, INT64_MAX);
        ck_assert_uint_eq(ksm_figures(&k).metadata_bytes, INT64_MAX);
        ck_assert_int_eq(ksm_figures(&k).profit_bytes, 0);
        ck_assert_int_eq(ksm_add(&k, "general_profit", false, "-9223372036854775808"), 0);
        ck_assert_uint_eq(ksm_figures(&k).metadata_bytes, UINT64_MAX);
        ck_assert_int_eq(ksm_figures(&k).profit_bytes, INT64_MIN);
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

/* The newest kernel, with nothing merged: all that can be set may be set. */
static Ksm idle(void) {
        Ksm k = lab_ksm(LAB_6_14);

        ck_assert_int_eq(ksm_add(&k, "pages_shared", false, "0"), 0);
        return k;
}

static void assert_check(const Ksm *k, const char *name, const char *value, ErrorCode code,
                         const char *text) {
        _cleanup_error_ Error error = {};
        int r = ksm_tunable_check(k, name, value, &error);

        ck_assert_msg(error.code == code, "%s=%s: %s", name, value, error.message);
        ck_assert_int_eq(r, error_code_to_errno(code));
        if (text)
                ck_assert_msg(strstr(error.message, text), "%s", error.message);
}

START_TEST(values_are_those_that_the_kernel_takes) {
        static const struct {
                const char *name, *good[3], *bad[4];
        } cases[] = {
                { "sleep_millisecs", { "0", "4294967295" }, { "4294967296", "-1", "" } },
                { "pages_to_scan", { "0", "100", "4294967295" }, { "4294967296", "1e3", "many" } },
                { "max_page_sharing", { "2", "256", "2147483647" }, { "0", "1", "2147483648" } },
                { "merge_across_nodes", { "0", "1" }, { "2", "yes", "-1" } },
                { "use_zero_pages", { "0", "1" }, { "2", "y", "on", "01" } },
                { "smart_scan", { "0", "1" }, { "2", "true", "10" } },
                { "stable_node_chains_prune_millisecs",
                  { "0", "2000", "4294967295" },
                  { "4294967296", "2 s" } },
                { "advisor_mode",
                  { "none", "scan-time" },
                  { "", "None", "[none]", "scan-time\n" } },
                { "advisor_max_cpu", { "0", "70", "4294967295" }, { "4294967366", "70%" } },
                { "advisor_target_scan_time", { "1", "4294967295" }, { "0", "4294967296" } },
                { "advisor_min_pages_to_scan", { "0", "30000" }, { "-1", "+1", " 1", "1 " } },
                { "advisor_max_pages_to_scan", { "500", "4294967295" }, { "0500", "0x500" } },
        };
        _cleanup_(ksm_done) Ksm k = idle();

        ck_assert_uint_eq(ELEMENTSOF(cases), k.tunables.n);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                for (size_t j = 0; j < ELEMENTSOF(cases[i].good) && cases[i].good[j]; j++)
                        assert_check(&k, cases[i].name, cases[i].good[j], ERROR_NONE, NULL);
                for (size_t j = 0; j < ELEMENTSOF(cases[i].bad) && cases[i].bad[j]; j++)
                        assert_check(&k, cases[i].name, cases[i].bad[j], ERROR_INVALID_OPTION,
                                     cases[i].name);
        }
}
END_TEST

START_TEST(each_kernel_takes_what_it_has) {
        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++) {
                _cleanup_(ksm_done) Ksm k = lab_ksm(i);

                ck_assert_int_eq(ksm_add(&k, "pages_shared", false, "0"), 0);
                for (const LabFile *f = lab_files; f < lab_files + ELEMENTSOF(lab_files); f++) {
                        _cleanup_free_ char *value = NULL;

                        ck_assert_int_eq(ksm_value_parse(f->text, strlen(f->text), &value), 0);
                        if (f->mode == 0444 || streq(f->name, "run"))
                                assert_check(&k, f->name, value, ERROR_INVALID_OPTION, f->name);
                        else if (f->since <= i)
                                assert_check(&k, f->name, value, ERROR_NONE, NULL);
                        else
                                assert_check(&k, f->name, value, ERROR_NOT_SUPPORTED,
                                             "which comes with Linux 6.");
                }
        }
}
END_TEST

START_TEST(without_ksm_nothing_is_set) {
        const Ksm k = { .state = KSM_UNSUPPORTED };

        assert_check(&k, "sleep_millisecs", "20", ERROR_NOT_SUPPORTED, "This kernel has no KSM");
        assert_check(&k, "sleep_millisecs", "soon", ERROR_INVALID_OPTION, "a number from 0");
}
END_TEST

START_TEST(kernel_without_numa_has_no_nodes_to_merge_across) {
        _cleanup_(ksm_done) Ksm numa = idle(), k = { .state = numa.state };

        for (size_t i = 0; i < numa.tunables.n; i++) {
                const KsmAttribute *t = &numa.tunables.items[i];

                if (!streq(t->name, "merge_across_nodes"))
                        ck_assert_int_eq(ksm_attributes_add(&k.tunables, t->name, t->value), 0);
        }
        ck_assert_uint_eq(k.tunables.n, numa.tunables.n - 1);
        assert_check(&k, "merge_across_nodes", "0", ERROR_NOT_SUPPORTED, "built for NUMA");
}
END_TEST

START_TEST(what_is_no_setting_is_named_fit_to_be_shown) {
        _cleanup_(ksm_done) Ksm k = idle();
        _cleanup_error_ Error error = {};
        char name[4096];

        assert_check(&k, "run", "2", ERROR_INVALID_OPTION, "enable or disable KSM");
        assert_check(&k, "", "1", ERROR_INVALID_OPTION, "no setting of KSM");
        assert_check(&k, "../../vm/swappiness", "1", ERROR_INVALID_OPTION, "no setting of KSM");
        assert_check(&k, "a\x1b[2Jb", "1", ERROR_INVALID_OPTION, "'a?[2Jb'");
        assert_check(&k, "smart_scan", "\n\xff", ERROR_INVALID_OPTION, "not '\?\?'");
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        ck_assert_int_lt(ksm_tunable_check(&k, name, name, &error), 0);
        ck_assert_uint_lt(strlen(error.message), 300);
}
END_TEST

START_TEST(setting_that_only_we_do_not_know_is_not_written) {
        _cleanup_(ksm_done) Ksm k = idle();

        ck_assert_int_eq(ksm_add(&k, "newer_setting", true, "1"), 0);
        assert_check(&k, "newer_setting", "1", ERROR_INVALID_OPTION, "newer_setting");
}
END_TEST

/* @assignments: "NAME=VALUE NAME=VALUE". */
static void assert_checks(const char *assignments, ErrorCode code, const char *text) {
        _cleanup_(ksm_attributes_done) KsmAttributes wanted = {};
        _cleanup_free_ char *copy = strdup(assignments);
        _cleanup_(ksm_done) Ksm k = idle();
        _cleanup_error_ Error error = {};
        char *at = copy, *word;
        int r;

        while ((word = strsep(&at, " "))) {
                char *equals = strchr(word, '=');

                *equals = '\0';
                ck_assert_int_eq(ksm_attributes_add(&wanted, word, equals + 1), 0);
        }
        r = ksm_tunables_check(&k, &wanted, &error);
        ck_assert_msg(error.code == code, "%s: %s", assignments, error.message);
        ck_assert_int_eq(r, error_code_to_errno(code));
        if (text)
                ck_assert_msg(strstr(error.message, text), "%s", error.message);
        for (size_t i = 0; code == ERROR_NONE && i < wanted.n; i++)
                ck_assert_str_eq(ksm_attributes_get(&k.tunables, wanted.items[i].name),
                                 wanted.items[i].value);
}

START_TEST(limits_of_the_advisor_fit_together_when_all_is_set) {
        assert_checks("advisor_min_pages_to_scan=30000", ERROR_NONE, NULL);
        assert_checks("advisor_min_pages_to_scan=30001", ERROR_INVALID_OPTION,
                      "would be 30001, and 'advisor_max_pages_to_scan' only 30000");
        assert_checks("advisor_max_pages_to_scan=499", ERROR_INVALID_OPTION,
                      "would be 500, and 'advisor_max_pages_to_scan' only 499");
        assert_checks("advisor_max_pages_to_scan=300 advisor_min_pages_to_scan=100", ERROR_NONE,
                      NULL);
        assert_checks("advisor_max_pages_to_scan=100 advisor_min_pages_to_scan=300",
                      ERROR_INVALID_OPTION, "set both");
}
END_TEST

START_TEST(misfit_of_somebody_else_keeps_nobody_from_other_settings) {
        _cleanup_(ksm_attributes_done) KsmAttributes wanted = {};
        _cleanup_(ksm_done) Ksm k = idle();

        ck_assert_int_eq(ksm_add(&k, "advisor_min_pages_to_scan", true, "40000"), 0);
        ck_assert_int_eq(ksm_attributes_add(&wanted, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_tunables_check(&k, &wanted, NULL), 0);
}
END_TEST

START_TEST(settings_are_checked_with_those_before_them_in_place) {
        assert_checks("advisor_mode=scan-time pages_to_scan=100", ERROR_BUSY, "the advisor");
        assert_checks("advisor_mode=none pages_to_scan=100", ERROR_NONE, NULL);
        assert_checks("sleep_millisecs=50 use_zero_pages=2", ERROR_INVALID_OPTION,
                      "use_zero_pages");
}
END_TEST

START_TEST(advisor_chooses_how_many_pages_are_scanned) {
        _cleanup_(ksm_done) Ksm k = idle();

        ck_assert_int_eq(ksm_add(&k, "advisor_mode", true, "scan-time"), 0);
        assert_check(&k, "pages_to_scan", "100", ERROR_BUSY, "set 'advisor_mode' to 'none' first");
        assert_check(&k, "pages_to_scan", "many", ERROR_INVALID_OPTION, "a number");
        assert_check(&k, "sleep_millisecs", "50", ERROR_NONE, NULL);
}
END_TEST

START_TEST(while_pages_are_merged_two_settings_stay_as_they_are) {
        static const struct {
                const char *name, *present, *other;
        } settings[] = {
                { "merge_across_nodes", "1", "0" },
                { "max_page_sharing", "256", "512" },
        };

        for (LabKernel i = 0; i < _LAB_KERNEL_MAX; i++)
                for (size_t j = 0; j < ELEMENTSOF(settings); j++) {
                        _cleanup_(ksm_done) Ksm k = lab_ksm(i);

                        assert_check(&k, settings[j].name, settings[j].present, ERROR_NONE, NULL);
                        assert_check(&k, settings[j].name, settings[j].other, ERROR_BUSY,
                                     "bootctl-pve ksm unmerge");
                        assert_check(&k, settings[j].name, "7000000000", ERROR_INVALID_OPTION,
                                     "a number");
                        ck_assert_int_eq(ksm_add(&k, "pages_shared", false, "0"), 0);
                        assert_check(&k, settings[j].name, settings[j].other, ERROR_NONE, NULL);
                }
}
END_TEST

static void assert_refused(const char *name, int r, ErrorCode code, const char *text) {
        _cleanup_error_ Error error = {};

        ck_assert_int_eq(ksm_tunable_refused(name, "7", r, &error), r);
        ck_assert_int_eq(error.code, code);
        ck_assert_msg(strstr(error.message, name), "%s", error.message);
        ck_assert_msg(strstr(error.message, text), "%s", error.message);
}

START_TEST(refusals_of_the_kernel_are_sentences) {
        assert_refused("merge_across_nodes", -EBUSY, ERROR_BUSY, "unmerge them with");
        assert_refused("max_page_sharing", -EBUSY, ERROR_BUSY, "unmerge them with");
        assert_refused("pages_to_scan", -EINVAL, ERROR_BUSY, "chosen by the advisor");
        assert_refused("smart_scan", -EINVAL, ERROR_INVALID_OPTION, "does not take '7'");
        assert_refused("run", -EINVAL, ERROR_INVALID_OPTION, "does not take '7'");
        assert_refused("run", -EBUSY, ERROR_BUSY, strerror(EBUSY));
        assert_refused("merge_across_nodes", -ENOMEM, ERROR_FAILED, strerror(ENOMEM));
        assert_refused("run", -EACCES, ERROR_FAILED, strerror(EACCES));
}
END_TEST

static KsmConfig parse(const char *text, size_t size) {
        KsmConfig c = { .run = true };

        ck_assert_int_eq(ksm_config_parse(text, size, &c), 0);
        return c;
}

static void assert_same(const char *text) {
        _cleanup_(ksm_config_done) KsmConfig c = parse(text, strlen(text));
        _cleanup_free_ char *again = NULL;

        ck_assert_int_eq(ksm_config_format(&c, &again), 0);
        ck_assert_str_eq(again, text);
}

START_TEST(what_is_written_is_read_again) {
        _cleanup_(ksm_config_done) KsmConfig c = { .run = true };
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "scan-time"), 0);
        ck_assert_int_eq(ksm_config_format(&c, &text), 0);
        ck_assert_str_eq(text, "v1\nrun=1\nadvisor_mode=scan-time\nsleep_millisecs=50\n");
        assert_same(text);
        assert_same("v1\nrun=1\n");
        assert_same("v1\nsmart_scan=0\n");
}
END_TEST

START_TEST(where_nothing_is_to_be_remembered_there_is_no_text) {
        const KsmConfig c = {};
        char *text = (char *) "";

        ck_assert_int_eq(ksm_config_format(&c, &text), 0);
        ck_assert_ptr_null(text);
}
END_TEST

START_TEST(file_with_one_odd_line_counts_as_empty) {
        static const char *const texts[] = {
                "",
                "v1",
                "v1\n",
                "v2\nrun=1\n",
                "run=1\n",
                "v1\nrun=1",
                "v1\r\nrun=1\r\n",
                "v1\nrun=0\n",
                "v1\nrun=2\n",
                "v1\nrun=1\nrun=1\n",
                "v1\nsmart_scan=0\nrun=1\n",
                "v1\nsmart_scan=0\nsmart_scan=1\n",
                "v1\nsmart_scan=0\npages_to_scan=7\n",
                "v1\nsmart_scan\n",
                "v1\nsmart_scan=\n",
                "v1\n=0\n",
                "v1\n\nrun=1\n",
                "v1\nsmart scan=0\n",
                "v1\n../run=2\n",
                "v1\nadvisor_mode=[none]\n",
                "v1\nsmart_scan=\x1b[2J\n",
                "v1\nrun=1\n#\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(ksm_config_done) KsmConfig c = parse(texts[i], strlen(texts[i]));

                ck_assert_msg(!c.run && c.tunables.n == 0, "case %zu", i);
        }
}
END_TEST

START_TEST(hostile_files_count_as_empty) {
        static const char nul[] = "v1\nrun=1\nsmart_scan=0\0\n";
        _cleanup_free_ char *large = malloc(1024 * 1024);
        _cleanup_(ksm_config_done) KsmConfig with_nul = parse(nul, sizeof(nul) - 1);
        _cleanup_(ksm_config_done) KsmConfig c = {};
        Buffer b = {};
        char *flood;
        size_t size;

        memset(large, '7', 1024 * 1024);
        memcpy(large, "v1\na=", 5);
        c = parse(large, 1024 * 1024);
        ck_assert_uint_eq(c.tunables.n + with_nul.tunables.n, 0);
        ck_assert(!c.run && !with_nul.run);

        buffer_puts(&b, "v1\n");
        for (unsigned i = 0; i <= KSM_ATTRIBUTES_MAX; i++)
                buffer_printf(&b, "a%03u=1\n", i);
        ck_assert_int_eq(buffer_take(&b, &flood, &size), 0);
        c = parse(flood, size);
        free(flood);
        ck_assert_uint_eq(c.tunables.n, 0);
}
END_TEST

START_TEST(setting_is_added_or_replaced) {
        _cleanup_(ksm_config_done) KsmConfig c = {};

        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "60"), 0);
        ck_assert_uint_eq(c.tunables.n, 1);
        ck_assert_str_eq(ksm_attributes_get(&c.tunables, "sleep_millisecs"), "60");
}
END_TEST

START_TEST(other_advisor_makes_the_number_of_pages_void) {
        _cleanup_(ksm_config_done) KsmConfig c = {};

        ck_assert_int_eq(ksm_config_set(&c, "pages_to_scan", "1000"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "sleep_millisecs", "50"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "scan-time"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "scan-time"), 0);
        ck_assert_ptr_null(ksm_attributes_get(&c.tunables, "pages_to_scan"));
        ck_assert_uint_eq(c.tunables.n, 2);
        ck_assert_str_eq(c.tunables.items[1].name, "sleep_millisecs");
        ck_assert_int_eq(ksm_config_set(&c, "advisor_mode", "none"), 0);
        ck_assert_int_eq(ksm_config_set(&c, "pages_to_scan", "1000"), 0);
        ck_assert_uint_eq(c.tunables.n, 3);
}
END_TEST

CHECK_MAIN("ksm-model", state_is_what_run_says, states_have_words,
           value_is_one_line_or_the_word_that_is_chosen,
           value_with_a_nul_byte_or_without_end_is_none,
           attributes_stand_in_the_order_of_their_names_each_once,
           what_the_kernel_would_not_show_is_left_out, flood_of_files_is_cut_off,
           sums_are_right_for_each_kernel, without_counters_nothing_is_saved_and_nothing_costs,
           profit_may_be_a_loss_and_metadata_never_negative, absurd_numbers_do_not_overflow,
           unmerging_must_fit_and_leave_a_reserve_on_each_kernel, memory_check_knows_the_edges,
           values_are_those_that_the_kernel_takes, each_kernel_takes_what_it_has,
           without_ksm_nothing_is_set, kernel_without_numa_has_no_nodes_to_merge_across,
           what_is_no_setting_is_named_fit_to_be_shown,
           setting_that_only_we_do_not_know_is_not_written,
           limits_of_the_advisor_fit_together_when_all_is_set,
           misfit_of_somebody_else_keeps_nobody_from_other_settings,
           settings_are_checked_with_those_before_them_in_place,
           advisor_chooses_how_many_pages_are_scanned,
           while_pages_are_merged_two_settings_stay_as_they_are,
           refusals_of_the_kernel_are_sentences, what_is_written_is_read_again,
           where_nothing_is_to_be_remembered_there_is_no_text,
           file_with_one_odd_line_counts_as_empty, hostile_files_count_as_empty,
           setting_is_added_or_replaced, other_advisor_makes_the_number_of_pages_void)
