/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `history` shows what the daemon remembers, the newest at the end. */

#include "tests/unit/client/bench.h"

static int answer(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(
                        reply, "a(tsttssssta(sbuasasts))", 2, UINT64_C(3), "refresh", UINT64_C(5),
                        UINT64_C(1764525600000000), "daemon", "done", "",
                        "Copied 1 kernel (2.0 KiB) to 1 ESP in 7.5 s, removed none.",
                        UINT64_C(2048), 1, "1111-AAAA", 1, 2, 1, "6.8.12-4-pve", 0, UINT64_C(2048),
                        "", UINT64_C(4), "verify", UINT64_C(0), UINT64_C(1764525700000000), "0",
                        "failed", "org.bootsync1.Error.EspMissing", "It is gone", UINT64_C(0), 0);
}

static int answer_nothing(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "a(tsttssssta(sbuasasts))", 0);
}

enum { SOME, NONE, REFUSED, ODD };
const Scene scenes[] = {
        [SOME] = { .answer = answer },
        [NONE] = { .answer = answer_nothing },
        [REFUSED] = { .refused = "ListHistory",
                      .refused_name = "org.freedesktop.DBus.Error.UnknownMethod",
                      .refused_message = "There is no such method." },
        [ODD] = {},
};

START_TEST(jobs_are_listed_with_who_asked_and_what_was_done) {
        _cleanup_outcome_ Outcome o = RUN(SOME, "history");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "ENDED");
        assert_contains(o.out,
                        "  refresh  bootsyncd  done    2.0 KiB\n"
                        "  what: Copied 1 kernel (2.0 KiB) to 1 ESP in 7.5 s, removed none.\n");
        assert_contains(o.out, "  verify   root       failed  -\n  what: It is gone\n");
        ck_assert(strstr(o.out, "verify") > strstr(o.out, "refresh"));
        ck_assert_str_eq(o.calls, "ListHistory\n");
}
END_TEST

START_TEST(so_many_are_asked_for_as_are_wanted) {
        _cleanup_outcome_ Outcome o = RUN(SOME, "history", "-n", "1");
        _cleanup_outcome_ Outcome none = RUN(SOME, "history", "--lines=0");
        _cleanup_outcome_ Outcome words = RUN(SOME, "history", "--lines=few");

        assert_contains(o.calls, "ListHistory limit");
        ck_assert_int_eq(none.status, STATUS_USAGE);
        ck_assert_int_eq(words.status, STATUS_USAGE);
        ck_assert_str_eq(words.err, "bootctl-pve: --lines needs a number from 1 on, not 'few'.\n");
        ck_assert_str_eq(words.calls, "");
}
END_TEST

START_TEST(json_has_everything) {
        _cleanup_outcome_ Outcome o = RUN(SOME, "history", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "\"by\": \"daemon\"");
        assert_contains(o.out, "\"n_kernels\": 2");
        assert_contains(o.out, "\"6.8.12-4-pve\"");
        assert_contains(o.out, "\"error\": \"org.bootsync1.Error.EspMissing\"");
}
END_TEST

START_TEST(empty_history_is_said_to_be_empty) {
        _cleanup_outcome_ Outcome o = RUN(NONE, "history");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "Nothing is recorded yet.\n");
}
END_TEST

START_TEST(daemon_that_has_none_or_another_is_an_error) {
        _cleanup_outcome_ Outcome o = RUN(REFUSED, "history");
        _cleanup_outcome_ Outcome odd = RUN(ODD, "history");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "There is no such method.");
        ck_assert_int_eq(odd.status, STATUS_FAILED);
        ck_assert_str_eq(odd.out, "");
}
END_TEST

CHECK_MAIN("client-verb-history", jobs_are_listed_with_who_asked_and_what_was_done,
           so_many_are_asked_for_as_are_wanted, json_has_everything,
           empty_history_is_said_to_be_empty, daemon_that_has_none_or_another_is_an_error)
