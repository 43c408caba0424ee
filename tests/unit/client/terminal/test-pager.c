/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A pager shows what the client prints, if somebody sits at a terminal; without a shell, and
 * without a way to one for those who were made root. */

#include "client/terminal/pager.h"

#include <signal.h>
#include <unistd.h>

#include "common/string-util.h"
#include "tests/unit/client/bench.h"

const Scene scenes[] = { {} };

typedef struct Setting {
        const char *name, *value; /* NULL: unset */
} Setting;

/* Up to one without a name. */
static void prepare(const Setting *settings) {
        static const char *const names[] = { "SYSTEMD_PAGER", "PAGER",      "SYSTEMD_LESS",
                                             "SUDO_UID",      "PKEXEC_UID", "LESSSECURE" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (unsetenv(names[i]) < 0)
                        abort();
        if (setenv("SYSTEMD_PAGERSECURE", "0", true) < 0)
                abort();
        for (; settings->name; settings++)
                if ((settings->value ? setenv(settings->name, settings->value, true)
                                     : unsetenv(settings->name)) < 0)
                        abort();
}

/* Its status is to be kept. */
static ExitStatus print(void *userdata) {
        prepare(userdata);
        pager_open();
        say("some words");
        pager_close();
        say("after it");
        return STATUS_PARTIAL;
}

#define SHOW(...) bench_call_on_terminal(print, (void *) (const Setting[]){ __VA_ARGS__, {} }, "")

START_TEST(pager_is_run_with_its_words_and_the_status_is_kept) {
        _cleanup_outcome_ Outcome o = SHOW({ "PAGER", "  tr a-z  A-Z " });

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.out, "SOME WORDS\r\nafter it\r\n");
}
END_TEST

START_TEST(pager_of_systemd_goes_first_and_no_shell_reads_it) {
        _cleanup_outcome_ Outcome first =
                        SHOW({ "PAGER", "tr a-z A-Z" }, { "SYSTEMD_PAGER", "tr w W" });
        _cleanup_outcome_ Outcome shell = SHOW({ "PAGER", "tr w $((1))" });

        assert_contains(first.out, "some Words\r\n");
        assert_contains(shell.out, "some $ords\r\n");
}
END_TEST

START_TEST(pager_that_is_empty_or_cat_or_cannot_be_started_is_none) {
        static const char *const pagers[] = { "", " ", "cat", "/nonexistent/pager -x" };

        for (size_t i = 0; i < ELEMENTSOF(pagers); i++) {
                _cleanup_outcome_ Outcome o = SHOW({ "PAGER", pagers[i] });

                ck_assert_int_eq(o.status, STATUS_PARTIAL);
                ck_assert_str_eq(o.out, "some words\r\nafter it\r\n");
        }
}
END_TEST

START_TEST(no_pager_where_there_is_no_terminal_or_a_dumb_one) {
        static const Setting settings[] = { { "PAGER", "tr a-z A-Z" }, { "TERM", "dumb" }, {} };
        _cleanup_outcome_ Outcome piped = bench_call(print, (void *) settings);
        _cleanup_outcome_ Outcome dumb = bench_call_on_terminal(print, (void *) settings, "");

        ck_assert_str_eq(piped.out, "some words\nafter it\n");
        ck_assert_str_eq(dumb.out, "some words\r\nafter it\r\n");
}
END_TEST

START_TEST(less_is_told_by_the_environment_what_systemd_tells_it) {
        _cleanup_outcome_ Outcome o =
                        SHOW({ "PAGER", "env" }, { "LESS", "x" }, { "LESSSECURE", "0" });
        _cleanup_outcome_ Outcome other = SHOW({ "PAGER", "env" }, { "SYSTEMD_LESS", "R" });

        assert_contains(o.out, "\nLESS=FRSXMK\r\n");
        assert_lacks(o.out, "LESSSECURE=");
        assert_contains(other.out, "\nLESS=R\r\n");
}
END_TEST

START_TEST(who_was_made_root_gets_a_less_that_starts_nothing) {
        static const char *const variables[] = { "SUDO_UID", "PKEXEC_UID" };
        char directory[] = "/tmp/bootsync-pager-XXXXXX";
        _cleanup_free_ char *less = NULL, *path = NULL;

        ck_assert_ptr_nonnull(mkdtemp(directory));
        less = must(strprintf("%s/less", directory));
        path = must(strprintf("%s:%s", directory, getenv("PATH")));
        ck_assert_int_eq(symlink("/usr/bin/env", less), 0);
        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                _cleanup_outcome_ Outcome o =
                                SHOW({ "SYSTEMD_PAGERSECURE", NULL }, { variables[i], "1000" },
                                     { "PATH", path }, { "PAGER", "tr a-z A-Z" });
                _cleanup_outcome_ Outcome none =
                                SHOW({ "SYSTEMD_PAGERSECURE", NULL }, { variables[i], "1000" },
                                     { "PATH", path }, { "PAGER", "cat" });

                assert_contains(o.out, "\nLESSSECURE=1\r\n");
                ck_assert_str_eq(none.out, "some words\r\nafter it\r\n");
        }
        ck_assert_int_eq(unlink(less), 0);
        ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(who_says_that_it_is_secure_has_his_own_pager_and_it_is_told) {
        _cleanup_outcome_ Outcome o = SHOW({ "SYSTEMD_PAGERSECURE", "1" }, { "PAGER", "env" },
                                           { "SUDO_UID", "1000" });
        _cleanup_outcome_ Outcome off = SHOW({ "SYSTEMD_PAGERSECURE", "no" }, { "PAGER", "env" },
                                             { "SUDO_UID", "1000" });

        assert_contains(o.out, "\nLESSSECURE=1\r\n");
        assert_contains(off.out, "\nPAGER=env\r\n");
        assert_lacks(off.out, "LESSSECURE=");
}
END_TEST

static ExitStatus print_much(void *userdata) {
        prepare((const Setting[]){ { "PAGER", "true" }, {} });
        pager_open();
        for (int i = 0; i < 100000; i++)
                say("a line that nobody reads");
        pager_close();
        return fflush(stdout) != 0 || ferror(stdout) ? STATUS_FAILED : STATUS_PARTIAL;
}

START_TEST(reader_who_leaves_early_makes_no_failure) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_much, NULL, "");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.out, "");
}
END_TEST

static ExitStatus print_coloured(void *userdata) {
        prepare((const Setting[]){ { "PAGER", "tr w W" }, { "COLUMNS", NULL }, {} });
        pager_open();
        put_coloured("words", COLOUR_BAD);
        say(" %zu", stdout_columns());
        pager_close();
        return STATUS_DONE;
}

START_TEST(colours_and_width_are_those_of_the_terminal_behind_the_pager) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_coloured, NULL, "");

        ck_assert_str_eq(o.out, "\033[31mWords\033[0m 80\r\n");
}
END_TEST

static ExitStatus print_to_patient(void *userdata) {
        prepare((const Setting[]){ { "PAGER", "tr w W" }, {} });
        pager_open();
        raise(SIGINT);
        say("words");
        pager_close();
        return STATUS_PARTIAL;
}

START_TEST(interrupt_is_for_the_pager) {
        _cleanup_outcome_ Outcome o = bench_call_on_terminal(print_to_patient, NULL, "");

        ck_assert_int_eq(o.status, STATUS_PARTIAL);
        ck_assert_str_eq(o.out, "Words\r\n");
}
END_TEST

CHECK_MAIN("client-pager", pager_is_run_with_its_words_and_the_status_is_kept,
           pager_of_systemd_goes_first_and_no_shell_reads_it,
           pager_that_is_empty_or_cat_or_cannot_be_started_is_none,
           no_pager_where_there_is_no_terminal_or_a_dumb_one,
           less_is_told_by_the_environment_what_systemd_tells_it,
           who_was_made_root_gets_a_less_that_starts_nothing,
           who_says_that_it_is_secure_has_his_own_pager_and_it_is_told,
           reader_who_leaves_early_makes_no_failure,
           colours_and_width_are_those_of_the_terminal_behind_the_pager, interrupt_is_for_the_pager)
