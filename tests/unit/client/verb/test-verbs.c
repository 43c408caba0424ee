/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The shape of a command line is checked before anything is asked of a daemon. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define VERBS                                                                               \
        "status, doctor, refresh, verify, format, init, reinit, clean, kernel, esp, boot, " \
        "secure-boot, ksm, history, cancel, logs, monitor, check, metrics, alert, help"

enum { ANY };
const Scene scenes[] = { [ANY] = { .manager = manager_redundant } };

static void assert_usage(Outcome o, const char *sentence) {
        _cleanup_free_ char *expect = strprintf("bootctl-pve: %s\n", sentence);

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.err, expect);
        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.calls, "");
        outcome_done(&o);
}

START_TEST(verbs_that_are_unknown_or_half_are_named) {
        static const char unknown[] = "Unknown verb 'frobnicate'; there are: " VERBS ".";

        assert_usage(bench_run(ANY, (char *[]){ NULL }),
                     "A verb is missing; there are: " VERBS ".");
        assert_usage(RUN(ANY, "frobnicate"), unknown);
        assert_usage(RUN(ANY, "frobnicate", "--help"), unknown);
        assert_usage(RUN(ANY, "help", "frobnicate"), unknown);
        assert_usage(RUN(ANY, "kernel"),
                     "'kernel' needs another word: add, remove, list, pin, unpin.");
        assert_usage(RUN(ANY, "kernel", "eat"),
                     "Unknown verb 'kernel eat'; 'kernel' has: add, remove, list, pin, unpin.");
}
END_TEST

START_TEST(verb_that_is_meant_is_guessed_if_only_one_is_close) {
        assert_usage(RUN(ANY, "statsu"), "Unknown verb 'statsu'; did you mean 'status'?");
        assert_usage(RUN(ANY, "kernl", "list"), "Unknown verb 'kernl'; did you mean 'kernel'?");
        assert_usage(RUN(ANY, "kernel", "pni"),
                     "Unknown verb 'kernel pni'; did you mean 'kernel pin'?");
        assert_usage(RUN(ANY, "pin", "6.8.12-4-pve"),
                     "Unknown verb 'pin'; did you mean 'kernel pin'?");
        assert_usage(RUN(ANY, "list"), "Unknown verb 'list'; there are: " VERBS ".");
}
END_TEST

START_TEST(help_is_a_verb_too) {
        _cleanup_outcome_ Outcome all = RUN(ANY, "help"), option = RUN(ANY, "--help");
        _cleanup_outcome_ Outcome group = RUN(ANY, "help", "ksm");
        _cleanup_outcome_ Outcome verb = RUN(ANY, "help", "kernel", "pin");

        ck_assert_int_eq(all.status, STATUS_DONE);
        ck_assert_str_eq(all.out, option.out);
        assert_contains(group.out, "  ksm set KEY=VALUE...");
        assert_lacks(group.out, "kernel pin");
        assert_contains(verb.out, "--next-boot");
        ck_assert_str_eq(verb.calls, "");
}
END_TEST

START_TEST(arguments_are_counted) {
        assert_usage(RUN(ANY, "status", "now"),
                     "'status' takes no argument. See 'bootctl-pve status --help'.");
        assert_usage(RUN(ANY, "kernel", "add"), "'kernel add' takes exactly one argument. See "
                                                "'bootctl-pve kernel add --help'.");
        assert_usage(RUN(ANY, "init", "a", "b", "c"),
                     "'init' takes one or two arguments. See 'bootctl-pve init --help'.");
        assert_usage(RUN(ANY, "cancel", "1", "2"),
                     "'cancel' takes at most one argument. See 'bootctl-pve cancel --help'.");
        assert_usage(RUN(ANY, "ksm", "set"),
                     "'ksm set' takes one or more arguments. See 'bootctl-pve ksm set --help'.");
}
END_TEST

START_TEST(option_of_another_verb_is_refused) {
        assert_usage(RUN(ANY, "status", "--force"), "'status' does not take the option '--force'.");
        assert_usage(RUN(ANY, "kernel", "list", "--next-boot"),
                     "'kernel list' does not take the option '--next-boot'.");
}
END_TEST

START_TEST(help_lists_all_verbs_or_those_of_a_group) {
        _cleanup_outcome_ Outcome all = RUN(ANY, "--help"), group = RUN(ANY, "ksm", "-h");

        ck_assert_int_eq(all.status, STATUS_DONE);
        assert_contains(all.out,
                        "  kernel pin VERSION          Make a kernel the one that boots\n");
        assert_contains(all.out, "  -H, --host=HOST[,HOST...]   Work on HOST, over ssh\n");
        assert_lacks(all.out, "--force");
        ck_assert_int_eq(group.status, STATUS_DONE);
        assert_contains(group.out, "  ksm set KEY=VALUE...");
        assert_lacks(group.out, "kernel pin");
}
END_TEST

START_TEST(help_of_a_verb_has_its_own_options) {
        _cleanup_outcome_ Outcome o = RUN(ANY, "format", "--help");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "bootctl-pve format [OPTION...] PART\n");
        assert_contains(o.out, "--force");
        assert_lacks(o.out, "--unmerge");
        ck_assert_str_eq(o.calls, "");
}
END_TEST

CHECK_MAIN("client-verb-verbs", verbs_that_are_unknown_or_half_are_named,
           verb_that_is_meant_is_guessed_if_only_one_is_close, help_is_a_verb_too,
           arguments_are_counted, option_of_another_verb_is_refused,
           help_lists_all_verbs_or_those_of_a_group, help_of_a_verb_has_its_own_options)
