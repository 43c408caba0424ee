/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several hosts at once, by an ssh that is a script and runs a bootctl-pve that is one, too. */

#include "client/daemon/fleet.h"
#include "tests/unit/client/ssh-bench.h"

const Scene scenes[] = { {} };

static ExitStatus run(void *userdata) {
        return fleet_run(userdata);
}

static char *status_words[] = { (char *) "status", NULL };

#define ASK(list, ...) ASK_FOR(list, status_words, __VA_ARGS__)
#define ASK_FOR(list, ws, ...) \
        bench_call(run, &(Options){ .host = (list), .words = (ws), __VA_ARGS__ })

START_TEST(each_host_has_a_row_with_its_first_line_or_why_not) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK("gone1,says1,bare1,refuses1");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "");
        ck_assert_str_eq(o.out,
                         "HOST      EXIT  RESULT\n"
                         "gone1     255   Failed to reach 'gone1': ssh: no route to host; see that "
                         "ssh gets there and asks for nothing\n"
                         "says1     3     ssh://says1?[1m\n"
                         "bare1     127   'bare1' has no bootctl-pve (sh: 1: bootctl-pve: not "
                         "found); install bootsync there\n"
                         "refuses1  4     It is refused; log in as root\n");
}
END_TEST

START_TEST(full_shows_all_that_each_has_said) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK("says1,gone1", .given = OPTION_BIT(OPTION_FULL));

        assert_contains(o.out, "● says1\n● ssh://says1?[1m\nmore\n\n"
                               "● gone1\na banner\nssh: no route to host\n\nHOST   EXIT  RESULT\n");
}
END_TEST

START_TEST(quiet_leaves_what_went_wrong) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK("echo1,refuses1", .given = OPTION_BIT(OPTION_QUIET));

        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.err, "bootctl-pve: refuses1: It is refused; log in as root.\n");
        ck_assert_int_eq(o.status, STATUS_NOT_AUTHORISED);
}
END_TEST

START_TEST(status_is_that_of_those_that_failed_if_it_is_one) {
        _needs_bench_;
        static const struct {
                const char *list;
                ExitStatus expect;
        } cases[] = {
                { "echo1,echo2", STATUS_DONE },    { "echo1,says1", STATUS_PARTIAL },
                { "says1,says2", STATUS_PARTIAL }, { "says1,refuses1", STATUS_FAILED },
                { "echo1,gone1", STATUS_FAILED },  { "echo1,bare1", STATUS_FAILED },
                { "echo1,shot1", STATUS_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_outcome_ Outcome o = ASK(cases[i].list);

                ck_assert_msg(o.status == (int) cases[i].expect, "%s: %d\n%s", cases[i].list,
                              o.status, o.out);
        }
}
END_TEST

START_TEST(json_has_each_answer_or_the_problem) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK("json1,gone1,noise1,shot1", .json = JSON_BARE);
        _cleanup_outcome_ Outcome line = ASK("json1,echo1", .json = JSON_SHORT);

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_json(o.out,
                    "{\"json1\": {\"exit\": 0, \"problem\": \"\", \"answer\": {\"a\": 1}},"
                    " \"gone1\": {\"exit\": 255, \"problem\": \"Failed to reach 'gone1': ssh: no "
                    "route to host; see that ssh gets there and asks for nothing\"},"
                    " \"noise1\": {\"exit\": 0, \"problem\": \"'noise1' has answered what is not "
                    "JSON; see that its login shell prints nothing by itself\"},"
                    " \"shot1\": {\"exit\": -1, \"problem\": \"The ssh to 'shot1' was ended by a "
                    "signal; run it again\"}}");
        assert_contains(line.out, "{\"schema\":2,\"kind\":\"hosts\",\"data\":{\"json1\":");
        ck_assert_int_eq(line.status, STATUS_FAILED);
}
END_TEST

START_TEST(command_is_that_of_here_in_words_for_a_shell) {
        _needs_bench_;
        char *words[] = { (char *) "kernel", (char *) "pin", (char *) "a b'c", NULL };
        char *esps[] = { (char *) "AAAA", (char *) "BB BB", NULL };
        _cleanup_outcome_ Outcome o =
                        ASK_FOR("root@echo1:22,gone1", words, .esps = esps,
                                .given = OPTION_BIT(OPTION_HOST) | OPTION_BIT(OPTION_YES) |
                                         OPTION_BIT(OPTION_NO_PAGER) | OPTION_BIT(OPTION_ESP));
        _cleanup_outcome_ Outcome json = ASK(
                        "echo1,echo2", .json = JSON_PRETTY,
                        .given = OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_LINES), .lines = "3");

        assert_contains(o.out,
                        "-xT -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=15 "
                        "ssh://root@echo1:22 bootctl-pve --yes --esp=AAAA '--esp=BB BB' -- kernel "
                        "pin 'a b'\\''c'\n");
        ck_assert_str_ne(json.out, "");
}
END_TEST

START_TEST(list_that_is_none_is_refused) {
        _needs_bench_;
        static const char *const lists[] = { "a,", ",a", "a,,b", "a,b/c", "a,b c", "a,b\n" };
        _cleanup_outcome_ Outcome twice = ASK("a,b,a");

        for (size_t i = 0; i < ELEMENTSOF(lists); i++) {
                _cleanup_outcome_ Outcome o = ASK(lists[i]);

                ck_assert_msg(o.status == STATUS_USAGE, "%s", lists[i]);
                assert_contains(o.err, "is not a valid host");
        }
        ck_assert_int_eq(twice.status, STATUS_USAGE);
        ck_assert_str_eq(twice.err, "bootctl-pve: 'a' is in 'a,b,a' more than once.\n");
        ck_assert_int_eq(number_of_lines("started"), 0);
}
END_TEST

CHECK_MAIN("client-daemon-fleet", each_host_has_a_row_with_its_first_line_or_why_not,
           full_shows_all_that_each_has_said, quiet_leaves_what_went_wrong,
           status_is_that_of_those_that_failed_if_it_is_one, json_has_each_answer_or_the_problem,
           command_is_that_of_here_in_words_for_a_shell, list_that_is_none_is_refused)
