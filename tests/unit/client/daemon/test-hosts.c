/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Several hosts at work, and how they end. */

#include <signal.h>
#include <unistd.h>

#include "client/daemon/hosts.h"
#include "tests/unit/client/ssh-bench.h"

const Scene scenes[] = { {} };

/* Says of each host how it has ended and what it said first. */
static ExitStatus run(void *userdata) {
        _cleanup_(host_runs_freep) HostRun *runs = NULL;
        int r;

        r = hosts_run(userdata, "command", true, &runs);
        if (r < 0)
                return fail(STATUS_FAILED, "%s", strerror(-r));
        for (const HostRun *h = runs; h->name; h++)
                say("%s %d%s %.20s", h->name, h->exit, h->too_much ? " too much" : "", h->output);
        return STATUS_DONE;
}

#define ASK(...) bench_call(run, (char *[]){ __VA_ARGS__, NULL })

START_TEST(eight_run_at_once_and_no_more) {
        _needs_bench_;
        /* Each of the eight waits for all of them, and the ninth tells how many were there. */
        _cleanup_outcome_ Outcome o = ASK((char *) "meets1", (char *) "meets2", (char *) "meets3",
                                          (char *) "meets4", (char *) "meets5", (char *) "meets6",
                                          (char *) "meets7", (char *) "meets8", (char *) "counts9",
                                          (char *) "counts10");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, "meets8 0 met");
        assert_contains(o.out, "counts9 0 8");
        assert_contains(o.out, "counts10 0 8");
}
END_TEST

START_TEST(one_that_talks_without_end_is_ended) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK((char *) "endless1", (char *) "echo1");

        assert_contains(o.out, "endless1 -1 too much y");
        assert_contains(o.out, "echo1 0 -xT");
}
END_TEST

START_TEST(what_ssh_leaves_behind_is_not_waited_for) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = ASK((char *) "master1", (char *) "master2");

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_int_eq(number_of_lines("masters"), 2);
        assert_contains(o.out, "master2 0 done");
}
END_TEST

/* Ends the process group of the run when two are at work. */
static ExitStatus run_interrupted(void *userdata) {
        pid_t self = getpid(), pid = fork();

        if (pid == 0) {
                for (int i = 0; i < 3000 && number_of_lines("started") < 2; i++)
                        (void) usleep(10000);
                (void) kill(self, SIGTERM);
                _exit(0);
        }
        return run(userdata);
}

START_TEST(interrupt_ends_all_of_them) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = bench_call(
                        run_interrupted, (char *[]){ (char *) "slow1", (char *) "slow2", NULL });
        _cleanup_free_ char *command = must(strprintf(
                        "i=0; while read -r pid rest; do while pgrep -g $pid >/dev/null; do "
                        "sleep 0.05; i=$((i + 1)); [ $i -lt 400 ] || exit 1; done; done "
                        "<%s/started",
                        ssh_directory));

        ck_assert_int_ne(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.err, "bootctl-pve: 0 of 2 hosts had answered; what the others were told "
                                "goes on there.\n");
        ck_assert_int_eq(number_of_lines("started"), 2);
        ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(without_ssh_nothing_is_done) {
        _needs_bench_;
        _cleanup_outcome_ Outcome o = {};

        ck_assert_int_eq(setenv("PATH", "/nonexistent", true), 0);
        o = ASK((char *) "a", (char *) "b");
        ck_assert_int_eq(setenv("PATH", "/usr/bin:/bin", true), 0);
        ck_assert_int_eq(o.status, STATUS_FAILED);
        ck_assert_str_eq(o.err, "bootctl-pve: No such file or directory\n");
}
END_TEST

CHECK_MAIN("client-daemon-hosts", eight_run_at_once_and_no_more,
           one_that_talks_without_end_is_ended, what_ssh_leaves_behind_is_not_waited_for,
           interrupt_ends_all_of_them, without_ssh_nothing_is_done)
