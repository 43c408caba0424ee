/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `secure-boot plan` shows the daemon's steps, and `secure-boot convert` changes nothing unless
 * that was wanted for sure. */

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

static int add_step(sd_bus_message *reply, const char *step, const char *command, int done) {
        return sd_bus_message_append(reply, "(sssb)", step, "it is so", command, done);
}

static int answer(sd_bus_message *reply, int done) {
        int r = sd_bus_message_open_container(reply, 'a', "(sssb)");

        if (r >= 0)
                r = add_step(reply, "Install shim", "", true);
        if (r >= 0)
                r = add_step(reply, "Convert ESP '1111-AAAA'", "bootctl-pve secure-boot convert",
                             done);
        if (r >= 0)
                r = add_step(reply, "Enable\033[1m Secure Boot", "systemctl reboot", done);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int answer_open(const char *method, sd_bus_message *reply) {
        return streq(method, "SecureBootPlan") ? answer(reply, false) : 0;
}

static int answer_done(const char *method, sd_bus_message *reply) {
        return streq(method, "SecureBootPlan") ? answer(reply, true) : 0;
}

enum { OPEN, DONE, REFUSED, FAILS };
const Scene scenes[] = {
        [OPEN] = { .job = "done", .job_message = "It is converted.", .answer = answer_open },
        [DONE] = { .job = "done", .answer = answer_done },
        [REFUSED] = { .job = "done",
                      .answer = answer_open,
                      .refused = "SecureBootConvert",
                      .refused_name = "org.bootsync1.Error.NotBootable",
                      .refused_message = "Something else comes before" },
        [FAILS] = { .job = "failed",
                    .job_error = "org.bootsync1.Error.VerifyFailed",
                    .job_message = "ESP '1111-AAAA' would not boot",
                    .answer = answer_open },
};

START_TEST(each_step_is_told_with_its_reason_and_its_command) {
        _cleanup_outcome_ Outcome o = RUN(OPEN, "secure-boot", "plan");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out,
                        " 1. done  Install shim\n          it is so.\n 2. open  Convert ESP");
        assert_contains(o.out, "          $ bootctl-pve secure-boot convert\n");
        assert_lacks(o.out, "This host boots with Secure Boot");
        assert_lacks(o.out, "\033");
        assert_lacks(o.calls, "SecureBootConvert");
}
END_TEST

START_TEST(a_host_that_is_there_is_called_so) {
        _cleanup_outcome_ Outcome o = RUN(DONE, "secure-boot", "plan");

        assert_contains(o.out, "This host boots with Secure Boot.\n");
}
END_TEST

START_TEST(json_has_every_step_and_whether_all_are_done) {
        _cleanup_outcome_ Outcome open = RUN(OPEN, "--json", "secure-boot", "plan"),
                                  done = RUN(DONE, "--json", "secure-boot", "plan");

        assert_contains(open.out, "\"done\": false");
        assert_contains(open.out, "\"command\": \"bootctl-pve secure-boot convert\"");
        assert_lacks(done.out, "\"done\": false");
}
END_TEST

START_TEST(without_a_terminal_nothing_is_converted_unless_it_is_wanted_for_sure) {
        _cleanup_outcome_ Outcome asked = RUN(OPEN, "secure-boot", "convert"),
                                  told = RUN(OPEN, "secure-boot", "convert", "--yes"),
                                  quiet = RUN(OPEN, "-q", "secure-boot", "convert", "--yes");

        ck_assert_int_eq(asked.status, STATUS_USAGE);
        assert_contains(asked.err, "--yes");
        assert_lacks(asked.calls, "SecureBootConvert");
        ck_assert_int_eq(told.status, STATUS_DONE);
        assert_contains(told.calls, "SecureBootConvert");
        assert_contains(told.out, "It is converted. Next: Convert ESP '1111-AAAA': bootctl-pve "
                                  "secure-boot convert");
        ck_assert_str_eq(quiet.out, "");
}
END_TEST

START_TEST(where_nothing_is_left_the_daemon_is_not_asked_to_convert) {
        _cleanup_outcome_ Outcome o = RUN(DONE, "secure-boot", "convert");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_lacks(o.calls, "SecureBootConvert");
        assert_contains(o.out, "This host boots with Secure Boot.");
}
END_TEST

START_TEST(a_refusal_and_a_failure_have_the_sentence_of_the_daemon) {
        _cleanup_outcome_ Outcome refused = RUN(REFUSED, "secure-boot", "convert", "--yes"),
                                  failed = RUN(FAILS, "secure-boot", "convert", "--yes");

        ck_assert_int_eq(refused.status, STATUS_FAILED);
        assert_contains(refused.err, "Something else comes before");
        ck_assert_int_eq(failed.status, STATUS_FAILED);
        assert_contains(failed.err, "would not boot");
}
END_TEST

CHECK_MAIN("client-verb-convert", each_step_is_told_with_its_reason_and_its_command,
           a_host_that_is_there_is_called_so, json_has_every_step_and_whether_all_are_done,
           without_a_terminal_nothing_is_converted_unless_it_is_wanted_for_sure,
           where_nothing_is_left_the_daemon_is_not_asked_to_convert,
           a_refusal_and_a_failure_have_the_sentence_of_the_daemon)
