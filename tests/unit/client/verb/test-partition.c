/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `format` asks about the very partition that it then formats; `init` and `reinit` leave the choice
 * of a loader to the daemon; `clean` shows what that has taken off the list. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static int answer(const char *method, sd_bus_message *reply) {
        if (streq(method, "GetPartition"))
                return sd_bus_message_append(reply, "sssssst", "/dev/null", "/dev/sdb",
                                             "SanDisk Ultra", "4C53", "vfat", "",
                                             UINT64_C(1048576));
        return sd_bus_message_append(reply, "a(ssssttsb)", 5, "/dev/sdb1", "/dev/sdb", "0123-01",
                                     "vfat", UINT64_C(1048576), UINT64_C(0), "", false, "/dev/sdb2",
                                     "/dev/sdb", "", "", UINT64_C(536870912), UINT64_C(0), "",
                                     false, "/dev/sdb3", "/dev/sdb", "", "ext4", UINT64_C(1048576),
                                     UINT64_C(0), "mounted on /", false, "/dev/sdc2", "/dev/sdc",
                                     "", "vfat", UINT64_C(1), UINT64_C(0), "", true, "/dev/sdc3",
                                     "/dev/sdc", "", "", UINT64_C(1024), UINT64_C(0), "", false);
}

static int answer_unknown(const char *method, sd_bus_message *reply) {
        if (streq(method, "GetPartition"))
                return sd_bus_message_append(reply, "sssssst", "/dev/null", "", "", "", "", "",
                                             UINT64_C(0));
        return sd_bus_message_append(reply, "a(ssssttsb)", 0);
}

static int answer_clean(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "as", 2, "1111-AAAA", "2222-BBBB");
}

static int answer_nothing(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "as", 0);
}

enum { KNOWN, UNKNOWN, REFUSED, MAY_NOT_LOOK, CLEANS, CLEANS_NOTHING, CLEAN_REFUSED };
const Scene scenes[] = {
        [KNOWN] = { .manager = manager_redundant,
                    .esps = { esp_in_sync },
                    .job = "done",
                    .answer = answer },
        [UNKNOWN] = { .job = "done", .answer = answer_unknown },
        [REFUSED] = { .refused = "FormatEsp",
                      .refused_name = "org.bootsync1.Error.NotEmpty",
                      .refused_message = "It holds ext4.",
                      .job = "done",
                      .answer = answer },
        [MAY_NOT_LOOK] = { .refused = "ProbePartitions",
                           .job = "done",
                           .answer = answer,
                           .refused_name = "org.freedesktop.DBus.Error.AccessDenied",
                           .refused_message = "no" },
        [CLEANS] = { .answer = answer_clean },
        [CLEANS_NOTHING] = { .answer = answer_nothing },
        [CLEAN_REFUSED] = { .refused = "CleanEsps",
                            .refused_name = "org.bootsync1.Error.Busy",
                            .refused_message = "Too much to do." },
};

START_TEST(format_in_a_script_asks_nothing_and_names_the_new_partition) {
        _cleanup_outcome_ Outcome o = RUN(KNOWN, "format", "/dev/sdb1", "--force");
        _cleanup_outcome_ Outcome other = RUN(UNKNOWN, "format", "/dev/sdb1");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Formatted /dev/sdb1 (PARTUUID 0123-01).\n");
        ck_assert_str_eq(o.calls, "FormatEsp /dev/sdb1 force\nListPartitions\n");
        ck_assert_str_eq(other.out, "Formatted /dev/sdb1.\n");
}
END_TEST

START_TEST(format_at_a_terminal_asks_with_all_that_is_known_and_a_no_leaves_it) {
        _cleanup_outcome_ Outcome o = RUN_ON_TERMINAL(KNOWN, "n\n", "format", "/dev/sdb1");
        _cleanup_outcome_ Outcome unknown = RUN_ON_TERMINAL(UNKNOWN, "n\n", "format", "/dev/sdb1");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.out,
                        "Format /dev/null (1.0 MiB, holds 'vfat', on /dev/sdb, 'SanDisk "
                        "Ultra' with the serial number '4C53')? What is on it will be lost.");
        assert_contains(o.out, "'/dev/null' was left as it is.");
        assert_lacks(o.calls, "FormatEsp");
        assert_contains(unknown.out, "Format /dev/null? What is on it will be lost.");
}
END_TEST

START_TEST(format_acts_on_the_name_that_was_confirmed) {
        _cleanup_outcome_ Outcome o = RUN_ON_TERMINAL(KNOWN, "yes\n", "format", "/dev/sdb1");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "ProbePartitions\nGetPartition /dev/sdb1\nFormatEsp /dev/null\n");
}
END_TEST

START_TEST(caller_who_may_not_have_disks_looked_at_goes_by_what_is_remembered) {
        _cleanup_outcome_ Outcome o = RUN_ON_TERMINAL(MAY_NOT_LOOK, "yes\n", "format", "/dev/sdb1");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "Going by what bootsyncd remembers of its last look.");
        assert_contains(o.calls, "FormatEsp /dev/null\n");
}
END_TEST

START_TEST(refused_format_is_told_as_a_failed_one_in_json_too) {
        _cleanup_outcome_ Outcome o = RUN(REFUSED, "format", "/dev/sdb1", "--json");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.out, "\"result\": \"failed\"");
        assert_contains(o.out, "\"error\": \"org.bootsync1.Error.NotEmpty\"");
        ck_assert_str_eq(o.err, "bootctl-pve: It holds ext4.\n");
}
END_TEST

START_TEST(init_sets_up_with_the_loader_that_is_named_or_that_the_daemon_chooses) {
        _cleanup_outcome_ Outcome own = RUN(KNOWN, "init", "/dev/sdb1");
        _cleanup_outcome_ Outcome named = RUN(KNOWN, "init", "/dev/sdb1", "grub");
        _cleanup_outcome_ Outcome wrong = RUN(KNOWN, "init", "/dev/sdb1", "lilo");

        ck_assert_str_eq(own.out, "/dev/sdb1 is set up and in sync.\n");
        assert_contains(own.calls, "InitEsp /dev/sdb1 auto\n");
        assert_contains(named.calls, "InitEsp /dev/sdb1 grub\n");
        ck_assert_int_eq(wrong.status, STATUS_USAGE);
        ck_assert_str_eq(wrong.calls, "");
}
END_TEST

START_TEST(name_on_this_host_is_resolved_before_the_daemon_hears_of_it) {
        _cleanup_outcome_ Outcome link = RUN_ON_BUS(KNOWN, "init", "/proc/self/../../dev/null");
        _cleanup_outcome_ Outcome relative = RUN_ON_BUS(KNOWN, "init", "no-such-partition");

        assert_contains(link.calls, "InitEsp /dev/null auto\n");
        assert_contains(relative.calls, "/no-such-partition auto\n");
}
END_TEST

START_TEST(reinit_reports_all_esps) {
        _cleanup_outcome_ Outcome o = RUN(KNOWN, "reinit");

        ck_assert_str_eq(o.out, "In sync: 1111-AAAA.\n");
}
END_TEST

START_TEST(clean_names_what_was_taken_off_the_list) {
        _cleanup_outcome_ Outcome done = RUN(CLEANS, "clean"), none = RUN(CLEANS_NOTHING, "clean");
        _cleanup_outcome_ Outcome dry = RUN(CLEANS, "clean", "--dry-run");
        _cleanup_outcome_ Outcome json = RUN(CLEANS, "clean", "--json", "--dry-run");

        ck_assert_str_eq(done.out, "Taken off the list: 1111-AAAA, 2222-BBBB.\n");
        ck_assert_str_eq(none.out, "No ESP is missing; nothing to do.\n");
        ck_assert_str_eq(dry.out, "Would be taken off the list: 1111-AAAA, 2222-BBBB.\n");
        ck_assert_str_eq(dry.calls, "CleanEsps dry-run\n");
        assert_contains(json.out, "\"dry_run\": true");
}
END_TEST

START_TEST(refusal_is_told_in_the_words_of_the_daemon) {
        _cleanup_outcome_ Outcome o = RUN(CLEAN_REFUSED, "clean");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: Too much to do.\n");
}
END_TEST

CHECK_MAIN("client-verb-partition", format_in_a_script_asks_nothing_and_names_the_new_partition,
           format_at_a_terminal_asks_with_all_that_is_known_and_a_no_leaves_it,
           format_acts_on_the_name_that_was_confirmed,
           caller_who_may_not_have_disks_looked_at_goes_by_what_is_remembered,
           refused_format_is_told_as_a_failed_one_in_json_too,
           init_sets_up_with_the_loader_that_is_named_or_that_the_daemon_chooses,
           name_on_this_host_is_resolved_before_the_daemon_hears_of_it, reinit_reports_all_esps,
           clean_names_what_was_taken_off_the_list, refusal_is_told_in_the_words_of_the_daemon)
