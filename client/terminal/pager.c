/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Owns stdout while a pager shows it. The reader may leave before he has seen everything, which is
 * no failure of the verb: what is not read is not written. No shell is asked to run the pager. A
 * user whom sudo or pkexec has made root must not get a root shell out of it: then it is less that
 * is run, whatever the environment says, and $LESSSECURE keeps that from starting programs. The
 * pager is state of the process, as stdout itself, so it is kept here and not handed around. */

#include "client/terminal/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/string-util.h"

#define BLANKS " \t\n"

extern char **environ;

static struct {
        pid_t pid;  /* 0: there is none */
        int screen; /* where it draws; only if there is one */
} pager;

/* $SYSTEMD_PAGERSECURE decides, as for systemd's programs; without it whoever is not as he logged
 * in is not trusted. */
static bool is_secure(void) {
        const char *asked = getenv("SYSTEMD_PAGERSECURE");
        uid_t owner;

        if (asked)
                return parse_boolean(asked) != 0;
        return getuid() != geteuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID") ||
               (sd_pid_get_owner_uid(0, &owner) >= 0 && owner != geteuid());
}

static int split_words(const char *line, char ***ret) {
        _cleanup_strv_ char **words = NULL;

        for (line += strspn(line, BLANKS); *line; line += strspn(line, BLANKS)) {
                size_t size = strcspn(line, BLANKS);

                if (strv_consume(&words, strndup(line, size)) < 0)
                        return -ENOMEM;
                line += size;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

/* The command line of the pager; none if it is to be none. */
static int choose(bool secure, char ***ret) {
        const char *line = getenv("SYSTEMD_PAGER") ?: getenv("PAGER") ?: "less";
        _cleanup_strv_ char **words = NULL;
        int r;

        r = split_words(line, &words);
        if (r < 0)
                return r;
        if (strv_isempty(words) || streq(words[0], "cat"))
                return 0;
        /* A user who says that it is to be secure has chosen one that is. */
        if (secure && !getenv("SYSTEMD_PAGERSECURE"))
                return split_words("less", ret);
        *ret = TAKE_PTR(words);
        return 0;
}

/* Ours, with what less goes by. */
static int environment(bool secure, char ***ret) {
        _cleanup_strv_ char **list = NULL;
        int r = 0;

        for (char **i = environ; r >= 0 && *i; i++)
                if (!startswith(*i, "LESS=") && !startswith(*i, "LESSSECURE="))
                        r = strv_extend(&list, *i);
        if (r >= 0)
                r = strv_extendf(&list, "LESS=%s", getenv("SYSTEMD_LESS") ?: "FRSXMK");
        if (r >= 0 && secure)
                r = strv_extend(&list, "LESSSECURE=1");
        if (r >= 0)
                *ret = TAKE_PTR(list);
        return r;
}

/* Returns 0 or a positive errno, as posix_spawn() does; a program that is not there is one. */
static int spawn(int input, char *const *words, char *const *variables, pid_t *ret) {
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return r;
        r = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (r == 0)
                r = posix_spawnp(ret, words[0], &actions, NULL, words, variables);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r;
}

static bool is_wanted(void) {
        const char *term = getenv("TERM");

        return pager.pid == 0 && isatty(STDOUT_FILENO) && !isempty(term) && !streq(term, "dumb");
}

void pager_open(void) {
        _cleanup_strv_ char **words = NULL, **variables = NULL;
        _cleanup_close_ int input = -EBADF, output = -EBADF, screen = -EBADF;
        bool secure = is_secure();
        int pipe_fds[2];
        pid_t pid;

        if (!is_wanted() || choose(secure, &words) < 0 || strv_isempty(words) ||
            environment(secure, &variables) < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
                return;
        input = pipe_fds[0];
        output = pipe_fds[1];
        screen = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        (void) fflush(stdout);
        if (screen < 0 || spawn(input, words, variables, &pid) != 0)
                return;
        pager.pid = pid;
        pager.screen = TAKE_FD(screen);
        /* An interrupt ends less by "K", which then puts the terminal right. */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGINT, SIG_IGN);
        /* Without its end of the pipe the pager sees an early end; there is nobody to tell. */
        (void) dup2(output, STDOUT_FILENO);
}

void pager_close(void) {
        if (pager.pid == 0)
                return;
        (void) fflush(stdout);
        clearerr(stdout);
        (void) dup2(pager.screen, STDOUT_FILENO);
        pager.screen = safe_close(pager.screen);
        while (waitpid(pager.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager.pid = 0;
        (void) signal(SIGINT, SIG_DFL);
}

int pager_screen(void) {
        return pager.pid == 0 ? STDOUT_FILENO : pager.screen;
}
