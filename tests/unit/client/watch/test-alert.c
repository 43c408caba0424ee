/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Root's mail says how the host is and what to do, is one that every reader understands, and goes
 * to a sendmail that may fail. */

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"
#include "tests/unit/client/bench.h"

#define LONG_REASON                                                                            \
        "ESP '2222-BBBB' on disk '/dev/sdb' is not in sync (missing), and this is a sentence " \
        "that is longer than a line of a mail, with an \xc3\xbc in it."

static const Value manager_degraded[] = {
        { "Redundancy", "s", "degraded" },
        { "RedundancyReason", "s", LONG_REASON },
        { "RunningKernel", "s", "6.8.12-4-pve" },
        { "DefaultKernel", "s", "6.8.12-4-pve" },
        { "Warnings", "a(sssss)",
          "esp-full|warning|1111-AAAA|ESP '1111-AAAA' is 95 % full|apt-get autoremove --purge" },
        {},
};
static const Value esp_missing[] = {
        { "Uuid", "s", "2222-BBBB" },
        { "State", "s", "missing" },
        { "Why", "s", "there is no /dev/disk/by-uuid/2222-BBBB\nBcc: all@example.org" },
        { "Action", "s", "bootctl-pve clean" },
        {},
};

enum { DEGRADED, GOOD, ABSENT };
const Scene scenes[] = {
        [DEGRADED] = { .manager = manager_degraded, .esps = { esp_in_sync, esp_missing } },
        [GOOD] = { .manager = manager_redundant, .esps = { esp_in_sync } },
        [ABSENT] = { .absent = true },
};

static void assert_short_lines(const char *text) {
        for (const char *p = text, *end; *p; p = end + 1) {
                end = strchrnul(p, '\n');
                ck_assert_msg(end - p <= 90, "%.*s", (int) (end - p), p);
                if (*end == '\0')
                        break;
        }
}

START_TEST(mail_has_state_reasons_and_actions) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(DEGRADED, "alert", "--dry-run", "degraded");
        char *body;

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_msg(startswith(o.out, "From: bootsync <root>\nTo: root\nSubject: bootsync: "),
                      "%s", o.out);
        assert_contains(o.out, " is degraded\nAuto-Submitted: auto-generated\n"
                               "X-Bootsync-State: degraded\nMIME-Version: 1.0\n"
                               "Content-Type: text/plain; charset=UTF-8\n"
                               "Content-Transfer-Encoding: 8bit\n\nThis host needs you: ");
        assert_contains(o.out, "As it is now: degraded. ESP '2222-BBBB' on disk '/dev/sdb' is not "
                               "in sync\n(missing), and");
        assert_contains(o.out, "\n- ESP '2222-BBBB' (missing): there is no "
                               "/dev/disk/by-uuid/2222-BBBB?Bcc:\n  all@example.org\n"
                               "  This mends it:\n    bootctl-pve clean\n");
        assert_contains(o.out, "\n- ESP '1111-AAAA' is 95 % full (warning).\n  This mends it:\n"
                               "    apt-get autoremove --purge\n");
        assert_contains(o.out, "\nKernel that boots: 6.8.12-4-pve\n");
        assert_short_lines(o.out);
        /* No line of the text is a header. */
        body = strstr(o.out, "\n\n");
        ck_assert_ptr_null(strstr(o.out, "\nBcc:"));
        ck_assert(strstr(o.out, "Bcc:") > body);
}
END_TEST

START_TEST(end_is_told_as_one) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(GOOD, "alert", "redundant", "--dry-run");

        assert_contains(o.out, " is redundant again\nAuto-Submitted:");
        assert_contains(o.out, "\n\nThe trouble is over: ");
        assert_contains(o.out, "As it is now: redundant. Both ESPs boot.\n");
        assert_lacks(o.out, "mends");
}
END_TEST

START_TEST(state_that_is_not_known_is_said_so) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(DEGRADED, "alert", "unknown", "--dry-run");

        assert_contains(o.out, "Subject: bootsync: it is not known what ");
}
END_TEST

START_TEST(daemon_that_is_gone_meanwhile_is_told_of) {
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(ABSENT, "alert", "degraded", "--dry-run");

        ck_assert_int_eq(o.status, STATUS_DONE);
        assert_contains(o.out, " is degraded\n");
        assert_contains(o.out, "How it is now cannot be told: bootsyncd does not run;");
        assert_short_lines(o.out);
}
END_TEST

START_TEST(what_is_no_state_and_another_host_are_refused) {
        static char *const lines[][4] = {
                { (char *) "alert", (char *) "a b", (char *) "--dry-run" },
                { (char *) "alert", (char *) "a\nBcc: x", (char *) "--dry-run" },
                { (char *) "alert", (char *) "", (char *) "--dry-run" },
                { (char *) "alert", (char *) "degraded", (char *) "--json" },
                { (char *) "alert", (char *) "degraded" }, /* with the --root of the bench */
                { (char *) "alert" },
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                _cleanup_outcome_ Outcome o = bench_run(GOOD, lines[i]);

                ck_assert_int_eq(o.status, STATUS_USAGE);
                ck_assert_str_eq(o.out, "");
                ck_assert_str_eq(o.calls, "");
        }
}
END_TEST

/* A sendmail that is a script: it writes down its arguments and its input. */
typedef struct Sendmail {
        char directory[sizeof("/tmp/bootsync-mail-XXXXXX")];
        char *program, *mail;
} Sendmail;

static Sendmail sendmail_new(const char *command) {
        Sendmail s = { .directory = "/tmp/bootsync-mail-XXXXXX" };
        FILE *f;

        ck_assert_ptr_nonnull(mkdtemp(s.directory));
        s.program = must(strprintf("%s/sendmail", s.directory));
        s.mail = must(strprintf("%s/mail", s.directory));
        f = fopen(s.program, "we");
        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(fprintf(f, "#!/bin/sh\n{ echo \"$@\"; cat; } >%s\n%s\n", s.mail, command),
                         0);
        ck_assert_int_eq(fchmod(fileno(f), 0700), 0);
        ck_assert_int_eq(fclose(f), 0);
        ck_assert_int_eq(setenv("BOOTSYNC_SENDMAIL", s.program, true), 0);
        return s;
}

static void sendmail_done(Sendmail *s) {
        (void) unlink(s->program);
        (void) unlink(s->mail);
        ck_assert_int_eq(rmdir(s->directory), 0);
        free(s->program);
        free(s->mail);
}

static char *read_mail(const Sendmail *s) {
        FILE *f = fopen(s->mail, "re");
        char *text = NULL;
        size_t size = 0;

        ck_assert_ptr_nonnull(f);
        ck_assert_int_gt(getdelim(&text, &size, '\0', f), 0);
        (void) fclose(f);
        return text;
}

START_TEST(mail_goes_to_root_by_sendmail) {
        _cleanup_(sendmail_done) Sendmail s = sendmail_new("exit 0");
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(DEGRADED, "alert", "degraded");
        _cleanup_free_ char *mail = NULL;

        ck_assert_int_eq(o.status, STATUS_DONE);
        ck_assert_str_eq(o.out, "");
        ck_assert_str_eq(o.err, "");
        mail = read_mail(&s);
        ck_assert_msg(startswith(mail, "-i root\nFrom: bootsync <root>\n"), "%s", mail);
        assert_contains(mail, "ends these mails.\n");
}
END_TEST

START_TEST(sendmail_that_fails_is_a_failure) {
        _cleanup_(sendmail_done) Sendmail s = sendmail_new("exit 75");
        _cleanup_outcome_ Outcome o = RUN_ON_BUS(DEGRADED, "alert", "degraded"), none = {};

        ck_assert_int_eq(o.status, STATUS_FAILED);
        assert_contains(o.err, "did not take the mail to root (exit status 75).");
        ck_assert_int_eq(setenv("BOOTSYNC_SENDMAIL", "/nonexistent/sendmail", true), 0);
        none = RUN_ON_BUS(DEGRADED, "alert", "degraded");
        ck_assert_int_eq(none.status, STATUS_FAILED);
        assert_contains(none.err, "Failed to start '/nonexistent/sendmail': No such file");
}
END_TEST

CHECK_MAIN("client-watch-alert", mail_has_state_reasons_and_actions, end_is_told_as_one,
           state_that_is_not_known_is_said_so, daemon_that_is_gone_meanwhile_is_told_of,
           what_is_no_state_and_another_host_are_refused, mail_goes_to_root_by_sendmail,
           sendmail_that_fails_is_a_failure)
