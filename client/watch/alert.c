/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `alert`: root's mail on the state of the host, which bootsync-alert@.service sends when the
 * daemon has it started. The daemon has decided that somebody is to be told, and of which state;
 * how things are is asked for again, so that the mail tells of the moment in which it is sent. It
 * goes to sendmail as a file, not by a shell and not by a pipe, so that a sendmail that hangs can
 * be left. */

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/verb/verbs.h"
#include "client/watch/look.h"
#include "common/fd.h"
#include "common/program-path.h"
#include "common/string-util.h"

#define SENDMAIL_MSEC 60000
#define COLUMNS       76
#define ENCODED_MAX   60 /* of the 75 of an encoded word, without its ends: RFC 2047, 2 */

extern char **environ;

/* A line of ASCII goes as it is; else all of it is encoded, in words that end between characters.
 * A word of a header's continuation begins with a blank. */
static void put_header(Buffer *b, const char *name, const char *text) {
        static const char hex[] = "0123456789ABCDEF";
        const char *begin = text;
        size_t room = 0;

        buffer_printf(b, "%s:", name);
        if (strlen(text) == display_width(text)) {
                buffer_printf(b, " %s\n", text);
                return;
        }
        for (const char *next; *text; text = next) {
                next = skip_characters(text, 1);
                if (room < 3 * (size_t) (next - text)) {
                        buffer_puts(b, text > begin ? "?=\n =?UTF-8?Q?" : " =?UTF-8?Q?");
                        room = ENCODED_MAX;
                }
                for (; text < next; text++) {
                        unsigned char c = (unsigned char) *text;

                        buffer_printf(b, "=%c%c", hex[c >> 4], hex[c & 15]);
                        room -= 3;
                }
        }
        buffer_puts(b, "?=\n");
}

/* @first and @text, in lines that begin below one another; a word is never cut. */
static void put_filled(Buffer *b, const char *first, const char *text) {
        _cleanup_free_ char *clean = must(string_for_humans(text, strlen(text), 16384));
        size_t column = display_width(first);
        const char *gap = first, *word;
        char *rest = clean;

        while ((word = strsep(&rest, " "))) {
                size_t width = display_width(word);

                if (isempty(word))
                        continue;
                if (gap != first && column + 1 + width > COLUMNS) {
                        buffer_printf(b, "\n%*s", (int) display_width(first), "");
                        column = display_width(first);
                        gap = "";
                }
                buffer_printf(b, "%s%s", gap, word);
                column += width + (*gap == ' ');
                gap = " ";
        }
        buffer_puts(b, "\n");
}

/* A command is one line, so that it can be copied. */
static void put_action(Buffer *b, const char *action) {
        _cleanup_free_ char *clean = NULL;

        if (isempty(action))
                return;
        clean = must(string_for_humans(action, strlen(action), 900));
        buffer_printf(b, "  This mends it:\n    %s\n", clean);
}

static void put_troubles(Buffer *b, const Look *look) {
        const Notices *warnings = &look->info.warnings;

        for (size_t i = 0; i < look->esps.n; i++) {
                const EspInfo *esp = &look->esps.esps[i];
                _cleanup_free_ char *text = NULL;

                if (esp->in_sync && isempty(esp->why))
                        continue;
                text = must(strprintf("ESP '%s' (%s): %s", strempty(esp->uuid),
                                      isempty(esp->state) ? "unknown" : esp->state,
                                      isempty(esp->why) ? strempty(esp->last_error) : esp->why));
                put_filled(b, "- ", text);
                put_action(b, esp->action);
        }
        for (size_t i = 0; i < warnings->n; i++) {
                _cleanup_free_ char *text = must(strprintf("%s (%s).", warnings->items[i].sentence,
                                                           warnings->items[i].severity));

                put_filled(b, "- ", text);
                put_action(b, warnings->items[i].action);
        }
}

static void put_now(Buffer *b, const Look *look) {
        const ManagerInfo *info = &look->info;
        _cleanup_free_ char *text = NULL;
        size_t before;

        if (look->why) {
                text = must(strprintf("How it is now cannot be told: %s.", look->why));
                put_filled(b, "", text);
                return;
        }
        text = must(strprintf("As it is now: %s. %s",
                              isempty(info->redundancy) ? "unknown" : info->redundancy,
                              strempty(info->redundancy_reason)));
        put_filled(b, "", text);
        buffer_puts(b, "\n");
        before = b->size;
        put_troubles(b, look);
        if (b->size > before)
                buffer_puts(b, "\n");
        if (!isempty(info->default_kernel))
                buffer_printf(b, "Kernel that boots: %s\n", info->default_kernel);
        buffer_printf(b, "Running kernel:    %s\n", strempty(info->running));
}

static bool is_good(const char *state) {
        return streq(state, "redundant") || streq(state, "single") || streq(state, "unmanaged");
}

/* Which states there are is the daemon's business, but a header has room for a word only. */
static char *describe_state(const char *host, const char *state) {
        if (streq(state, "unknown"))
                return must(strprintf("it is not known what %s would boot", host));
        return must(strprintf("%s is %s%s", host, state, is_good(state) ? " again" : ""));
}

static char *compose(const Look *look, const char *state) {
        char name[HOST_NAME_MAX + 1] = "this host";
        _cleanup_free_ char *host = NULL, *what = NULL, *subject = NULL, *sentence = NULL;
        Buffer b = {};
        char *text;

        (void) gethostname(name, HOST_NAME_MAX);
        host = must(string_for_humans(name, strlen(name), HOST_NAME_MAX));
        what = describe_state(host, state);
        subject = must(strprintf("bootsync: %s", what));
        sentence = must(strprintf("%s: %s, and has been for a while.",
                                  is_good(state) ? "The trouble is over" : "This host needs you",
                                  what));
        buffer_puts(&b, "From: bootsync <root>\nTo: root\n");
        put_header(&b, "Subject", subject);
        buffer_puts(&b, "Auto-Submitted: auto-generated\n");
        buffer_printf(&b, "X-Bootsync-State: %s\n", state);
        buffer_puts(&b, "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                        "Content-Transfer-Encoding: 8bit\n\n");
        put_filled(&b, "", sentence);
        put_now(&b, look);
        buffer_puts(&b, "\nMore of it: bootctl-pve status, and journalctl -u bootsyncd.\n"
                        "Mail=off in the section [Alerts] of /etc/bootsync/bootsyncd.conf ends "
                        "these mails.\n");
        if (buffer_take(&b, &text, NULL) < 0)
                out_of_memory();
        return text;
}

/* 0, or -errno. */
static int spawn(const char *path, int fd, pid_t *ret) {
        char *const arguments[] = { (char *) path, (char *) "-i", (char *) "root", NULL };
        posix_spawn_file_actions_t actions;
        int r;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        r = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn(ret, path, &actions, NULL, arguments, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* True if it took the mail. */
static ExitStatus wait_for(const char *path, pid_t pid) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);
        int status = 0;

        if (fd >= 0 &&
            poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, SENDMAIL_MSEC) == 0) {
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
                return fail(STATUS_FAILED, "'%s' did not end in a minute, and was ended.", path);
        }
        if (waitpid(pid, &status, 0) < 0)
                return fail(STATUS_FAILED, "Failed to wait for '%s': %s.", path, strerror(errno));
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return STATUS_DONE;
        return fail(STATUS_FAILED, "'%s' did not take the mail to root (%s %d).", path,
                    WIFEXITED(status) ? "exit status" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static ExitStatus send_mail(const char *text) {
        static const ProgramPath sendmail = {
                .self = BOOTCTL_PVE_PATH,
                .installed = "/usr/sbin/sendmail",
                .beside = "sendmail",
                .variable = "BOOTSYNC_SENDMAIL",
        };
        _cleanup_close_ int fd = memfd_create("mail", MFD_CLOEXEC);
        _cleanup_free_ char *path = must(program_path(&sendmail));
        size_t size = strlen(text);
        pid_t pid;
        int r;

        if (fd < 0 || write(fd, text, size) != (ssize_t) size || lseek(fd, 0, SEEK_SET) < 0)
                return fail(STATUS_FAILED, "Failed to write the mail: %s.", strerror(errno));
        r = spawn(path, fd, &pid);
        if (r < 0)
                return fail(STATUS_FAILED,
                            "Failed to start '%s': %s; install a mail server such "
                            "as postfix, or set Mail=off.",
                            path, strerror(-r));
        return wait_for(path, pid);
}

static ExitStatus verb_alert(const Options *options, char **arguments) {
        const char *state = arguments[0];
        _cleanup_free_ char *text = NULL;
        _cleanup_look_ Look look = {};

        if (options->json || options->root || options->host)
                return fail(STATUS_USAGE, "'alert' is a mail on this host, and takes none of "
                                          "--json, --root and --host.");
        if (state[strspn(state, "abcdefghijklmnopqrstuvwxyz-")] != '\0' || isempty(state))
                return fail(STATUS_USAGE, "'%s' is not a state, such as 'degraded'.", state);
        look = look_take(options, 0);
        text = compose(&look, state);
        if (option_given(options, OPTION_DRY_RUN)) {
                (void) fputs(text, stdout);
                return STATUS_DONE;
        }
        return send_mail(text);
}

const Verb alert_verbs[] = {
        { NULL, "alert", "STATE", 1, 0, OPTION_BIT(OPTION_DRY_RUN), verb_alert,
          "Mail root the state of the host" },
        {},
};
