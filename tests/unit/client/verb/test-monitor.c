/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `monitor` believes the owner of the bus name; in JSON it shows all that this one says. */

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static void send_job(sd_bus *bus, const char *sender) {
        sd_bus_message *m;

        if (sd_bus_message_new_signal(bus, &m, BUS_PATH, BUS_IFACE_MANAGER, "JobNew") < 0 ||
            sd_bus_message_set_sender(m, sender) < 0 ||
            sd_bus_message_append(m, "tos", UINT64_C(3), BUS_PATH_JOB "/3", "refresh") < 0)
                abort();
        bench_send(bus, m);
}

static int send_all(sd_bus *bus) {
        sd_bus_message *m;
        int r;

        send_job(bus, ":1.66"); /* whom nobody believes */
        send_job(bus, ":1.9");
        m = bench_signal(bus, BUS_PATH, BUS_IFACE_MANAGER, "JobRemoved");
        r = sd_bus_message_append(m, "tossss", UINT64_C(3), BUS_PATH_JOB "/3", "refresh", "failed",
                                  "org.bootsync1.Error.NoSpace", "It is full.");
        if (r < 0)
                return r;
        bench_send(bus, m);
        m = bench_signal(bus, BUS_PATH_ESP "/1111_2dAAAA", "org.freedesktop.DBus.Properties",
                         "PropertiesChanged");
        r = sd_bus_message_append(m, "sa{sv}as", BUS_IFACE_ESP, 4, "State", "s", "failed",
                                  "SizeBytes", "t", UINT64_C(42), "Kernels", "as", 1,
                                  "6.8.12-4-pve", "FromTheFuture", "(ii)", 1, 2, 1, "Gone");
        if (r < 0)
                return r;
        bench_send(bus, m);
        m = bench_signal(bus, BUS_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged");
        r = sd_bus_message_append(m, "sa{sv}as", "org.example.Other", 0, 0);
        if (r < 0)
                return r;
        bench_send(bus, m);
        bench_send_owner(bus, ":1.66", ":1.9", "");
        bench_send_owner(bus, BUS_DRIVER, "", ":1.9"); /* which it knows already */
        bench_send_owner(bus, BUS_DRIVER, ":1.9", "");
        bench_send_owner(bus, BUS_DRIVER, "", ":1.20");
        send_job(bus, ":1.9"); /* an owner that was */
        r = sd_bus_flush(bus);
        if (r >= 0)
                exit(EXIT_SUCCESS);
        return r;
}

enum { ONE, SPEAKS, SPEAKS_TO_PEOPLE };
const Scene scenes[] = {
        [ONE] = { .manager = manager_redundant },
        [SPEAKS] = { .speak = send_all },
        [SPEAKS_TO_PEOPLE] = { .manager = manager_redundant,
                               .speak = send_all,
                               .speak_after = "GetManagedObjects" },
};

START_TEST(private_daemon_is_not_watched) {
        _cleanup_outcome_ Outcome o = RUN(ONE, "monitor");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "There is no bootsyncd on the system bus to watch.");
}
END_TEST

START_TEST(monitor_tells_what_the_owner_says_and_who_owns_the_name) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(SPEAKS_TO_PEOPLE, "monitor");
        const char *line = o.out;
        static const char *const expect[] = {
                " refresh 3 failed: It is full.\n",
                " bootsyncd has ended\n",
                " bootsyncd has started\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(expect); i++) {
                ck_assert_uint_gt(strlen(line), 8);
                line += 8; /* the time */
                ck_assert_msg(startswith(line, expect[i]), "not '%s' but '%s'", expect[i], line);
                line += strlen(expect[i]);
        }
        ck_assert_str_eq(line, "");
        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "bootctl-pve: bootsyncd went away; 'journalctl -u bootsyncd' may "
                               "tell why.\n");
}
END_TEST

START_TEST(monitor_in_json_is_an_object_a_line) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(SPEAKS, "monitor", "--json");

        assert_contains(o.out, "{\"event\":\"JobNew\",\"time_usec\":");
        assert_contains(o.out,
                        ",\"id\":3,\"job\":\"/org/bootsync1/job/3\",\"type\":\"refresh\"}\n");
        assert_contains(o.out, "\"result\":\"failed\",\"error\":\"org.bootsync1.Error.NoSpace\"");
        assert_contains(o.out,
                        "\"changed\":{\"State\":\"failed\",\"SizeBytes\":42,\"Kernels\":"
                        "[\"6.8.12-4-pve\"],\"FromTheFuture\":null},\"invalidated\":[\"Gone\"]");
        assert_contains(o.out, "{\"event\":\"DaemonEnded\"");
        assert_contains(o.out, "{\"event\":\"DaemonStarted\"");
        ck_assert_str_eq(o.calls, ""); /* no state is asked for that is not shown */
}
END_TEST

CHECK_MAIN("client-verb-monitor", private_daemon_is_not_watched,
           monitor_tells_what_the_owner_says_and_who_owns_the_name,
           monitor_in_json_is_an_object_a_line)
