/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon is the one on the bus if there is one, and else a private one; signals are believed
 * for who has sent them; a failed call is told in one sentence. */

#include "client/daemon/connection.h"

#include <unistd.h>

#include "common/names.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

enum { THERE, ABSENT, MUTE };
const Scene scenes[] = {
        [THERE] = { .manager = manager_redundant, .esps = { esp_in_sync }, .job = "done" },
        [ABSENT] = { .absent = true, .esps = { esp_in_sync }, .job = "done" },
        [MUTE] = { .refused = "NameHasOwner",
                   .refused_name = "org.freedesktop.DBus.Error.Failed",
                   .refused_message = "broken" },
};

START_TEST(service_that_the_bus_has_is_used) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(THERE, "esp", "list");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_lacks(o.calls, "ProbePartitions"); /* which only a private one is asked for */
}
END_TEST

START_TEST(bus_without_the_service_means_a_private_daemon) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(ABSENT, "esp", "list");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "ProbePartitions");
}
END_TEST

START_TEST(bus_that_is_broken_is_an_error_and_no_reason_to_fall_back) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(MUTE, "esp", "list");

        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: Failed to talk to the bus: broken.\n");
}
END_TEST

START_TEST(host_that_is_no_name_is_bad_usage) {
        Options options = { .host = "a:/" };
        Connection c = {};

        ck_assert_int_eq(connection_open(&options, &c), STATUS_USAGE);
        ck_assert_ptr_null(c.bus);
}
END_TEST

typedef struct Failure {
        Connection c;
        const char *name, *message;
        int r;
} Failure;

static ExitStatus tell(void *userdata) {
        Failure *f = userdata;
        const sd_bus_error error = { .name = f->name, .message = f->message };

        return connection_failed(&f->c, f->name ? &error : NULL, f->r);
}

static void assert_told(Failure f, ExitStatus status, const char *sentence) {
        _cleanup_free_ char *expect = strprintf("bootctl-pve: %s\n", sentence);
        _cleanup_outcome_ Outcome o = bench_call(tell, &f);

        ck_assert_int_eq(o.status, status);
        ck_assert_str_eq(o.err, expect);
}

START_TEST(failed_call_is_told_in_the_daemon_s_words_or_by_what_is_at_the_other_end) {
        assert_told((Failure){ .name = "org.bootsync1.Error.Busy", .message = "Busy now." },
                    STATUS_FAILED, "Busy now.");
        assert_told((Failure){ .name = "org.freedesktop.DBus.Error.AccessDenied", .message = "no" },
                    STATUS_NOT_AUTHORISED, "Not authorised; try it as root. (no)");
        assert_told((Failure){ .name = SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                               .message = "no" },
                    STATUS_NOT_AUTHORISED, "Not authorised; try it as root. (no)");
        assert_told((Failure){ .r = -ENOTCONN, .c = { .host = "pve1" } }, STATUS_FAILED,
                    "The connection to 'pve1' was lost.");
        assert_told((Failure){ .r = -ECONNRESET, .c = { .daemon = 7 } }, STATUS_FAILED,
                    "The private bootsyncd ended too early.");
        assert_told((Failure){ .name = SD_BUS_ERROR_NO_REPLY, .message = "gone" }, STATUS_FAILED,
                    "bootsyncd went away; 'journalctl -u bootsyncd' may tell why.");
        assert_told((Failure){ .r = -EIO }, STATUS_FAILED, "Input/output error");
}
END_TEST

/* NameOwnerChanged with these strings, as @sender says. */
static int read_owner(const char *sender, const char *name, const char **ret_old,
                      const char **ret_new) {
        static sd_bus_message *m;
        static Connection c;

        if (!c.bus)
                c = bench_connect(THERE);
        m = sd_bus_message_unref(m);
        ck_assert_int_ge(sd_bus_message_new_signal(c.bus, &m, "/x", BUS_DRIVER, "NameOwnerChanged"),
                         0);
        ck_assert_int_ge(sd_bus_message_set_sender(m, sender), 0);
        ck_assert_int_ge(sd_bus_message_append(m, "sss", name, ":1.1", ":1.2"), 0);
        ck_assert_int_ge(sd_bus_message_seal(m, 1, 0), 0);
        ck_assert(connection_is_from(&(Connection){ .destination = BUS_NAME }, m, sender));
        ck_assert(!connection_is_from(&(Connection){ .destination = BUS_NAME }, m, ":1.3"));
        ck_assert(connection_is_from(&(Connection){}, m, ":1.3"));
        return connection_read_owner(m, ret_old, ret_new);
}

START_TEST(only_the_bus_tells_who_owns_the_name) {
        const char *old_owner = NULL, *new_owner = NULL;

        ck_assert_int_eq(read_owner(":1.66", BUS_NAME, &old_owner, &new_owner), 0);
        ck_assert_int_eq(read_owner(BUS_DRIVER, "org.example", &old_owner, &new_owner), 0);
        ck_assert_ptr_null(old_owner);
        ck_assert_int_eq(read_owner(BUS_DRIVER, BUS_NAME, &old_owner, &new_owner), 1);
        ck_assert_str_eq(old_owner, ":1.1");
        ck_assert_str_eq(new_owner, ":1.2");
}
END_TEST

START_TEST(root_is_not_asked_for_a_password) {
        Connection c = {};

        ck_assert_int_eq(geteuid(), 0);
        connection_start_agent(&c);
        ck_assert_int_eq(c.agent, 0);
        connection_close(&c);
}
END_TEST

CHECK_MAIN("client-connection", service_that_the_bus_has_is_used,
           bus_without_the_service_means_a_private_daemon,
           bus_that_is_broken_is_an_error_and_no_reason_to_fall_back,
           host_that_is_no_name_is_bad_usage,
           failed_call_is_told_in_the_daemon_s_words_or_by_what_is_at_the_other_end,
           only_the_bus_tells_who_owns_the_name, root_is_not_asked_for_a_password)
