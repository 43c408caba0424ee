/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `kernel list` shows why each kernel is kept; after a change the user knows whether the ESPs have
 * it. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value manager_by_itself[] = { { "AutoSync", "b", "yes" }, {} };
static const Value manager_pinned[] = {
        { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "WantedKernel", "s", "6.5.13-5-pve" },
        { "PinnedKernel", "s", "6.5.13-5-pve" },
        { "NextBootKernel", "s", "6.8.12-4-pve" },
        {},
};
static const Value manager_without_esps[] = { { "RedundancyReason", "s", "GRUB boots it." }, {} };

static const Value manager_behind[] = { { "Pending", "as", "default 6.5.13-5-pve" },
                                        { "RunningKernel", "s", "6.8.12-4-pve" },
                                        { "ManualKernels", "as", "6.5.13-5-pve" },
                                        {} };
static const Value manager_in_sync[] = { { "Pending", "as", "" },
                                         { "ManualKernels", "as", "6.5.13-5-pve" },
                                         {} };
static const Value manager_unseen[] = { { "Pending", "as", "esp 1111-AAAA" }, {} };

static int answer_kernels(const char *method, sd_bus_message *reply) {
        if (!streq(method, "ListKernels"))
                return 0;
        return sd_bus_message_append(reply, "a(ssasb)", 2, "6.8.12-4-pve", "complete", 2, "running",
                                     "newest", true, "6.5.13-5-pve", "initrd-missing", 1, "manual",
                                     false);
}

static int answer_none(const char *method, sd_bus_message *reply) {
        return streq(method, "ListKernels") ? sd_bus_message_append(reply, "a(ssasb)", 0) : 0;
}

static int answer_other_types(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "a(ss)", 1, "6.8.12-4-pve", "complete");
}

enum {
        BY_HAND,
        IN_SYNC,
        UNSEEN,
        BY_ITSELF,
        IDLE,
        PINNED,
        NONE,
        ODD,
        FAILS,
        NO_ESPS,
        UNKNOWN,
        NO_VERSION,
};
const Scene scenes[] = {
        [IN_SYNC] = { .manager = manager_in_sync, .esps = { esp_in_sync } },
        [UNSEEN] = { .manager = manager_unseen, .esps = { esp_in_sync } },
        [BY_HAND] = { .manager = manager_behind,
                      .esps = { esp_in_sync },
                      .answer = answer_kernels },
        [BY_ITSELF] = { .manager = manager_by_itself, .esps = { esp_in_sync }, .job = "done" },
        [IDLE] = { .manager = manager_by_itself, .esps = { esp_in_sync } },
        [PINNED] = { .manager = manager_pinned,
                     .esps = { esp_in_sync },
                     .job = "done",
                     .answer = answer_kernels },
        [NONE] = { .manager = manager_redundant, .answer = answer_none },
        [ODD] = { .manager = manager_redundant, .answer = answer_other_types },
        [FAILS] = { .manager = manager_by_itself,
                    .esps = { esp_in_sync, esp_failed },
                    .job = "failed",
                    .job_error = "org.bootsync1.Error.NoSpace",
                    .job_message = "ESP '2222-BBBB' is full." },
        [UNKNOWN] = { .manager = manager_redundant,
                      .refused = "PinKernel",
                      .refused_name = "org.bootsync1.Error.NoSuchKernel",
                      .refused_message = "There is no such kernel; see elsewhere.",
                      .answer = answer_kernels },
        [NO_VERSION] = { .manager = manager_redundant,
                         .refused = "RemoveKernel",
                         .refused_name = "org.bootsync1.Error.InvalidVersion",
                         .refused_message = "That is no version; give one.",
                         .answer = answer_kernels },
        [NO_ESPS] = { .manager = manager_without_esps, .job = "done" },
};

START_TEST(list_says_what_boots_and_why_each_kernel_is_kept) {
        _cleanup_outcome_ Outcome o = RUN(PINNED, "kernel", "list");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "VERSION       STATE           BOOTS                   KEPT AS");
        assert_contains(o.out,
                        "6.8.12-4-pve  complete        default, next boot      running, newest");
        assert_contains(o.out, "6.5.13-5-pve  initrd-missing  wanted default, pinned  manual");
}
END_TEST

START_TEST(list_in_json_has_the_lists_of_the_daemon) {
        _cleanup_outcome_ Outcome o = RUN(BY_HAND, "kernel", "list", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "\"running\": \"6.8.12-4-pve\"");
        assert_contains(o.out, "\"manual\": [\n    \"6.5.13-5-pve\"\n  ]");
        assert_contains(o.out, "\"bootable\": false");
        assert_contains(o.out, "\"newest\"");
}
END_TEST

START_TEST(host_without_kernels_is_told_so) {
        _cleanup_outcome_ Outcome o = RUN(NONE, "kernel", "list");

        ck_assert_str_eq(o.out, "No kernel was found.\n");
}
END_TEST

START_TEST(reply_of_another_type_is_an_error_and_prints_nothing) {
        _cleanup_outcome_ Outcome o = RUN(ODD, "kernel", "list");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.out, "");
        assert_contains(o.err, "The reply of bootsyncd cannot be understood");
}
END_TEST

START_TEST(change_is_only_stored_where_nobody_can_be_asked) {
        _cleanup_outcome_ Outcome o = RUN(BY_HAND, "kernel", "pin", "6.8.12-9-pve");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "Pinned 6.8.12-9-pve (was: newest). The change is stored, but not "
                               "on the ESPs yet (default 6.5.13-5-pve). Run 'bootctl-pve --root=");
        assert_contains(o.out, " refresh' to bring it to the ESPs.\nUndo: bootctl-pve --root=");
        assert_contains(o.out, " kernel unpin\n");
        ck_assert_str_eq(o.calls, "GetAll org.bootsync1.Manager\nPinKernel 6.8.12-9-pve "
                                  "permanent\nGetAll org.bootsync1.Manager\n");
}
END_TEST

START_TEST(change_that_is_none_is_said_to_be_none_and_leads_to_nothing) {
        _cleanup_outcome_ Outcome add = RUN(IN_SYNC, "kernel", "add", "6.5.13-5-pve", "--yes");
        _cleanup_outcome_ Outcome unpin = RUN(IDLE, "kernel", "unpin");
        _cleanup_outcome_ Outcome json = RUN(IN_SYNC, "kernel", "unpin", "--json");

        ck_assert_str_eq(add.out, "6.5.13-5-pve is kept already; nothing to do.\n");
        assert_lacks(add.calls, "Refresh");
        ck_assert_str_eq(unpin.out, "No kernel is pinned; nothing to do.\n");
        assert_lacks(unpin.calls, "Refresh");
        assert_contains(json.out, "\"message\": \"No kernel is pinned; nothing to do.\"");
        assert_contains(json.out, "\"result\": \"done\"");
}
END_TEST

START_TEST(change_that_is_so_already_is_told_as_long_as_it_is_not_on_every_esp) {
        _cleanup_outcome_ Outcome o = RUN(BY_HAND, "kernel", "add", "6.5.13-5-pve");

        assert_contains(o.out, "6.5.13-5-pve is kept already. The change is stored, but not on the "
                               "ESPs yet (default 6.5.13-5-pve). Run 'bootctl-pve --root=");
}
END_TEST

START_TEST(esp_that_was_not_compared_is_no_news_of_a_change) {
        _cleanup_outcome_ Outcome o = RUN(UNSEEN, "kernel", "add", "6.5.13-5-pve");

        assert_contains(o.out, "Added 6.5.13-5-pve to the kernels that are kept. The change is "
                               "stored. Run 'bootctl-pve --root=");
}
END_TEST

START_TEST(quiet_change_says_nothing_and_is_made_all_the_same) {
        _cleanup_outcome_ Outcome stored = RUN(BY_HAND, "kernel", "add", "6.5.13-5-pve", "-q");
        _cleanup_outcome_ Outcome undoable = RUN(BY_HAND, "kernel", "pin", "6.9", "-q");
        _cleanup_outcome_ Outcome synced = RUN(BY_ITSELF, "-q", "kernel", "unpin");
        _cleanup_outcome_ Outcome failed = RUN(FAILS, "kernel", "unpin", "--quiet");

        ck_assert_str_eq(stored.out, "");
        assert_contains(stored.calls, "AddKernel 6.5.13-5-pve\n");
        ck_assert_str_eq(undoable.out, "");
        assert_contains(undoable.calls, "PinKernel 6.9 permanent\n");
        ck_assert_int_eq(synced.status, STATUS_DONE);
        ck_assert_str_eq(synced.out, "");
        ck_assert_int_eq(failed.status, STATUS_FAILED);
        assert_contains(failed.err, "ESP '2222-BBBB' is full.");
}
END_TEST

START_TEST(yes_brings_a_change_to_the_esps_at_once) {
        _cleanup_outcome_ Outcome o = RUN(PINNED, "kernel", "remove", "6.5.13-5-pve", "--yes");
        _cleanup_outcome_ Outcome by_hand = RUN(BY_HAND, "kernel", "unpin", "--yes");

        assert_contains(o.out, "In sync: 1111-AAAA.\nUndo: bootctl-pve --root=");
        assert_contains(o.out, " kernel add 6.5.13-5-pve\n");
        assert_contains(by_hand.calls, "UnpinKernel all\nGetAll org.bootsync1.Manager\nRefresh\n");
}
END_TEST

START_TEST(user_at_a_terminal_is_asked_and_only_a_yes_is_one) {
        _cleanup_outcome_ Outcome yes = RUN_ON_TERMINAL(BY_HAND, "y\n", "kernel", "pin", "6.9");
        _cleanup_outcome_ Outcome no = RUN_ON_TERMINAL(BY_HAND, "hm\n", "kernel", "pin", "6.9");
        _cleanup_outcome_ Outcome end = RUN_ON_TERMINAL(BY_HAND, "\004", "kernel", "pin", "6.9");

        assert_contains(yes.out, "(default 6.5.13-5-pve). Refresh the ESPs now? [y/N] ");
        assert_contains(yes.calls, "Refresh\n");
        assert_lacks(no.calls, "Refresh");
        assert_lacks(end.calls, "Refresh");
}
END_TEST

START_TEST(daemon_that_syncs_by_itself_is_waited_for) {
        _cleanup_outcome_ Outcome o = RUN(BY_ITSELF, "kernel", "pin", "6.5.13-5-pve");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "In sync: 1111-AAAA.\nUndo: bootctl-pve --root=");
        assert_contains(o.calls, "PinKernel 6.5.13-5-pve permanent\n");
}
END_TEST

START_TEST(no_refresh_is_refused_before_anything_is_changed_if_it_cannot_be_kept) {
        _cleanup_outcome_ Outcome o = RUN(BY_ITSELF, "kernel", "unpin", "--no-refresh");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        assert_lacks(o.calls, "UnpinKernel");
}
END_TEST

START_TEST(pin_for_one_boot_that_is_the_default_entry_is_explained) {
        _cleanup_outcome_ Outcome o =
                        RUN(PINNED, "kernel", "pin", "6.8.12-4-pve", "--next-boot", "--yes");
        _cleanup_outcome_ Outcome json = RUN(PINNED, "kernel", "pin", "6.8.12-4-pve", "--next-boot",
                                             "--yes", "--json");

        assert_contains(o.calls, "PinKernel 6.8.12-4-pve next-boot\n");
        assert_contains(o.out, "kernel '6.8.12-4-pve' boots until a boot comes up");
        assert_lacks(json.out, "boots until");
}
END_TEST

START_TEST(change_whose_sync_failed_has_the_reason_and_the_esps_that_lack_it) {
        _cleanup_outcome_ Outcome o = RUN(FAILS, "kernel", "unpin", "--next-boot");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: ESP '2222-BBBB' is full.\n"
                                "bootctl-pve: ESP '2222-BBBB': The disk does not answer.\n");
        assert_contains(o.calls, "UnpinKernel next-boot\n");
}
END_TEST

START_TEST(pin_without_a_version_answers_with_those_that_can_be_pinned) {
        _cleanup_outcome_ Outcome o = RUN(PINNED, "kernel", "pin");
        _cleanup_outcome_ Outcome json = RUN(PINNED, "kernel", "pin", "--json");
        _cleanup_outcome_ Outcome none = RUN(NONE, "kernel", "pin");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        ck_assert_str_eq(o.out, "6.8.12-4-pve (pinned now, for the next boot)\n");
        ck_assert_str_eq(
                        o.err,
                        "bootctl-pve: 'kernel pin' needs the version of a kernel, one of these:\n");
        assert_lacks(o.calls, "PinKernel");
        ck_assert_int_eq(json.status, STATUS_USAGE);
        ck_assert_str_eq(json.out, "");
        assert_contains(json.err, "needs the version of a kernel: 6.8.12-4-pve.\n");
        ck_assert_int_eq(none.status, STATUS_USAGE);
        assert_contains(none.err, "there is none in /boot that could boot");
}
END_TEST

START_TEST(version_that_is_unknown_is_answered_with_the_one_that_was_meant_or_all) {
        _cleanup_outcome_ Outcome near = RUN(UNKNOWN, "kernel", "pin", "6.8.12-5-pve");
        _cleanup_outcome_ Outcome far = RUN(UNKNOWN, "kernel", "pin", "latest");
        _cleanup_outcome_ Outcome manual = RUN(NO_VERSION, "kernel", "remove", "6.5.13-4-pve");

        ck_assert_int_eq(near.status, STATUS_FAILED);
        ck_assert_str_eq(near.err, "bootctl-pve: There is no such kernel; did you mean "
                                   "'6.8.12-4-pve'?\n");
        ck_assert_str_eq(far.err,
                         "bootctl-pve: There is no such kernel; there are: 6.8.12-4-pve.\n");
        ck_assert_str_eq(far.out, "");
        ck_assert_str_eq(manual.err, "bootctl-pve: That is no version; did you mean "
                                     "'6.5.13-5-pve'?\n");
}
END_TEST

START_TEST(host_without_esps_is_told_what_it_boots_from) {
        _cleanup_outcome_ Outcome o = RUN(NO_ESPS, "kernel", "unpin", "--yes");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "GRUB boots it.\n");
}
END_TEST

CHECK_MAIN("client-verb-kernel", list_says_what_boots_and_why_each_kernel_is_kept,
           list_in_json_has_the_lists_of_the_daemon, host_without_kernels_is_told_so,
           reply_of_another_type_is_an_error_and_prints_nothing,
           change_is_only_stored_where_nobody_can_be_asked,
           change_that_is_none_is_said_to_be_none_and_leads_to_nothing,
           change_that_is_so_already_is_told_as_long_as_it_is_not_on_every_esp,
           esp_that_was_not_compared_is_no_news_of_a_change,
           quiet_change_says_nothing_and_is_made_all_the_same,
           yes_brings_a_change_to_the_esps_at_once,
           user_at_a_terminal_is_asked_and_only_a_yes_is_one,
           daemon_that_syncs_by_itself_is_waited_for,
           no_refresh_is_refused_before_anything_is_changed_if_it_cannot_be_kept,
           pin_for_one_boot_that_is_the_default_entry_is_explained,
           change_whose_sync_failed_has_the_reason_and_the_esps_that_lack_it,
           pin_without_a_version_answers_with_those_that_can_be_pinned,
           version_that_is_unknown_is_answered_with_the_one_that_was_meant_or_all,
           host_without_esps_is_told_what_it_boots_from)
