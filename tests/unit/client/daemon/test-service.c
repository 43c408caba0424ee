/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service that does not run, or that the next boot will not start, is a warning of its own, with
 * the command that mends it; what is not known is none. */

#include "client/daemon/service.h"

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static int answer(const char *method, sd_bus_message *reply, const char *state) {
        return streq(method, "GetUnitFileState") ? sd_bus_message_append(reply, "s", state) : 0;
}

static int say_enabled(const char *method, sd_bus_message *reply) {
        return answer(method, reply, "enabled");
}

static int say_disabled(const char *method, sd_bus_message *reply) {
        return answer(method, reply, "disabled");
}

static int say_masked(const char *method, sd_bus_message *reply) {
        return answer(method, reply, "masked");
}

enum { ENABLED, DISABLED, MASKED, REFUSED, ODD };
const Scene scenes[] = {
        [ENABLED] = { .manager = manager_redundant, .answer = say_enabled },
        [DISABLED] = { .manager = manager_redundant, .answer = say_disabled },
        [MASKED] = { .manager = manager_redundant, .answer = say_masked },
        [REFUSED] = { .manager = manager_redundant,
                      .refused = "GetUnitFileState",
                      .refused_name = "org.freedesktop.DBus.Error.ServiceUnknown",
                      .refused_message = "no" },
        [ODD] = { .manager = manager_redundant },
};

START_TEST(service_that_is_not_enabled_is_told_of_with_the_command) {
        _cleanup_outcome_ Outcome disabled = RUN_ON_BUS(DISABLED, "status");
        _cleanup_outcome_ Outcome masked = RUN_ON_BUS(MASKED, "status", "--json");

        assert_contains(disabled.calls, "GetUnitFileState bootsyncd.service\n");
        assert_contains(disabled.out, "bootsyncd.service is not enabled, so that nothing");
        assert_contains(disabled.out, "action: systemctl enable --now bootsyncd.service\n");
        assert_contains(masked.out, "\"service-not-enabled\"");
        assert_contains(masked.out, "\"systemctl unmask bootsyncd.service\"");
}
END_TEST

START_TEST(service_that_is_enabled_or_not_known_is_no_warning) {
        static const size_t quiet[] = { ENABLED, REFUSED, ODD };

        for (size_t i = 0; i < ELEMENTSOF(quiet); i++) {
                _cleanup_outcome_ Outcome o = RUN_ON_BUS(quiet[i], "status");

                assert_lacks(o.out, "bootsyncd.service");
                ck_assert_str_eq(o.err, "");
        }
}
END_TEST

static size_t count(Connection c) {
        static const Property list[] = { { "Warnings", PROPERTY_NOTICES, 0 } };
        Notices l = {};
        size_t n;

        service_warn(&c, &l);
        n = l.n;
        properties_done(list, ELEMENTSOF(list), &l);
        return n;
}

START_TEST(only_a_private_daemon_of_the_host_stands_for_one_that_does_not_run) {
        ck_assert_uint_eq(count((Connection){ .daemon = 7 }), 1);
        ck_assert_uint_eq(count((Connection){ .daemon = 7, .root = "/mnt" }), 0);
}
END_TEST

CHECK_MAIN("client-service", service_that_is_not_enabled_is_told_of_with_the_command,
           service_that_is_enabled_or_not_known_is_no_warning,
           only_a_private_daemon_of_the_host_stands_for_one_that_does_not_run)
