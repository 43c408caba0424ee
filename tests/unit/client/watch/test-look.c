/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A daemon that runs is asked, and none is started or waited for long. */

#include "client/watch/look.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "common/time-util.h"
#include "tests/unit/client/bench.h"

static const Value ksm_running[] = {
        { "Supported", "b", "yes" },
        { "RunState", "s", "running" },
        { "SavedBytes", "t", "4096" },
        { "ProfitBytes", "x", "-64" },
        { "CpuUSec", "t", "1500000" },
        { "CpuShare", "d", "0.5" },
        {},
};

static int answer(const char *method, sd_bus_message *reply) {
        return streq(method, "GetUnitFileState") ? sd_bus_message_append(reply, "s", "disabled")
                                                 : 0;
}

enum { RUNS, ABSENT, LOST, REFUSED };
const Scene scenes[] = {
        [RUNS] = { .manager = manager_redundant,
                   .esps = { esp_in_sync, esp_failed },
                   .ksm = ksm_running,
                   .answer = answer },
        [ABSENT] = { .absent = true },
        [LOST] = { .manager = manager_redundant, .lost = "GetManagedObjects" },
        [REFUSED] = { .refused = "GetAll",
                      .refused_name = "org.freedesktop.DBus.Error.NoReply",
                      .refused_message = "none" },
};

START_TEST(daemon_that_runs_is_asked_and_no_job_is_made) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(RUNS, "check");

        ck_assert_int_eq(o.status, 1);
        ck_assert_str_eq(o.calls, "GetAll org.bootsync1.Manager\nGetManagedObjects\n"
                                  "GetUnitFileState bootsyncd.service\n");
}
END_TEST

START_TEST(ksm_is_asked_for_by_metrics_alone) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(RUNS, "metrics");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.calls, "GetAll org.bootsync1.Ksm\n");
        assert_contains(o.out, "\nbootsync_ksm_profit_bytes -64\n");
}
END_TEST

START_TEST(service_that_does_not_run_is_not_started) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(ABSENT, "check");

        ck_assert_int_eq(o.status, 3);
        ck_assert_str_eq(o.calls, "");
        assert_contains(o.out, "BOOTSYNC UNKNOWN - bootsyncd does not run; start it with ");
}
END_TEST

START_TEST(no_private_daemon_is_started) {
        _cleanup_outcome_ Outcome o = RUN(RUNS, "check");

        ck_assert_int_eq(o.status, 3);
        ck_assert_str_eq(o.calls, "");
        assert_contains(o.out, "--root");
}
END_TEST

START_TEST(daemon_that_dies_or_refuses_is_unknown) {
        static const size_t bad[] = { LOST, REFUSED };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_outcome_ Outcome o = RUN_ON_BUS(bad[i], "check");

                ck_assert_int_eq(o.status, 3);
                assert_contains(o.out, "bootsyncd does not answer as it should");
                assert_lacks(o.out, "redundant");
        }
}
END_TEST

static ExitStatus look(void *userdata) {
        Look l = look_take(&(Options){}, 0);
        ExitStatus status = l.why ? STATUS_FAILED : STATUS_DONE;

        say("%s", strempty(l.why));
        look_done(&l);
        return status;
}

/* It takes connections, and says nothing. */
START_TEST(bus_that_says_nothing_is_left_after_ten_seconds) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        _cleanup_free_ char *name = NULL;
        _cleanup_outcome_ Outcome o = {};
        socklen_t size = sizeof(address);
        uint64_t begin = monotonic_usec();

        /* The kernel gives it a name that no other socket has: unix(7), autobind. */
        ck_assert_int_eq(bind(fd, (struct sockaddr *) &address, sizeof(sa_family_t)), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        ck_assert_int_eq(listen(fd, 5), 0);
        name = must(strprintf("unix:abstract=%.*s",
                              (int) (size - offsetof(struct sockaddr_un, sun_path) - 1),
                              address.sun_path + 1));
        ck_assert_int_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", name, true), 0);
        o = bench_call(look, NULL);
        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.out, "There was no answer from the system bus in ten seconds\n");
        ck_assert_uint_ge(monotonic_usec() - begin, 9000000);
        ck_assert_uint_lt(monotonic_usec() - begin, 15000000);
}
END_TEST

CHECK_MAIN("client-watch-look", daemon_that_runs_is_asked_and_no_job_is_made,
           ksm_is_asked_for_by_metrics_alone, service_that_does_not_run_is_not_started,
           no_private_daemon_is_started, daemon_that_dies_or_refuses_is_unknown,
           bus_that_says_nothing_is_left_after_ten_seconds)
