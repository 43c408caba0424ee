/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `check` is one line and an exit status, as plugins for monitoring have it. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define STATE(word, reason)                                                             \
        {                                                                               \
                { "Redundancy", "s", (word) }, { "RedundancyReason", "s", (reason) }, { \
                }                                                                       \
        }

static const Value manager_single[] = STATE("single", "Only one ESP is configured.");
static const Value manager_syncing[] = STATE("syncing", "ESP '1111-AAAA' is being synced.");
static const Value manager_degraded[] = STATE("degraded", "One|ESP\nfailed.");
static const Value manager_unbootable[] = STATE("unbootable", "No ESP boots.");
static const Value manager_unknown[] = STATE("unknown", "ESP '1111-AAAA' was not looked at.");
static const Value manager_unmanaged[] = STATE("unmanaged", "No ESP is configured.");
static const Value manager_later[] = STATE("splendid", "A word of a later daemon.");
static const Value manager_silent[] = { {} };
static const Value manager_warned[] = {
        { "Redundancy", "s", "redundant" },
        { "RedundancyReason", "s", "2 ESPs are in sync." },
        { "Warnings", "a(sssss)",
          "pin-old|note|6.8|Kernel '6.8' has been pinned for long|bootctl-pve kernel unpin;"
          "esp-full|warning|1111-AAAA|It is full|x" },
        {},
};
static const Value manager_syncing_warned[] = {
        { "Redundancy", "s", "syncing" },
        { "Warnings", "a(sssss)", "pin-old|note|6.8|It is old|" },
        {},
};

enum {
        REDUNDANT,
        SYNCING,
        SINGLE,
        DEGRADED,
        UNBOOTABLE,
        UNKNOWN,
        UNMANAGED,
        LATER,
        SILENT,
        WARNED,
        SYNCING_WARNED,
};
const Scene scenes[] = {
        [REDUNDANT] = { .manager = manager_redundant, .esps = { esp_in_sync, esp_in_sync } },
        [SYNCING] = { .manager = manager_syncing, .esps = { esp_failed } },
        [SINGLE] = { .manager = manager_single, .esps = { esp_in_sync } },
        [DEGRADED] = { .manager = manager_degraded, .esps = { esp_in_sync, esp_failed } },
        [UNBOOTABLE] = { .manager = manager_unbootable, .esps = { esp_failed } },
        [UNKNOWN] = { .manager = manager_unknown },
        [UNMANAGED] = { .manager = manager_unmanaged },
        [LATER] = { .manager = manager_later },
        [SILENT] = { .manager = manager_silent },
        [WARNED] = { .manager = manager_warned, .esps = { esp_in_sync } },
        [SYNCING_WARNED] = { .manager = manager_syncing_warned },
};

START_TEST(each_state_has_its_line_and_its_exit_status) {
        static const struct {
                size_t scene;
                int status;
                const char *begin;
        } expect[] = {
                { REDUNDANT, 0, "BOOTSYNC OK - redundant: Both ESPs boot.|" },
                { SYNCING, 0, "BOOTSYNC OK - syncing: ESP '1111-AAAA' is being synced.|" },
                { SINGLE, 1, "BOOTSYNC WARNING - single: Only one ESP is configured.|" },
                { DEGRADED, 1, "BOOTSYNC WARNING - degraded: One/ESP?failed.|" },
                { UNBOOTABLE, 2, "BOOTSYNC CRITICAL - unbootable: No ESP boots.|" },
                { UNKNOWN, 3, "BOOTSYNC UNKNOWN - unknown: ESP '1111-AAAA' was not looked at.|" },
                { UNMANAGED, 3, "BOOTSYNC UNKNOWN - unmanaged: No ESP is configured.|" },
                { LATER, 3, "BOOTSYNC UNKNOWN - splendid: A word of a later daemon.|" },
                { SILENT, 3, "BOOTSYNC UNKNOWN - unknown|" },
                { WARNED, 1,
                  "BOOTSYNC WARNING - redundant: 2 ESPs are in sync. [pin-old: Kernel '6.8' has "
                  "been pinned for long; run 'bootctl-pve kernel unpin'; and 1 more]|" },
                { SYNCING_WARNED, 1, "BOOTSYNC WARNING - syncing [pin-old: It is old]|" },
        };

        for (size_t i = 0; i < ELEMENTSOF(expect); i++) {
                _cleanup_outcome_ Outcome o = RUN_ON_BUS(expect[i].scene, "check");

                ck_assert_int_eq(o.status, expect[i].status);
                ck_assert_msg(startswith(o.out, expect[i].begin), "%s", o.out);
                /* One line, and one bar. */
                ck_assert_ptr_eq(strchr(o.out, '\n'), o.out + strlen(o.out) - 1);
                ck_assert_ptr_eq(strchr(o.out, '|'), strrchr(o.out, '|'));
                ck_assert_str_eq(o.err, "");
        }
}
END_TEST

START_TEST(figures_are_in_the_form_of_plugins) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(DEGRADED, "check");
        _cleanup_outcome_ Outcome warned = RUN_ON_BUS(WARNED, "check");

        /* The size of the other one is not known. */
        ck_assert_str_eq(strchr(o.out, '|'), "|esps=2;;;0; in_sync=1;;;0;2 warnings=0;;;0; "
                                             "'used_1111-AAAA'=524288B;;;0;1048576\n");
        assert_contains(warned.out, "|esps=1;;;0; in_sync=1;;;0;1 warnings=2;;;0; ");
}
END_TEST

START_TEST(json_has_the_same) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(UNBOOTABLE, "check", "--json");

        ck_assert_int_eq(o.status, 2);
        assert_json(o.out, "{\"state\": \"CRITICAL\", \"sentence\": \"unbootable: No ESP boots.\", "
                           "\"redundancy\": \"unbootable\"}");
}
END_TEST

START_TEST(bad_usage_is_unknown_and_no_word_of_the_host) {
        static char *const lines[][3] = {
                { (char *) "check", (char *) "extra" },
                { (char *) "check", (char *) "--bogus" },
                { (char *) "--bogus", (char *) "check" },
                { (char *) "check", (char *) "--dry-run" },
                { (char *) "check", (char *) "--json=x" },
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_outcome_ Outcome o = bench_run(REDUNDANT, lines[i]);

                ck_assert_int_eq(o.status, 3);
                ck_assert_str_eq(o.out, "");
                ck_assert_str_eq(o.calls, "");
                ck_assert_str_ne(o.err, "");
        }
}
END_TEST

START_TEST(other_verbs_keep_the_status_of_bad_usage) {
        _cleanup_outcome_ Outcome o = RUN(REDUNDANT, "kernel", "pin", "check", "--bogus");
        _cleanup_outcome_ Outcome none = RUN(REDUNDANT, "--bogus");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_int_eq(none.status, STATUS_USAGE);
}
END_TEST

CHECK_MAIN("client-watch-check", each_state_has_its_line_and_its_exit_status,
           figures_are_in_the_form_of_plugins, json_has_the_same,
           bad_usage_is_unknown_and_no_word_of_the_host, other_verbs_keep_the_status_of_bad_usage)
