/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `doctor` shows each finding with its action, and its exit status is the worst of them. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value manager_well[] = {
        { "Version", "s", BOOTSYNC_VERSION },
        { "Redundancy", "s", "redundant" },
        { "RedundancyReason", "s", "Both ESPs boot." },
        {},
};
static const Value manager_noted[] = {
        { "Version", "s", BOOTSYNC_VERSION },
        { "Redundancy", "s", "redundant" },
        { "Warnings", "a(sssss)", "pin-old|note|x|It is old|bootctl-pve kernel unpin" },
        {},
};
static const Value manager_warned[] = {
        { "Version", "s", "0.0.1" },
        { "Redundancy", "s", "redundant" },
        {},
};

static const Value boot[] = { { "Firmware", "s", "uefi" }, { "SecureBoot", "s", "disabled" }, {} };

enum { WELL, NOTED, WARNED, FAULTY };
const Scene scenes[] = {
        [WELL] = { .manager = manager_well, .boot = boot, .esps = { esp_in_sync }, .job = "done" },
        [NOTED] = { .manager = manager_noted,
                    .boot = boot,
                    .esps = { esp_in_sync },
                    .job = "done" },
        [WARNED] = { .manager = manager_warned,
                     .boot = boot,
                     .esps = { esp_in_sync },
                     .job = "done" },
        [FAULTY] = { .manager = (const Value[]){ { "Version", "s", BOOTSYNC_VERSION },
                                                 { "Redundancy", "s", "unbootable" },
                                                 { "RedundancyReason", "s", "Nothing boots." },
                                                 {} },
                     .boot = boot,
                     .job = "done" },
};

START_TEST(host_that_is_well_is_a_success_in_groups) {
        _cleanup_outcome_ Outcome o = RUN(WELL, "doctor");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "ESPs and boot loaders:\n"
                               "  ok       redundant: Both ESPs boot\n"
                               "  ok       ESP '1111-AAAA' on /dev/sda2 is in-sync and boots "
                               "6.8.12-4-pve\n");
        assert_contains(o.out, "\nAll is well.\n");
}
END_TEST

START_TEST(note_is_a_success_warnings_are_partial_and_faults_failures) {
        _cleanup_outcome_ Outcome noted = RUN(NOTED, "doctor"), warned = RUN(WARNED, "doctor");
        _cleanup_outcome_ Outcome faulty = RUN(FAULTY, "doctor");

        ck_assert_int_eq(noted.status, STATUS_DONE);
        assert_contains(noted.out, "  note     It is old\n"
                                   "           action: bootctl-pve kernel unpin\n");
        ck_assert_int_eq(warned.status, STATUS_PARTIAL);
        assert_contains(warned.out, "0 faults, 1 warning.\n");
        ck_assert_int_eq(faulty.status, STATUS_FAILED);
        assert_contains(faulty.out, "  fault    unbootable: Nothing boots\n");
        assert_contains(faulty.out, "1 fault, 0 warnings.\n");
}
END_TEST

START_TEST(quiet_tells_only_what_is_wrong) {
        _cleanup_outcome_ Outcome well = RUN(NOTED, "doctor", "--quiet");
        _cleanup_outcome_ Outcome warned = RUN(WARNED, "doctor", "--quiet");

        ck_assert_str_eq(well.out, "");
        assert_contains(warned.out, "Service:\n  warning  bootsyncd is version 0.0.1, ");
        assert_lacks(warned.out, "ok ");
        assert_lacks(warned.out, "1 warning");
}
END_TEST

START_TEST(json_has_each_finding_and_the_worst_of_them) {
        _cleanup_outcome_ Outcome o = RUN(WARNED, "doctor", "--json=short");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "\"kind\":\"doctor\"");
        assert_contains(o.out, "\"verdict\":\"warning\"");
        assert_contains(o.out, "{\"check\":\"version\",\"group\":\"service\","
                               "\"severity\":\"warning\",\"unknown\":false,");
}
END_TEST

START_TEST(colours_are_for_terminals) {
        _cleanup_outcome_ Outcome terminal = RUN_ON_TERMINAL(FAULTY, "", "doctor");
        _cleanup_outcome_ Outcome piped = RUN(FAULTY, "doctor");

        assert_contains(terminal.out, "\033[31m  fault    \033[0m");
        assert_lacks(piped.out, "\033");
}
END_TEST

START_TEST(report_over_a_file_is_refused_before_anybody_is_asked) {
        _cleanup_outcome_ Outcome o = RUN(WELL, "doctor", "--report=/dev/null");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(strempty(o.calls), "");
        assert_contains(o.err, "'/dev/null' is there, and is no regular file");
}
END_TEST

CHECK_MAIN("client-doctor-doctor", host_that_is_well_is_a_success_in_groups,
           note_is_a_success_warnings_are_partial_and_faults_failures,
           quiet_tells_only_what_is_wrong, json_has_each_finding_and_the_worst_of_them,
           colours_are_for_terminals, report_over_a_file_is_refused_before_anybody_is_asked)
