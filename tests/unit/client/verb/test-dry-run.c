/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dry run shows what is different afterwards, once for all ESPs of which it is the same; its
 * steps only to who asks for them. */

#include "client/verb/dry-run.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define DESCRIPTION "a(sa(ssst)a(ssss)ttasas)"
#define ENTRY       "loader/entries/proxmox-6.8.12-4-pve.conf"

static int answer_plans(const char *method, sd_bus_message *reply) {
        if (streq(method, "Plan"))
                return sd_bus_message_append(reply, "a(ssst)", 2, "1111-AAAA", "place",
                                             "EFI/proxmox/6.8.12-4-pve/initrd.img", UINT64_C(2048),
                                             "1111-AAAA", "barrier", "", UINT64_C(0));
        return sd_bus_message_append(
                        reply, DESCRIPTION, 4, "1111-AAAA", 3, "copy-kernel", "6.8.12-4-pve", "",
                        UINT64_C(83886080), "remove-kernel", "6.5.13-5-pve", "", UINT64_C(1048576),
                        "default", "6.8.12-4-pve", "6.5.13-5-pve", UINT64_C(0), 3, "new", ENTRY, "",
                        "title x\n", "changed", "loader/loader.conf", "timeout 3\ndefault a\n",
                        "timeout 3\ndefault b\n", "made", "grub/grub.cfg", "", "",
                        UINT64_C(83886088), UINT64_C(419430400), 0, 0,
                        /* the same but for the room that is left */
                        "2222-BBBB", 3, "copy-kernel", "6.8.12-4-pve", "", UINT64_C(83886080),
                        "remove-kernel", "6.5.13-5-pve", "", UINT64_C(1048576), "default",
                        "6.8.12-4-pve", "6.5.13-5-pve", UINT64_C(0), 3, "new", ENTRY, "",
                        "title x\n", "changed", "loader/loader.conf", "timeout 3\ndefault a\n",
                        "timeout 3\ndefault b\n", "made", "grub/grub.cfg", "", "",
                        UINT64_C(83886088), UINT64_C(314572800), 0, 0, "3333-CCCC", 0, 0,
                        UINT64_C(0), UINT64_C(1048576), 0, 0, "", 1, "arm", "6.5.13-5-pve", "",
                        UINT64_C(0), 0, UINT64_C(0), UINT64_C(0), 0, 0);
}

static int answer_problem(const char *method, sd_bus_message *reply) {
        if (streq(method, "Plan"))
                return sd_bus_message_append(reply, "a(ssst)", 1, "1111-AAAA", "problem",
                                             "It is full.", UINT64_C(0));
        return sd_bus_message_append(reply, DESCRIPTION, 1, "1111-AAAA", 1, "teleport", "\x1b[31mx",
                                     "", UINT64_C(0), 1, "changed", "loader/x", "a\n", "\x1b[2Jb\n",
                                     UINT64_C(0), UINT64_C(0), 1, "A kernel is away.", 1,
                                     "It is full.");
}

static int answer_no_plan(const char *method, sd_bus_message *reply) {
        return streq(method, "Plan") ? sd_bus_message_append(reply, "a(ssst)", 0)
                                     : sd_bus_message_append(reply, DESCRIPTION, 0);
}

static int answer_in_place(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, DESCRIPTION, 1, "1111-AAAA", 0, 0, UINT64_C(0),
                                     UINT64_C(5), 0, 0);
}

enum { PLANS, PROBLEM, NO_PLAN, IN_PLACE, NO_ESPS, TYPES };
const Scene scenes[] = {
        [PLANS] = { .esps = { esp_in_sync }, .answer = answer_plans },
        [PROBLEM] = { .esps = { esp_in_sync }, .answer = answer_problem },
        [NO_PLAN] = { .esps = { esp_in_sync }, .answer = answer_no_plan },
        [IN_PLACE] = { .esps = { esp_in_sync }, .answer = answer_in_place },
        [NO_ESPS] = { .answer = answer_no_plan },
        [TYPES] = {},
};

START_TEST(changes_are_told_once_for_all_esps_of_which_they_are_the_same) {
        _cleanup_outcome_ Outcome o = RUN(PLANS, "refresh", "--dry-run");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out,
                         "ESP 1111-AAAA, 2222-BBBB:\n"
                         "  copies kernel 6.8.12-4-pve (80.0 MiB)\n"
                         "  removes kernel 6.5.13-5-pve (1.0 MiB)\n"
                         "  the default becomes 6.8.12-4-pve (now 6.5.13-5-pve)\n"
                         "    --- /dev/null\n"
                         "    +++ " ENTRY "\n"
                         "    @@ -0,0 +1 @@\n"
                         "    +title x\n"
                         "    --- loader/loader.conf\n"
                         "    +++ loader/loader.conf\n"
                         "    @@ -1,2 +1,2 @@\n"
                         "     timeout 3\n"
                         "    -default a\n"
                         "    +default b\n"
                         "  makes anew grub/grub.cfg\n"
                         "  writes 80.0 MiB; free afterwards: 400.0 MiB on 1111-AAAA, 300.0 MiB on "
                         "2222-BBBB\n"
                         "ESP 3333-CCCC: every file is in place\n"
                         "This host:\n"
                         "  boots kernel 6.5.13-5-pve once, at the next boot\n");
        ck_assert_str_eq(o.calls, "DescribePlan\n");
}
END_TEST

START_TEST(steps_are_for_who_asks_for_them) {
        _cleanup_outcome_ Outcome o = RUN(PLANS, "refresh", "--dry-run", "--verbose", "--esp=11");
        _cleanup_outcome_ Outcome json = RUN(PLANS, "refresh", "--dry-run", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out,
                        "1111-AAAA  place    2.0 KiB  EFI/proxmox/6.8.12-4-pve/initrd.img\n");
        assert_contains(o.out, "1111-AAAA  barrier  -        -\n");
        ck_assert_str_eq(o.calls, "GetEsp 11\nPlan esps\n");
        assert_contains(json.out, "\"bytes\": 2048");
        assert_contains(json.out, "\"problem\": \"\"");
        ck_assert_str_eq(json.calls, "Plan\n");
}
END_TEST

START_TEST(problem_is_told_and_is_the_exit_status) {
        _cleanup_outcome_ Outcome o = RUN(PROBLEM, "refresh", "--dry-run");
        _cleanup_outcome_ Outcome verbose = RUN(PROBLEM, "refresh", "--dry-run", "--verbose");
        _cleanup_outcome_ Outcome json = RUN(PROBLEM, "refresh", "--dry-run", "--json");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "  A kernel is away.\n  problem: It is full.\n");
        ck_assert_int_eq(verbose.status, STATUS_PARTIAL);
        ck_assert_int_eq(json.status, STATUS_PARTIAL);
        assert_json(json.out, "[{\"esp\":\"1111-AAAA\",\"action\":\"problem\",\"path\":\"It is "
                              "full.\",\"bytes\":0,\"problem\":\"It is full.\"}]");
}
END_TEST

START_TEST(nothing_of_a_text_or_of_a_new_daemon_drives_the_terminal) {
        _cleanup_outcome_ Outcome o = RUN(PROBLEM, "refresh", "--dry-run");

        assert_contains(o.out, "  teleport ?[31mx\n");
        assert_contains(o.out, "    -a\n    +?[2Jb\n");
}
END_TEST

START_TEST(nothing_to_do_is_told_as_which_kind_of_nothing) {
        _cleanup_outcome_ Outcome place = RUN(IN_PLACE, "refresh", "--dry-run");
        _cleanup_outcome_ Outcome steps = RUN(NO_PLAN, "refresh", "--dry-run", "--verbose");
        _cleanup_outcome_ Outcome none = RUN(NO_ESPS, "refresh", "--dry-run");

        ck_assert_str_eq(place.out, "Every file is in place; there is nothing to do.\n");
        ck_assert_str_eq(steps.out, "Every file is in place; there is nothing to do.\n");
        ck_assert_str_eq(none.out, "No ESP is configured, and there is nothing else to do.\n");
        ck_assert_str_eq(place.calls, "DescribePlan\nGetManagedObjects\n");
}
END_TEST

START_TEST(reply_of_another_type_is_an_error) {
        _cleanup_outcome_ Outcome o = RUN(TYPES, "refresh", "--dry-run");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "cannot be understood");
}
END_TEST

CHECK_MAIN("client-dry-run", changes_are_told_once_for_all_esps_of_which_they_are_the_same,
           steps_are_for_who_asks_for_them, problem_is_told_and_is_the_exit_status,
           nothing_of_a_text_or_of_a_new_daemon_drives_the_terminal,
           nothing_to_do_is_told_as_which_kind_of_nothing, reply_of_another_type_is_an_error)
