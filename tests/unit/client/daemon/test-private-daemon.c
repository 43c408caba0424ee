/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A daemon of our own is started on a root that is there, and waited for until it has left. */

#include "client/daemon/connection.h"

#include <signal.h>
#include <unistd.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

enum { ANY };
const Scene scenes[] = { [ANY] = { .manager = manager_redundant, .esps = { esp_in_sync } } };

static ExitStatus start_in_vain(void *userdata) {
        const Options options = { .root = userdata };
        Connection c = {};
        ExitStatus status = connection_open(&options, &c);

        return c.bus || c.daemon != 0 ? STATUS_DONE : status;
}

static void assert_not_started(const char *root, const char *sentence) {
        _cleanup_outcome_ Outcome o = bench_call(start_in_vain, (void *) root);

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, sentence);
}

START_TEST(root_must_be_a_directory) {
        assert_not_started("/no/such/place", "Failed to open the root '/no/such/place': No such");
        assert_not_started("/dev/null", "The root '/dev/null' is not a directory.");
}
END_TEST

START_TEST(program_that_cannot_be_started_is_named) {
        ck_assert_int_eq(setenv("BOOTSYNC_DAEMON", "/no/such/daemon", true), 0);
        assert_not_started("/", "Failed to start '/no/such/daemon': No such file or directory.");
}
END_TEST

START_TEST(daemon_that_has_left_is_waited_for_and_reaped) {
        pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid == 0)
                _exit(0);
        connection_close(&(Connection){ .daemon = pid });
        ck_assert_int_lt(kill(pid, 0), 0);
        ck_assert_int_eq(errno, ESRCH);
        connection_close(&(Connection){ .daemon = pid }); /* nobody is there any more */
}
END_TEST

START_TEST(daemon_answers_on_its_end_of_the_socket) {
        _cleanup_outcome_ Outcome o = RUN(ANY, "refresh", "--json");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "Refresh\n");
}
END_TEST

CHECK_MAIN("client-private-daemon", root_must_be_a_directory,
           program_that_cannot_be_started_is_named, daemon_that_has_left_is_waited_for_and_reaped,
           daemon_answers_on_its_end_of_the_socket)
