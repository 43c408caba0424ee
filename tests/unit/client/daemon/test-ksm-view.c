/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* KSM as the daemon tells of it, or refuses to. */

#include "client/daemon/ksm-view.h"

#include "tests/unit/client/bench.h"

static const Value ksm[] = { { "Supported", "b", "yes" }, { "RunState", "s", "running" }, {} };

static int answer_other_types(const char *method, sd_bus_message *reply) {
        return sd_bus_message_append(reply, "as", 0);
}

enum { TYPES, FORBIDDEN };
const Scene scenes[] = {
        [TYPES] = { .ksm = ksm, .answer = answer_other_types },
        [FORBIDDEN] = { .refused = "GetProcesses",
                        .refused_name = "org.freedesktop.DBus.Error.AccessDenied",
                        .refused_message = "no" },
};

START_TEST(list_of_another_type_is_an_error_and_gives_nothing) {
        _cleanup_connection_ Connection c = bench_connect(TYPES);
        KsmView v = { .cpu_usec = 77 };

        ck_assert_int_eq(ksm_view_get(&c, &v), STATUS_FAILED);
        ck_assert_uint_eq(v.cpu_usec, 77);
}
END_TEST

START_TEST(refused_processes_are_the_caller_s_to_tell) {
        _cleanup_connection_ Connection c = bench_connect(FORBIDDEN);
        _cleanup_ksm_view_ KsmView v = {};

        ck_assert_int_eq(ksm_view_get_processes(&c, &v), STATUS_NOT_AUTHORISED);
        ck_assert_uint_eq(v.processes.n, 0);
}
END_TEST

CHECK_MAIN("client-ksm-view", list_of_another_type_is_an_error_and_gives_nothing,
           refused_processes_are_the_caller_s_to_tell)
