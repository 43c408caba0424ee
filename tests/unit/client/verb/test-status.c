/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `status` shows what the daemon says; its exit status is that of the ESPs. */

#include <json-c/json.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value manager_degraded[] = {
        { "Redundancy", "s", "degraded" },
        { "RedundancyReason", "s", "One ESP failed." },
        { "InSyncReason", "s", "ESP '2222-BBBB' failed." },
        { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "WantedKernel", "s", "6.14.1-1-pve" },
        { "Watching", "s", "timer" },
        { "WatchingReason", "s", "inotify has no watches left" },
        {},
};
static const Value esp_behind[] = {
        { "Uuid", "s", "3333-CCCC" },
        { "State", "s", "outdated" },
        { "Why", "s", "the default is still 6.5.13-5-pve" },
        { "Action", "s", "bootctl-pve refresh" },
        {},
};
static const Value manager_empty[] = { { "Redundancy", "s", "unmanaged" }, {} };
static const Value manager_unread[] = { { "Redundancy", "s", "unknown" }, {} };
static const Value manager_syncing[] = { { "Redundancy", "s", "syncing" }, {} };
static const Value manager_unbootable[] = { { "Redundancy", "s", "unbootable" }, {} };
static const Value job_8[] = { { "Id", "t", "8" },
                               { "Type", "s", "refresh" },
                               { "State", "s", "running" },
                               { "Progress", "u", "43" },
                               { "BytesDone", "t", "430" },
                               { "BytesTotal", "t", "1000" },
                               { "Rate", "t", "100" },
                               { "EspProgress", "a(stt)", "1111-AAAA 430 1000" },
                               {} };
static const Value job_11[] = { { "Id", "t", "11" },
                                { "Type", "s", "verify" },
                                { "State", "s", "queued" },
                                { "WaitingFor", "s", "job 8" },
                                {} };
static const Value job_12[] = { { "Id", "t", "12" }, { "Type", "s", "plan" }, {} };
static const Value manager_pending[] = { { "Redundancy", "s", "syncing" },
                                         { "RedundancyReason", "s", "It is being done." },
                                         { "Pending", "as", "add 6.14.1-1-pve" },
                                         {} };

static int answer_nothing(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "as", 0);
}

enum { REDUNDANT, BEHIND, DEGRADED, EMPTY, UNREAD, SYNCING, UNBOOTABLE, TORN, BUSY, BUSIER };
const Scene scenes[] = {
        [REDUNDANT] = { .manager = manager_redundant,
                        .esps = { esp_in_sync },
                        .job = "done",
                        .answer = answer_nothing },
        [BEHIND] = { .manager = manager_degraded,
                     .esps = { esp_in_sync, esp_behind },
                     .job = "partial" },
        [DEGRADED] = { .manager = manager_degraded,
                       .esps = { esp_in_sync, esp_failed },
                       .job = "partial" },
        [EMPTY] = { .manager = manager_empty, .job = "done" },
        [UNREAD] = { .manager = manager_unread, .job = "failed" },
        [SYNCING] = { .manager = manager_syncing, .esps = { esp_failed }, .job = "done" },
        [UNBOOTABLE] = { .manager = manager_unbootable, .esps = { esp_failed }, .job = "done" },
        [TORN] = { .manager = manager_redundant, .job = "done", .lost = "GetAll" },
        [BUSY] = { .manager = manager_pending,
                   .esps = { esp_in_sync },
                   .jobs = { job_8, job_11 },
                   .job = "done" },
        [BUSIER] = { .manager = manager_pending,
                     .esps = { esp_in_sync },
                     .jobs = { job_8, job_11, job_12, job_12, job_12 },
                     .job = "done" },
};

START_TEST(status_of_a_redundant_host_is_a_success_and_names_kernel_and_esps) {
        _cleanup_outcome_ Outcome o = RUN(REDUNDANT, "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, ": REDUNDANT - Both ESPs boot.\n");
        assert_contains(o.out, "Default kernel:  6.8.12-4-pve\n");
        assert_contains(o.out, "Automatic sync:  off\n");
        assert_contains(o.out, "1111-AAAA  /dev/sda2  in-sync  6.8.12-4-pve  51 % of 1.0 MiB  "
                               "systemd-boot  6.8.12-4-pve\n");
        assert_lacks(o.out, "Watching files:");
        ck_assert_str_eq(o.err, "");
}
END_TEST

START_TEST(private_daemon_looks_at_the_esps_before_it_is_asked_for_them) {
        _cleanup_outcome_ Outcome o = RUN(REDUNDANT, "status", "--quiet");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.calls, "ProbePartitions\nGetManagedObjects\nGetAll "
                                  "org.bootsync1.Manager\n");
}
END_TEST

START_TEST(daemon_on_the_bus_is_not_made_to_look) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(REDUNDANT, "status", "--quiet");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.calls, "GetManagedObjects\nGetAll org.bootsync1.Manager\n");
}
END_TEST

START_TEST(status_of_a_degraded_host_is_partial_and_tells_all_that_is_wrong) {
        _cleanup_outcome_ Outcome o = RUN(DEGRADED, "status");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, ": DEGRADED - One ESP failed.\n");
        assert_contains(o.out, "Not in sync:     ESP '2222-BBBB' failed.\n");
        assert_contains(o.out, "Default kernel:  6.8.12-4-pve (wanted: 6.14.1-1-pve)\n");
        assert_contains(o.out, "Watching files:  timer (inotify has no watches left)\n");
        assert_contains(o.out, "  why: The disk does not answer.\n");
}
END_TEST

START_TEST(esp_that_is_behind_tells_why_and_what_to_run) {
        _cleanup_outcome_ Outcome o = RUN(BEHIND, "status"), json = RUN(BEHIND, "status", "--json");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "\n  why: the default is still 6.5.13-5-pve\n"
                               "  action: bootctl-pve refresh\n");
        assert_contains(json.out, "\"why\": \"the default is still 6.5.13-5-pve\"");
        assert_contains(json.out, "\"action\": \"bootctl-pve refresh\"");
}
END_TEST

START_TEST(status_in_json_has_every_member_and_the_same_exit_status) {
        _cleanup_outcome_ Outcome o = RUN(DEGRADED, "status", "--json");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        assert_contains(o.out, "\"redundancy\": \"degraded\"");
        assert_contains(o.out, "\"wanted\": \"6.14.1-1-pve\"");
        assert_contains(o.out, "\"size_bytes\": 1048576");
        assert_contains(o.out, "\"last_error\": \"The disk does not answer.\"");
        ck_assert_ptr_nonnull(strstr(strstr(o.out, "1111-AAAA"), "2222-BBBB"));
}
END_TEST

START_TEST(host_without_esps_is_bad_usage_and_one_that_was_not_read_a_failure) {
        _cleanup_outcome_ Outcome empty = RUN(EMPTY, "status"), unread = RUN(UNREAD, "status");

        ck_assert_int_eq(empty.status, STATUS_USAGE);
        assert_contains(empty.out, "No ESP is configured.\n");
        ck_assert_int_eq(unread.status, STATUS_FAILED);
        assert_lacks(unread.out, "No ESP is configured.");
}
END_TEST

START_TEST(esp_that_a_job_mends_is_no_trouble_but_esps_that_are_all_unusable_are) {
        _cleanup_outcome_ Outcome syncing = RUN(SYNCING, "status", "--quiet");
        _cleanup_outcome_ Outcome unbootable = RUN(UNBOOTABLE, "status", "--quiet");

        ck_assert_int_eq(syncing.status, STATUS_DONE);
        ck_assert_int_eq(unbootable.status, STATUS_FAILED);
}
END_TEST

START_TEST(jobs_stand_below_the_headline_as_far_as_anybody_reads) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(BUSY, "status");
        _cleanup_outcome_ Outcome many = RUN_ON_BUS(BUSIER, "status");

        assert_contains(o.out, ": SYNCING - It is being done.\n"
                               "Job 8:           refresh, 43 %, 100 B/s, 6 s left\n"
                               "Job 11:          verify, waits for job 8\n"
                               "To be synced:    add 6.14.1-1-pve\n");
        assert_lacks(o.out, "more job");
        assert_contains(many.out, "Job 12:          plan\nThere are 2 more jobs.\n");
}
END_TEST

START_TEST(jobs_and_what_is_pending_are_in_json) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(BUSY, "status", "--json");
        struct json_object *all = json_tokener_parse(o.out);

        ck_assert_ptr_nonnull(all);
        assert_json(json_object_to_json_string(json_object_object_get(all, "pending")),
                    "[ \"add 6.14.1-1-pve\" ]");
        assert_json(json_object_to_json_string(json_object_object_get(all, "jobs")),
                    "[ { \"id\": 8, \"type\": \"refresh\", \"state\": \"running\","
                    "    \"message\": \"\", \"waiting_for\": \"\", \"progress\": 43,"
                    "    \"bytes_done\": 430, \"bytes_total\": 1000, \"rate\": 100,"
                    "    \"esps\": [ { \"uuid\": \"1111-AAAA\", \"bytes_done\": 430,"
                    "                \"bytes_total\": 1000 } ] },"
                    "  { \"id\": 11, \"type\": \"verify\", \"state\": \"queued\","
                    "    \"message\": \"\", \"waiting_for\": \"job 8\", \"progress\": 0,"
                    "    \"bytes_done\": 0, \"bytes_total\": 0, \"rate\": 0, \"esps\": [] } ]");
        (void) json_object_put(all);
}
END_TEST

START_TEST(words_are_coloured_on_a_terminal_only) {
        _cleanup_outcome_ Outcome terminal = RUN_ON_TERMINAL(UNBOOTABLE, "", "status");
        _cleanup_outcome_ Outcome piped = RUN(UNBOOTABLE, "status");

        assert_contains(terminal.out, " \033[0m");
        assert_contains(terminal.out, "\033[31mfailed\033[0m");
        assert_lacks(piped.out, "\033");
}
END_TEST

START_TEST(daemon_that_ends_too_early_is_told_of) {
        _cleanup_outcome_ Outcome o = RUN(TORN, "status");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: The private bootsyncd ended too early.\n");
}
END_TEST

CHECK_MAIN("client-verb-status", status_of_a_redundant_host_is_a_success_and_names_kernel_and_esps,
           private_daemon_looks_at_the_esps_before_it_is_asked_for_them,
           daemon_on_the_bus_is_not_made_to_look,
           status_of_a_degraded_host_is_partial_and_tells_all_that_is_wrong,
           esp_that_is_behind_tells_why_and_what_to_run,
           status_in_json_has_every_member_and_the_same_exit_status,
           host_without_esps_is_bad_usage_and_one_that_was_not_read_a_failure,
           esp_that_a_job_mends_is_no_trouble_but_esps_that_are_all_unusable_are,
           jobs_stand_below_the_headline_as_far_as_anybody_reads,
           jobs_and_what_is_pending_are_in_json, words_are_coloured_on_a_terminal_only,
           daemon_that_ends_too_early_is_told_of)
