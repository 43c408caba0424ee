/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `esp list` and `esp remove` show what the daemon says; `esp candidates` shows what that suggests,
 * and in JSON all that it knows. */

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
static const Value manager_empty[] = { { "Redundancy", "s", "unmanaged" }, {} };

static int answer_remove(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "sas", "2222-BBBB", 1, "Boot0003");
}

static int answer_remove_unknown(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "sas", "2222-BBBB", 0);
}

#define NUMBERS(size) UINT64_C(size), UINT64_C(0)

static int answer_candidates(const char *method, sd_bus_message *reply) {
        int r = sd_bus_message_append(
                        reply, "a(ssssssssttbbsas)", 4, "/dev/sdb1", "/dev/sdb", "0123-01",
                        "SanDisk Ultra", "4C53", "vfat", "EFI", "", NUMBERS(1048576), false, true,
                        "", 1, "bootctl-pve init /dev/sdb1", "/dev/sdb2", "/dev/sdb", "",
                        "SanDisk Ultra", "4C53", "", "", "", NUMBERS(536870912), false, true, "", 2,
                        "bootctl-pve format /dev/sdb2", "bootctl-pve init /dev/sdb2", "/dev/sdb3",
                        "/dev/sdb", "", "", "", "ext4", "", "mounted on /", NUMBERS(1048576), false,
                        false, "It is mounted", 0, "/dev/sdc2", "/dev/sdc", "", "", "", "vfat", "",
                        "", NUMBERS(1), true, false, "It is listed", 0);

        return r < 0 ? r
                     : sd_bus_message_append(reply, "a(ss)", 1, "/dev/sdd",
                                             "'/dev/sdd' has no ESP");
}

static int answer_no_candidates(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "a(ssssssssttbbsas)a(ss)", 0, 0);
}

enum {
        DEGRADED,
        EMPTY,
        REMOVES,
        REMOVES_UNKNOWN,
        UNNAMED,
        CANDIDATES,
        NO_CANDIDATES,
        CANDIDATES_REMEMBERED,
        TYPES
};
const Scene scenes[] = {
        [DEGRADED] = { .manager = manager_degraded,
                       .esps = { esp_in_sync, esp_failed },
                       .job = "partial" },
        [EMPTY] = { .manager = manager_empty, .job = "done" },
        [REMOVES] = { .job = "done", .answer = answer_remove },
        [REMOVES_UNKNOWN] = { .job = "done", .answer = answer_remove_unknown },
        [UNNAMED] = { .refused = "GetEsp",
                      .refused_name = "org.bootsync1.Error.NoSuchEsp",
                      .refused_message = "There is no ESP 'x'." },
        [CANDIDATES] = { .job = "done", .answer = answer_candidates },
        [NO_CANDIDATES] = { .job = "done", .answer = answer_no_candidates },
        [CANDIDATES_REMEMBERED] = { .job = "done",
                                    .answer = answer_candidates,
                                    .refused = "ProbePartitions",
                                    .refused_name = "org.freedesktop.DBus.Error.AccessDenied",
                                    .refused_message = "no" },
        [TYPES] = { .job = "done" },
};

START_TEST(esp_list_names_loader_and_times) {
        _cleanup_outcome_ Outcome o = RUN(DEGRADED, "esp", "list");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "systemd-boot 252");
        assert_contains(o.out, "0123abcd-01");
        assert_contains(o.out, "not recorded");
}
END_TEST

START_TEST(esp_list_in_json_is_an_array) {
        _cleanup_outcome_ Outcome o = RUN(DEGRADED, "esp", "list", "--json");
        _cleanup_outcome_ Outcome none = RUN(EMPTY, "esp", "list", "--json");

        ck_assert_int_eq(o.out[0], '[');
        assert_contains(o.out, "\"part_uuid\": \"0123abcd-01\"");
        assert_json(none.out, "[]");
}
END_TEST

START_TEST(removed_esp_is_named_with_the_entry_that_stays) {
        _cleanup_outcome_ Outcome o = RUN(REMOVES, "esp", "remove", "22");
        _cleanup_outcome_ Outcome json = RUN(REMOVES, "esp", "remove", "22", "--json", "--force");
        _cleanup_outcome_ Outcome none = RUN(REMOVES_UNKNOWN, "esp", "remove", "22");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out,
                         "ESP '2222-BBBB' is off the list; nothing on it was changed.\n"
                         "It can still be booted: the firmware's list has 'Boot0003' for it.\n"
                         "To remove that: efibootmgr --bootnum 0003 --delete-bootnum\n");
        ck_assert_str_eq(o.calls, "GetEsp 22\nProbePartitions\nRemoveEsp 22\n");
        ck_assert_str_eq(json.calls, "GetEsp 22\nRemoveEsp 22 force\n");
        assert_json(json.out, "{\"removed\":[\"2222-BBBB\"],\"entries\":[\"Boot0003\"]}");
        ck_assert_str_eq(none.out, "ESP '2222-BBBB' is off the list; nothing on it was changed.\n");
}
END_TEST

START_TEST(esp_that_the_daemon_does_not_know_is_not_removed) {
        _cleanup_outcome_ Outcome o = RUN(UNNAMED, "esp", "remove", "x");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: There is no ESP 'x'.\n");
        ck_assert_str_eq(o.calls, "GetEsp x\n");
}
END_TEST

START_TEST(partition_is_told_with_its_disk_and_what_is_next_or_why_not) {
        _cleanup_outcome_ Outcome o = RUN(CANDIDATES, "esp", "candidates");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "/dev/sdb1  1.0 MiB    yes     vfat 'EFI'  -             "
                               "SanDisk Ultra  4C53\n  next: bootctl-pve init /dev/sdb1\n");
        assert_contains(o.out, "  next: bootctl-pve format /dev/sdb2; then bootctl-pve init "
                               "/dev/sdb2\n");
        assert_contains(o.out, "/dev/sdb3  1.0 MiB    no      ext4        mounted on /");
        assert_contains(o.out, "  why: It is mounted\n");
        assert_lacks(o.out, "/dev/sdc2");
        assert_contains(o.out, "'/dev/sdd' has no ESP.\n");
        assert_lacks(o.out, "No partition");
        ck_assert_str_eq(o.calls, "ProbePartitions\nListCandidates\n");
}
END_TEST

START_TEST(no_candidate_is_a_sentence) {
        _cleanup_outcome_ Outcome o = RUN(NO_CANDIDATES, "esp", "candidates");

        ck_assert_str_eq(o.out, "No partition looks as if it could become an ESP.\n");
}
END_TEST

START_TEST(all_partitions_are_in_json) {
        _cleanup_outcome_ Outcome o = RUN(CANDIDATES, "esp", "candidates", "--json");

        assert_contains(o.out, "\"in_use\": \"mounted on /\"");
        assert_contains(o.out, "\"device\": \"/dev/sdc2\"");
        assert_contains(o.out, "\"registered\": true");
        assert_contains(o.out, "\"serial\": \"4C53\"");
        assert_contains(o.out, "\"why\": \"It is mounted\"");
}
END_TEST

START_TEST(candidates_are_those_that_are_remembered_to_who_may_not_have_disks_looked_at) {
        _cleanup_outcome_ Outcome o = RUN(CANDIDATES_REMEMBERED, "esp", "candidates");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.err, "Going by what bootsyncd remembers of its last look.");
        assert_contains(o.out, "/dev/sdb1");
}
END_TEST

START_TEST(list_of_another_type_is_an_error) {
        _cleanup_outcome_ Outcome o = RUN(TYPES, "esp", "candidates");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "cannot be understood");
}
END_TEST

CHECK_MAIN("client-verb-esp", esp_list_names_loader_and_times, esp_list_in_json_is_an_array,
           removed_esp_is_named_with_the_entry_that_stays,
           esp_that_the_daemon_does_not_know_is_not_removed,
           partition_is_told_with_its_disk_and_what_is_next_or_why_not, no_candidate_is_a_sentence,
           all_partitions_are_in_json,
           candidates_are_those_that_are_remembered_to_who_may_not_have_disks_looked_at,
           list_of_another_type_is_an_error)
