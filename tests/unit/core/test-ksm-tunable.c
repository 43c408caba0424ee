/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which setting takes what, on which kernel and when; and what is said if it does not. */

#include "core/ksm-tunable.h"

#include "common/string-util.h"
#include "tests/unit/check-main.h"
#include "tests/unit/core/ksm-lab.h"

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
        _cleanup_(ksm_done) Ksm k = idle();

        ksm_attributes_remove(&k.tunables, "merge_across_nodes");
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

CHECK_MAIN("ksm-tunable", values_are_those_that_the_kernel_takes, each_kernel_takes_what_it_has,
           without_ksm_nothing_is_set, kernel_without_numa_has_no_nodes_to_merge_across,
           what_is_no_setting_is_named_fit_to_be_shown,
           setting_that_only_we_do_not_know_is_not_written,
           limits_of_the_advisor_fit_together_when_all_is_set,
           misfit_of_somebody_else_keeps_nobody_from_other_settings,
           settings_are_checked_with_those_before_them_in_place,
           advisor_chooses_how_many_pages_are_scanned,
           while_pages_are_merged_two_settings_stay_as_they_are,
           refusals_of_the_kernel_are_sentences)
