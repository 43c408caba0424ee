/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `ksm status` shows the daemon's figures and warns of other tenants; the verbs that change KSM say
 * what holds from now on. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static const Value ksm_running[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "running" },
        { "AtBoot", "b", "yes" },
        { "SavedBytes", "t", "1048576" },
        { "MetadataBytes", "t", "2048" },
        { "ProfitBytes", "x", "-1024" },
        { "CpuUSec", "t", "125000000" },
        { "CpuShare", "d", "0.125" },
        {},
};
static const Value ksm_stopped[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "stopped" },
        { "CpuUSec", "t", "1500000" },
        {},
};
static const Value ksm_left[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "stopped" },
        { "SavedBytes", "t", "4096" },
        {},
};
static const Value ksm_unmerging[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "unmerging" },
        { "SavedBytes", "t", "4096" },
        {},
};
static const Value ksm_unmerged[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "unmerged" },
        {},
};
static const Value ksm_odd[] = { { "Supported", "b", "yes" }, { "RunState", "s", "unknown" }, {} };
static const Value ksm_absent[] = { { "RunState", "s", "" }, {} };

static int append_lists(const char *method, sd_bus_message *reply, const char *tuner) {
        if (streq(method, "GetCounters"))
                return sd_bus_message_append(reply, "a{sx}", 2, "pages_shared", INT64_C(7),
                                             "full_scans", INT64_C(-1));
        if (streq(method, "GetTunables"))
                return sd_bus_message_append(reply, "a{ss}", 1, "sleep_millisecs", "20");
        if (streq(method, "GetUnits"))
                return sd_bus_message_append(reply, "a(ssss)", 2, "ksm.service", "loaded", "failed",
                                             "enabled", "ksmtuned.service", "loaded", tuner,
                                             "disabled");
        return sd_bus_message_append(reply, "a(usubtbx)", 3, 100, "kvm", 101, true, UINT64_C(4096),
                                     true, INT64_C(-2048), 102, "kvm", 103, false, UINT64_C(0),
                                     false, INT64_C(0), 104, "firefox", 0, true, UINT64_C(8192),
                                     true, INT64_C(1));
}

static int answer(const char *method, sd_bus_message *reply) {
        return append_lists(method, reply, "inactive");
}

static int answer_tuned(const char *method, sd_bus_message *reply) {
        return append_lists(method, reply, "active");
}

static int answer_bare(const char *method, sd_bus_message *reply) {
        if (streq(method, "GetUnits"))
                return sd_bus_message_append(reply, "a(ssss)", 1, "ksm.service", "unknown",
                                             "unknown", "unknown");
        if (streq(method, "GetCounters"))
                return sd_bus_message_append(reply, "a{sx}", 0);
        if (streq(method, "GetTunables"))
                return sd_bus_message_append(reply, "a{ss}", 1, "run", "0");
        return sd_bus_message_append(reply, "a(usubtbx)", 0);
}

static int answer_one_guest(const char *method, sd_bus_message *reply) {
        if (!streq(method, "GetProcesses"))
                return answer(method, reply);
        return sd_bus_message_append(reply, "a(usubtbx)", 1, 100, "kvm", 101, true, UINT64_C(4096),
                                     true, INT64_C(-2048));
}

/* As answer_bare(), with these units: name, load, active state, at boot. */
static int answer_units(const char *method, sd_bus_message *reply, size_t n,
                        const char *const units[][4]) {
        int r;

        if (!streq(method, "GetUnits"))
                return answer_bare(method, reply);
        r = sd_bus_message_open_container(reply, 'a', "(ssss)");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(reply, "(ssss)", units[i][0], units[i][1], units[i][2],
                                          units[i][3]);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int answer_no_tuner(const char *method, sd_bus_message *reply) {
        static const char *const units[][4] = { { "ksm.service", "loaded", "active", "enabled" } };

        return answer_units(method, reply, 1, units);
}

static int answer_disabled(const char *method, sd_bus_message *reply) {
        static const char *const units[][4] = {
                { "ksm.service", "loaded", "active", "disabled" },
                { "ksmtuned.service", "not-found", "inactive", "" },
        };

        return answer_units(method, reply, 2, units);
}

static int answer_half_known(const char *method, sd_bus_message *reply) {
        static const char *const units[][4] = {
                { "ksm.service", "loaded", "", "" },
                { "ksmtuned.service", "unknown", "", "" },
        };

        return answer_units(method, reply, 2, units);
}

static int answer_no_units(const char *method, sd_bus_message *reply) {
        return answer_units(method, reply, 0, NULL);
}

static int answer_guest_of_two_processes(const char *method, sd_bus_message *reply) {
        if (!streq(method, "GetProcesses"))
                return answer(method, reply);
        return sd_bus_message_append(reply, "a(usubtbx)", 4, 1, "kvm", 100, false, UINT64_C(0),
                                     false, INT64_C(0), 2, "cron", 0, false, UINT64_C(0), false,
                                     INT64_C(0), 3, "kvm", 101, false, UINT64_C(0), false,
                                     INT64_C(0), 4, "kvm", 100, false, UINT64_C(0), false,
                                     INT64_C(0));
}

enum {
        NO_TUNER,
        DISABLED,
        HALF_KNOWN,
        NO_UNITS,
        TWO_PROCESSES,
        ONE_GUEST,
        RUNNING,
        TUNED,
        STOPPED,
        LEFT,
        UNMERGING,
        UNMERGED,
        ODD,
        ABSENT,
        REFUSED,
        BROKEN,
        FAILS
};
const Scene scenes[] = {
        [NO_TUNER] = { .ksm = ksm_running, .answer = answer_no_tuner },
        [DISABLED] = { .ksm = ksm_stopped, .answer = answer_disabled },
        [HALF_KNOWN] = { .ksm = ksm_stopped, .answer = answer_half_known },
        [NO_UNITS] = { .ksm = ksm_stopped, .answer = answer_no_units },
        [TWO_PROCESSES] = { .ksm = ksm_running, .answer = answer_guest_of_two_processes },
        [ONE_GUEST] = { .ksm = ksm_running, .answer = answer_one_guest },
        [RUNNING] = { .ksm = ksm_running, .answer = answer, .job = "done" },
        [TUNED] = { .ksm = ksm_running, .answer = answer_tuned, .job = "done" },
        [STOPPED] = { .ksm = ksm_stopped, .answer = answer_bare, .job = "done" },
        [LEFT] = { .ksm = ksm_left, .answer = answer, .job = "done" },
        [UNMERGING] = { .ksm = ksm_unmerging, .answer = answer },
        [UNMERGED] = { .ksm = ksm_unmerged, .answer = answer_bare },
        [ODD] = { .ksm = ksm_odd, .answer = answer_bare },
        [ABSENT] = { .ksm = ksm_absent, .answer = answer_bare },
        [REFUSED] = { .ksm = ksm_running,
                      .answer = answer,
                      .refused = "GetProcesses",
                      .refused_name = "org.freedesktop.DBus.Error.AccessDenied",
                      .refused_message = "no" },
        [BROKEN] = { .ksm = ksm_running,
                     .answer = answer,
                     .refused = "GetProcesses",
                     .refused_name = "org.bootsync1.Error.Failed",
                     .refused_message = "The worker ended." },
        [FAILS] = { .ksm = ksm_running,
                    .answer = answer,
                    .job = "failed",
                    .job_message = "Memory does not do." },
};

START_TEST(status_shows_figures_units_processes_and_settings) {
        _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "status");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "State:           running\n");
        assert_contains(o.out, "Saved:           1.0 MiB\n");
        assert_contains(o.out,
                        "Profit:          -1.0 KiB (a loss: KSM costs more than it saves)\n");
        assert_contains(o.out,
                        "CPU of ksmd:     2 min 5 s (12.5 % of one CPU since the last look)\n");
        assert_contains(o.out, "Started at boot: yes (ksm.service, bootsyncd)\n");
        assert_contains(o.out, "ksm.service       loaded  failed");
        assert_contains(o.out, "100  101  kvm      4.0 KiB  -2.0 KiB\n");
        assert_contains(o.out, "102  103  kvm      -        -\n");
        assert_contains(o.out, "104  -    firefox  8.0 KiB  1 B\n");
        assert_contains(o.out, "pages_shared  7      sleep_millisecs  20\n");
        assert_contains(o.out, "full_scans    -1");
}
END_TEST

START_TEST(two_guests_are_a_reason_to_warn_while_pages_are_merged) {
        _cleanup_outcome_ Outcome two = RUN(RUNNING, "ksm", "status");
        _cleanup_outcome_ Outcome one = RUN(ONE_GUEST, "ksm", "status");
        _cleanup_outcome_ Outcome none = RUN(STOPPED, "ksm", "status");
        _cleanup_outcome_ Outcome unseen = RUN(REFUSED, "ksm", "status");

        assert_contains(two.out, "Warning: 2 guests run, and each can tell");
        assert_lacks(one.out, "Warning");
        assert_lacks(none.out, "Warning");
        assert_contains(unseen.out, "Warning: where several guests run, each can tell");
}
END_TEST

START_TEST(state_is_told_in_words) {
        _cleanup_outcome_ Outcome stopped = RUN(STOPPED, "ksm", "status"),
                                  left = RUN(LEFT, "ksm", "status");
        _cleanup_outcome_ Outcome going = RUN(UNMERGING, "ksm", "status"),
                                  gone = RUN(UNMERGED, "ksm", "status");
        _cleanup_outcome_ Outcome odd = RUN(ODD, "ksm", "status");

        assert_contains(stopped.out, "stopped, nothing is merged\n");
        assert_contains(stopped.out, "CPU of ksmd:     1.5 s");
        assert_contains(stopped.out, "Started at boot: unknown (systemd cannot be asked)\n");
        assert_contains(stopped.out, "No guest runs, and no other process has merged pages.\n");
        assert_contains(left.out, "stopped, 4.0 KiB stay merged\n");
        assert_contains(going.out, "unmerging, 4.0 KiB to go\n");
        assert_contains(gone.out, "off, nothing is merged\n");
        assert_contains(odd.out, "unknown, as the kernel tells none that bootsyncd knows\n");
}
END_TEST

START_TEST(tuner_that_is_active_decides) {
        _cleanup_outcome_ Outcome o = RUN(TUNED, "ksm", "status");

        assert_contains(o.out, "running (ksmtuned.service decides when ksmd runs)\n");
}
END_TEST

START_TEST(tuner_counts_only_while_it_is_active) {
        _cleanup_outcome_ Outcome idle = RUN(RUNNING, "ksm", "status"),
                                  active = RUN(TUNED, "ksm", "status"),
                                  none = RUN(NO_TUNER, "ksm", "status");

        assert_lacks(idle.out, "decides when ksmd runs");
        assert_contains(active.out, "decides when ksmd runs");
        assert_lacks(none.out, "decides when ksmd runs");
}
END_TEST

START_TEST(starters_are_enabled_units_and_the_daemon) {
        _cleanup_outcome_ Outcome both = RUN(RUNNING, "ksm", "status"),
                                  none = RUN(DISABLED, "ksm", "status");

        assert_contains(both.out, "Started at boot: yes (ksm.service, bootsyncd)\n");
        assert_contains(none.out, "Started at boot: no\n");
}
END_TEST

START_TEST(units_are_known_if_systemd_has_told_of_all) {
        _cleanup_outcome_ Outcome half = RUN(HALF_KNOWN, "ksm", "status"),
                                  all = RUN(DISABLED, "ksm", "status"),
                                  none = RUN(NO_UNITS, "ksm", "status");

        assert_contains(half.out, "Started at boot: unknown (systemd cannot be asked)\n");
        assert_lacks(all.out, "cannot be asked");
        assert_contains(none.out, "Started at boot: unknown (systemd cannot be asked)\n");
}
END_TEST

START_TEST(guest_with_several_processes_is_one_guest) {
        _cleanup_outcome_ Outcome o = RUN(TWO_PROCESSES, "ksm", "status");

        assert_contains(o.out, "Warning: 2 guests run, and each can tell");
}
END_TEST

START_TEST(caller_who_may_not_see_the_processes_sees_the_rest) {
        _cleanup_outcome_ Outcome o = RUN(REFUSED, "ksm", "status");
        _cleanup_outcome_ Outcome json = RUN(REFUSED, "ksm", "status", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.err, "");
        assert_contains(o.out, "The processes are not shown");
        assert_lacks(json.out, "\"processes\"");
}
END_TEST

START_TEST(processes_that_nobody_could_list_are_a_failure_beside_the_rest) {
        _cleanup_outcome_ Outcome o = RUN(BROKEN, "ksm", "status");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: The worker ended.\n");
        assert_contains(o.out, "State:           running\n");
}
END_TEST

START_TEST(kernel_without_ksm_is_told_of) {
        _cleanup_outcome_ Outcome o = RUN(ABSENT, "ksm", "status");
        _cleanup_outcome_ Outcome json = RUN(ABSENT, "ksm", "status", "--json");

        ck_assert_str_eq(o.out, "This kernel has no KSM; it takes one that is built with "
                                "CONFIG_KSM.\n");
        assert_contains(json.out, "\"supported\": false");
        assert_lacks(json.out, "saved_bytes");
}
END_TEST

START_TEST(json_has_only_what_the_kernel_tells_of_a_process) {
        _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "status", "--json");

        assert_contains(o.out, "\"profit_bytes\": -1024");
        assert_contains(o.out, "\"cpu_share\": 0.125");
        assert_contains(o.out, "\"pid\": 102,\n      \"name\": \"kvm\",\n      \"vmid\": 103\n");
        assert_contains(o.out, "\"full_scans\": -1");
}
END_TEST

START_TEST(enable_says_who_starts_it_and_who_steers_it) {
        _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "enable"),
                                  tuned = RUN(TUNED, "ksm", "enable"),
                                  bare = RUN(STOPPED, "ksm", "enable");

        ck_assert_str_eq(o.out, "KSM is on; ksm.service, bootsyncd starts it at each boot.\n");
        ck_assert_str_eq(tuned.out, "KSM is on, also at later boots; ksmtuned.service decides when "
                                    "ksmd runs.\n");
        ck_assert_str_eq(bare.out, "KSM is on.\n");
}
END_TEST

START_TEST(disable_says_what_stays_merged_and_needs_unmerge_for_force) {
        _cleanup_outcome_ Outcome left = RUN(LEFT, "ksm", "disable"),
                                  none = RUN(STOPPED, "ksm", "disable", "--unmerge", "--force"),
                                  wrong = RUN(STOPPED, "ksm", "disable", "--force");

        assert_contains(left.out, "KSM is off, also at later boots; 4.0 KiB stay merged");
        ck_assert_str_eq(none.out, "KSM is off, also at later boots, and nothing is merged.\n");
        assert_contains(none.calls, "Disable force unmerge\n");
        ck_assert_int_eq(wrong.status, STATUS_USAGE);
        ck_assert_str_eq(wrong.calls, "");
}
END_TEST

START_TEST(unmerge_says_until_when_ksm_rests) {
        _cleanup_outcome_ Outcome o = RUN(STOPPED, "ksm", "unmerge");

        assert_contains(o.out, "Nothing is merged any more");
        assert_contains(o.calls, "Unmerge\n");
}
END_TEST

START_TEST(settings_travel_as_a_dictionary_and_the_tuner_is_warned_of) {
        _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "set", "sleep_millisecs=20", "run=1"),
                                  tuned = RUN(TUNED, "ksm", "set", "pages_to_scan=100"),
                                  other = RUN(TUNED, "ksm", "set", "max_page_sharing=256");

        assert_contains(o.calls, "SetTunables sleep_millisecs=20 run=1\n");
        ck_assert_str_eq(o.out, "Set now and at each boot: sleep_millisecs=20, run=1.\n");
        assert_contains(tuned.out, "; but ksmtuned.service is active, and sets pages_to_scan");
        assert_lacks(other.out, "ksmtuned");
}
END_TEST

START_TEST(words_that_are_no_settings_are_refused_before_any_call) {
        static const char *const wrong[] = { "run", "=1" };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "set", (char *) wrong[i]);

                ck_assert_int_eq(o.status, STATUS_USAGE);
                ck_assert_str_eq(o.calls, "");
        }
}
END_TEST

START_TEST(setting_that_is_given_twice_is_refused) {
        _cleanup_outcome_ Outcome o = RUN(RUNNING, "ksm", "set", "run=1", "run=0");

        ck_assert_int_eq(o.status, STATUS_USAGE);
        assert_contains(o.err, "'run=1' and 'run=0' are for the same setting");
}
END_TEST

START_TEST(failed_job_is_told_without_a_sentence_of_success) {
        _cleanup_outcome_ Outcome o = RUN(FAILS, "ksm", "unmerge", "--json");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: Memory does not do.\n");
        assert_contains(o.out, "\"result\": \"failed\"");
}
END_TEST

CHECK_MAIN("client-verb-ksm", status_shows_figures_units_processes_and_settings,
           two_guests_are_a_reason_to_warn_while_pages_are_merged, state_is_told_in_words,
           tuner_that_is_active_decides, tuner_counts_only_while_it_is_active,
           starters_are_enabled_units_and_the_daemon, units_are_known_if_systemd_has_told_of_all,
           guest_with_several_processes_is_one_guest,
           caller_who_may_not_see_the_processes_sees_the_rest,
           processes_that_nobody_could_list_are_a_failure_beside_the_rest,
           kernel_without_ksm_is_told_of, json_has_only_what_the_kernel_tells_of_a_process,
           enable_says_who_starts_it_and_who_steers_it,
           disable_says_what_stays_merged_and_needs_unmerge_for_force,
           unmerge_says_until_when_ksm_rests,
           settings_travel_as_a_dictionary_and_the_tuner_is_warned_of,
           words_that_are_no_settings_are_refused_before_any_call,
           setting_that_is_given_twice_is_refused, failed_job_is_told_without_a_sentence_of_success)
